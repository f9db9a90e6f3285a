// Links of a graph in the making: lists with room to grow, and which links are worth having. Inside index/ only.
#pragma once

#include <span>
#include <vector>

#include "index/graph_walk.h"

namespace pictor {

// Codes of nodes, looked at.
struct NodeCodes {
  const std::uint8_t* codes = nullptr;
  std::size_t bytes = 0;  // a node
  const CodeTerms* terms = nullptr;

  std::span<const std::uint8_t> of(std::uint32_t node) const { return {codes + node * bytes, bytes}; }
};

// Chooses links as algorithm 4 of the paper does, without filling up: nearest first, each that is nearer to the node
// than to every one chosen before. So links point in all directions. Belongs to one thread.
//
// Distances here are between two nodes and the same both ways: minus the likeness of codes, both biases in it.
class LinkChooser {
 public:
  explicit LinkChooser(const NodeCodes& nodes) : nodes_(nodes), kernels_(code_kernels()) {}

  // The candidates `others` of `node`, nearest first.
  std::vector<Candidate>& candidates(std::uint32_t node, std::span<const std::uint32_t> others);
  // At most `limit` of candidates that are sorted. The answer is valid until the next call.
  std::span<const std::uint32_t> choose(std::span<const Candidate> sorted, std::size_t limit);

 private:
  bool covered(Candidate c, std::size_t chosen) const;

  NodeCodes nodes_;
  const CodeKernels& kernels_;
  CodedQuery query_;
  std::vector<const std::uint8_t*> rows_;
  std::vector<std::int32_t> sums_;
  std::vector<Candidate> candidates_;
  std::vector<CodedQuery> chosen_codes_;
  std::vector<std::uint32_t> chosen_;
};

// The lists of one level. A list may grow past `limit`, up to its capacity, before it is cut back: cutting is dear, and
// what comes later makes a better choice.
class LinkLists {
 public:
  LinkLists(std::uint32_t nodes, std::size_t limit);

  LinkSource source() const { return {links_.data(), capacity_, counts_.data(), nodes_}; }
  std::size_t limit() const { return limit_; }
  void set(std::uint32_t node, std::span<const std::uint32_t> links);
  void add(std::uint32_t node, std::span<const std::uint32_t> links, LinkChooser& chooser);
  // At most `limit` links of a node, filled up to that with kNoLink.
  void take(std::uint32_t node, LinkChooser& chooser, std::span<std::uint32_t> out);

 private:
  std::span<const std::uint32_t> of(std::uint32_t node) const {
    return {links_.data() + node * capacity_, counts_[node]};
  }

  std::uint32_t nodes_;
  std::size_t limit_;
  std::size_t capacity_;
  std::vector<std::uint32_t> links_;
  std::vector<std::uint8_t> counts_;
};

// Finished lists of one level, `stride` links a node, filled up with kNoLink.
struct LinkTable {
  std::span<std::uint32_t> links;
  std::size_t stride = 0;
  std::uint32_t nodes = 0;

  std::span<std::uint32_t> of(std::uint32_t node) const { return links.subspan(node * stride, stride); }
  LinkSource source() const { return {links.data(), stride, nullptr, nodes}; }
};

// Links every node that node 0 does not reach from a near one that it does. Gives up a link for that only where the
// others reach all that it reached.
void connect_all(const LinkTable& table, const NodeCodes& codes);
// How many nodes node 0 reaches.
std::size_t count_reached(const LinkSource& links);

}  // namespace pictor
