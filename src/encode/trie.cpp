#include "encode/trie.h"

#include <algorithm>

namespace pictor {
namespace {

// Tokens first..last begin with the same `depth` bytes: those of one node.
struct Group {
  std::size_t first = 0, last = 0, depth = 0;
};

}  // namespace

TokenTrie::TokenTrie(std::vector<Entry> entries) {
  roots_.fill(kNone);
  std::ranges::stable_sort(entries, {}, &Entry::first);
  std::vector<Group> groups = {{0, entries.size(), 0}};  // one a node, in the order of nodes; the first is the root
  nodes_.emplace_back();
  // Breadth first, so that the children of a node lie side by side.
  for (std::size_t node = 0; node < groups.size(); ++node) {
    auto [first, last, depth] = groups[node];
    for (; first < last && entries[first].first.size() == depth; ++first) {
      if (depth > 0) nodes_[node].id = static_cast<std::int32_t>(entries[first].second);
    }
    nodes_[node].first_child = static_cast<std::uint32_t>(nodes_.size());
    while (first < last) {
      const char label = entries[first].first[depth];
      std::size_t end = first;
      while (end < last && entries[end].first[depth] == label) ++end;
      groups.push_back({first, end, depth + 1});
      nodes_.push_back({0, 0, static_cast<std::uint8_t>(label), -1});
      ++nodes_[node].children;
      first = end;
    }
  }
  for (std::uint32_t i = 0; i < nodes_[0].children; ++i) roots_[nodes_[1 + i].label] = 1 + i;
}

}  // namespace pictor
