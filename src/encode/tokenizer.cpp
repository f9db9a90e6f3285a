#include "encode/tokenizer.h"

#include <algorithm>

#include "encode/unicode.h"

namespace pictor {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

bool is_blank_control(char32_t point) { return point == '\t' || point == '\n' || point == '\r'; }

std::u32string cleaned(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (const auto point : text) {
    if (point == 0 || point == kReplacement) continue;
    if (!is_blank_control(point) && unicode::is_other(point)) continue;
    out.push_back(unicode::is_space(point) ? U' ' : point);
  }
  return out;
}

std::u32string with_ideographs_apart(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (const auto point : text) {
    if (unicode::is_chinese_ideograph(point)) {
      out.append({U' ', point, U' '});
    } else {
      out.push_back(point);
    }
  }
  return out;
}

}  // namespace

std::u32string Tokenizer::normalise(std::u32string_view text) const {
  std::u32string out(text);
  if (clean_text_) out = cleaned(out);
  if (set_ideographs_apart_) out = with_ideographs_apart(out);
  if (strip_accents_) {
    out = unicode::decomposed(out);
    std::erase_if(out, unicode::is_nonspacing_mark);
  }
  if (lower_case_) out = unicode::lower_case(out);
  return out;
}

std::vector<Tokenizer::Piece> Tokenizer::split(std::u32string_view text, const std::vector<AddedToken>& tokens) {
  std::vector<Piece> pieces;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size() && !tokens.empty();) {
    const AddedToken* longest = nullptr;
    for (const auto& token : tokens) {
      if (text[at] != token.content.front() || !text.substr(at).starts_with(token.content)) continue;
      if (longest == nullptr || token.content.size() > longest->content.size()) longest = &token;
    }
    if (longest == nullptr) {
      ++at;
      continue;
    }
    std::size_t first = at;
    std::size_t last = at + longest->content.size();
    at = last;
    if (longest->strip_left) {
      while (first > done && unicode::is_space(text[first - 1])) --first;
    }
    if (longest->strip_right) {
      while (last < text.size() && unicode::is_space(text[last])) ++last;
    }
    if (first > done) pieces.push_back({text.substr(done, first - done), -1});
    pieces.push_back({{}, longest->id});
    done = last;
    at = std::max(at, done);
  }
  if (done < text.size()) pieces.push_back({text.substr(done), -1});
  return pieces;
}

void Tokenizer::add_word(std::u32string_view word, std::vector<std::int64_t>& ids) const {
  if (word.size() > word_chars_max_) {
    ids.push_back(unknown_id_);
    return;
  }
  std::string bytes;
  std::vector<std::size_t> ends;  // ends[i]: bytes of the first i + 1 characters
  for (const auto point : word) {
    unicode::append_utf8(point, bytes);
    ends.push_back(bytes.size());
  }
  const std::size_t kept = ids.size();
  std::size_t start = 0;       // in bytes
  std::size_t start_char = 0;  // in characters
  while (start < bytes.size()) {
    const auto& vocabulary = start == 0 ? starts_ : continuations_;
    std::size_t end_char = word.size();
    for (; end_char > start_char; --end_char) {
      const std::size_t size = ends[end_char - 1] - start;
      if (size > token_bytes_max_) continue;
      const auto found = vocabulary.find(std::string_view(bytes).substr(start, size));
      if (found == vocabulary.end()) continue;
      ids.push_back(found->second);
      break;
    }
    if (end_char == start_char) {
      ids.resize(kept);
      ids.push_back(unknown_id_);
      return;
    }
    start = ends[end_char - 1];
    start_char = end_char;
  }
}

void Tokenizer::add_words(std::u32string_view text, std::size_t ids_max, std::vector<std::int64_t>& ids) const {
  std::size_t word_start = 0;
  const auto end_word = [&](std::size_t end) {
    if (end > word_start) add_word(text.substr(word_start, end - word_start), ids);
  };
  for (std::size_t i = 0; i < text.size() && ids.size() <= ids_max; ++i) {
    if (unicode::is_space(text[i])) {
      end_word(i);
      word_start = i + 1;
    } else if (unicode::is_punctuation(text[i])) {
      end_word(i);
      add_word(text.substr(i, 1), ids);
      word_start = i + 1;
    }
  }
  if (ids.size() <= ids_max) end_word(text.size());
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
  const auto points = unicode::from_utf8(text, bad_at);
  if (!points) {
    return Status(Code::kInvalid, "the text is not UTF-8 at byte " + std::to_string(bad_at) + " of " +
                                      std::to_string(text.size()) + ": convert it first");
  }
  const std::size_t room = tokens_max - special_count();
  std::vector<std::int64_t> ids;
  // One id more than there is room for says that the text is cut; the rest need not be looked at.
  for (const auto& raw : split(*points, raw_added_)) {
    if (ids.size() > room) break;
    if (raw.id >= 0) {
      ids.push_back(raw.id);
      continue;
    }
    const auto normalised = normalise(raw.text);
    for (const auto& piece : split(normalised, normalised_added_)) {
      if (piece.id >= 0) {
        ids.push_back(piece.id);
      } else {
        add_words(piece.text, room, ids);
      }
    }
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
