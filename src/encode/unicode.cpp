#include "encode/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <span>

namespace pictor::unicode {
namespace {

struct Range {
  char32_t first, last;
};

// In each table: characters of the property inside these ranges are younger than the reference's table. Characters
// without the property lie between them too, so the ranges say nothing about those.
constexpr Range kYoungerOther[] = {{0x890, 0x8E2}, {0x110CD, 0x1343F}};
constexpr Range kYoungerMarks[] = {{0x7FD, 0x7FD},     {0x898, 0x8E1},     {0x9FE, 0x9FE},     {0xAFA, 0xAFF},
                                   {0xB55, 0xB55},     {0xC04, 0xC3C},     {0xD00, 0xD00},     {0xD3B, 0xD3C},
                                   {0xD81, 0xD81},     {0xEBA, 0xEBA},     {0xECE, 0xECE},     {0x180F, 0x1886},
                                   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFB},   {0xA82C, 0xA82C},   {0xA8C5, 0xA8C5},
                                   {0xA8FF, 0xA8FF},   {0xA9BD, 0xA9BD},   {0x10D24, 0x10F85}, {0x11070, 0x11074},
                                   {0x110C2, 0x110C2}, {0x111C9, 0x111C9}, {0x111CF, 0x111CF}, {0x1123E, 0x11241},
                                   {0x1133B, 0x1133B}, {0x11438, 0x1145E}, {0x1182F, 0x13455}, {0x16F4F, 0x16F4F},
                                   {0x16FE4, 0x16FE4}, {0x1CF00, 0x1CF46}, {0x1E000, 0x1E4EF}, {0x1E944, 0x1E94A}};
constexpr Range kYoungerPunctuation[] = {{0x61D, 0x61D},     {0x9FD, 0xA76},     {0xC77, 0xC84},
                                         {0x1B7D, 0x1B7E},   {0x2E43, 0x2E5D},   {0x10EAD, 0x10F89},
                                         {0x1144B, 0x1145D}, {0x11660, 0x116B9}, {0x1183B, 0x11FFF},
                                         {0x12FF1, 0x12FF2}, {0x16E97, 0x16FE2}, {0x1E95E, 0x1E95F}};
constexpr Range kYoungerCombining[] = {{0x7FD, 0x7FD},     {0x898, 0x8D3},     {0x9FE, 0x9FE},     {0xC3C, 0xC3C},
                                       {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},   {0x1ABF, 0x1ACE},
                                       {0x1DF6, 0x1DFA},   {0xA82C, 0xA82C},   {0x10D24, 0x10F85}, {0x11070, 0x11070},
                                       {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x11A99}, {0x11D42, 0x11F42},
                                       {0x16FF0, 0x16FF1}, {0x1E08F, 0x1E4EF}};

// Capitals that are younger than utf8proc's table, and their small letters.
struct CaseRange {
  char32_t first, last, small;
};
constexpr CaseRange kYoungerCapitals[] = {
    {0x1C89, 0x1C89, 0x1C8A},    {0xA7CB, 0xA7CB, 0x264},    {0xA7CC, 0xA7CC, 0xA7CD}, {0xA7CE, 0xA7CE, 0xA7CF},
    {0xA7D2, 0xA7D2, 0xA7D3},    {0xA7D4, 0xA7D4, 0xA7D5},   {0xA7DA, 0xA7DA, 0xA7DB}, {0xA7DC, 0xA7DC, 0x19B},
    {0x10D50, 0x10D65, 0x10D70}, {0x16EA0, 0x16EB8, 0x16EBB}};

constexpr char32_t kCapitalIWithDot = 0x130;  // the one character whose small form is two
constexpr char32_t kVowelSignAi = 0x11938;    // its decomposition is younger than the reference's table

bool in(std::span<const Range> ranges, char32_t point) {
  const auto found = std::ranges::lower_bound(ranges, point, {}, &Range::last);
  return found != ranges.end() && found->first <= point;
}

utf8proc_category_t category(char32_t point) { return utf8proc_category(static_cast<utf8proc_int32_t>(point)); }

int combining_class(char32_t point) {
  if (point < 0x300) return 0;
  const int value = utf8proc_get_property(static_cast<utf8proc_int32_t>(point))->combining_class;
  return value != 0 && in(kYoungerCombining, point) ? 0 : value;
}

void append_decomposed(char32_t point, std::u32string& out) {
  std::array<utf8proc_int32_t, 32> parts{};
  int boundary = 0;
  const auto count =
      point < 0xC0 || point == kVowelSignAi
          ? utf8proc_ssize_t{0}
          : utf8proc_decompose_char(static_cast<utf8proc_int32_t>(point), parts.data(),
                                    static_cast<utf8proc_ssize_t>(parts.size()), UTF8PROC_DECOMPOSE, &boundary);
  if (count <= 0 || count > static_cast<utf8proc_ssize_t>(parts.size())) {
    out.push_back(point);
    return;
  }
  for (utf8proc_ssize_t i = 0; i < count; ++i) out.push_back(static_cast<char32_t>(parts[static_cast<std::size_t>(i)]));
}

char32_t small_of(char32_t point) {
  if (point < 0x80) return point >= 'A' && point <= 'Z' ? point + 32 : point;
  const auto* found = std::ranges::lower_bound(kYoungerCapitals, point, {}, &CaseRange::last);
  if (found != std::end(kYoungerCapitals) && found->first <= point) return found->small + (point - found->first);
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point)));
}

}  // namespace

