#include "encode/pre_tokenizer.h"

#include <algorithm>

#include "encode/unicode.h"

namespace pictor {
namespace {

using cut::Behavior;
using Parts = std::vector<Pattern::Part>;

// Each character for which is_match(point) is a match of its own, as in the reference.
template <typename IsMatch>
Parts parts_by(std::string_view text, IsMatch is_match) {
  Parts parts;
  std::size_t covered = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (!is_match(unicode::next_point(text, at))) continue;
    if (covered < begin) parts.push_back({covered, begin, false});
    parts.push_back({begin, at, true});
    covered = at;
  }
  if (covered < text.size()) parts.push_back({covered, text.size(), false});
  return parts;
}

// Joins neighbours into one part where joins(part, its neighbour already seen) says so.
template <typename Joins>
Parts joined(const Parts& parts, Joins joins) {
  Parts out;
  bool previous = false;
  for (const auto& part : parts) {
    if (!out.empty() && joins(part.is_match, previous)) {
      out.back().end = part.end;
    } else {
      out.push_back(part);
    }
    previous = part.is_match;
  }
  return out;
}

Parts joined_with_next(const Parts& parts) {
  Parts out;
  bool previous = false;
  for (std::size_t i = parts.size(); i-- > 0;) {
    if (!out.empty() && parts[i].is_match && !previous) {
      out.back().begin = parts[i].begin;
    } else {
      out.push_back(parts[i]);
    }
    previous = parts[i].is_match;
  }
  std::ranges::reverse(out);
  return out;
}

Parts behaved(Parts parts, Behavior behavior) {
  switch (behavior) {
    case Behavior::kIsolated: return parts;
    case Behavior::kRemoved: std::erase_if(parts, [](const auto& part) { return part.is_match; }); return parts;
    case Behavior::kMergedWithPrevious: return joined(parts, [](bool now, bool before) { return now && !before; });
    case Behavior::kMergedWithNext: return joined_with_next(parts);
    case Behavior::kContiguous: return joined(parts, [](bool now, bool before) { return now == before; });
  }
  return parts;
}

// Cuts each word by find(text of the word), which returns parts in the word's own places.
template <typename Find>
Status cut_each(Words& words, Behavior behavior, Find find) {
  std::vector<Words::Span> spans;
  const std::string_view all = words.text.bytes;
  for (const auto& span : words.spans) {
    PICTOR_ASSIGN(Parts parts, find(all.substr(span.begin, span.end - span.begin)));
    for (const auto& part : behaved(std::move(parts), behavior)) {
      if (part.begin < part.end) spans.push_back({span.begin + part.begin, span.begin + part.end});
    }
  }
  words.spans = std::move(spans);
  return Status::ok();
}

template <typename IsMatch>
Status cut_by(Words& words, Behavior behavior, IsMatch is_match) {
  return cut_each(words, behavior, [&](std::string_view text) -> Result<Parts> { return parts_by(text, is_match); });
}

// Writes each word anew by write(word, its bytes at the start of the text, out), which returns what these have become.
template <typename Write>
void rewrite_each(Words& words, Write write) {
  Words out;
  for (const auto& span : words.spans) {
    const auto word = std::string_view(words.text.bytes).substr(span.begin, span.end - span.begin);
    const std::size_t head = std::min(std::max(words.text.head_bytes, span.begin), span.end) - span.begin;
    const std::size_t begin = out.text.bytes.size();
    const std::size_t new_head = write(word, head, out.text.bytes);
    if (begin == out.text.bytes.size()) continue;
    if (head > 0) out.text.head_bytes = begin + new_head;
    out.spans.push_back({begin, out.text.bytes.size()});
  }
  words = std::move(out);
}

Status run(const cut::Bert&, Words& words) {
  PICTOR_TRY(cut_by(words, Behavior::kRemoved, unicode::is_space));
  return cut_by(words, Behavior::kIsolated, unicode::is_punctuation);
}

const Result<Pattern>& gpt2_pattern() {
  static const auto kPattern =
      Pattern::regex(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)");
  return kPattern;
}

Status run(const cut::ByteLevel& step, Words& words) {
  if (step.add_prefix_space) {
    rewrite_each(words, [](std::string_view word, std::size_t head, std::string& out) {
      const bool is_apart = word.starts_with(' ');
      if (!is_apart) out += ' ';
      out += word;
      return head + (is_apart ? 0 : 1);
    });
  }
  if (step.use_regex) {
    if (!gpt2_pattern().is_ok()) return gpt2_pattern().status();
    PICTOR_TRY(cut_each(words, Behavior::kIsolated, [](std::string_view text) { return gpt2_pattern()->parts(text); }));
  }
  rewrite_each(words, [](std::string_view word, std::size_t head, std::string& out) {
    const std::size_t begin = out.size();
    append_byte_level(word.substr(0, head), out);
    const std::size_t new_head = out.size() - begin;
    append_byte_level(word.substr(head), out);
    return new_head;
  });
  return Status::ok();
}

Status run(const cut::Delimiter& step, Words& words) {
  return cut_by(words, Behavior::kRemoved, [&](char32_t point) { return point == step.point; });
}

Status run(const cut::Metaspace& step, Words& words) {
  const auto add = [&](std::string_view text, std::string& out) {
    for (const char byte : text) {
      if (byte == ' ') {
        out += step.replacement;
      } else {
        out += byte;
      }
    }
  };
  rewrite_each(words, [&](std::string_view word, std::size_t head, std::string& out) {
    const std::size_t begin = out.size();
    const bool has_mark = word.starts_with(' ') || word.starts_with(step.replacement);
    const bool wanted =
        step.prepend == cut::PrependScheme::kAlways || (step.prepend == cut::PrependScheme::kFirst && head > 0);
    if (wanted && !has_mark) out += step.replacement;
    add(word.substr(0, head), out);
    const std::size_t new_head = out.size() - begin;
    add(word.substr(head), out);
    return new_head;
  });
  if (!step.split) return Status::ok();
  std::size_t at = 0;
  const char32_t mark = unicode::next_point(step.replacement, at);
  return cut_by(words, Behavior::kMergedWithNext, [=](char32_t point) { return point == mark; });
}

Status run(const cut::Whitespace&, Words& words) {
  return cut_each(words, Behavior::kRemoved, [](std::string_view text) -> Result<Parts> {
    enum class Kind { kSpace, kWord, kOther };
    Parts parts;
    auto last = Kind::kSpace;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t begin = at;
      const auto point = unicode::next_point(text, at);
      const auto kind = unicode::is_word(point) ? Kind::kWord : unicode::is_space(point) ? Kind::kSpace : Kind::kOther;
      if (!parts.empty() && kind == last) {
        parts.back().end = at;
      } else {
        parts.push_back({begin, at, kind == Kind::kSpace});
      }
      last = kind;
    }
    return parts;
  });
}

