// The conformance suite of VectorIndex: what any index must do, run against a factory. For tests only.
//
// Include it in one test file of a program and name the indexes there:
//   INSTANTIATE_TEST_SUITE_P(Mine, VectorIndexConformance, ::testing::Values(IndexUnderTest{"mine", make_mine, 0.95}));
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "index/index.h"
#include "index/index_sets.h"

namespace pictor {

struct IndexUnderTest {
  std::string name;
  std::function<std::unique_ptr<VectorIndex>(const VectorBlock&)> make;
  // Share of the true k nearest that a search of the suite's sets must find. 1: exact, whatever the filter.
  double recall_wanted = 1.0;
};
inline void PrintTo(const IndexUnderTest& index, std::ostream* out) { *out << index.name; }

class VectorIndexConformance : public ::testing::TestWithParam<IndexUnderTest> {
 protected:
  static constexpr Metric kMetrics[] = {Metric::kCosine, Metric::kInnerProduct, Metric::kL2};
  static std::unique_ptr<VectorIndex> make(const IndexTestSet& set) { return GetParam().make(set.block()); }

  static void expect_refused(const VectorIndex& index, const IndexQuery& query, const std::string& words) {
    const auto answer = index.search(query);
    ASSERT_FALSE(answer.is_ok());
    EXPECT_EQ(answer.status().code(), Code::kInvalid);
    EXPECT_NE(answer.status().message().find(words), std::string::npos) << answer.status().message();
  }

