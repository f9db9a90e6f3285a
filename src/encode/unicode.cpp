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

constexpr Range kYoungerCompat[] = {{0x32FF, 0x32FF},   {0xA7F2, 0xA7F4},   {0xAB69, 0xAB69},  {0x10781, 0x107BA},
                                    {0x1E030, 0x1E06D}, {0x1F16C, 0x1F16C}, {0x1FBF0, 0x1FBF9}};
constexpr Range kYoungerCombiningMarks[] = {
    {0x7FD, 0x7FD},     {0x898, 0x8D3},     {0x9FE, 0x9FE},     {0xAFA, 0xAFF},     {0xB55, 0xB55},
    {0xC04, 0xC3C},     {0xCF3, 0xD00},     {0xD3B, 0xD3C},     {0xD81, 0xD81},     {0xEBA, 0xEBA},
    {0xECE, 0xECE},     {0x1715, 0x1715},   {0x180F, 0x180F},   {0x1ABF, 0x1ACE},   {0x1CF7, 0x1CF7},
    {0x1DF6, 0x1DFA},   {0xA82C, 0xA82C},   {0xA8FF, 0xA8FF},   {0x10D24, 0x10F85}, {0x11070, 0x11074},
    {0x110C2, 0x110C2}, {0x11145, 0x11146}, {0x111C9, 0x111C9}, {0x111CE, 0x111CF}, {0x11241, 0x11241},
    {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x1182C, 0x11A99}, {0x11D31, 0x13455}, {0x16F4F, 0x16F4F},
    {0x16F7F, 0x16F87}, {0x16FE4, 0x16FF1}, {0x1CF00, 0x1CF46}, {0x1E08F, 0x1E4EF}};
// In these, on the other hand, the reference knows characters that utf8proc does not know yet.
constexpr Range kLaterNumbers[] = {{0x10D40, 0x10D49}, {0x116D0, 0x116E3}, {0x11BF0, 0x11BF9},
                                   {0x11DE0, 0x11DE9}, {0x16130, 0x16139}, {0x16D70, 0x16D79},
                                   {0x16FF4, 0x16FF6}, {0x1CCF0, 0x1CCF9}, {0x1E5F1, 0x1E5FA}};
constexpr Range kLaterWords[] = {{0x897, 0x897},     {0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},
                                 {0x105C0, 0x105F3}, {0x10D40, 0x10D65}, {0x10D69, 0x10D6D}, {0x10D6F, 0x10D85},
                                 {0x10EC2, 0x10EC4}, {0x10EFC, 0x10EFC}, {0x11380, 0x11389}, {0x1138B, 0x1138B},
                                 {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113C0}, {0x113C2, 0x113C2},
                                 {0x113C5, 0x113C5}, {0x113C7, 0x113CA}, {0x113CC, 0x113D3}, {0x113E1, 0x113E2},
                                 {0x116D0, 0x116E3}, {0x11BC0, 0x11BE0}, {0x11BF0, 0x11BF9}, {0x11F5A, 0x11F5A},
                                 {0x13460, 0x143FA}, {0x16100, 0x16139}, {0x16D40, 0x16D6C}, {0x16D70, 0x16D79},
                                 {0x18CFF, 0x18CFF}, {0x1CCF0, 0x1CCF9}, {0x1E5D0, 0x1E5FA}, {0x2EBF0, 0x2EE5D}};
constexpr Range kLaterExtend[] = {{0x897, 0x897},     {0x1ACF, 0x1ADD},   {0x1AE0, 0x1AEB},   {0x10D69, 0x10D6D},
                                  {0x10EFA, 0x10EFC}, {0x113B8, 0x113C0}, {0x113C2, 0x113C2}, {0x113C5, 0x113C5},
                                  {0x113C7, 0x113CA}, {0x113CC, 0x113D0}, {0x113D2, 0x113D2}, {0x113E1, 0x113E2},
                                  {0x11B60, 0x11B67}, {0x11F5A, 0x11F5A}, {0x1611E, 0x1612F}, {0x1E5EE, 0x1E5EF},
                                  {0x1E6E3, 0x1E6E3}, {0x1E6E6, 0x1E6E6}, {0x1E6EE, 0x1E6EF}, {0x1E6F5, 0x1E6F5}};

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

constexpr char32_t kHangulFirst = 0xAC00, kLeadFirst = 0x1100, kVowelFirst = 0x1161, kTailBefore = 0x11A7;
constexpr char32_t kLeads = 19, kVowels = 21, kTails = 28, kHanguls = kLeads * kVowels * kTails;

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

