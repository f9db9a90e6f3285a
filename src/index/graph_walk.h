// Walks over a graph by distances between codes: greedy down the levels, then best first with `ef` candidates.
//
// A walk belongs to one thread; its memory is a GraphScratch, which is used again by the next. Links and nodes may come
// from a damaged file: one that is out of bounds is passed over. Inside index/ only.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/base.h"
#include "vector/vector.h"

namespace pictor {

inline constexpr std::uint32_t kNoNode = 0x7FFFFFFF;
inline constexpr std::uint32_t kNoLink = 0xFFFFFFFF;  // fills a list of links to its end
// Bytes that follow links of fewer than 32 bits, so that eight can be read wherever one begins.
inline constexpr std::size_t kLinkSlack = 8;
using LinkBuffer = std::array<std::uint32_t, std::size_t{2} * limits::kGraphDegreeMax>;

// A node and its distance as one number that sorts by (distance, node), whatever the bits of the distance: sign and
// magnitude are turned into two's complement. The last bit says that the node's links were followed.
using Candidate = std::uint64_t;
inline std::uint32_t ordered(float distance) {
  const auto bits = std::bit_cast<std::uint32_t>(distance);
  return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}
inline Candidate candidate(float distance, std::uint32_t node) {
  return std::uint64_t{ordered(distance)} << 32 | std::uint64_t{node} << 1;
}
inline std::uint32_t node_of(Candidate c) { return static_cast<std::uint32_t>(c) >> 1; }
inline float distance_of(Candidate c) {
  const auto bits = static_cast<std::uint32_t>(c >> 32);
  return std::bit_cast<float>((bits & 0x80000000U) != 0 ? bits & 0x7FFFFFFFU : ~bits);
}

// Which nodes a walk has seen: a mark a node, which is another number for each walk, so that nothing is cleared.
class Visited {
 public:
  void start(std::size_t nodes);
  bool add(std::uint32_t node) {  // false: it was there
    if (marks_[node] == mark_) return false;
    marks_[node] = mark_;
    return true;
  }

