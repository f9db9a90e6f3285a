#include "encode/added_tokens.h"

#include <algorithm>

#include "encode/unicode.h"

namespace pictor {
namespace {

std::size_t start_of_point_before(std::string_view text, std::size_t at) {
  do --at;
  while ((text[at] & 0xC0) == 0x80);
  return at;
}

bool is_word_before(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  std::size_t begin = start_of_point_before(text, at);
  return unicode::is_word(unicode::next_point(text, begin));
}

bool is_word_behind(std::string_view text, std::size_t at) {
  return at < text.size() && unicode::is_word(unicode::next_point(text, at));
}

// Where the blanks begin that end at `end`, but not before `done`.
std::size_t blanks_before(std::string_view text, std::size_t done, std::size_t end) {
  while (end > done) {
    const std::size_t begin = start_of_point_before(text, end);
    std::size_t at = begin;
    if (!unicode::is_space(unicode::next_point(text, at))) break;
    end = begin;
  }
  return end;
}

std::size_t blanks_behind(std::string_view text, std::size_t at) {
  for (std::size_t next = at; next < text.size(); at = next) {
    if (!unicode::is_space(unicode::next_point(text, next))) break;
  }
  return at;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::vector<TokenTrie::Entry> entries;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    entries.emplace_back(tokens_[i].content, static_cast<std::int64_t>(i));
  }
  places_ = TokenTrie(std::move(entries));
}

std::vector<AddedTokens::Piece> AddedTokens::split(std::string_view text) const {
  std::vector<Piece> pieces;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size() && !tokens_.empty();) {
    const AddedToken* longest = nullptr;
    places_.prefixes(text.substr(at),
                     [&](std::size_t, std::int64_t place) { longest = &tokens_[static_cast<std::size_t>(place)]; });
    if (longest == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at;
    std::size_t end = at + longest->content.size();
    at = end;
    if (longest->single_word && (is_word_before(text, begin) || is_word_behind(text, end))) continue;
    if (longest->strip_left) begin = std::max(blanks_before(text, done, begin), done);
    if (longest->strip_right) end = blanks_behind(text, end);
    if (done < begin) pieces.push_back({done, begin, -1});
    pieces.push_back({begin, end, longest->id});
    done = end;
  }
  if (done < text.size()) pieces.push_back({done, text.size(), -1});
  return pieces;
}

}  // namespace pictor