void append_decomposed(char32_t point, utf8proc_option_t how, std::u32string& out) {
  std::array<utf8proc_int32_t, 32> parts{};
  int boundary = 0;
  const bool stays =
      point < 0xA0 || point == kVowelSignAi || ((how & UTF8PROC_COMPAT) != 0 && in(kYoungerCompat, point));
  const auto count = stays ? utf8proc_ssize_t{0}
                           : utf8proc_decompose_char(static_cast<utf8proc_int32_t>(point), parts.data(),
                                                     static_cast<utf8proc_ssize_t>(parts.size()), how, &boundary);
  if (count <= 0 || count > static_cast<utf8proc_ssize_t>(parts.size())) {
    out.push_back(point);
    return;
  }
  for (utf8proc_ssize_t i = 0; i < count; ++i) out.push_back(static_cast<char32_t>(parts[static_cast<std::size_t>(i)]));
}

std::u32string decomposed(std::string_view text, bool compatible) {
  const auto how = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0));
  std::u32string out;
  out.reserve(text.size() + text.size() / 4);
  for (std::size_t at = 0; at < text.size();) append_decomposed(next_point(text, at), how, out);
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

// The one character that two are written as, or 0.
char32_t pair_composed(char32_t first, char32_t second) {
  if (second < 0x300) return 0;
  if (first - kLeadFirst < kLeads && second - kVowelFirst < kVowels) {
    return kHangulFirst + ((first - kLeadFirst) * kVowels + (second - kVowelFirst)) * kTails;
  }
  if (first - kHangulFirst < kHanguls && (first - kHangulFirst) % kTails == 0 &&
      second - kTailBefore - 1 < kTails - 1) {
    return first + (second - kTailBefore);
  }
  if (first - kHangulFirst < kHanguls || second - kTailBefore < kTails) return 0;
  std::array<utf8proc_int32_t, 2> pair = {static_cast<utf8proc_int32_t>(first), static_cast<utf8proc_int32_t>(second)};
  const auto how = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  if (utf8proc_normalize_utf32(pair.data(), 2, how) != 1) return 0;
  const auto joined = static_cast<char32_t>(pair[0]);
  return joined == kVowelSignAi ? 0 : joined;
}

// Canonical composition of decomposed text. `marks` holds what stands between the last starter and here.
std::u32string composed(std::u32string_view text) {
  std::u32string out;
  std::u32string marks;
  char32_t starter = 0;
  bool has_starter = false;
  int last_class = 0;  // of the last of `marks`
  out.reserve(text.size());
  for (const auto point : text) {
    const int own_class = combining_class(point);
    if (!has_starter) {
      has_starter = own_class == 0;
      if (has_starter) starter = point;
      if (!has_starter) out.push_back(point);
      continue;
    }
    const bool is_blocked = !marks.empty() && last_class >= own_class;
    if (const auto joined = is_blocked ? 0 : pair_composed(starter, point); joined != 0) {
      starter = joined;
    } else if (own_class == 0) {
      out.push_back(starter);
      out += marks;
      marks.clear();
      starter = point;
    } else {
      marks.push_back(point);
      last_class = own_class;
    }
  }
  if (has_starter) out.push_back(starter);
  return out += marks;
}

char32_t small_of(char32_t point) {
  if (point < 0x80) return point >= 'A' && point <= 'Z' ? point + 32 : point;
  const auto* found = std::ranges::lower_bound(kYoungerCapitals, point, {}, &CaseRange::last);
  if (found != std::end(kYoungerCapitals) && found->first <= point) return found->small + (point - found->first);
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point)));
}

int boundary_class(char32_t point) {
  if (point >= 0x20 && point < 0x7F) return UTF8PROC_BOUNDCLASS_OTHER;
  if (in(kLaterExtend, point)) return UTF8PROC_BOUNDCLASS_EXTEND;
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(point))->boundclass;
}

// The rules GB3 to GB9b of UAX 29; pictures and flags need more than two characters and are the caller's.
bool breaks_between(int before, int after) {
  const auto is_line = [](int kind) {
    return kind == UTF8PROC_BOUNDCLASS_CONTROL || kind == UTF8PROC_BOUNDCLASS_CR || kind == UTF8PROC_BOUNDCLASS_LF;
  };
  const auto is_any = [](int kind, std::initializer_list<int> kinds) { return std::ranges::count(kinds, kind) > 0; };
  constexpr int kL = UTF8PROC_BOUNDCLASS_L, kV = UTF8PROC_BOUNDCLASS_V, kT = UTF8PROC_BOUNDCLASS_T;
  constexpr int kLv = UTF8PROC_BOUNDCLASS_LV, kLvt = UTF8PROC_BOUNDCLASS_LVT;
  if (before == UTF8PROC_BOUNDCLASS_CR && after == UTF8PROC_BOUNDCLASS_LF) return false;
  if (is_line(before) || is_line(after)) return true;
  if (before == kL && is_any(after, {kL, kV, kLv, kLvt})) return false;
  if (is_any(before, {kLv, kV}) && is_any(after, {kV, kT})) return false;
  if (is_any(before, {kLvt, kT}) && after == kT) return false;
  if (is_any(after, {UTF8PROC_BOUNDCLASS_EXTEND, UTF8PROC_BOUNDCLASS_ZWJ, UTF8PROC_BOUNDCLASS_SPACINGMARK}))
    return false;
  return before != UTF8PROC_BOUNDCLASS_PREPEND;
}

