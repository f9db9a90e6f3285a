// Recall under filters: what was asked for must be found whatever share of the rows is allowed and wherever it lies.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "index/lists_testing.h"

namespace pictor {
namespace {

class Bytewise final : public RowFilter {
 public:
  explicit Bytewise(std::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)) {}
  void allowed(std::size_t begin, std::span<std::uint8_t> out) const override {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(begin), out.size(), out.begin());
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

enum class Where { kRandom, kNear, kFar };

// Allows `share` of the rows: drawn, or those nearest to the query, or those farthest from it.
Bytewise chosen(const ClusteredSet& set, std::span<const float> query, double share, Where where,
                std::mt19937& random) {
  std::vector<std::pair<float, std::size_t>> rows;
  for (std::size_t i = 0; i < set.rows.size(); ++i) {
    const float distance = kernels().l2_squared(query.data(), set.vectors.data() + i * set.dim, set.dim);
    rows.emplace_back(where == Where::kRandom ? static_cast<float>(random() % 65536) : distance, i);
  }
  const auto count = static_cast<std::size_t>(std::ceil(share * static_cast<double>(rows.size())));
  const auto last = rows.begin() + static_cast<std::ptrdiff_t>(count) - 1;
  if (where == Where::kFar) {
    std::nth_element(rows.begin(), last, rows.end(), std::greater<>());
  } else {
    std::nth_element(rows.begin(), last, rows.end());
  }
  std::vector<std::uint8_t> bytes(set.rows.size(), 0);
  for (std::size_t i = 0; i < count; ++i) bytes[rows[i].second] = 1;
  return Bytewise(std::move(bytes));
}

struct Measured {
  double low = 0;
  std::size_t by_lists = 0;
  double distances = 0;
};

constexpr std::size_t kQueries = 60;

struct Asked {
  Metric metric;
  double share;
  Where where;
  double recall;
  std::size_t k = 10;
};

Measured measure(const ClusteredSet& set, const BuiltLists& lists, const VectorIndex& flat, const Asked& asked) {
  std::mt19937 random(11);
  double sum = 0, squares = 0;
  Measured measured;
  for (std::size_t i = 0; i < kQueries; ++i) {
    const auto query = set.near(i % set.clusters, random);
    const Bytewise filter = chosen(set, query, asked.share, asked.where, random);
    const auto truth = flat.search({query, asked.metric, asked.k, &filter}).value().neighbors;
    const auto answer = lists.index->search({query, asked.metric, asked.k, &filter, asked.recall}).value();
    std::size_t found = 0;
    for (const auto& neighbor : answer.neighbors) {
      found += std::binary_search(truth.begin(), truth.end(), neighbor) ? 1 : 0;
    }
    const double share_found = static_cast<double>(found) / static_cast<double>(truth.size());
    sum += share_found;
    squares += share_found * share_found;
    if (!answer.exact) ++measured.by_lists;
    measured.distances += static_cast<double>(answer.distances) / kQueries;
  }
  const double mean = sum / kQueries;
  measured.low = mean - 1.645 * std::sqrt(std::max(0.0, squares / kQueries - mean * mean) / kQueries);
  return measured;
}

TEST(ListFilters, the_recall_asked_for_is_found_at_every_share_and_place) {
  const ClusteredSet set(4000 / kGraphTestScale, 32, 40, 1);
  const auto flat = make_flat_index(set.block());
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct}) {
    const BuiltLists lists(set.block(), metric, kListsForNothing);
    std::size_t by_lists = 0;
    for (const double recall : {0.9, 0.97}) {
      for (const double share : {0.9, 0.5, 0.1, 0.02}) {
        for (const Where where : {Where::kRandom, Where::kNear, Where::kFar}) {
          const Measured measured = measure(set, lists, *flat, {metric, share, where, recall});
          EXPECT_GE(measured.low, recall - 0.005)
              << "metric " << static_cast<int>(metric) << ", share " << share << ", place " << static_cast<int>(where);
          by_lists += measured.by_lists;
        }
      }
    }
    EXPECT_GT(by_lists, 12 * kQueries) << "the test no longer tests lists";
  }
}

TEST(ListFilters, rows_near_the_query_are_found_without_looking_everywhere) {
  const ClusteredSet set(4000 / kGraphTestScale, 32, 40, 1);
  const auto flat = make_flat_index(set.block());
  const BuiltLists lists(set.block(), Metric::kL2, kListsForNothing);
  const Measured near = measure(set, lists, *flat, {Metric::kL2, 0.5, Where::kNear, 0.95});
  if (kGraphTestScale == 1) {
    EXPECT_LT(near.distances, 1200);
  }
}

TEST(ListFilters, the_filter_is_asked_once_for_each_row) {
  class Counting final : public RowFilter {
   public:
    void allowed(std::size_t begin, std::span<std::uint8_t> out) const override {
      asked += out.size();
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = (begin + i) % 3 == 0 ? 1 : 0;
    }
    mutable std::size_t asked = 0;
  };
  const ClusteredSet set(1000, 16, 10, 1);
  for (const ListCosts& costs : {kListsForNothing, ListCosts{1000, 1000}}) {
    const BuiltLists lists(set.block(), Metric::kL2, costs);
    const Counting filter;
    std::mt19937 random(2);
    ASSERT_TRUE(lists.index->search({set.near(1, random), Metric::kL2, 10, &filter, 0.9}).is_ok());
    EXPECT_EQ(filter.asked, 1000U);
  }
}

TEST(ListFilters, few_allowed_rows_are_answered_exactly) {
  const ClusteredSet set(3000, 32, 50, 1);
  const BuiltLists lists(set.block(), Metric::kL2, ListCosts::measured(32, 4));
  std::mt19937 random(2);
  const auto query = set.near(1, random);
  const Bytewise filter = chosen(set, query, 0.01, Where::kRandom, random);
  const auto answer = lists.index->search({query, Metric::kL2, 10, &filter, 0.9}).value();
  EXPECT_TRUE(answer.exact);
  EXPECT_EQ(answer.distances, 30U);
}

}  // namespace
}  // namespace pictor
