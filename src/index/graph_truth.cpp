// Comparing some hundred queries with every row by vectors took a fifth of the time of building. So codes, which are a
// quarter of the bytes, say which rows may be among the nearest for all that their errors tell; only for queries of
// which they cannot say it are all vectors read.
#include "index/graph_truth.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "index/distance.h"
#include "index/graph_exact.h"
#include "index/graph_nodes.h"
#include "index/graph_search.h"

namespace pictor {
namespace {

constexpr std::size_t kQueries = 400;
constexpr std::size_t kQueriesATask = 25;
// Share of another row in a query: a near miss, as a picture of the same thing is. With less, rows that have near
// copies promise what pictures that have none here do not find.
constexpr float kStray = 0.25F;
// Rows that are compared with all queries of a task before the next: they stay in the second-level cache.
constexpr std::size_t kTruthBytes = 16 * limits::kKiB;
constexpr std::size_t kHeld = 128;     // candidates by code
constexpr std::size_t kHeldTimes = 4;  // as many are gathered before the others are dropped

class TruthFinder {
 public:
  TruthFinder(const GraphView& view, const VectorBlock& block) : view_(view), block_(block) {}

  void find(std::span<DrawnQuery> queries) {
    std::vector<ByCode> by_code(queries.size());
    scan_codes(queries, by_code);
    for (std::size_t q = 0; q < queries.size(); ++q) {
      if (!settle(queries[q], by_code[q])) scan_vectors(queries[q]);
    }
  }

 private:
  struct ByCode {
    CodedQuery query;
    bool codable = false;
    bool more = false;  // there are others, all farther by code
    float worst = std::numeric_limits<float>::infinity();
    std::vector<Candidate> best;  // nodes, in no order
  };

  void scan_codes(std::span<const DrawnQuery> queries, std::span<ByCode> by_code) const {
    for (std::size_t q = 0; q < queries.size(); ++q) {
      by_code[q].codable =
          encode_query(view_.space, queries[q].vector.data(), queries[q].inverse_norm, by_code[q].query);
    }
    const std::size_t bytes = view_.header.walked_bytes();
    const auto at_once = static_cast<std::uint32_t>(std::max<std::size_t>(1, kTruthBytes / bytes));
    std::vector<const std::uint8_t*> rows(at_once);
    std::vector<std::int32_t> sums(at_once);
    for (std::uint32_t begin = 0; begin < view_.header.nodes; begin += at_once) {
      const std::uint32_t count = std::min(at_once, view_.header.nodes - begin);
      for (std::uint32_t i = 0; i < count; ++i) rows[i] = view_.codes.data() + (begin + i) * bytes;
      for (std::size_t q = 0; q < queries.size(); ++q) {
        if (!by_code[q].codable) continue;
        code_kernels().dot_gather(by_code[q].query.codes.data(), rows.data(), count, bytes, sums.data());
        for (std::uint32_t i = 0; i < count; ++i) offer(begin + i, sums[i], queries[q].node, by_code[q]);
      }
    }
  }

  void offer(std::uint32_t node, std::int32_t sum, std::uint32_t excluded, ByCode& found) const {
    const float distance = code_distance(sum, found.query, view_.terms[node]);
    if (distance > found.worst || node == excluded) return;
    found.best.push_back(candidate(distance, node));
    if (found.best.size() < kHeldTimes * kHeld) return;
    std::nth_element(found.best.begin(), found.best.begin() + (kHeld - 1), found.best.end());
    found.best.resize(kHeld);
    found.worst = distance_of(found.best.back());
    found.more = true;
  }

  // False when a row that is not held may be one of the nearest.
  bool settle(DrawnQuery& query, const ByCode& by_code) {
    GraphSearch search(view_, block_, query.vector, scratch_);
    if (!by_code.codable || !search.start()) return false;
    scratch_.best.clear();
    for (const Candidate c : by_code.best) {
      for (const std::uint32_t position : view_.positions_of(node_of(c))) {
        scratch_.best.push_back(candidate(distance_of(c), position));
      }
    }
    std::vector<Neighbor> nearest;
    const float enough = ExactRanking(search, view_, block_, kCalibratedK, scratch_).settle(by_code.more, nearest);
    if (enough != std::numeric_limits<float>::infinity()) return false;
    keep(nearest, query);
    return true;
  }

  static void keep(const std::vector<Neighbor>& nearest, DrawnQuery& query) {
    query.wanted = nearest.size();
    if (!nearest.empty()) query.worst = nearest.back().distance;
  }