std::string to_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const auto point : text) append_utf8(point, out);
  return out;
}

}  // namespace

std::size_t point_bytes(char first) {
  const auto byte = static_cast<unsigned char>(first);
  if (byte < 0x80) return 1;
  if (byte < 0xE0) return 2;
  return byte < 0xF0 ? 3 : 4;
}

char32_t next_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  const char32_t first = byte(at);
  const std::size_t count = point_bytes(text[at]);
  char32_t point = first;
  if (count == 2) point = (first & 0x1F) << 6 | (byte(at + 1) & 0x3F);
  if (count == 3) point = (first & 0x0F) << 12 | (byte(at + 1) & 0x3F) << 6 | (byte(at + 2) & 0x3F);
  if (count == 4) {
    point = (first & 0x07) << 18 | (byte(at + 1) & 0x3F) << 12 | (byte(at + 2) & 0x3F) << 6 | (byte(at + 3) & 0x3F);
  }
  at += count;
  return point;
}

bool is_utf8(std::string_view text, std::size_t& bad_at) {
  const auto* data = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (std::size_t at = 0; at < text.size();) {
    if (data[at] < 0x80) {
      ++at;
      continue;
    }
    utf8proc_int32_t point = 0;
    const auto used = utf8proc_iterate(data + at, static_cast<utf8proc_ssize_t>(text.size() - at), &point);
    if (used <= 0 || point < 0) {
      bad_at = at;
      return false;
    }
    at += static_cast<std::size_t>(used);
  }
  return true;
}

void append_utf8(char32_t point, std::string& out) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const auto count = utf8proc_encode_char(static_cast<utf8proc_int32_t>(point), bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(count));
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

bool is_combining_mark(char32_t point) {
  if (point < 0x300) return false;
  if (point == 0x1CF2 || point == 0x1CF3) return true;  // recategorised since the reference's table
  const auto kind = category(point);
  return kind >= UTF8PROC_CATEGORY_MN && kind <= UTF8PROC_CATEGORY_ME && !in(kYoungerCombiningMarks, point);
}

bool is_numeric(char32_t point) {
  if (point < 0x80) return point >= '0' && point <= '9';
  const auto kind = category(point);
  return (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO) || in(kLaterNumbers, point);
}

bool is_word(char32_t point) {
  if (point < 0x80) {
    return point == '_' || (point >= '0' && point <= '9') || ((point | 0x20) >= 'a' && (point | 0x20) <= 'z');
  }
  const auto kind = category(point);
  if (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_NL) return true;
  // Joiners, and the circled and squared letters, which are symbols by category and letters by property.
  constexpr Range kMore[] = {
      {0x200C, 0x200D}, {0x24B6, 0x24E9}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
  return kind == UTF8PROC_CATEGORY_PC || in(kMore, point) || in(kLaterWords, point);
}

bool is_chinese_ideograph(char32_t point) {
  constexpr Range kBlocks[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},   {0x20000, 0x2A6DF},
                               {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};
  return point >= 0x3400 && in(kBlocks, point);
}

std::string normal_form(std::string_view text, Form form) {
  const auto is_ascii = [](char byte) { return static_cast<unsigned char>(byte) < 0x80; };
  if (std::ranges::all_of(text, is_ascii)) return std::string(text);
  const bool compatible = form == Form::kNfkc || form == Form::kNfkd;
  const auto parts = decomposed(text, compatible);
  return to_utf8(form == Form::kNfc || form == Form::kNfkc ? composed(parts) : parts);
}

std::string lower_case(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto point = next_point(text, at);
    if (point == kCapitalIWithDot) {
      out += "i\u0307";
    } else {
      append_utf8(small_of(point), out);
    }
  }
  return out;
}

std::size_t cluster_end(std::string_view text, std::size_t at) {
  auto before = boundary_class(next_point(text, at));
  bool after_picture = before == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC;  // a picture, and only Extend since
  bool is_joined = false;                                                    // the joiner behind such a picture
  std::size_t flags = before == UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR ? 1 : 0;
  while (at < text.size()) {
    std::size_t next = at;
    const auto after = boundary_class(next_point(text, next));
    bool breaks = breaks_between(before, after);
    if (is_joined && after == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC) breaks = false;
    if (before == UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR && after == before) breaks = flags % 2 == 0;
    if (breaks) return at;
    is_joined = after_picture && after == UTF8PROC_BOUNDCLASS_ZWJ;
    after_picture =
        after == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC || (after_picture && after == UTF8PROC_BOUNDCLASS_EXTEND);
    if (after == UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR) ++flags;
    before = after;
    at = next;
  }
  return at;
}

}  // namespace pictor::unicode
