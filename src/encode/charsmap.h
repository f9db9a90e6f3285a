// SentencePiece's precompiled map of characters (a Darts double-array trie and the texts it points to), applied as the
// reference does: to grapheme clusters of fewer than six bytes, else to each character, the shortest entry first.
//
// Thread safety: immutable. What points outside the map is as if it were not there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor {

class Charsmap {
 public:
  // `base64` is the field precompiled_charsmap of a tokenizer.json.
  static Result<Charsmap> parse(std::string_view base64);

  // What the map makes of the text, which begins with an entry of the map or else is left alone (nothing).
  std::optional<std::string_view> replacement(std::string_view text) const;

 private:
  std::vector<std::uint32_t> units_;
  std::string texts_;  // each ends with a zero byte
};

}  // namespace pictor