 private:
  std::vector<std::uint16_t> marks_;
  std::uint16_t mark_ = 0;
};

struct RankedRow {
  Neighbor neighbor;
  std::uint32_t position = 0;
  friend bool operator<(const RankedRow& a, const RankedRow& b) { return a.neighbor < b.neighbor; }
};

struct GraphScratch {
  Visited visited;
  std::vector<Candidate> best;      // of a walk: nearest first; with a filter the allowed ones
  std::vector<Candidate> frontier;  // with a filter: what is still to be followed, a heap
  std::vector<Candidate> seen;      // with a filter: all whose distance was computed
  std::vector<std::uint32_t> nodes;
  std::vector<const std::uint8_t*> rows;
  std::vector<std::int32_t> sums;
  CodedQuery query;
  LinkBuffer links{};
  PlaneQuery planes;
  std::vector<std::uint8_t> allowed;  // a byte a position
  std::vector<std::uint32_t> positions;
  std::vector<RankedRow> ranked;
  std::vector<const float*> vectors;
  std::vector<float> distances;
};

// Memories for walks of many threads; a few idle ones are kept.
class GraphScratchPool {
 public:
  class Lease {
   public:
    explicit Lease(GraphScratchPool& pool) : pool_(pool), scratch_(pool.take()) {}
    ~Lease() { pool_.give(std::move(scratch_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    GraphScratch& operator*() { return *scratch_; }
    GraphScratch* operator->() { return scratch_.get(); }

   private:
    GraphScratchPool& pool_;
    std::unique_ptr<GraphScratch> scratch_;
  };

 private:
  std::unique_ptr<GraphScratch> take();
  void give(std::unique_ptr<GraphScratch> scratch);

  std::mutex mutex_;
  std::vector<std::unique_ptr<GraphScratch>> idle_;
};

// The links of a node on one level: `count` numbers, of which those at or past the number of nodes are none.
class LinkSource {
 public:
  LinkSource(const std::uint32_t* table, std::size_t stride, const std::uint8_t* counts, std::uint32_t nodes)
      : table_(reinterpret_cast<const std::uint8_t*>(table)), stride_(stride), counts_(counts), nodes_(nodes) {}
  // Lists of `stride` links of `bits` each, one after the other, the lowest bits first; a list begins at a byte and
  // kLinkSlack bytes follow the last. All ones stand for kNoLink. REQUIRES: bits <= 32; stride <= LinkBuffer's size.
  LinkSource(const std::uint8_t* table, std::size_t stride, std::uint32_t bits, std::uint32_t nodes)
      : table_(table), stride_(stride), bits_(bits), nodes_(nodes) {}

  // Valid as long as the table and the buffer are, and until the buffer is used again.
  std::span<const std::uint32_t> of(std::uint32_t node, LinkBuffer& buffer) const {
    if (bits_ < 32) return unpacked(node, buffer);
    const auto* links = reinterpret_cast<const std::uint32_t*>(table_) + node * stride_;
    return {links, counts_ == nullptr ? stride_ : counts_[node]};
  }
  void fetch(std::uint32_t node) const { __builtin_prefetch(table_ + node * list_bytes()); }
  std::uint32_t nodes() const { return nodes_; }

 private:
  std::size_t list_bytes() const { return (stride_ * bits_ + 7) / 8; }
  std::span<const std::uint32_t> unpacked(std::uint32_t node, LinkBuffer& buffer) const;

  const std::uint8_t* table_;
  std::size_t stride_;
  const std::uint8_t* counts_ = nullptr;  // null: all of the stride
  std::uint32_t bits_ = 32;
  std::uint32_t nodes_;  // on this level
};

class GraphWalk {
 public:
  GraphWalk(const std::uint8_t* codes, std::size_t code_bytes, const CodeTerms* terms, GraphScratch& scratch)
      : codes_(codes), code_bytes_(code_bytes), terms_(terms), kernels_(code_kernels()), scratch_(scratch) {}

  // A node that is treated as if it were not there: for queries that were made of it.
  void exclude(std::uint32_t node) { excluded_ = node; }
  float distance(const CodedQuery& query, std::uint32_t node);
  // Of all nodes on a way of ever nearer ones from `start`, the nearest.
  Candidate greedy(const LinkSource& links, const CodedQuery& query, Candidate start);
  // The nearest `ef` that best-first search from `start` finds, into scratch.best.
  void nearest(const LinkSource& links, const CodedQuery& query, Candidate start, std::size_t ef);
  // Appends the nodes from begin to end, whatever their distance, to scratch.best.
  void append_range(const CodedQuery& query, std::uint32_t begin, std::uint32_t end);
  // As nearest(), of the nodes for which allowed(node), into scratch.best; all others are still followed. Where the
  // allowed ones are not near, it goes on until it has followed as many times the nodes before the `k`-th of them as it
  // would have without a filter. False when it gave up.
  struct Wanted {
    std::size_t k = 0;
    std::size_t ef = 0;        // at least k
    std::uint64_t budget = 0;  // distances after which it gives up
    std::size_t follow = 0;    // nodes after whose links it gives up
  };
  template <typename Allowed>
  bool nearest_allowed(const LinkSource& links, const CodedQuery& query, Candidate start, const Wanted& wanted,
                       const Allowed& allowed);

  std::uint64_t distances() const { return distances_; }

 private:
  // The unseen neighbours of a node and their sums, into scratch.nodes and scratch.sums.
  void look_at(const LinkSource& links, const CodedQuery& query, std::uint32_t node);
  void compute(const CodedQuery& query);
  void fetch_row(std::uint32_t node) const {
    const std::uint8_t* row = codes_ + node * code_bytes_;
    for (std::size_t byte = 0; byte < code_bytes_; byte += 64) __builtin_prefetch(row + byte);
    __builtin_prefetch(terms_ + node);
  }
  Candidate candidate_at(const CodedQuery& query, std::size_t i) const {
    const std::uint32_t node = scratch_.nodes[i];
    return candidate(code_distance(scratch_.sums[i], query, terms_[node]), node);
  }
  void start_walk(const LinkSource& links, Candidate start);
  // Among the best of a walk with a filter, if it is one.
  void keep(Candidate c, std::size_t ef);
  std::size_t to_follow(const Wanted& wanted) const;
  // Puts a candidate into its place among the nearest ef; the place, or ef when it is none of them.
  std::size_t insert(Candidate c, std::size_t ef);

  const std::uint8_t* codes_;
  std::size_t code_bytes_;
  const CodeTerms* terms_;
  const CodeKernels& kernels_;
  GraphScratch& scratch_;
  std::uint32_t excluded_ = kNoNode;
  std::uint64_t distances_ = 0;
};

template <typename Allowed>
bool GraphWalk::nearest_allowed(const LinkSource& links, const CodedQuery& query, Candidate start, const Wanted& wanted,
                                const Allowed& allowed) {
  start_walk(links, start);
  auto& frontier = scratch_.frontier;
  auto& best = scratch_.best;  // a heap here, the farthest in front
  frontier.assign(1, start);
  scratch_.seen.assign(1, start);
  if (allowed(node_of(start))) best.push_back(start);
  std::size_t followed = 0;
  std::size_t enough = 0;
  while (!frontier.empty()) {
    std::pop_heap(frontier.begin(), frontier.end(), std::greater<>{});
    const Candidate next = frontier.back();
    frontier.pop_back();
    if (best.size() == wanted.ef && next > best.front()) {
      if (followed >= enough) enough = to_follow(wanted);
      if (followed >= enough) break;
    }
    if (distances_ > wanted.budget || followed >= wanted.follow) return false;
    ++followed;
    look_at(links, query, node_of(next));
    for (std::size_t i = 0; i < scratch_.nodes.size(); ++i) {
      const Candidate c = candidate_at(query, i);
      scratch_.seen.push_back(c);
      frontier.push_back(c);
      std::push_heap(frontier.begin(), frontier.end(), std::greater<>{});
      if (allowed(node_of(c))) keep(c, wanted.ef);
    }
  }
  std::sort_heap(best.begin(), best.end());
  return true;
}

}  // namespace pictor
