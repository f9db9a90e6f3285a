#include "encode/tokenizer.h"

#include <algorithm>

#include "encode/unicode.h"

namespace pictor {

std::optional<std::int64_t> Tokenizer::id_of(std::string_view token) const {
  if (const auto found = added_ids_.find(token); found != added_ids_.end()) return found->second;
  if (const auto found = vocabulary_->find(token); found != vocabulary_->end()) return found->second;
  return std::nullopt;
}

Status Tokenizer::add_word(std::string_view word, std::vector<std::int64_t>& ids) const {
  if (cache_->get(word, ids)) return Status::ok();
  const std::size_t kept = ids.size();
  if (!model_->add_ids(word, ids)) {
    return Status(Code::kUnsupported, "the tokenizer has no token for a part of '" + std::string(word.substr(0, 64)) +
                                          "' and no unknown token: leave it out");
  }
  cache_->put(word, std::span(ids).subspan(kept));
  return Status::ok();
}

Status Tokenizer::add_piece(TextOnWay text, std::size_t ids_max, std::vector<std::int64_t>& ids) const {
  PICTOR_TRY(normalise_text(normalizer_, text));
  const std::string_view all = text.bytes;
  for (const auto& piece : normalised_added_.split(all)) {
    if (ids.size() > ids_max) break;
    if (piece.id >= 0) {
      ids.push_back(piece.id);
      continue;
    }
    const std::size_t head_bytes = std::min(std::max(text.head_bytes, piece.begin), piece.end) - piece.begin;
    PICTOR_ASSIGN(
        const auto words,
        cut_into_words(pre_tokenizer_, {std::string(all.substr(piece.begin, piece.end - piece.begin)), head_bytes}));
    for (const auto& span : words.spans) {
      if (ids.size() > ids_max) break;
      PICTOR_TRY(add_word(std::string_view(words.text.bytes).substr(span.begin, span.end - span.begin), ids));
    }
  }
  return Status::ok();
}

Result<Tokens> Tokenizer::encode(std::string_view text, std::size_t tokens_max) const {
  if (text.size() > limits::kTextQueryBytesMax) {
    return Status(Code::kLimit, "the text has " + std::to_string(text.size()) + " bytes, at most " +
                                    std::to_string(limits::kTextQueryBytesMax) + " are read: send a shorter text");
  }
  if (tokens_max < special_count()) {
    return Status(Code::kInvalid, "a text needs room for " + std::to_string(special_count()) +
                                      " special tokens, the limit given is " + std::to_string(tokens_max));
  }
  std::size_t bad_at = 0;
  if (!unicode::is_utf8(text, bad_at)) {
    return Status(Code::kInvalid, "the text is not UTF-8 at byte " + std::to_string(bad_at) + " of " +
                                      std::to_string(text.size()) + ": convert it first");
  }
  const std::size_t room = tokens_max - special_count();
  std::vector<std::int64_t> ids;
  // One id more than there is room for says that the text is cut; the rest need not be looked at.
  for (const auto& raw : raw_added_.split(text)) {
    if (ids.size() > room) break;
    if (raw.id >= 0) {
      ids.push_back(raw.id);
      continue;
    }
    const std::size_t head_bytes = raw.begin == 0 ? unicode::point_bytes(text[0]) : 0;
    PICTOR_TRY(add_piece({std::string(text.substr(raw.begin, raw.end - raw.begin)), head_bytes}, room, ids));
  }
  Tokens tokens;
  tokens.is_cut = ids.size() > room;
  if (tokens.is_cut) ids.resize(room);
  tokens.ids = before_;
  tokens.ids.insert(tokens.ids.end(), ids.begin(), ids.end());
  tokens.ids.insert(tokens.ids.end(), after_.begin(), after_.end());
  return tokens;
}

}  // namespace pictor
