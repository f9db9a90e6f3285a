// Sets and graphs for the tests of graphs. For tests only.
#pragma once

#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "index/graph_search.h"
#include "index/index.h"

namespace pictor {

#if defined(PICTOR_SANITIZED)
inline constexpr std::size_t kGraphTestScale = 4;  // sets are so many times smaller: sanitizers are as much slower
#else
inline constexpr std::size_t kGraphTestScale = 1;
#endif

// Clusters of points, as pictures of the same things are.
struct ClusteredSet {
  std::uint32_t dim;
  std::size_t clusters;
  std::vector<float> centres;
  std::vector<float> vectors;
  std::vector<RowId> rows;
  std::vector<float> inverse_norms;
  std::vector<std::size_t> cluster_of;
  float spread;

  ClusteredSet(std::size_t count, std::uint32_t dim, std::size_t clusters, std::uint32_t seed, float spread = 0.4F)
      : dim(dim), clusters(clusters), spread(spread) {
    std::mt19937 random(seed);
    for (std::size_t i = 0; i < clusters * dim; ++i) centres.push_back(number(random));
    for (std::size_t i = 0; i < count; ++i) {
      cluster_of.push_back(random() % clusters);
      const auto vector = near(cluster_of.back(), random);
      vectors.insert(vectors.end(), vector.begin(), vector.end());
      rows.push_back(10 + 7 * ((i * 7919) % count));  // no order; distinct where count is no multiple of 7919
      inverse_norms.push_back(inverse_norm(vector));
    }
  }
  // Nearly normal, the same on every machine.
  static float number(std::mt19937& random) {
    float sum = 0;
    for (int i = 0; i < 6; ++i) sum += static_cast<float>(static_cast<std::int32_t>(random())) * 0x1p-31F;
    return sum * 0.7F;
  }
  std::vector<float> near(std::size_t cluster, std::mt19937& random) const {
    std::vector<float> vector(dim);
    for (std::uint32_t j = 0; j < dim; ++j) vector[j] = centres[cluster * dim + j] + spread * number(random);
    return vector;
  }
  VectorBlock block() const { return {vectors.data(), rows.data(), inverse_norms.data(), rows.size(), dim}; }
};

// A graph, its file and the index over it.
struct BuiltGraph {
  Bytes file;
  std::unique_ptr<VectorIndex> index;

  BuiltGraph(const VectorBlock& block, Metric metric, const GraphCosts& costs, const GraphBuildOptions& options = {},
             ThreadPool* pool = nullptr)
      : file(build_graph_index(block, metric, options, pool).value()),
        index(open_graph_index(file, block, metric, options.owner, costs).value()) {}
};

// Costs by which every query that may be walked is.
inline constexpr GraphCosts kWalksForNothing{1e-6};

}  // namespace pictor