  // Distances are right, rows distinct and allowed, order by (distance, row), and enough of the true k are there.
  static void check_answer(const IndexTestSet& set, const IndexQuery& query, const EveryNth* filter,
                           const IndexAnswer& answer) {
    std::vector<double> truth;
    std::vector<double> of_row(4000 + 3 * set.rows.size(), -1e300);
    for (std::size_t i = 0; i < set.rows.size(); ++i) {
      if (filter != nullptr && !filter->passes(i)) continue;
      truth.push_back(set.distance(query.vector, i, query.metric));
      of_row[set.rows[i]] = truth.back();
    }
    std::sort(truth.begin(), truth.end());
    const std::size_t k = std::min(query.k, truth.size());
    ASSERT_LE(answer.neighbors.size(), k);
    const double rounding = 2e-6 * set.dim;
    std::set<RowId> seen;
    std::size_t found = 0;
    for (std::size_t i = 0; i < answer.neighbors.size(); ++i) {
      const auto& neighbor = answer.neighbors[i];
      if (i > 0) {
        EXPECT_LT(answer.neighbors[i - 1], neighbor) << "place " << i;
      }
      EXPECT_TRUE(seen.insert(neighbor.row).second) << "row " << neighbor.row << " twice";
      ASSERT_LT(neighbor.row, of_row.size());
      EXPECT_NEAR(neighbor.distance.value, of_row[neighbor.row], rounding) << "row " << neighbor.row;
      if (neighbor.distance.value <= truth[k - 1] + rounding) ++found;
    }
    EXPECT_GE(static_cast<double>(found), GetParam().recall_wanted * static_cast<double>(k));
  }
};

TEST_P(VectorIndexConformance, finds_what_brute_force_in_double_finds) {
  for (const std::uint32_t dim : {1U, 3U, 48U, 100U}) {
    const IndexTestSet set(1300, dim, dim);
    const auto index = make(set);
    EXPECT_EQ(index->size(), 1300U);
    for (const Metric metric : kMetrics) {
      for (const std::size_t k : {1, 10, 700}) {
        const auto vector = set.query(dim + 100);
        const IndexQuery query{vector, metric, k, nullptr};
        const auto answer = index->search(query);
        ASSERT_TRUE(answer.is_ok()) << answer.status().to_string();
        check_answer(set, query, nullptr, answer.value());
      }
    }
  }
}

TEST_P(VectorIndexConformance, returns_only_rows_that_the_filter_allows) {
  const IndexTestSet set(2000, 24, 1);
  const auto index = make(set);
  for (const Metric metric : kMetrics) {
    for (const auto& filter : {EveryNth(1), EveryNth(2), EveryNth(97), EveryNth(1, 1990), EveryNth(1999, 1)}) {
      const auto vector = set.query(2);
      const IndexQuery query{vector, metric, 20, &filter};
      const auto answer = index->search(query);
      ASSERT_TRUE(answer.is_ok()) << answer.status().to_string();
      check_answer(set, query, &filter, answer.value());
    }
  }
}

TEST_P(VectorIndexConformance, a_filter_that_allows_nothing_gives_nothing) {
  const IndexTestSet set(100, 8, 1);
  const EveryNth nothing(1, 100);
  const auto vector = set.query(2);
  const auto answer = make(set)->search({vector, Metric::kL2, 5, &nothing});
  ASSERT_TRUE(answer.is_ok());
  EXPECT_TRUE(answer->neighbors.empty());
}

TEST_P(VectorIndexConformance, equal_distances_come_by_row) {
  IndexTestSet set(600, 16, 3);
  for (std::size_t i = 0; i < set.vectors.size(); ++i) set.vectors[i] = i % 16 == 0 ? 1.0F : 0.0F;
  std::fill(set.inverse_norms.begin(), set.inverse_norms.end(), 1.0F);
  const auto vector = set.query(4);
  for (const Metric metric : kMetrics) {
    const auto answer = make(set)->search({vector, metric, 50, nullptr});
    ASSERT_TRUE(answer.is_ok());
    if (GetParam().recall_wanted == 1.0) {
      ASSERT_EQ(answer->neighbors.size(), 50U);
      for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(answer->neighbors[i].row, 1000 + 3 * i);
    }
    EXPECT_TRUE(std::is_sorted(answer->neighbors.begin(), answer->neighbors.end()));
  }
}

TEST_P(VectorIndexConformance, k_beyond_the_rows_gives_all_rows) {
  const IndexTestSet set(33, 8, 1);
  const auto vector = set.query(2);
  const auto answer = make(set)->search({vector, Metric::kCosine, limits::kQueryKMax, nullptr});
  ASSERT_TRUE(answer.is_ok());
  EXPECT_GE(static_cast<double>(answer->neighbors.size()), 33 * GetParam().recall_wanted);
}

TEST_P(VectorIndexConformance, an_empty_index_answers_with_nothing) {
  const auto index = GetParam().make({nullptr, nullptr, nullptr, 0, 4});
  const std::vector<float> vector{1, 2, 3, 4};
  const auto answer = index->search({vector, Metric::kCosine, 5, nullptr});
  ASSERT_TRUE(answer.is_ok()) << answer.status().to_string();
  EXPECT_TRUE(answer->neighbors.empty());
  EXPECT_EQ(index->size(), 0U);
}

TEST_P(VectorIndexConformance, refuses_what_cannot_be_searched_and_says_the_numbers) {
  const IndexTestSet set(50, 4, 1);
  const auto index = make(set);
  const std::vector<float> good{1, 2, 3, 4};
  const std::vector<float> longer{1, 2, 3, 4, 5};
  const std::vector<float> zeros(4, 0.0F);
  std::vector<float> nan = good;
  nan[2] = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> infinite = good;
  infinite[3] = -std::numeric_limits<float>::infinity();
  expect_refused(*index, {longer, Metric::kL2, 5, nullptr}, "has 5 numbers, the vectors searched have 4");
  expect_refused(*index, {{}, Metric::kL2, 5, nullptr}, "has 0 numbers");
  expect_refused(*index, {nan, Metric::kInnerProduct, 5, nullptr}, "number 2 of 4 (from 0) is nan");
  expect_refused(*index, {infinite, Metric::kL2, 5, nullptr}, "number 3 of 4 (from 0) is -inf");
  expect_refused(*index, {zeros, Metric::kCosine, 5, nullptr}, "no direction");
  expect_refused(*index, {good, Metric::kCosine, 0, nullptr}, "k is 0, wanted 1 to 10000");
  expect_refused(*index, {good, Metric::kCosine, limits::kQueryKMax + 1, nullptr}, "k is 10001, wanted 1 to 10000");
  EXPECT_TRUE(index->search({zeros, Metric::kL2, 5, nullptr}).is_ok());
  EXPECT_TRUE(index->search({zeros, Metric::kInnerProduct, 5, nullptr}).is_ok());
}

TEST_P(VectorIndexConformance, numbers_so_large_that_sums_overflow_still_give_an_ordered_answer) {
  IndexTestSet set(300, 8, 5);
  for (float& x : set.vectors) x *= 3e38F;
  for (std::size_t i = 0; i < 300; ++i) set.inverse_norms[i] = inverse_norm(set.vector(i));
  auto vector = set.query(6);
  for (float& x : vector) x *= 3e38F;
  for (const Metric metric : kMetrics) {
    const auto answer = make(set)->search({vector, metric, 40, nullptr});
    ASSERT_TRUE(answer.is_ok());
    EXPECT_TRUE(std::is_sorted(answer->neighbors.begin(), answer->neighbors.end()));
    for (const auto& neighbor : answer->neighbors) EXPECT_FALSE(std::isnan(neighbor.distance.value));
  }
}

TEST_P(VectorIndexConformance, the_same_query_has_the_same_answer_again_and_from_other_threads) {
  const IndexTestSet set(3000, 20, 9);
  const auto index = make(set);
  const EveryNth filter(3);
  const auto vector = set.query(10);
  const IndexQuery query{vector, Metric::kCosine, 30, &filter};
  const auto wanted = index->search(query).value().neighbors;
  std::vector<std::vector<Neighbor>> seen(4);
  std::vector<std::thread> threads;
  threads.reserve(seen.size());
  for (auto& answer : seen) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) answer = index->search(query).value().neighbors;
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& answer : seen) EXPECT_EQ(answer, wanted);
}

}  // namespace pictor
