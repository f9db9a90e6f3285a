// Unicode as the reference tokenizer sees it: categories of Unicode 8, decomposition of Unicode 9, lower case of
// Unicode 17, each as in the tables that the `tokenizers` package was built with.
//
// utf8proc knows Unicode 15; where it knows more or less than the reference, unicode.cpp holds the difference, and a
// test compares every code point there is. Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pictor::unicode {

// The code points of well-formed UTF-8; nothing when it is not (`bad_at` is then the first byte that is wrong).
std::optional<std::u32string> from_utf8(std::string_view text, std::size_t& bad_at);
void append_utf8(char32_t point, std::string& out);
std::string to_utf8(std::u32string_view text);

bool is_space(char32_t point);              // White_Space
bool is_other(char32_t point);              // Cc, Cf, Co
bool is_punctuation(char32_t point);        // P*, and all ASCII punctuation ('$', '+', '<', '^', '`', '|', '~')
bool is_nonspacing_mark(char32_t point);    // Mn
bool is_chinese_ideograph(char32_t point);  // the blocks that BERT sets apart

// Canonical decomposition with canonical ordering (NFD).
std::u32string decomposed(std::u32string_view text);
// Each character's own lower case, without regard to its neighbours: a final sigma stays a plain sigma.
std::u32string lower_case(std::u32string_view text);

}  // namespace pictor::unicode
