#include "encode/pattern.h"

#include <oniguruma.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>

#include "encode/unicode.h"

namespace pictor {
namespace {

using Part = Pattern::Part;

// Characters that Debian's Oniguruma does not know yet, or not as alphabetic, and one that it knows, of the same
// category, as alphabetic and as many bytes.
struct StandIn {
  char32_t first, last, known;
};
constexpr StandIn kStandIns[] = {
    {0x363, 0x36F, 0x5B0},       {0x897, 0x897, 0xE31},       {0xC04, 0xC04, 0xE31},       {0xCF3, 0xCF3, 0x903},
    {0xECE, 0xECE, 0xE47},       {0xF82, 0xF83, 0xE31},       {0x1B4E, 0x1B4F, 0x1B5A},    {0x1B7F, 0x1B7F, 0x1B5A},
    {0x1C89, 0x1C89, 0x1C90},    {0x1C8A, 0x1C8A, 0xA7A1},    {0x1DD3, 0x1DE6, 0xE31},     {0x2427, 0x2429, 0x2400},
    {0x2FFC, 0x2FFF, 0x2400},    {0x31E4, 0x31E5, 0x2400},    {0x31EF, 0x31EF, 0x2400},    {0xA7CB, 0xA7CC, 0x1C90},
    {0xA7CD, 0xA7CD, 0xA7A1},    {0xA7DA, 0xA7DA, 0x1C90},    {0xA7DB, 0xA7DB, 0xA7A1},    {0xA7DC, 0xA7DC, 0x1C90},
    {0x105C0, 0x105F3, 0x10A00}, {0x10D40, 0x10D49, 0x104A0}, {0x10D4A, 0x10D4D, 0x10A00}, {0x10D4E, 0x10D4E, 0x16F93},
    {0x10D4F, 0x10D4F, 0x10A00}, {0x10D50, 0x10D65, 0x10400}, {0x10D69, 0x10D69, 0x10A01}, {0x10D6A, 0x10D6D, 0x10A38},
    {0x10D6E, 0x10D6E, 0x10EAD}, {0x10D6F, 0x10D6F, 0x16F93}, {0x10D70, 0x10D85, 0x10428}, {0x10D8E, 0x10D8F, 0x1D6C1},
    {0x10EC2, 0x10EC4, 0x10A00}, {0x10EFC, 0x10EFC, 0x10A01}, {0x10EFD, 0x10EFF, 0x10A38}, {0x11080, 0x11081, 0x10A01},
    {0x1123F, 0x11240, 0x10A00}, {0x11241, 0x11241, 0x10A01}, {0x11380, 0x11389, 0x10A00}, {0x1138B, 0x1138B, 0x10A00},
    {0x1138E, 0x1138E, 0x10A00}, {0x11390, 0x113B5, 0x10A00}, {0x113B7, 0x113B7, 0x10A00}, {0x113B8, 0x113BA, 0x11000},
    {0x113BB, 0x113C0, 0x10A01}, {0x113C2, 0x113C2, 0x11000}, {0x113C5, 0x113C5, 0x11000}, {0x113C7, 0x113CA, 0x11000},
    {0x113CC, 0x113CD, 0x11000}, {0x113CE, 0x113CE, 0x10A38}, {0x113CF, 0x113CF, 0x1D165}, {0x113D0, 0x113D0, 0x10A38},
    {0x113D1, 0x113D1, 0x10A00}, {0x113D2, 0x113D2, 0x10A38}, {0x113D3, 0x113D3, 0x10A00}, {0x113D4, 0x113D5, 0x10100},
    {0x113D7, 0x113D8, 0x10100}, {0x113E1, 0x113E2, 0x10A38}, {0x116D0, 0x116E3, 0x104A0}, {0x1171E, 0x1171E, 0x11000},
    {0x11B00, 0x11B09, 0x10100}, {0x11BC0, 0x11BE0, 0x10A00}, {0x11BE1, 0x11BE1, 0x10100}, {0x11BF0, 0x11BF9, 0x104A0},
    {0x11F00, 0x11F01, 0x10A01}, {0x11F02, 0x11F02, 0x10A00}, {0x11F03, 0x11F03, 0x11000}, {0x11F04, 0x11F10, 0x10A00},
    {0x11F12, 0x11F33, 0x10A00}, {0x11F34, 0x11F35, 0x11000}, {0x11F36, 0x11F3A, 0x10A01}, {0x11F3E, 0x11F3F, 0x11000},
    {0x11F40, 0x11F40, 0x10A01}, {0x11F41, 0x11F41, 0x1D165}, {0x11F42, 0x11F42, 0x10A38}, {0x11F43, 0x11F4F, 0x10100},
    {0x11F50, 0x11F59, 0x104A0}, {0x11F5A, 0x11F5A, 0x10A38}, {0x1342F, 0x1342F, 0x10A00}, {0x13439, 0x1343F, 0x110BD},
    {0x13440, 0x13440, 0x10A38}, {0x13441, 0x13446, 0x10A00}, {0x13447, 0x13455, 0x10A38}, {0x13460, 0x143FA, 0x10A00},
    {0x16100, 0x1611D, 0x10A00}, {0x1611E, 0x16129, 0x10A01}, {0x1612A, 0x1612C, 0x11000}, {0x1612D, 0x1612E, 0x10A01},
    {0x1612F, 0x1612F, 0x10A38}, {0x16130, 0x16139, 0x104A0}, {0x16D40, 0x16D42, 0x16F93}, {0x16D43, 0x16D6A, 0x10A00},
    {0x16D6B, 0x16D6C, 0x16F93}, {0x16D6D, 0x16D6F, 0x10100}, {0x16D70, 0x16D79, 0x104A0}, {0x18CFF, 0x18CFF, 0x10A00},
    {0x1B132, 0x1B132, 0x10A00}, {0x1B155, 0x1B155, 0x10A00}, {0x1CC00, 0x1CCEF, 0x1F300}, {0x1CCF0, 0x1CCF9, 0x104A0},
    {0x1CD00, 0x1CEB3, 0x1F300}, {0x1D2C0, 0x1D2D3, 0x10E60}, {0x1DF25, 0x1DF2A, 0x10428}, {0x1E030, 0x1E06D, 0x16F93},
    {0x1E08F, 0x1E08F, 0x10A01}, {0x1E4D0, 0x1E4EA, 0x10A00}, {0x1E4EB, 0x1E4EB, 0x16F93}, {0x1E4EC, 0x1E4EF, 0x10A38},
    {0x1E4F0, 0x1E4F9, 0x104A0}, {0x1E5D0, 0x1E5ED, 0x10A00}, {0x1E5EE, 0x1E5EF, 0x10A38}, {0x1E5F0, 0x1E5F0, 0x10A00},
    {0x1E5F1, 0x1E5FA, 0x104A0}, {0x1E5FF, 0x1E5FF, 0x10100}, {0x1F6DC, 0x1F6DC, 0x1F300}, {0x1F774, 0x1F776, 0x1F300},
    {0x1F77B, 0x1F77F, 0x1F300}, {0x1F7D9, 0x1F7D9, 0x1F300}, {0x1F8B2, 0x1F8BB, 0x1F300}, {0x1F8C0, 0x1F8C1, 0x1F300},
    {0x1FA75, 0x1FA77, 0x1F300}, {0x1FA87, 0x1FA89, 0x1F300}, {0x1FA8F, 0x1FA8F, 0x1F300}, {0x1FAAD, 0x1FAAF, 0x1F300},
    {0x1FABB, 0x1FABF, 0x1F300}, {0x1FAC6, 0x1FAC6, 0x1F300}, {0x1FACE, 0x1FACF, 0x1F300}, {0x1FADA, 0x1FADC, 0x1F300},
    {0x1FADF, 0x1FADF, 0x1F300}, {0x1FAE8, 0x1FAE9, 0x1F300}, {0x1FAF7, 0x1FAF8, 0x1F300}, {0x1FBCB, 0x1FBEF, 0x1F300},
    {0x2B739, 0x2B739, 0x20000}, {0x2EBF0, 0x2EE5D, 0x20000}, {0x31350, 0x323AF, 0x20000}};

constexpr unsigned char kShortLead = 0xCD;  // that those of fewer than three bytes begin with

// The text with stand-ins, or nothing when it needs none.
std::optional<std::string> as_known(std::string_view text) {
  std::optional<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    if (first < 0xE0 && first != kShortLead) {
      at += unicode::point_bytes(text[at]);
      continue;
    }
    const std::size_t begin = at;
    const auto point = unicode::next_point(text, at);
    const auto* found = std::ranges::lower_bound(kStandIns, point, {}, &StandIn::last);
    if (found == std::end(kStandIns) || point < found->first) continue;
    if (!out) out.emplace(text);
    std::string known;
    unicode::append_utf8(found->known, known);
    out->replace(begin, at - begin, known);
  }
  return out;
}

const UChar* bytes(std::string_view text) { return reinterpret_cast<const UChar*>(text.data()); }

struct RegionFree {
  void operator()(OnigRegion* region) const { onig_region_free(region, 1); }
};
struct ParamFree {
  void operator()(OnigMatchParam* param) const { onig_free_match_param(param); }
};

}  // namespace

