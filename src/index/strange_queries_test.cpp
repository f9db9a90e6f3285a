// Queries that do not lie where rows lie: measured apart, and promised what they get.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "index/graph_calibrate.h"
#include "index/graph_file.h"
#include "index/graph_testing.h"
#include "index/graph_truth.h"
#include "index/lists_testing.h"

namespace pictor {
namespace {

constexpr std::uint32_t kDim = 48;
constexpr double kAsked = 0.97;

// Directions drawn from everywhere, while rows lie in clusters.
std::vector<float> strangers(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> vectors;
  for (std::size_t i = 0; i < count * kDim; ++i) vectors.push_back(ClusteredSet::number(random));
  return vectors;
}

struct Asked {
  double recall = 0;
  double distances = 0;  // a query
};

Asked ask(const VectorIndex& index, const ClusteredSet& set, std::span<const float> queries, bool strange) {
  const auto flat = make_flat_index(set.block());
  Asked asked;
  const std::size_t count = queries.size() / kDim;
  for (std::size_t i = 0; i < count; ++i) {
    IndexQuery query{queries.subspan(i * kDim, kDim), Metric::kCosine, 10};
    const auto truth = flat->search(query).value().neighbors;
    query.recall = kAsked;
    query.strange = strange;
    const auto answer = index.search(query).value();
    EXPECT_FALSE(answer.exact);
    for (const Neighbor& one : answer.neighbors) {
      if (std::find(truth.begin(), truth.end(), one) != truth.end()) asked.recall += 0.1 / static_cast<double>(count);
    }
    asked.distances += static_cast<double>(answer.distances) / static_cast<double>(count);
  }
  return asked;
}

class StrangeTest : public ::testing::Test {
 protected:
  const ClusteredSet set_{16'000 / kGraphTestScale, kDim, 300, 5};
  const std::vector<float> measured_ = strangers(200, 6);
  const std::vector<float> others_ = strangers(200, 7);
};

TEST_F(StrangeTest, graphs_promise_them_what_they_get) {
  GraphBuildOptions options;
  const BuiltGraph without(set_.block(), Metric::kCosine, kWalksForNothing, options);
  options.strange.vectors = measured_;
  for (const GraphCodes codes : {GraphCodes::kFull, GraphCodes::kHalf}) {
    options.codes = codes;
    const BuiltGraph graph(set_.block(), Metric::kCosine, kWalksForNothing, options);
    EXPECT_GE(ask(*graph.index, set_, others_, true).recall, kAsked - 0.005);
  }
  // What the measuring is for.
  EXPECT_LT(ask(*without.index, set_, others_, true).recall, kAsked - 0.02);
}

TEST_F(StrangeTest, a_graph_finds_others_as_it_did) {
  GraphBuildOptions options;
  const BuiltGraph without(set_.block(), Metric::kCosine, kWalksForNothing, options);
  options.strange.vectors = measured_;
  const BuiltGraph with(set_.block(), Metric::kCosine, kWalksForNothing, options);
  const auto queries = std::span(set_.vectors).first(std::size_t{50} * kDim);
  EXPECT_EQ(ask(*with.index, set_, queries, false).distances, ask(*without.index, set_, queries, false).distances);
  EXPECT_GT(ask(*with.index, set_, queries, true).distances, ask(*with.index, set_, queries, false).distances);
}

// Of a million rows, texts need more candidates than pictures ever do; a scan would be right, and dear.
TEST_F(StrangeTest, what_needs_many_candidates_is_walked_for_and_not_scanned) {
  GraphBuildOptions options;
  options.degree = 4;
  options.ef = 8;
  options.strange.vectors = measured_;
  const BuiltGraph graph(set_.block(), Metric::kCosine, kWalksForNothing, options);
  const auto view = parse_graph(graph.file).value();
  EXPECT_GT(plan_for(view.steps_for(true), 10, kAsked).ef, 1024U);
  EXPECT_GE(ask(*graph.index, set_, others_, true).recall, kAsked - 0.005);
}

// Nor is it measured how walks do that cost more than a scan.
TEST_F(StrangeTest, walks_are_measured_up_to_those_that_see_half_of_the_rows) {
  GraphBuildOptions options;
  options.degree = 4;
  options.ef = 4;
  options.strange.vectors = measured_;
  const BuiltGraph graph(set_.block(), Metric::kCosine, kWalksForNothing, options);
  const auto steps = parse_graph(graph.file).value().steps_for(true);
  const auto half = static_cast<float>(set_.rows.size()) / 2;
  ASSERT_GE(steps.size(), 2U);
  EXPECT_LE(steps[steps.size() - 2].distances, half);
}

TEST_F(StrangeTest, lists_promise_them_what_they_get) {
  ListBuildOptions options;
  options.bits = 8;
  const BuiltLists without(set_.block(), Metric::kCosine, kListsForNothing, options);
  options.strange.vectors = measured_;
  const BuiltLists with(set_.block(), Metric::kCosine, kListsForNothing, options);
  EXPECT_GE(ask(*with.index, set_, others_, true).recall, kAsked - 0.005);
  EXPECT_LT(ask(*without.index, set_, others_, true).recall, kAsked - 0.02);
}

TEST_F(StrangeTest, vectors_of_no_use_are_passed_over) {
  std::vector<float> some = strangers(3, 8);
  some[kDim + 3] = std::numeric_limits<float>::quiet_NaN();
  some.insert(some.end(), kDim, 0.0F);
  some.push_back(1);  // not a whole vector
  const Bytes file = build_graph_index(set_.block(), Metric::kCosine, {}, nullptr).value();
  EXPECT_EQ(strange_queries(parse_graph(file).value(), set_.block(), {some}, nullptr).size(), 2U);
}

TEST_F(StrangeTest, their_nearest_are_what_a_scan_finds) {
  const Bytes file = build_graph_index(set_.block(), Metric::kCosine, {}, nullptr).value();
  const auto queries = strange_queries(parse_graph(file).value(), set_.block(), {measured_}, nullptr);
  const auto flat = make_flat_index(set_.block());
  for (const DrawnQuery& query : queries) {
    const auto truth = flat->search({query.vector, Metric::kCosine, kCalibratedK}).value().neighbors;
    ASSERT_EQ(query.worst.value, truth.back().distance.value);
  }
}

}  // namespace
}  // namespace pictor
