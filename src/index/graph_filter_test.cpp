// Recall under filters: what was asked for must be found whatever share of the rows is allowed and wherever it lies.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

#include "index/graph_testing.h"
#include "index/index_sets.h"

namespace pictor {
namespace {

class Chosen final : public RowFilter {
 public:
  explicit Chosen(std::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)) {}
  void allowed(std::size_t begin, std::span<std::uint8_t> out) const override {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(begin), out.size(), out.begin());
    asked += out.size();
  }
  void allowed_at(std::span<const std::uint32_t> positions, std::span<std::uint8_t> out) const override {
    for (std::size_t i = 0; i < positions.size(); ++i) out[i] = bytes_[positions[i]];
    asked += positions.size();
  }
  bool passes(std::size_t position) const { return bytes_[position] != 0; }

  mutable std::size_t asked = 0;

 private:
  std::vector<std::uint8_t> bytes_;
};

enum class Where { kRandom, kNear, kFar };

// Deleted before any query: every second row, but in no order.
bool is_deleted(std::size_t row) { return (row * 2654435761U >> 7 & 1U) != 0; }

// Allows `share` of the rows, or of those that are not deleted: drawn, or those nearest to the query, or those farthest
// from it.
Chosen chosen(const ClusteredSet& set, std::span<const float> query, double share, Where where, std::mt19937& random,
              bool half_deleted = false) {
  std::vector<std::pair<float, std::size_t>> rows;
  for (std::size_t i = 0; i < set.rows.size(); ++i) {
    if (half_deleted && is_deleted(i)) continue;
    const float distance = kernels().l2_squared(query.data(), set.vectors.data() + i * set.dim, set.dim);
    rows.emplace_back(where == Where::kRandom ? static_cast<float>(random() % 65536) : distance, i);
  }
  std::sort(rows.begin(), rows.end());
  if (where == Where::kFar) std::reverse(rows.begin(), rows.end());
  std::vector<std::uint8_t> bytes(set.rows.size(), 0);
  const auto count = static_cast<std::size_t>(std::ceil(share * static_cast<double>(rows.size())));
  for (std::size_t i = 0; i < count; ++i) bytes[rows[i].second] = 1;
  return Chosen(std::move(bytes));
}

struct Cell {
  double share = 1;
  Where where = Where::kRandom;
  bool half_deleted = false;
};

struct Measured {
  double low = 0;
  std::map<SearchWay, std::size_t> ways;
};

constexpr std::size_t kQueries = 100 / kGraphTestScale;

Measured measure(const ClusteredSet& set, const BuiltGraph& graph, const VectorIndex& flat, const Cell& cell,
                 double recall) {
  std::mt19937 random(11);
  double sum = 0, squares = 0;
  Measured measured;
  for (std::size_t i = 0; i < kQueries; ++i) {
    const auto query = set.near(i % set.clusters, random);
    const Chosen filter = chosen(set, query, cell.share, cell.where, random, cell.half_deleted);
    const auto truth = flat.search({query, Metric::kL2, 10, &filter}).value().neighbors;
    const auto answer = graph.index->search({query, Metric::kL2, 10, &filter, recall}).value();
    std::size_t found = 0;
    for (const auto& neighbor : answer.neighbors) {
      found += static_cast<std::size_t>(std::count(truth.begin(), truth.end(), neighbor));
    }
    const double share_found = static_cast<double>(found) / static_cast<double>(truth.size());
    sum += share_found;
    squares += share_found * share_found;
    ++measured.ways[answer.way];
  }
  const double mean = sum / kQueries;
  measured.low = mean - 1.645 * std::sqrt(std::max(0.0, squares / kQueries - mean * mean) / kQueries);
  return measured;
}

