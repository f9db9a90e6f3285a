// Filters over graphs whose codes are in planes: what walks see there are fronts of rows alone.
#include <gtest/gtest.h>

#include "index/graph_testing.h"
#include "index/index_sets.h"

namespace pictor {
namespace {

constexpr std::size_t kQueries = 60 / kGraphTestScale;

double found_of(const ClusteredSet& set, const VectorIndex& index, const VectorIndex& flat, const RowFilter& filter,
                bool coded_distances) {
  std::mt19937 random(11);
  double sum = 0;
  for (std::size_t i = 0; i < kQueries; ++i) {
    const auto query = set.near(i % set.clusters, random);
    const auto truth = flat.search({query, Metric::kL2, 10, &filter}).value().neighbors;
    const auto answer = index.search({query, Metric::kL2, 10, &filter, 0.95, coded_distances}).value();
    for (const Neighbor& one : answer.neighbors) {
      const bool is_true = std::any_of(truth.begin(), truth.end(), [&](const Neighbor& n) { return n.row == one.row; });
      if (is_true) sum += 1.0 / static_cast<double>(truth.size());
    }
  }
  return sum / kQueries;
}

TEST(GraphPlanes, sizes_are_known_before_graphs_are_made_and_codes_read_from_the_file) {
  for (const std::uint32_t dim : {130, 512}) {
    const ClusteredSet set(4000 / kGraphTestScale, dim, 40, 1);
    for (const GraphCodes codes : {GraphCodes::kFull, GraphCodes::kHalf, GraphCodes::kQuarter}) {
      GraphBuildOptions options;
      options.codes = codes;
      const Bytes graph = build_graph_index(set.block(), Metric::kL2, options, nullptr).value();
      const auto expected = static_cast<double>(expected_graph_bytes(set.block().count, dim, codes));
      EXPECT_NEAR(expected / static_cast<double>(graph.size()), 1.0, 0.05) << dim << ", " << static_cast<int>(codes);
      EXPECT_EQ(graph_codes(graph).value(), codes);
    }
  }
  EXPECT_EQ(expected_graph_bytes(0, 512), 0U);
  EXPECT_EQ(graph_codes({}).status().code(), Code::kCorrupt);
}

TEST(GraphPlanes, the_recall_asked_for_is_found_under_filters) {
  const ClusteredSet set(4000 / kGraphTestScale, 130, 40, 1);
  const auto flat = make_flat_index(set.block());
  for (const GraphCodes codes : {GraphCodes::kHalf, GraphCodes::kQuarter}) {
    GraphBuildOptions options;
    options.codes = codes;
    const BuiltGraph graph(set.block(), Metric::kL2, GraphCosts{0.02}, options);
    for (const std::size_t one_of : {2, 10, 100}) {
      for (const bool coded_distances : {false, true}) {
        const double found = found_of(set, *graph.index, *flat, EveryNth(one_of), coded_distances);
        EXPECT_GE(found, 0.94) << "one of " << one_of << ", codes " << static_cast<int>(codes);
      }
    }
  }
}

}  // namespace
}  // namespace pictor
