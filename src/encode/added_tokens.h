// The added tokens of a tokenizer.json: found in the text before the model sees it, the longest of those that begin
// first, as the reference does.
//
// Thread safety: immutable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "encode/trie.h"

namespace pictor {

struct AddedToken {
  std::string content;  // as it is looked for
  std::int64_t id = 0;
  bool single_word = false;  // not beside a character of a word
  bool strip_left = false;   // swallows the blanks before it
  bool strip_right = false;
};

class AddedTokens {
 public:
  // REQUIRES: no content is empty, no two are equal.
  explicit AddedTokens(std::vector<AddedToken> tokens = {});

  // A piece of the text between added tokens, or (id >= 0) such a token.
  struct Piece {
    std::size_t begin = 0, end = 0;
    std::int64_t id = -1;
  };
  std::vector<Piece> split(std::string_view text) const;

 private:
  std::vector<AddedToken> tokens_;
  TokenTrie places_;  // of tokens_
};

}  // namespace pictor
