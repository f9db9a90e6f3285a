#include "index/graph_search.h"

#include <algorithm>

#include "index/distance.h"

namespace pictor {
GraphSearch::GraphSearch(const GraphView& view, const VectorBlock& block, std::span<const float> vector,
                         GraphScratch& scratch)
    : view_(view),
      block_(block),
      vector_(vector),
      inverse_norm_(view.header.metric == Metric::kCosine ? inverse_norm(vector) : 0.0F),
      scratch_(scratch),
      walk_(view.codes.data(), code_bytes(view.header.dim), view.terms.data(), scratch) {}

bool GraphSearch::start() { return encode_query(view_.space, vector_.data(), inverse_norm_, scratch_.query); }

LinkSource GraphSearch::links(std::uint32_t level) const {
  return {view_.links(level, 0).data(), view_.header.link_stride(level), nullptr, view_.header.level_nodes[level]};
}

Candidate GraphSearch::descend() {
  Candidate nearest = candidate(walk_.distance(scratch_.query, 0), 0);
  for (std::uint32_t level = view_.header.levels(); level-- > 1;) {
    nearest = walk_.greedy(links(level), scratch_.query, nearest);
  }
  return nearest;
}

void GraphSearch::walk(std::size_t ef) { walk_.nearest(links(0), scratch_.query, descend(), ef); }

std::vector<Neighbor> GraphSearch::take(std::size_t k) {
  auto& positions = scratch_.positions;
  auto& vectors = scratch_.vectors;
  positions.clear();
  vectors.clear();
  const std::size_t nodes = std::min(scratch_.best.size(), rescored_for(k));
  for (std::size_t i = 0; i < nodes; ++i) {
    for (const std::uint32_t position : view_.positions_of(node_of(scratch_.best[i]))) {
      // A damaged file may name a row often; no more are looked at than there are.
      if (position >= block_.count || positions.size() >= block_.count) continue;
      positions.push_back(position);
      vectors.push_back(block_.vectors + std::size_t{position} * block_.dim);
    }
  }
  scratch_.distances.resize(positions.size());
  const Metric metric = view_.header.metric;
  const auto sums = metric == Metric::kL2 ? kernels().l2_squared_gather : kernels().dot_gather;
  sums(vector_.data(), vectors.data(), vectors.size(), block_.dim, scratch_.distances.data());
  rescored_ += positions.size();
  TopK top(k);
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const float inverse_norm_row = metric == Metric::kCosine ? block_.inverse_norms[positions[i]] : 0.0F;
    const Distance distance = distance_of_sum(metric, scratch_.distances[i], inverse_norm_, inverse_norm_row);
    if (distance > top.worst()) continue;
    top.push({distance, block_.rows[positions[i]]});
  }
  auto neighbors = top.take_sorted();
  neighbors.erase(std::unique(neighbors.begin(), neighbors.end()), neighbors.end());
  return neighbors;
}

}  // namespace pictor
