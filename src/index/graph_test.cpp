#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "index/graph_file.h"
#include "index/graph_links.h"
#include "index/graph_nodes.h"
#include "index/graph_testing.h"
#include "index/index_sets.h"

namespace pictor {
namespace {

constexpr std::size_t kRows = 3000 / kGraphTestScale;
constexpr auto kAllMetrics = {Metric::kCosine, Metric::kInnerProduct, Metric::kL2};
constexpr auto kAllCodes = {GraphCodes::kFull, GraphCodes::kHalf, GraphCodes::kQuarter};

GraphBuildOptions with(GraphCodes codes) {
  GraphBuildOptions options;
  options.codes = codes;
  return options;
}

Bytes built(const VectorBlock& block, Metric metric, const GraphBuildOptions& options = {}) {
  return build_graph_index(block, metric, options, nullptr).value();
}

TEST(Graph, its_bytes_do_not_depend_on_the_threads) {
  const ClusteredSet set(kRows, 40, 30, 1);
  for (const Metric metric : kAllMetrics) {
    const Bytes wanted = built(set.block(), metric);
    for (const std::size_t threads : {1, 2, 5}) {
      ThreadPool pool(threads);
      const auto seen = build_graph_index(set.block(), metric, {}, &pool);
      ASSERT_TRUE(seen.is_ok());
      EXPECT_TRUE(*seen == wanted) << threads << " threads, metric " << static_cast<int>(metric);
    }
  }
}

// Run at every SIMD level (index_test_plain): another sum means that files differ between machines.
TEST(Graph, its_bytes_are_the_recorded_ones) {
  const ClusteredSet set(600, 33, 12, 2);
  Sha256Stream hash;
  for (const Metric metric : kAllMetrics) hash.add(built(set.block(), metric));
  EXPECT_EQ(hash.finish().hex(), "b5b858727644126e7ae2c08eaa3a0618476a5263582c21bf2123787e43a150aa");
}

TEST(Graph, its_bytes_do_not_depend_on_the_threads_for_codes_in_planes_either) {
  const ClusteredSet set(kRows, 90, 30, 1);
  for (const GraphCodes codes : {GraphCodes::kHalf, GraphCodes::kQuarter}) {
    ThreadPool pool(3);
    const auto seen = build_graph_index(set.block(), Metric::kL2, with(codes), &pool);
    ASSERT_TRUE(seen.is_ok());
    EXPECT_TRUE(*seen == built(set.block(), Metric::kL2, with(codes))) << static_cast<int>(codes);
  }
}

// As above.
TEST(Graph, its_bytes_with_codes_in_planes_are_the_recorded_ones) {
  const ClusteredSet set(600, 97, 12, 2);
  Sha256Stream hash;
  for (const GraphCodes codes : {GraphCodes::kHalf, GraphCodes::kQuarter}) {
    for (const Metric metric : kAllMetrics) hash.add(built(set.block(), metric, with(codes)));
  }
  EXPECT_EQ(hash.finish().hex(), "0515d9f7005704939f429b1f235e6fcd6ca418ca937b14c7383a7d00e5256e62");
}

struct Asked {
  double recall = 0;  // found
  std::uint64_t distances = 0;
};

Asked asked(const ClusteredSet& set, Metric metric, GraphCodes codes, bool coded_distances) {
  const auto flat = make_flat_index(set.block());
  const BuiltGraph graph(set.block(), metric, kWalksForNothing, with(codes));
  std::mt19937 random(5);
  Asked found;
  constexpr std::size_t kQueries = 100;
  for (std::size_t i = 0; i < kQueries; ++i) {
    const auto vector = set.near(i % set.clusters, random);
    const auto truth = flat->search({vector, metric, 10, nullptr}).value().neighbors;
    const auto answer = graph.index->search({vector, metric, 10, nullptr, 0.97, coded_distances}).value();
    EXPECT_FALSE(answer.exact);
    found.distances += answer.distances;
    for (const auto& neighbor : answer.neighbors) {
      const auto same = [&](const Neighbor& n) {
        return coded_distances ? n.row == neighbor.row : n == neighbor;  // else the bits of the flat scan
      };
      if (std::any_of(truth.begin(), truth.end(), same)) found.recall += 0.1 / kQueries;
    }
  }
  return found;
}

TEST(Graph, walks_find_what_was_promised_and_compute_few_distances) {
  const ClusteredSet set(kRows, 90, 30, 1);
  for (const Metric metric : kAllMetrics) {
    for (const GraphCodes codes : kAllCodes) {
      for (const bool coded_distances : {false, true}) {
        const Asked found = asked(set, metric, codes, coded_distances);
        EXPECT_GE(found.recall, 0.965) << static_cast<int>(metric) << " codes " << static_cast<int>(codes);
        EXPECT_LT(found.distances, 100 * kRows / (kGraphTestScale == 1 ? 3 : 1));
      }
    }
  }
}

TEST(Graph, distances_by_codes_are_off_by_what_the_answer_says) {
  const ClusteredSet set(kRows, 90, 30, 1);
  for (const Metric metric : kAllMetrics) {
    for (const GraphCodes codes : kAllCodes) {
      const BuiltGraph graph(set.block(), metric, kWalksForNothing, with(codes));
      std::mt19937 random(7);
      double squares = 0;
      std::size_t count = 0;
      for (std::size_t i = 0; i < 50; ++i) {
        const auto vector = set.near(i % set.clusters, random);
        const auto exact = graph.index->search({vector, metric, 10, nullptr, 0.9}).value();
        const auto coded = graph.index->search({vector, metric, 10, nullptr, 0.9, true}).value();
        EXPECT_EQ(exact.distance_error, 0);
        EXPECT_EQ(coded.distance_error > 0, codes != GraphCodes::kFull);
        for (const Neighbor& one : coded.neighbors) {
          const auto same = std::find_if(exact.neighbors.begin(), exact.neighbors.end(),
                                         [&](const Neighbor& n) { return n.row == one.row; });
          ASSERT_NE(same, exact.neighbors.end());  // the same rows, whatever their distances come from
          const double error = static_cast<double>(one.distance.value) - static_cast<double>(same->distance.value);
          squares += error * error / std::max(1e-30, coded.distance_error * coded.distance_error);
          ++count;
        }
      }
      EXPECT_LT(std::sqrt(squares / static_cast<double>(count)), 1.5) << static_cast<int>(metric);
    }
  }
}

TEST(Graph, links_of_few_bits_are_the_same_links) {
  const ClusteredSet set(kRows, 40, 30, 1);
  const Bytes full = built(set.block(), Metric::kL2);
  const Bytes quarter = built(set.block(), Metric::kL2, with(GraphCodes::kQuarter));
  const GraphView a = parse_graph(full).value();
  const GraphView b = parse_graph(quarter).value();
  ASSERT_EQ(a.header.levels(), b.header.levels());
  EXPECT_LT(b.header.link_bits(), 13U);
  for (std::uint32_t level = 0; level < a.header.levels(); ++level) {
    LinkBuffer of_a, of_b;
    for (std::uint32_t node = 0; node < a.header.level_nodes[level]; ++node) {
      const auto seen = b.links(level).of(node, of_b);
      const auto wanted = a.links(level).of(node, of_a);
      ASSERT_TRUE(std::equal(seen.begin(), seen.end(), wanted.begin(), wanted.end())) << level << ", node " << node;
    }
  }
}

// What faiss's HNSW of the same degree holds: the floats, 32 links of 4 bytes, 8 bytes of offset, 4 of level.
TEST(Graph, files_of_half_and_quarter_codes_are_as_small_as_they_are_called) {
  for (const std::uint32_t dim : {384U, 512U, 768U, 784U, 1024U, 2048U}) {
    GraphHeader header;
    header.dim = dim;
    header.rows = header.nodes = header.level_nodes[0] = 100'000;
    header.level_nodes[1] = 6250;
    header.degree = 16;
    header.front = graph_front(dim, header.codes);
    const std::uint64_t peer = header.nodes * (std::uint64_t{dim} * 4 + 32 * 4 + 4 + 12);
    header.codes = GraphCodes::kHalf;
    EXPECT_LT(layout_of(header).file_bytes, peer / 2) << dim;
    header.codes = GraphCodes::kQuarter;
    EXPECT_LT(layout_of(header).file_bytes, peer / 4) << dim;
  }
}

TEST(Graph, a_recall_of_1_or_one_that_is_not_promised_or_another_metric_is_answered_exactly) {
  const ClusteredSet set(kRows, 40, 30, 1);
  const BuiltGraph graph(set.block(), Metric::kCosine, kWalksForNothing);
  const auto flat = make_flat_index(set.block());
  std::mt19937 random(6);
  const auto vector = set.near(3, random);
  for (const IndexQuery& query :
       {IndexQuery{vector, Metric::kCosine, 10, nullptr, 1.0},
        IndexQuery{vector, Metric::kCosine, 10, nullptr, 0.99999}, IndexQuery{vector, Metric::kL2, 10, nullptr, 0.9}}) {
    const auto answer = graph.index->search(query).value();
    EXPECT_TRUE(answer.exact);
    EXPECT_EQ(answer.distances, kRows);
    EXPECT_EQ(answer.neighbors, flat->search(query)->neighbors);
  }
  EXPECT_FALSE(graph.index->search({vector, Metric::kCosine, 10, nullptr, 0.9})->exact);
}

TEST(Graph, a_scan_is_taken_where_a_walk_costs_more) {
  const ClusteredSet set(200, 40, 5, 1);
  const BuiltGraph graph(set.block(), Metric::kL2, GraphCosts{1000});
  std::mt19937 random(6);
  EXPECT_TRUE(graph.index->search({set.near(3, random), Metric::kL2, 10, nullptr, 0.9})->exact);
}

TEST(Graph, thousands_of_equal_vectors_share_a_node_and_hide_nobody) {
  ClusteredSet set(kRows, 24, 20, 3);
  for (std::size_t i = 0; i < kRows; i += 2) {  // half of all rows are one vector
    std::copy_n(set.vectors.begin(), set.dim, set.vectors.begin() + static_cast<std::ptrdiff_t>(i * set.dim));
    set.inverse_norms[i] = set.inverse_norms[0];
  }
  const BuiltGraph graph(set.block(), Metric::kCosine, kWalksForNothing);
  EXPECT_EQ(parse_graph(graph.file)->header.nodes, kRows - kRows / 2 + 1);
  EXPECT_TRUE(check_graph_file(graph.file, set.block(), Metric::kCosine, 0).is_ok());
  const auto flat = make_flat_index(set.block());
  std::size_t found = 0;
  std::mt19937 random(8);
  for (std::size_t i = 0; i < 50; ++i) {
    const auto vector = set.near(i % set.clusters, random);
    const auto truth = flat->search({vector, Metric::kCosine, 10, nullptr}).value().neighbors;
    const auto answer = graph.index->search({vector, Metric::kCosine, 10, nullptr, 0.95}).value();
    EXPECT_FALSE(answer.exact);
    for (const auto& neighbor : answer.neighbors) {
      found += static_cast<std::size_t>(std::count(truth.begin(), truth.end(), neighbor));
    }
  }
  EXPECT_GE(found, 470U);
  // The copies themselves come by row.
  const auto copies = graph.index->search(
      {set.block().vectors == nullptr ? std::span<const float>() : std::span<const float>(set.vectors).first(set.dim),
       Metric::kCosine, 20, nullptr, 0.9});
  EXPECT_TRUE(std::is_sorted(copies->neighbors.begin(), copies->neighbors.end()));
  EXPECT_EQ(copies->neighbors,
            flat->search({std::span(set.vectors).first(set.dim), Metric::kCosine, 20, nullptr})->neighbors);
}

TEST(Graph, near_copies_do_not_cut_the_rest_off) {
  ClusteredSet set(kRows, 24, 20, 4);
  std::mt19937 random(9);
  for (std::size_t i = 0; i < kRows / 2; ++i) {  // a lump: all within a thousandth
    for (std::uint32_t j = 0; j < set.dim; ++j) {
      set.vectors[i * set.dim + j] = set.centres[j] * (1 + 1e-4F * ClusteredSet::number(random));
    }
    set.inverse_norms[i] = inverse_norm(std::span(set.vectors).subspan(i * set.dim, set.dim));
  }
  for (const Metric metric : kAllMetrics) {
    EXPECT_TRUE(check_graph_file(built(set.block(), metric), set.block(), metric, 0).is_ok());
  }
}

TEST(Graph, blocks_of_1_to_50_rows_are_built_and_answered) {
  for (std::size_t count = 1; count <= 50; ++count) {
    const IndexTestSet set(count, 6, static_cast<std::uint32_t>(count));
    for (const Metric metric : kAllMetrics) {
      for (const GraphCodes codes : kAllCodes) {
        const BuiltGraph graph(set.block(), metric, kWalksForNothing, with(codes));
        EXPECT_TRUE(check_graph_file(graph.file, set.block(), metric, 0).is_ok());
        const auto vector = set.query(3);
        const auto answer = graph.index->search({vector, metric, 7, nullptr, 0.5, count % 2 == 0});
        ASSERT_TRUE(answer.is_ok());
        EXPECT_EQ(answer->neighbors.size(), std::min<std::size_t>(7, count));
      }
    }
  }
}

TEST(Graph, rows_of_zeros_are_held_for_every_metric) {
  ClusteredSet set(kRows, 16, 10, 5);
  for (std::size_t i = 0; i < kRows; i += 3) {
    std::fill_n(set.vectors.begin() + static_cast<std::ptrdiff_t>(i * set.dim), set.dim, 0.0F);
    set.inverse_norms[i] = 0;
  }
  for (const Metric metric : kAllMetrics) {
    for (const GraphCodes codes : kAllCodes) {
      EXPECT_TRUE(check_graph_file(built(set.block(), metric, with(codes)), set.block(), metric, 0).is_ok());
    }
  }
}

TEST(Graph, says_what_it_is) {
  const ClusteredSet set(60, 8, 3, 1);
  EXPECT_EQ(BuiltGraph(set.block(), Metric::kL2, kWalksForNothing).index->describe(),
            "hnsw, 60 x 8, 8-bit codes, degree 16");
  EXPECT_EQ(BuiltGraph(set.block(), Metric::kL2, kWalksForNothing, with(GraphCodes::kHalf)).index->describe(),
            "hnsw, 60 x 8, 12-bit codes, degree 16");
  EXPECT_EQ(BuiltGraph(set.block(), Metric::kL2, kWalksForNothing, with(GraphCodes::kQuarter)).index->describe(),
            "hnsw, 60 x 8, 12-bit and 4-bit codes, degree 16");
}

TEST(Graph, reports_its_progress_and_stops_when_told) {
  const ClusteredSet set(1000, 8, 3, 1);
  GraphBuildOptions options;
  std::uint64_t last = 0;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GT(done, last);
    EXPECT_EQ(total, 1000U);
    last = done;
    return true;
  };
  EXPECT_TRUE(build_graph_index(set.block(), Metric::kL2, options, nullptr).is_ok());
  EXPECT_EQ(last, 1000U);
  options.progress = [](std::uint64_t done, std::uint64_t) { return done < 300; };
  EXPECT_EQ(build_graph_index(set.block(), Metric::kL2, options, nullptr).status().code(), Code::kCancelled);
}

TEST(Graph, refuses_options_past_their_limits_and_says_the_numbers) {
  const ClusteredSet set(20, 8, 3, 1);
  const auto refused = [&](GraphBuildOptions options, VectorBlock block, const char* words) {
    const auto result = build_graph_index(block, Metric::kCosine, options, nullptr);
    ASSERT_FALSE(result.is_ok());
    EXPECT_EQ(result.status().code(), Code::kInvalid);
    EXPECT_NE(result.status().message().find(words), std::string::npos) << result.status().message();
  };
  GraphBuildOptions options;
  options.degree = limits::kGraphDegreeMax + 1;
  refused(options, set.block(), "degree of a graph is 65, wanted 4 to 64");
  options.degree = limits::kGraphDegreeMin - 1;
  refused(options, set.block(), "is 3, wanted 4 to 64");
  options.degree = limits::kGraphDegreeMax;
  EXPECT_TRUE(build_graph_index(set.block(), Metric::kCosine, options, nullptr).is_ok());
  options.ef = limits::kGraphEfMax + 1;
  refused(options, set.block(), "ef of a graph is 16385, wanted 1 to 16384");
  options.ef = 0;
  refused(options, set.block(), "is 0, wanted");
  options.ef = 100;
  options.codes = static_cast<GraphCodes>(4);
  refused(options, set.block(), "codes of a graph are of kind 4, wanted 1 to 3");
  options.codes = GraphCodes::kFull;
  options.ef = 1;
  EXPECT_TRUE(build_graph_index(set.block(), Metric::kCosine, options, nullptr).is_ok());
  auto block = set.block();
  block.count = 0;
  refused({}, block, "no rows");
  block = set.block();
  block.inverse_norms = nullptr;
  refused({}, block, "needs inverse norms");
}

// --- parts ---

TEST(GraphLevels, one_of_degree_rows_is_a_level_higher) {
  std::array<std::size_t, kGraphLevels> counts{};
  for (std::uint64_t i = 0; i < 65536; ++i) ++counts[drawn_level(i, 16)];
  EXPECT_NEAR(static_cast<double>(counts[0]), 65536 * 15.0 / 16, 300);
  EXPECT_NEAR(static_cast<double>(counts[1]), 4096 * 15.0 / 16, 250);
  EXPECT_NEAR(static_cast<double>(counts[2]), 256 * 15.0 / 16, 60);
}

TEST(Candidates, sort_by_distance_then_node_whatever_the_bits) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> distances{-infinity, -3, -1e-40F, 0.0F, 1e-40F, 2, infinity};
  for (std::size_t i = 1; i < distances.size(); ++i) {
    EXPECT_LT(candidate(distances[i - 1], 9), candidate(distances[i], 3));
    EXPECT_EQ(distance_of(candidate(distances[i], 3)), distances[i]);
  }
  EXPECT_LT(candidate(1, 3), candidate(1, 4));
  EXPECT_EQ(node_of(candidate(-1, 4)), 4U);
}

TEST(Connecting, a_node_that_nothing_leads_to_is_linked_and_no_other_is_lost) {
  const ClusteredSet set(400, 8, 4, 7);
  GraphBuildOptions options;
  auto nodes = make_graph_nodes(set.block(), Metric::kL2, options, nullptr);
  const std::uint32_t count = nodes.header.nodes;
  const NodeCodes codes{graph_section<std::uint8_t>(nodes.file, nodes.header, GraphSection::kCodes).data(),
                        code_bytes(8), graph_section<CodeTerms>(nodes.file, nodes.header, GraphSection::kTerms).data()};
  // A chain of pairs whose lists are full, and every third node cut off.
  std::vector<std::uint32_t> links(count * 2, kNoLink);
  for (std::uint32_t node = 0; node + 3 < count; node += 3) {
    links[node * 2] = node + 3;
    links[node * 2 + 1] = node + 1;
  }
  const LinkTable table{links, 2, count};
  EXPECT_LT(count_reached(table.source()), count);
  connect_all(table, codes);
  EXPECT_EQ(count_reached(table.source()), count);
}

}  // namespace
}  // namespace pictor
