// Tokens by their bytes: which of them does a text begin with, the shortest first?
//
// Thread safety: immutable. Cost: a step a byte of the text, none behind the longest token; some ten bytes of memory a
// node, a node a byte that tokens do not share.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pictor {

class TokenTrie {
 public:
  using Entry = std::pair<std::string, std::int64_t>;  // ids are at most INT32_MAX

  // Of two equal tokens the later stands. Empty tokens are never found.
  explicit TokenTrie(std::vector<Entry> entries = {});

  // Calls found(bytes, id) for each token that `text` begins with, the shortest first.
  template <typename Found>
  void prefixes(std::string_view text, Found found) const {
    if (text.empty() || nodes_.empty()) return;
    std::uint32_t node = roots_[static_cast<unsigned char>(text[0])];
    for (std::size_t used = 1; node != kNone; ++used) {
      if (nodes_[node].id >= 0) found(used, std::int64_t{nodes_[node].id});
      if (used == text.size()) return;
      node = child(node, static_cast<unsigned char>(text[used]));
    }
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Node {
    std::uint32_t first_child = 0;
    std::uint16_t children = 0;
    std::uint8_t label = 0;
    std::int32_t id = -1;
  };

  // Children lie side by side, in the order of their labels.
  std::uint32_t child(std::uint32_t node, std::uint8_t label) const {
    std::uint32_t first = nodes_[node].first_child;
    std::uint32_t count = nodes_[node].children;
    while (count > 0) {
      const std::uint32_t half = count / 2;
      if (nodes_[first + half].label < label) {
        first += half + 1;
        count -= half + 1;
      } else {
        count = half;
      }
    }
    const bool is_there = first < nodes_[node].first_child + nodes_[node].children && nodes_[first].label == label;
    return is_there ? first : kNone;
  }

  std::vector<Node> nodes_;
  std::array<std::uint32_t, 256> roots_{};
};

}  // namespace pictor