std::vector<Cell> all_cells() {
  std::vector<Cell> cells;
  for (const Where where : {Where::kRandom, Where::kNear, Where::kFar}) {
    for (const double share : {0.5, 0.1, 0.01, 0.001}) cells.push_back({share, where, false});
    for (const double share : {0.5, 0.1}) cells.push_back({share, where, true});
  }
  // Holes around the query, as large as the cluster that it belongs to, or larger.
  for (const double share : {0.98, 0.95}) cells.push_back({share, Where::kFar, false});
  return cells;
}

TEST(GraphFilters, the_recall_asked_for_is_found_at_every_share_and_place_and_after_deletes) {
  const ClusteredSet set(6000 / kGraphTestScale, 32, 50, 1);
  const auto flat = make_flat_index(set.block());
  // Walks at a price between nothing and what they cost: more of them are taken than in use. Then none.
  for (const GraphCosts& costs : {GraphCosts{0.02}, GraphCosts::measured(32), GraphCosts{100, 0.1}}) {
    const BuiltGraph graph(set.block(), Metric::kL2, costs);
    std::map<SearchWay, std::size_t> ways;
    for (const double recall : {0.9, 0.97}) {
      for (const Cell& cell : all_cells()) {
        const Measured measured = measure(set, graph, *flat, cell, recall);
        EXPECT_GE(measured.low, recall - 0.005)
            << "share " << cell.share << ", place " << static_cast<int>(cell.where) << ", deleted " << cell.half_deleted
            << ", a walk's distance costs " << costs.walk_distance;
        for (const auto& [way, count] : measured.ways) ways[way] += count;
      }
    }
    if (kGraphTestScale > 1) continue;
    if (costs.walk_distance > 50) {
      EXPECT_GT(ways[SearchWay::kCodes], 4 * kQueries) << "the test no longer tests scans of codes";
    }
    if (costs.walk_distance > 0.1) continue;
    EXPECT_GT(ways[SearchWay::kGraphFilter], 4 * kQueries) << "the test no longer tests walks";
  }
}

// Rows on a thin shell: all lie at nearly one distance, and the errors of codes are as large as the differences.
TEST(GraphFilters, codes_that_cannot_tell_rows_apart_are_scored_by_their_vectors) {
  std::mt19937 random(3);
  ClusteredSet set(5000, 48, 1, 2, 1.0F);
  const std::vector<float> query(48, 0.0F);
  for (std::size_t i = 0; i < set.rows.size(); ++i) {
    const std::span<float> row(set.vectors.data() + i * set.dim, set.dim);
    ASSERT_TRUE(normalize_l2(row).is_ok());
    for (float& x : row) x *= 1.0F + 1e-4F * ClusteredSet::number(random);
  }
  const BuiltGraph graph(set.block(), Metric::kL2, GraphCosts{100, 0.1});
  const auto flat = make_flat_index(set.block());
  const Chosen filter = chosen(set, query, 0.9, Where::kRandom, random);
  const auto answer = graph.index->search({query, Metric::kL2, 10, &filter, 0.9}).value();
  EXPECT_EQ(answer.neighbors, flat->search({query, Metric::kL2, 10, &filter}).value().neighbors);
}

TEST(GraphFilters, a_walk_asks_of_the_rows_that_it_follows_alone) {
  const ClusteredSet set(6000, 32, 50, 1);
  const BuiltGraph graph(set.block(), Metric::kL2, kWalksForNothing);
  std::mt19937 random(12);
  const auto query = set.near(1, random);
  const Chosen filter = chosen(set, query, 0.5, Where::kRandom, random);
  const auto answer = graph.index->search({query, Metric::kL2, 10, &filter, 0.9}).value();
  EXPECT_EQ(answer.way, SearchWay::kGraphFilter);
  EXPECT_LT(filter.asked, 1000U);
  EXPECT_NEAR(answer.share, 0.5, 0.15) << "an estimate";
}

