// Texts to ids, by the `tokenizer.json` of the hub's encoders: the ids that the reference (PyPI `tokenizers`) gives.
//
// Understood: WordPiece, byte-pair encoding and Unigram; the normalizers and pre-tokenizers of normalizer.h and
// pre_tokenizer.h; BertProcessing, RobertaProcessing, TemplateProcessing for one text, ByteLevel; added tokens.
// Everything else is refused by name (kUnsupported) rather than read half.
// Thread safety: immutable once parsed (words are remembered behind locks). Cost: a text's bytes, times at most
// limits::kTokenBytesMax for a hostile vocabulary.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"
#include "encode/added_tokens.h"
#include "encode/normalizer.h"
#include "encode/pre_tokenizer.h"
#include "encode/token_model.h"
#include "encode/word_cache.h"

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

  // What fills up a short text: "padding.pad_id", 0 when the file has none.
  std::int64_t pad_id() const { return pad_id_; }
  // The id of a token by its text, "<|endoftext|>": an added one, else one of the vocabulary.
  std::optional<std::int64_t> id_of(std::string_view token) const;
  // The ids of added tokens that are marked as special, and of those around a text; ascending.
  const std::vector<std::int64_t>& special_ids() const { return special_ids_; }
  // How many special tokens stand around a text.
  std::size_t special_count() const { return before_.size() + after_.size(); }
  std::int64_t id_max() const { return id_max_; }

 private:
  friend class TokenizerParser;

  Status add_piece(TextOnWay text, std::size_t ids_max, std::vector<std::int64_t>& ids) const;
  Status add_word(std::string_view word, std::vector<std::int64_t>& ids) const;

  std::vector<NormalizerStep> normalizer_;
  std::vector<PreTokenizerStep> pre_tokenizer_;
  AddedTokens raw_added_;         // looked for in the text as it came
  AddedTokens normalised_added_;  // looked for after normalising, themselves normalised
  SharedVocabulary vocabulary_;
  Vocabulary added_ids_;
  std::unique_ptr<TokenModel> model_;
  std::unique_ptr<WordCache> cache_;
  std::vector<std::int64_t> before_, after_;
  std::vector<std::int64_t> special_ids_;
  std::int64_t pad_id_ = 0;
  std::int64_t id_max_ = 0;
};

}  // namespace pictor
