// Reads the normalizer and the pre-tokenizer of a tokenizer.json.
#include <optional>

#include "encode/tokenizer_parse.h"
#include "encode/unicode.h"

namespace pictor {
namespace {

template <typename T>
struct Named {
  const char* name;
  T value;
};

// The value of a text that is one of a few names.
template <typename T, std::size_t kCount>
T one_of(const JsonView& view, const Named<T> (&names)[kCount]) {
  const auto text = view.text(limits::kShortTextBytesMax);
  std::string known;
  for (const auto& [name, value] : names) {
    if (text == name) return value;
    known += std::string(known.empty() ? "'" : ", '") + name + "'";
  }
  view.refuse_unsupported(text, known);
}

// {"String": "..."} or {"Regex": "..."}.
Pattern pattern(const JsonView& view) {
  if (view.has("Regex")) {
    const auto source = view.field("Regex");
    return accepted(Pattern::regex(source.text(limits::kPatternBytesMax)), source);
  }
  return Pattern::literal(view.field("String").text(limits::kPatternBytesMax));
}

// One character.
std::string character(const JsonView& view) {
  auto text = view.text(limits::kShortTextBytesMax);
  std::size_t bad_at = 0;
  if (text.empty() || !unicode::is_utf8(text, bad_at) || unicode::point_bytes(text[0]) != text.size()) {
    view.refuse(Code::kUnreadable, "'" + text + "' is not one character");
  }
  return text;
}

normalizers::Bert bert_normalizer(const JsonView& part) {
  normalizers::Bert step;
  step.clean_text = part.flag("clean_text", true);
  step.set_ideographs_apart = part.flag("handle_chinese_chars", true);
  step.lower_case = part.flag("lowercase", true);
  step.strip_accents = part.flag("strip_accents", step.lower_case);
  return step;
}

std::optional<NormalizerStep> normalizer_step(const JsonView& part, const std::string& type) {
  if (type == "BertNormalizer") return bert_normalizer(part);
  if (type == "Strip") return normalizers::Strip{part.flag("strip_left", true), part.flag("strip_right", true)};
  if (type == "StripAccents") return normalizers::StripAccents{};
  if (type == "NFC") return normalizers::ToForm{unicode::Form::kNfc};
  if (type == "NFD") return normalizers::ToForm{unicode::Form::kNfd};
  if (type == "NFKC") return normalizers::ToForm{unicode::Form::kNfkc};
  if (type == "NFKD") return normalizers::ToForm{unicode::Form::kNfkd};
  if (type == "Lowercase") return normalizers::Lowercase{};
  if (type == "Nmt") return normalizers::Nmt{};
  if (type == "ByteLevel") return normalizers::ByteLevel{};
  if (type == "Prepend") return normalizers::Prepend{part.field("prepend").text(limits::kTokenBytesMax)};
  if (type == "Replace") {
    return normalizers::Replace{pattern(part.field("pattern")), part.field("content").text(limits::kTokenBytesMax)};
  }
  if (type == "Precompiled") {
    const auto map = part.field("precompiled_charsmap");
    return normalizers::Precompiled{accepted(Charsmap::parse(map.text(limits::kTokenizerBytesMax)), map)};
  }
  return std::nullopt;
}

// Reads a step, or a Sequence of steps under the name `list`, into a flat list.
template <typename Step, typename Read>
void add_steps(const JsonView& part, const char* list, std::size_t depth, Read read, std::vector<Step>& steps) {
  if (part.is_null()) return;
  const auto type = part.type();
  if (type == "Sequence") {
    if (depth == limits::kTokenizerDepthMax) {
      part.refuse(Code::kLimit, "lies deeper than " + std::to_string(limits::kTokenizerDepthMax) + " lists");
    }
    const auto items = part.field(list);
    const std::size_t count = items.list_size(limits::kTokenizerStepsMax);
    for (std::size_t i = 0; i < count; ++i) add_steps(items.at(i), list, depth + 1, read, steps);
    return;
  }
  auto step = read(part, type);
  if (!step) part.refuse_unsupported(type, "the kinds that tokenizer.h lists");
  steps.push_back(std::move(*step));
  if (steps.size() > limits::kTokenizerStepsMax) {
    part.refuse(Code::kLimit,
                "is one more than the " + std::to_string(limits::kTokenizerStepsMax) + " steps that are read");
  }
}

using cut::Behavior;

Behavior behavior(const JsonView& view) {
  constexpr Named<Behavior> kNames[] = {{"Isolated", Behavior::kIsolated},
                                        {"Removed", Behavior::kRemoved},
                                        {"MergedWithPrevious", Behavior::kMergedWithPrevious},
                                        {"MergedWithNext", Behavior::kMergedWithNext},
                                        {"Contiguous", Behavior::kContiguous}};
  return one_of(view, kNames);
}

cut::Metaspace metaspace(const JsonView& part) {
  constexpr Named<cut::PrependScheme> kNames[] = {{"always", cut::PrependScheme::kAlways},
                                                  {"first", cut::PrependScheme::kFirst},
                                                  {"never", cut::PrependScheme::kNever}};
  cut::Metaspace step;
  step.replacement = character(part.field("replacement"));
  const auto scheme = part.field_or_null("prepend_scheme");
  if (!scheme.is_null()) step.prepend = one_of(scheme, kNames);
  // The older field says the same; files of the time between have both.
  if (!part.flag("add_prefix_space", true)) {
    if (!scheme.is_null() && step.prepend != cut::PrependScheme::kNever) {
      part.refuse(Code::kUnreadable, "add_prefix_space is false, but prepend_scheme is not 'never'");
    }
    step.prepend = cut::PrependScheme::kNever;
  }
  step.split = part.flag("split", true);
  return step;
}

std::optional<PreTokenizerStep> pre_tokenizer_step(const JsonView& part, const std::string& type) {
  if (type == "BertPreTokenizer") return cut::Bert{};
  if (type == "ByteLevel") return cut::ByteLevel{part.flag("add_prefix_space", true), part.flag("use_regex", true)};
  if (type == "Metaspace") return metaspace(part);
  if (type == "Whitespace") return cut::Whitespace{};
  if (type == "WhitespaceSplit") return cut::WhitespaceSplit{};
  if (type == "Digits") return cut::Digits{part.flag("individual_digits", false)};
  if (type == "Punctuation") {
    const auto how = part.field_or_null("behavior");
    return cut::Punctuation{how.is_null() ? Behavior::kIsolated : behavior(how)};
  }
  if (type == "Split") {
    return cut::Split{pattern(part.field("pattern")), behavior(part.field("behavior")), part.flag("invert", false)};
  }
  if (type == "CharDelimiterSplit" || type == "Delimiter") {
    std::size_t at = 0;
    return cut::Delimiter{unicode::next_point(character(part.field("delimiter")), at)};
  }
  if (type == "FixedLength") {
    const auto length = part.field_or_null("length");
    return cut::FixedLength{length.is_null() ? 5 : static_cast<std::size_t>(length.whole(1, INT32_MAX))};
  }
  return std::nullopt;
}

}  // namespace

std::vector<NormalizerStep> parse_normalizer(const JsonView& part) {
  std::vector<NormalizerStep> steps;
  add_steps(part, "normalizers", 0, normalizer_step, steps);
  return steps;
}

std::vector<PreTokenizerStep> parse_pre_tokenizer(const JsonView& part) {
  std::vector<PreTokenizerStep> steps;
  add_steps(part, "pretokenizers", 0, pre_tokenizer_step, steps);
  return steps;
}

}  // namespace pictor