Status run(const cut::WhitespaceSplit&, Words& words) { return cut_by(words, Behavior::kRemoved, unicode::is_space); }

Status run(const cut::Punctuation& step, Words& words) { return cut_by(words, step.behavior, unicode::is_punctuation); }

Status run(const cut::Digits& step, Words& words) {
  return cut_by(words, step.individual ? Behavior::kIsolated : Behavior::kContiguous, unicode::is_numeric);
}

Status run(const cut::Split& step, Words& words) {
  return cut_each(words, step.behavior, [&](std::string_view text) -> Result<Parts> {
    PICTOR_ASSIGN(Parts parts, step.pattern.parts(text));
    if (step.invert) {
      for (auto& part : parts) part.is_match = !part.is_match;
    }
    return parts;
  });
}

Status run(const cut::FixedLength& step, Words& words) {
  return cut_each(words, Behavior::kIsolated, [&](std::string_view text) -> Result<Parts> {
    Parts parts;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t begin = at;
      for (std::size_t i = 0; i < step.points && at < text.size(); ++i) at += unicode::point_bytes(text[at]);
      parts.push_back({begin, at, false});
    }
    return parts;
  });
}

}  // namespace

Result<Words> cut_into_words(std::span<const PreTokenizerStep> steps, TextOnWay text) {
  Words words{std::move(text), {}};
  if (!words.text.bytes.empty()) words.spans.push_back({0, words.text.bytes.size()});
  for (const auto& step : steps) {
    PICTOR_TRY(std::visit([&](const auto& one) { return run(one, words); }, step));
    if (words.text.bytes.size() > limits::kNormalisedBytesMax) {
      return Status(Code::kLimit, "the text grows past " + std::to_string(limits::kNormalisedBytesMax) +
                                      " bytes while it is cut into words: send a shorter text");
    }
  }
  return words;
}

}  // namespace pictor
