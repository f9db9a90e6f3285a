// Unicode as the reference tokenizer sees it: each property of the version that the part of the `tokenizers` package
// which asks for it was built with (8 to 17).
//
// utf8proc knows Unicode 15; where it knows more or less than the reference, unicode.cpp holds the difference, and a
// test compares every code point there is. Texts are UTF-8. Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pictor::unicode {

// Whether the text is well-formed; `bad_at` is else the first byte that is wrong.
bool is_utf8(std::string_view text, std::size_t& bad_at);
void append_utf8(char32_t point, std::string& out);
// The code point that begins at byte `at`, which moves behind it. REQUIRES: well-formed UTF-8, at < text.size().
char32_t next_point(std::string_view text, std::size_t& at);
// How many bytes the code point takes that begins with this byte.
std::size_t point_bytes(char first);

bool is_space(char32_t point);              // White_Space
bool is_other(char32_t point);              // Cc, Cf, Co
bool is_punctuation(char32_t point);        // P*, and all ASCII punctuation ('$', '+', '<', '^', '`', '|', '~')
bool is_nonspacing_mark(char32_t point);    // Mn
bool is_combining_mark(char32_t point);     // M*
bool is_numeric(char32_t point);            // N*
bool is_word(char32_t point);               // \w: Alphabetic, M*, Nd, Pc, Join_Control
bool is_chinese_ideograph(char32_t point);  // the blocks that BERT sets apart

enum class Form { kNfc, kNfd, kNfkc, kNfkd };
std::string normal_form(std::string_view text, Form form);
// Each character's own lower case, without regard to its neighbours: a final sigma stays a plain sigma.
std::string lower_case(std::string_view text);
// Where the extended grapheme cluster ends that begins at byte `at`. Indic conjuncts are not joined: no caller looks at
// a cluster of their length. REQUIRES: well-formed UTF-8, at < text.size().
std::size_t cluster_end(std::string_view text, std::size_t at);

}  // namespace pictor::unicode