  void scan_vectors(DrawnQuery& query) const {
    const Metric metric = view_.header.metric;
    const auto sum_rows = metric == Metric::kL2 ? kernels().l2_squared_block : kernels().dot_block;
    const std::size_t rows = std::max<std::size_t>(1, kTruthBytes / (block_.dim * sizeof(float)));
    const auto own = query.node == kNoNode ? std::span<const std::uint32_t>{} : view_.positions_of(query.node);
    std::vector<float> sums(rows);
    TopK top(kCalibratedK);
    for (std::size_t begin = 0; begin < block_.count; begin += rows) {
      const std::size_t count = std::min(rows, block_.count - begin);
      sum_rows(query.vector.data(), block_.vectors + begin * block_.dim, count, block_.dim, sums.data());
      for (std::size_t i = 0; i < count; ++i) {
        const float inverse_norm_row = metric == Metric::kCosine ? block_.inverse_norms[begin + i] : 0.0F;
        const Distance distance = distance_of_sum(metric, sums[i], query.inverse_norm, inverse_norm_row);
        if (distance > top.worst() || std::binary_search(own.begin(), own.end(), begin + i)) continue;
        top.push({distance, block_.rows[begin + i]});
      }
    }
    keep(top.take_sorted(), query);
  }

  const GraphView& view_;
  const VectorBlock& block_;
  GraphScratch scratch_;
};

DrawnQuery mix(const GraphView& view, const VectorBlock& block, std::uint32_t position, std::uint32_t other) {
  DrawnQuery drawn;
  drawn.vector.resize(block.dim);
  const float* a = block.vectors + std::size_t{position} * block.dim;
  const float* b = block.vectors + std::size_t{other} * block.dim;
  float factor = kStray;  // the other as long as the first, where only directions count
  if (view.header.metric == Metric::kCosine && block.inverse_norms[position] > 0) {
    factor = kStray * (block.inverse_norms[other] / block.inverse_norms[position]);
  }
  for (std::uint32_t j = 0; j < block.dim; ++j) drawn.vector[j] = (1.0F - kStray) * a[j] + factor * b[j];
  drawn.inverse_norm = inverse_norm(drawn.vector);
  return drawn;
}

bool can_ask(const DrawnQuery& drawn, Metric metric) {
  if (metric == Metric::kCosine && drawn.inverse_norm == 0) return false;
  return std::all_of(drawn.vector.begin(), drawn.vector.end(), [](float x) { return std::isfinite(x); });
}

void find_truth(const GraphView& view, const VectorBlock& block, std::span<DrawnQuery> queries, ThreadPool* pool) {
  for_each_index(pool, (queries.size() + kQueriesATask - 1) / kQueriesATask, [&](std::size_t task) {
    const std::size_t begin = task * kQueriesATask;
    const std::size_t end = std::min(queries.size(), begin + kQueriesATask);
    TruthFinder(view, block).find(queries.subspan(begin, end - begin));
  });
}

}  // namespace

// Nodes are in a drawn order within a level, so every n-th is a sample. Node 0, the entry, cannot be left out.
std::vector<DrawnQuery> draw_queries(const GraphView& view, const VectorBlock& block, ThreadPool* pool) {
  const std::uint32_t nodes = view.header.nodes;
  const std::size_t count = std::min<std::size_t>(kQueries, (nodes - 1) / 2);
  std::vector<DrawnQuery> queries;
  for (std::size_t i = 0; i < count; ++i) {
    const auto node = static_cast<std::uint32_t>(1 + i * (nodes - 1) / count);
    const auto other = static_cast<std::uint32_t>(1 + (i * (nodes - 1) / count + nodes / 3) % (nodes - 1));
    DrawnQuery drawn = mix(view, block, view.positions_of(node).front(), view.positions_of(other).front());
    drawn.node = node;
    if (can_ask(drawn, view.header.metric)) queries.push_back(std::move(drawn));
  }
  find_truth(view, block, queries, pool);
  return queries;
}

std::vector<DrawnQuery> strange_queries(const GraphView& view, const VectorBlock& block, const StrangeQueries& strange,
                                        ThreadPool* pool) {
  std::vector<DrawnQuery> queries;
  for (std::size_t at = 0; at + block.dim <= strange.vectors.size() && queries.size() < kQueries; at += block.dim) {
    const auto vector = strange.vectors.subspan(at, block.dim);
    DrawnQuery drawn;
    drawn.vector.assign(vector.begin(), vector.end());
    drawn.inverse_norm = inverse_norm(drawn.vector);
    if (can_ask(drawn, view.header.metric)) queries.push_back(std::move(drawn));
  }
  find_truth(view, block, queries, pool);
  return queries;
}

}  // namespace pictor
