#include "index/graph_search.h"

#include <algorithm>
#include <limits>

#include "index/distance.h"

namespace pictor {
GraphSearch::GraphSearch(const GraphView& view, const VectorBlock& block, std::span<const float> vector,
                         GraphScratch& scratch)
    : view_(view),
      block_(block),
      vector_(vector),
      inverse_norm_(view.header.metric == Metric::kCosine ? inverse_norm(vector) : 0.0F),
      scratch_(scratch),
      walk_(view.codes.data(), view.header.walked_bytes(), view.terms.data(), scratch) {}

bool GraphSearch::start() {
  if (view_.planes) return view_.planes->encode_query(vector_.data(), inverse_norm_, scratch_.planes);
  return encode_query(view_.space, vector_.data(), inverse_norm_, scratch_.query);
}

Candidate GraphSearch::descend() {
  Candidate nearest = candidate(walk_.distance(query(), 0), 0);
  for (std::uint32_t level = view_.header.levels(); level-- > 1;) {
    nearest = walk_.greedy(view_.links(level), query(), nearest);
  }
  return nearest;
}

void GraphSearch::walk(std::size_t ef) { walk_.nearest(view_.links(0), query(), descend(), ef); }

template <typename Act>
void GraphSearch::for_found(std::size_t nodes, const Act& act) const {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < std::min(nodes, scratch_.best.size()); ++i) {
    const std::uint32_t node = node_of(scratch_.best[i]);
    for (const std::uint32_t position : view_.positions_of(node)) {
      // A damaged file may name a row often; no more are looked at than there are.
      if (position >= block_.count || seen >= block_.count) continue;
      ++seen;
      act(i, node, position);
    }
  }
}

std::vector<Neighbor> GraphSearch::take(const Wanted& wanted) {
  auto& positions = scratch_.positions;
  positions.clear();
  if (wanted.ranking == GraphRanking::kCodes) {
    auto ranked = ranked_by_codes(wanted);
    return wanted.coded_distances ? ranked : by_vectors(wanted.k);
  }
  for_found(rescored_for(wanted.k),
            [&](std::size_t, std::uint32_t, std::uint32_t position) { positions.push_back(position); });
  return by_vectors(wanted.k);
}

// Puts the positions of what it answers into scratch.positions.
std::vector<Neighbor> GraphSearch::ranked_by_codes(const Wanted& wanted) {
  constexpr std::size_t kAhead = 3;  // nodes whose planes are fetched before they are looked at
  auto& ranked = scratch_.ranked;
  ranked.clear();
  const auto& best = scratch_.best;
  std::size_t coded = SIZE_MAX;
  Distance distance{};
  // Walks that look at whole rows have the best in front; fronts alone leave them anywhere among those held.
  const bool whole = view_.header.front == view_.header.dim;
  for_found(whole ? rescored_for(wanted.k) : best.size(),
            [&](std::size_t i, std::uint32_t node, std::uint32_t position) {
              if (i != coded) {
                if (i + kAhead < best.size()) fetch_planes(node_of(best[i + kAhead]));
                distance = {view_.planes->distance(scratch_.planes, view_.plane_row(node))};
                if (!(distance.value == distance.value)) distance = {std::numeric_limits<float>::infinity()};
                coded = i;
                ++rescored_;
              }
              ranked.push_back({{distance, block_.rows[position]}, position});
            });
  const auto end = ranked.begin() + static_cast<std::ptrdiff_t>(std::min(wanted.k, ranked.size()));
  std::partial_sort(ranked.begin(), end, ranked.end());
  std::vector<Neighbor> neighbors;
  for (auto one = ranked.begin(); one != end; ++one) {
    if (!neighbors.empty() && neighbors.back() == one->neighbor) continue;
    neighbors.push_back(one->neighbor);
    scratch_.positions.push_back(one->position);
  }
  return neighbors;
}

void GraphSearch::fetch_planes(std::uint32_t node) const {
  const PlaneShape& shape = view_.planes->shape();
  const PlaneRow row = view_.plane_row(node);
  for (std::size_t byte = 0; byte < shape.rest_bytes(); byte += 64) __builtin_prefetch(row.rest + byte);
  for (std::size_t byte = 0; byte < shape.fine_bytes(); byte += 64) __builtin_prefetch(row.fine + byte);
}

std::vector<Neighbor> GraphSearch::by_vectors(std::size_t k) {
  const auto& positions = scratch_.positions;
  auto& vectors = scratch_.vectors;
  vectors.clear();
  for (const std::uint32_t position : positions) {
    vectors.push_back(block_.vectors + std::size_t{position} * block_.dim);
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
