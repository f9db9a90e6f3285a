// WordPiece of our own, reading the `tokenizer.json` of BERT-like encoders: the ids that the reference tokenizer gives.
//
// Understood: BertNormalizer, BertPreTokenizer, WordPiece, TemplateProcessing or BertProcessing for one text, special
// and other added tokens. Everything else is refused by name (kUnsupported) rather than read half.
// Thread safety: immutable once parsed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/base.h"

namespace pictor {

struct Tokens {
  std::vector<std::int64_t> ids;  // with the special tokens around
  bool is_cut = false;            // the text had more tokens than asked for
};

class Tokenizer {
 public:
  static Result<Tokenizer> parse(std::string_view json);

  // At most `tokens_max` ids, special tokens included: what does not fit is cut at the end of the text, as the
  // reference does. Not UTF-8 is kInvalid (dropping bytes would give the vector of another text); longer than
  // limits::kTextQueryBytesMax is kLimit.
  Result<Tokens> encode(std::string_view text, std::size_t tokens_max) const;

  std::int64_t pad_id() const { return pad_id_; }
  std::size_t special_count() const { return before_.size() + after_.size(); }
  std::int64_t id_max() const { return id_max_; }

 private:
  friend class TokenizerParser;

  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Vocabulary = std::unordered_map<std::string, std::int64_t, TextHash, std::equal_to<>>;
  struct AddedToken {
    std::u32string content;
    std::int64_t id = 0;
    bool strip_left = false;
    bool strip_right = false;
  };
  // A piece of the text between added tokens, or (id >= 0) such a token.
  struct Piece {
    std::u32string_view text;
    std::int64_t id = -1;
  };

  std::u32string normalise(std::u32string_view text) const;
  static std::vector<Piece> split(std::u32string_view text, const std::vector<AddedToken>& tokens);
  void add_words(std::u32string_view text, std::size_t ids_max, std::vector<std::int64_t>& ids) const;
  void add_word(std::u32string_view word, std::vector<std::int64_t>& ids) const;

  bool clean_text_ = true;
  bool set_ideographs_apart_ = true;
  bool strip_accents_ = true;
  bool lower_case_ = true;
  Vocabulary starts_;         // tokens as they are written
  Vocabulary continuations_;  // without their prefix
  std::size_t token_bytes_max_ = 0;
  std::size_t word_chars_max_ = 100;
  std::int64_t unknown_id_ = 0;
  std::int64_t pad_id_ = 0;
  std::int64_t id_max_ = 0;
  std::vector<std::int64_t> before_, after_;
  std::vector<AddedToken> raw_added_;         // looked for in the text as it came
  std::vector<AddedToken> normalised_added_;  // looked for after normalising, themselves normalised
};

}  // namespace pictor
