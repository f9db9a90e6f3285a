// Recall under filters: what was asked for must be found whatever share of the rows is allowed and wherever it lies.
#include <gtest/gtest.h>

#include <functional>

#include "index/graph_testing.h"

namespace pictor {
namespace {

class Chosen final : public RowFilter {
 public:
  explicit Chosen(std::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)) {}
  void allowed(std::size_t begin, std::span<std::uint8_t> out) const override {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(begin), out.size(), out.begin());
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

enum class Where { kRandom, kNear, kFar };

// Allows `share` of the rows: drawn, or those nearest to the query, or those farthest from it.
Chosen chosen(const ClusteredSet& set, std::span<const float> query, double share, Where where, std::mt19937& random) {
  std::vector<std::pair<float, std::size_t>> rows;
  for (std::size_t i = 0; i < set.rows.size(); ++i) {
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

struct Measured {
  double low = 0;
  std::size_t walked = 0;
};

constexpr std::size_t kQueries = 100 / kGraphTestScale;

Measured measure(const ClusteredSet& set, const BuiltGraph& graph, const VectorIndex& flat, double share, Where where,
                 double recall) {
  std::mt19937 random(11);
  double sum = 0, squares = 0;
  Measured measured;
  for (std::size_t i = 0; i < kQueries; ++i) {
    const auto query = set.near(i % set.clusters, random);
    const Chosen filter = chosen(set, query, share, where, random);
    const auto truth = flat.search({query, Metric::kL2, 10, &filter}).value().neighbors;
    const auto answer = graph.index->search({query, Metric::kL2, 10, &filter, recall}).value();
    std::size_t found = 0;
    for (const auto& neighbor : answer.neighbors) {
      found += static_cast<std::size_t>(std::count(truth.begin(), truth.end(), neighbor));
    }
    const double share_found = static_cast<double>(found) / static_cast<double>(truth.size());
    sum += share_found;
    squares += share_found * share_found;
    if (!answer.exact) ++measured.walked;
  }
  const double mean = sum / kQueries;
  measured.low = mean - 1.645 * std::sqrt(std::max(0.0, squares / kQueries - mean * mean) / kQueries);
  return measured;
}

TEST(GraphFilters, the_recall_asked_for_is_found_at_every_share_and_place) {
  const ClusteredSet set(6000 / kGraphTestScale, 32, 50, 1);
  const auto flat = make_flat_index(set.block());
  // Walks at a price between nothing and what they cost: more of them are taken than in use.
  for (const GraphCosts& costs : {GraphCosts{0.02}, GraphCosts::measured(32)}) {
    const BuiltGraph graph(set.block(), Metric::kL2, costs);
    std::size_t walked = 0;
    for (const double recall : {0.9, 0.97}) {
      for (const double share : {0.5, 0.1, 0.01, 0.001}) {
        for (const Where where : {Where::kRandom, Where::kNear, Where::kFar}) {
          const Measured measured = measure(set, graph, *flat, share, where, recall);
          EXPECT_GE(measured.low, recall - 0.005) << "share " << share << ", place " << static_cast<int>(where)
                                                  << ", a walk's distance costs " << costs.walk_distance;
          walked += measured.walked;
        }
      }
    }
    if (costs.walk_distance < 0.1) {
      EXPECT_GT(walked, 4 * kQueries) << "the test no longer tests walks";
    }
  }
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
