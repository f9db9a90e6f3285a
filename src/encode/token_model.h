// What makes ids of words: WordPiece, byte-pair encoding, Unigram.
//
// A model is made of plain parts that the parser has read; making checks what only the model knows. Thread safety:
// immutable once made. Cost: WordPiece and Unigram walk a trie from each character, so at most limits::kTokenBytesMax
// steps a byte; byte-pair encoding merges with a heap, n log n for a word of n characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/base.h"

namespace pictor {

class TokenModel {
 public:
  virtual ~TokenModel() = default;
  // Appends the ids of a word. False: the word has a part without a token, and the model has no unknown token.
  virtual bool add_ids(std::string_view word, std::vector<std::int64_t>& ids) const = 0;
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
// From a token to its id.
using Vocabulary = std::unordered_map<std::string, std::int64_t, TextHash, std::equal_to<>>;
using SharedVocabulary = std::shared_ptr<const Vocabulary>;

struct WordPieceParts {
  std::string unknown;
  std::string continuing_prefix;
  std::size_t word_chars_max = 100;
};
// kUnreadable when the vocabulary lacks the unknown token.
Result<std::unique_ptr<TokenModel>> make_word_piece(const SharedVocabulary& vocabulary, const WordPieceParts& parts);

struct BytePairParts {
  std::vector<std::pair<std::string, std::string>> merges;  // the first is merged first
  std::optional<std::string> unknown;
  std::string continuing_prefix;
  std::string end_of_word_suffix;
  bool fuse_unknown = false;
  bool byte_fallback = false;
  bool ignore_merges = false;  // a word that is a token is that token, whatever the merges say
};
// kUnreadable, with the number of the merge, when a merge names what the vocabulary lacks.
Result<std::unique_ptr<TokenModel>> make_byte_pair(SharedVocabulary vocabulary, BytePairParts parts);

struct UnigramParts {
  std::vector<std::pair<std::string, double>> pieces;  // by id; the vocabulary has the same
  std::optional<std::size_t> unknown;
  bool byte_fallback = false;
};
// REQUIRES: `unknown` is the id of a piece.
std::unique_ptr<TokenModel> make_unigram(SharedVocabulary vocabulary, const UnigramParts& parts);

// "<0x0A>": the token of a byte, in models that fall back to bytes.
std::string byte_token(unsigned char byte);

}  // namespace pictor