std::optional<std::u32string> from_utf8(std::string_view text, std::size_t& bad_at) {
  std::u32string out;
  out.reserve(text.size());
  const auto* data = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (std::size_t at = 0; at < text.size();) {
    if (data[at] < 0x80) {
      out.push_back(data[at++]);
      continue;
    }
    utf8proc_int32_t point = 0;
    const auto used = utf8proc_iterate(data + at, static_cast<utf8proc_ssize_t>(text.size() - at), &point);
    if (used <= 0 || point < 0) {
      bad_at = at;
      return std::nullopt;
    }
    out.push_back(static_cast<char32_t>(point));
    at += static_cast<std::size_t>(used);
  }
  return out;
}

void append_utf8(char32_t point, std::string& out) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const auto count = utf8proc_encode_char(static_cast<utf8proc_int32_t>(point), bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(count));
}

std::string to_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const auto point : text) append_utf8(point, out);
  return out;
}

bool is_space(char32_t point) {
  if (point < 0x80) return point == ' ' || (point >= 9 && point <= 13);
  if (point == 0x85) return true;
  const auto kind = category(point);
  return kind == UTF8PROC_CATEGORY_ZS || kind == UTF8PROC_CATEGORY_ZL || kind == UTF8PROC_CATEGORY_ZP;
}

bool is_other(char32_t point) {
  if (point < 0x80) return point < 0x20 || point == 0x7F;
  const auto kind = category(point);
  const bool other = kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CF || kind == UTF8PROC_CATEGORY_CO;
  return other && !in(kYoungerOther, point);
}

bool is_punctuation(char32_t point) {
  if (point < 0x80) {
    return (point >= 33 && point <= 47) || (point >= 58 && point <= 64) || (point >= 91 && point <= 96) ||
           (point >= 123 && point <= 126);
  }
  if (point == 0x166D || point == 0x111C9) return true;  // recategorised since the reference's table
  const auto kind = category(point);
  return kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO && !in(kYoungerPunctuation, point);
}

bool is_nonspacing_mark(char32_t point) {
  if (point < 0x300) return false;
  if (point == 0x1734) return true;  // recategorised since the reference's table
  return category(point) == UTF8PROC_CATEGORY_MN && !in(kYoungerMarks, point);
}

bool is_chinese_ideograph(char32_t point) {
  constexpr Range kBlocks[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},   {0x20000, 0x2A6DF},
                               {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};
  return point >= 0x3400 && in(kBlocks, point);
}

std::u32string decomposed(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size() + text.size() / 4);
  for (const auto point : text) append_decomposed(point, out);
  for (std::size_t at = 0; at < out.size();) {
    if (combining_class(out[at]) == 0) {
      ++at;
      continue;
    }
    const std::size_t start = at;
    while (at < out.size() && combining_class(out[at]) != 0) ++at;
    const auto run = std::span(out).subspan(start, at - start);
    if (run.size() > 1) std::ranges::stable_sort(run, {}, combining_class);
  }
  return out;
}

std::u32string lower_case(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (const auto point : text) {
    if (point == kCapitalIWithDot) {
      out.append({U'i', 0x307});
    } else {
      out.push_back(small_of(point));
    }
  }
  return out;
}

}  // namespace pictor::unicode
