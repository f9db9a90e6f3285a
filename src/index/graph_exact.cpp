#include "index/graph_exact.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "index/distance.h"

namespace pictor {
namespace {

// Of so many rows errors of codes are seen; a row that is off by so many of their standard deviations may be left out
// of an answer wrongly.
constexpr double kDoubt = 4;
constexpr std::size_t kErrorsSeen = 16;
constexpr std::size_t kScoredFirst = 8;  // beside k: the farthest of them says which others are scored
constexpr std::size_t kRowsAtOnce = 64;

}  // namespace

ExactRanking::ExactRanking(GraphSearch& search, const GraphView& view, const VectorBlock& block, std::size_t k,
                           GraphScratch& scratch)
    : search_(search), view_(view), block_(block), k_(k), scratch_(scratch), slope_(slope()) {}

// What a difference of one between two code distances is as a difference of distances (codes.h).
double ExactRanking::slope() const {
  const GraphHeader& header = view_.header;
  if (header.metric == Metric::kCosine) return 1;
  if (header.metric == Metric::kL2) return 2 / (header.unit * header.unit);
  double squares = 0;
  for (const float x : search_.vector()) squares += static_cast<double>(x) * static_cast<double>(x);
  return std::sqrt(squares) / (header.length * header.unit);
}

// The distances of the rows at `positions`, by their vectors, into scratch_.distances.
void ExactRanking::score(std::span<const std::uint32_t> positions) {
  const Metric metric = view_.header.metric;
  scratch_.vectors.clear();
  for (const std::uint32_t position : positions) {
    scratch_.vectors.push_back(block_.vectors + std::size_t{position} * block_.dim);
  }
  scratch_.distances.resize(positions.size());
  const auto sums = metric == Metric::kL2 ? kernels().l2_squared_gather : kernels().dot_gather;
  sums(search_.vector().data(), scratch_.vectors.data(), positions.size(), block_.dim, scratch_.distances.data());
  scored_ += positions.size();
  const float inverse_norm_query = search_.inverse_norm_of_query();
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const float inverse_norm_row = metric == Metric::kCosine ? block_.inverse_norms[positions[i]] : 0.0F;
    scratch_.distances[i] = distance_of_sum(metric, scratch_.distances[i], inverse_norm_query, inverse_norm_row).value;
  }
}

void ExactRanking::score(std::span<const std::uint32_t> positions, TopK& top) {
  score(positions);
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const Distance distance{scratch_.distances[i]};
    if (!(distance > top.worst())) top.push({distance, block_.rows[positions[i]]});
  }
}

// How far distances by code are off: of drawn rows, since those that codes call nearest are those where codes err most.
void ExactRanking::see_errors() {
  if (errors_seen_) return;
  errors_seen_ = true;
  const std::uint64_t count = view_.header.nodes;
  const std::size_t draws = std::min<std::size_t>(kErrorsSeen, count);
  std::vector<std::uint32_t> nodes, positions;
  for (std::size_t i = 0; i < draws; ++i) {
    const auto node = static_cast<std::uint32_t>((2 * i + 1) * count / (2 * draws));
    const std::uint32_t position = view_.positions_of(node).front();
    if (position >= block_.count) continue;  // a damaged file
    nodes.push_back(node);
    positions.push_back(position);
  }
  std::vector<float> by_code(nodes.size());
  search_.walker().scan(search_.query(), nodes, by_code);
  score(positions);
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const double error = static_cast<double>(scratch_.distances[i]) - slope_ * static_cast<double>(by_code[i]);
    sum += error;
    squares += error * error;
  }
  const auto seen = std::max<double>(1, static_cast<double>(nodes.size()));
  error_ = sum / seen;
  margin_ = kDoubt * std::sqrt(std::max(0.0, squares / seen - error_ * error_));
}

float ExactRanking::settle(bool more, std::vector<Neighbor>& found) {
  see_errors();
  auto& best = scratch_.best;
  TopK top(k_);
  const auto score_some = [&](std::size_t begin, std::size_t end) {
    auto& positions = scratch_.candidates;
    positions.clear();
    for (std::size_t i = begin; i < end; ++i) positions.push_back(node_of(best[i]));
    score(positions, top);
  };
  // The code distance past which none is near enough.
  const auto enough = [&] { return (static_cast<double>(top.worst().value) - error_ + margin_) / slope_; };
  const auto is_near = [&](Candidate c, double past) { return !(static_cast<double>(distance_of(c)) > past); };
  const std::size_t first = std::min(best.size(), k_ + kScoredFirst);
  const auto rest = best.begin() + static_cast<std::ptrdiff_t>(first);
  if (rest != best.end()) std::nth_element(best.begin(), rest, best.end());
  score_some(0, first);
  const double past_first = enough();
  const auto beyond = std::partition(rest, best.end(), [&](Candidate c) { return is_near(c, past_first); });
  const auto last = static_cast<std::size_t>(beyond - best.begin());
  for (std::size_t i = first; i < last; i += kRowsAtOnce) score_some(i, std::min(last, i + kRowsAtOnce));
  const double past = enough();
  found = top.take_sorted();
  found.erase(std::unique(found.begin(), found.end()), found.end());
  const bool settled = !more || std::any_of(best.begin(), best.end(), [&](Candidate c) { return !is_near(c, past); });
  return settled ? std::numeric_limits<float>::infinity() : static_cast<float>(past);
}

}  // namespace pictor