struct Pattern::Compiled {
  regex_t* regex = nullptr;
  Compiled() = default;
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;
  ~Compiled() {
    if (regex != nullptr) onig_free(regex);
  }
};

namespace {

// Finds matches in one text. Steps are counted from above: a search is first tried with few, then with eight times as
// many, and what was allowed is taken off the text's budget.
class Search {
 public:
  Search(regex_t* regex, std::string_view text)
      : regex_(regex), text_(text), budget_(limits::kPatternStepsPerByte * (text.size() + 1024)) {}

  // The next match from byte `from` on; nothing when there is none.
  Result<std::optional<Part>> next(std::size_t from) {
    for (std::uint64_t steps = kFewSteps;; steps *= 8) {
      steps = std::min(steps, budget_);
      const int found = steps > 0 ? attempt(from, steps) : ONIGERR_RETRY_LIMIT_IN_SEARCH_OVER;
      if (found == ONIG_MISMATCH) return std::optional<Part>();
      if (found >= 0) {
        return std::optional(
            Part{static_cast<std::size_t>(region_->beg[0]), static_cast<std::size_t>(region_->end[0]), true});
      }
      const bool is_long = found == ONIGERR_RETRY_LIMIT_IN_SEARCH_OVER || found == ONIGERR_RETRY_LIMIT_IN_MATCH_OVER;
      budget_ -= steps;
      if (!is_long || budget_ == 0) {
        return Status(Code::kLimit, "a pattern of the tokenizer needs too many steps for this text of " +
                                        std::to_string(text_.size()) + " bytes: send a shorter text");
      }
    }
  }