TEST(GraphFilters, an_answer_says_why_where_it_is_asked_to) {
  const ClusteredSet set(6000, 32, 50, 1);
  const BuiltGraph graph(set.block(), Metric::kL2, GraphCosts{1, 0.1});
  std::mt19937 random(12);
  const auto query = set.near(1, random);
  const Chosen some = chosen(set, query, 0.1, Where::kRandom, random);
  IndexQuery asked{query, Metric::kL2, 10, &some, 0.9};
  EXPECT_EQ(graph.index->search(asked)->why, "");
  asked.explain = true;
  const auto answer = graph.index->search(asked).value();
  EXPECT_NE(answer.why.find("a walk for "), std::string::npos) << answer.why;
  EXPECT_NE(answer.why.find("codes of "), std::string::npos) << answer.why;
  const Chosen few = chosen(set, query, 0.001, Where::kRandom, random);
  asked.filter = &few;
  const auto scanned = graph.index->search(asked).value();
  EXPECT_EQ(scanned.way, SearchWay::kScan);
  EXPECT_TRUE(scanned.exact);
  EXPECT_EQ(scanned.why, "few rows are allowed");
  EXPECT_NEAR(scanned.share, 0.001, 1e-9) << "counted";
}

// Every fifth row is a copy of another: their nodes have several rows, some allowed and some not.
TEST(GraphFilters, of_copies_the_allowed_ones_are_returned) {
  const IndexTestSet set(7000, 16, 4);
  const auto flat = make_flat_index(set.block());
  const BuiltGraph graph(set.block(), Metric::kCosine, kWalksForNothing);
  std::mt19937 random(5);
  std::vector<std::uint8_t> bytes(7000);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random() % 2);
  const Chosen filter(bytes);
  std::set<RowId> rows;
  for (std::size_t i = 0; i < 7000; ++i) {
    if (filter.passes(i)) rows.insert(set.rows[i]);
  }
  std::size_t found = 0;
  for (std::uint32_t i = 0; i < 20; ++i) {
    const auto query = set.query(i);
    const auto answer = graph.index->search({query, Metric::kCosine, 10, &filter, 0.9}).value();
    EXPECT_EQ(answer.way, SearchWay::kGraphFilter);
    const auto truth = flat->search({query, Metric::kCosine, 10, &filter}).value().neighbors;
    for (const Neighbor& neighbor : answer.neighbors) {
      EXPECT_TRUE(rows.contains(neighbor.row)) << neighbor.row;
      found += static_cast<std::size_t>(std::count(truth.begin(), truth.end(), neighbor));
    }
  }
  EXPECT_GE(found, 180U);
}

// A walk among rows that are not allowed ends after a share of what a scan costs.
TEST(GraphFilters, rows_far_from_the_query_cost_little_more_than_a_scan_of_them) {
  const ClusteredSet set(6000 / kGraphTestScale, 32, 50, 1);
  const BuiltGraph graph(set.block(), Metric::kL2, GraphCosts{1});
  std::mt19937 random(12);
  for (const double share : {0.5, 0.1, 0.01}) {
    const auto query = set.near(1, random);
    const Chosen filter = chosen(set, query, share, Where::kFar, random);
    const auto answer = graph.index->search({query, Metric::kL2, 10, &filter, 0.95}).value();
    const double rows = share * static_cast<double>(set.rows.size());
    EXPECT_LE(static_cast<double>(answer.distances), 2 * rows + 200) << share;
  }
}

TEST(GraphFilters, a_filter_that_allows_nothing_is_asked_once_and_gives_nothing) {
  const ClusteredSet set(500, 8, 5, 1);
  const BuiltGraph graph(set.block(), Metric::kL2, kWalksForNothing);
  const Chosen nothing(std::vector<std::uint8_t>(500, 0));
  std::mt19937 random(12);
  const auto answer = graph.index->search({set.near(1, random), Metric::kL2, 10, &nothing, 0.9}).value();
  EXPECT_TRUE(answer.neighbors.empty());
  EXPECT_TRUE(answer.exact);
}

}  // namespace
}  // namespace pictor
