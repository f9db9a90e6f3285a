// Walks over a graph by distances between codes: greedy down the levels, then best first with `ef` candidates.
//
// A walk belongs to one thread; its memory is a GraphScratch, which is used again by the next. Links and nodes may come
// from a damaged file: one that is out of bounds is passed over. Inside index/ only.
#pragma once

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
  std::vector<Candidate> best;   // of a walk: nearest first
  std::vector<Candidate> kept;   // with a filter: the allowed ones that were followed, a heap
  std::vector<Candidate> aside;  // with a filter: those that are none of the best, in no order
  std::vector<std::uint32_t> nodes;
  std::vector<const std::uint8_t*> rows;
  std::vector<std::int32_t> sums;
  CodedQuery query;
  LinkBuffer links{};
  PlaneQuery planes;
  std::vector<std::uint8_t> allowed;      // a byte a position, where all were asked for
  std::vector<std::uint8_t> answers;      // of a filter, for a few nodes
  std::vector<std::uint32_t> candidates;  // nodes of which a filter is asked
  std::vector<std::uint32_t> positions;
  std::vector<RankedRow> ranked;
  std::vector<const float*> vectors;
  std::vector<float> distances;
};

// Which nodes have a row that may be returned.
class NodeFilter {
 public:
  virtual ~NodeFilter() = default;
  // out[i] = 1 when nodes[i] has one, else 0. REQUIRES: out.size() is nodes.size(), nodes are below the graph's number.
  virtual void allowed(std::span<const std::uint32_t> nodes, std::span<std::uint8_t> out) = 0;
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
  // out[i] is the distance of nodes[i], for many nodes anywhere.
  void scan(const CodedQuery& query, std::span<const std::uint32_t> nodes, std::span<float> out);

  // Walks with a filter, in graph_walk_filter.cpp.
  struct Wanted {
    std::size_t ef = 0;          // allowed nodes that are to be followed where all near the query are allowed
    std::size_t least = 0;       // allowed nodes, however few are allowed
    std::size_t held_first = 0;  // candidates of all kinds that are kept in order until they do not suffice
    std::size_t held = 0;        // the most of them, at least ef
    double share = 1;            // of the nodes that are allowed, as far as is known
    double many_at_once = 0;     // where a share s is allowed, ef * s^many_at_once is enough
    std::uint64_t budget = 0;    // distances after which a walk gives up
  };
  enum class Walked : std::uint8_t { kDone, kFew, kDear };
  // As nearest(), until enough allowed nodes were followed and all nearer ones: those are then in scratch.best, nearest
  // first. The filter is asked of nodes that are followed alone. kFew: so few are allowed near the query that it lies
  // where the filter allows less than elsewhere. kDear: past the
  // budget.
  Walked nearest_filtered(const LinkSource& links, const CodedQuery& query, Candidate start, const Wanted& wanted,
                          NodeFilter& filter);
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
  // Among the allowed ones that a walk with a filter followed, if it is one of the nearest.
  void keep(Candidate c, std::size_t ef);
  // Puts a candidate into its place among the nearest ef; the place, or ef when it is none of them.
  std::size_t insert(Candidate c, std::size_t ef);
  std::size_t insert_or_put_aside(Candidate c, std::size_t held);
  void take_from_aside(std::size_t held);

  const std::uint8_t* codes_;
  std::size_t code_bytes_;
  const CodeTerms* terms_;
  const CodeKernels& kernels_;
  GraphScratch& scratch_;
  std::uint32_t excluded_ = kNoNode;
  std::uint64_t distances_ = 0;
};

}  // namespace pictor