 private:
  static constexpr std::uint64_t kFewSteps = 512;

  int attempt(std::size_t from, std::uint64_t steps) {
    onig_initialize_match_param(param_.get());
    onig_set_match_stack_limit_size_of_match_param(param_.get(), limits::kPatternStackMax);
    onig_set_retry_limit_in_match_of_match_param(param_.get(), steps);
    onig_set_retry_limit_in_search_of_match_param(param_.get(), steps);
    const UChar* end = bytes(text_) + text_.size();
    return onig_search_with_param(regex_, bytes(text_), end, bytes(text_) + from, end, region_.get(), ONIG_OPTION_NONE,
                                  param_.get());
  }

  regex_t* regex_;
  std::string_view text_;
  std::uint64_t budget_;
  std::unique_ptr<OnigRegion, RegionFree> region_{onig_region_new()};
  std::unique_ptr<OnigMatchParam, ParamFree> param_{onig_new_match_param()};
};

// Calls next(from) for a match at or behind `from`, and fills in what lies between.
template <typename Next>
Result<std::vector<Part>> all_parts(std::string_view text, Next next) {
  if (text.empty()) return std::vector<Part>{{0, 0, false}};
  std::vector<Part> parts;
  std::size_t covered = 0;
  std::optional<std::size_t> last_end;
  for (std::size_t from = 0; from <= text.size();) {
    PICTOR_ASSIGN(const std::optional<Part> found, next(from));
    if (!found) break;
    if (found->begin == found->end && last_end == found->end) {
      // An empty match where the last one ended: one character on.
      if (from == text.size()) break;
      from += unicode::point_bytes(text[from]);
      continue;
    }
    if (covered != found->begin) parts.push_back({covered, found->begin, false});
    parts.push_back(*found);
    covered = from = found->end;
    last_end = found->end;
  }
  if (covered != text.size()) parts.push_back({covered, text.size(), false});
  return parts;
}

}  // namespace

Pattern Pattern::literal(std::string_view text) {
  Pattern out;
  out.literal_ = text;
  return out;
}

Result<Pattern> Pattern::regex(std::string_view source) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  OnigEncoding encoding = ONIG_ENCODING_UTF8;
  if (onig_initialize(&encoding, 1) != ONIG_NORMAL) return Status(Code::kInternal, "Oniguruma does not start");
  auto compiled = std::make_shared<Compiled>();
  OnigErrorInfo info{};
  const int code = onig_new(&compiled->regex, bytes(source), bytes(source) + source.size(), ONIG_OPTION_NONE,
                            ONIG_ENCODING_UTF8, ONIG_SYNTAX_RUBY, &info);
  if (code != ONIG_NORMAL) {
    compiled->regex = nullptr;  // onig_new has freed it
    std::array<UChar, ONIG_MAX_ERROR_MESSAGE_LEN> words{};
    const int size = onig_error_code_to_str(words.data(), code, &info);
    return Status(Code::kUnreadable, "the regular expression '" + std::string(source) + "' is refused: " +
                                         std::string(reinterpret_cast<const char*>(words.data()),
                                                     static_cast<std::size_t>(std::max(size, 0))));
  }
  Pattern out;
  out.compiled_ = std::move(compiled);
  return out;
}

Result<std::vector<Part>> Pattern::parts(std::string_view text) const {
  if (compiled_ == nullptr) {
    return all_parts(text, [&](std::size_t from) -> Result<std::optional<Part>> {
      const auto at = text.find(literal_, from);
      if (at == std::string_view::npos) return std::optional<Part>();
      return std::optional(Part{at, at + literal_.size(), true});
    });
  }
  const auto known = as_known(text);
  Search search(compiled_->regex, known ? std::string_view(*known) : text);
  return all_parts(text, [&](std::size_t from) { return search.next(from); });
}

}  // namespace pictor
