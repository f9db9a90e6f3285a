// The pre-tokenizers of a tokenizer.json: each a value, a list of them cuts a normalised text into words.
//
// Thread safety: values; cutting is const. Cost: linear in the text, which may grow to limits::kNormalisedBytesMax.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/base.h"
#include "encode/normalizer.h"
#include "encode/pattern.h"

namespace pictor {

struct Words {
  TextOnWay text;
  struct Span {
    std::size_t begin = 0, end = 0;
  };
  std::vector<Span> spans;  // in order, none empty
};

namespace cut {
// What happens to a match: is it a word, is it dropped, does it stay with the text before or behind it, or do
// neighbouring matches make one word?
enum class Behavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };
enum class PrependScheme { kAlways, kFirst, kNever };

struct Bert {};
struct ByteLevel {
  bool add_prefix_space = true;
  bool use_regex = true;
};
struct Delimiter {
  char32_t point = U' ';
};
struct Metaspace {
  std::string replacement;  // of a blank: one character
  PrependScheme prepend = PrependScheme::kAlways;
  bool split = true;
};
struct Whitespace {};  // \w+|[^\w\s]+
struct WhitespaceSplit {};
struct Punctuation {
  Behavior behavior = Behavior::kIsolated;
};
struct Digits {
  bool individual = false;
};
struct Split {
  Pattern pattern;
  Behavior behavior = Behavior::kIsolated;
  bool invert = false;
};
struct FixedLength {
  std::size_t points = 5;
};
}  // namespace cut

using PreTokenizerStep =
    std::variant<cut::Bert, cut::ByteLevel, cut::Delimiter, cut::Metaspace, cut::Whitespace, cut::WhitespaceSplit,
                 cut::Punctuation, cut::Digits, cut::Split, cut::FixedLength>;

// kLimit when the text grows too long, or a pattern needs too many steps.
Result<Words> cut_into_words(std::span<const PreTokenizerStep> steps, TextOnWay text);

}  // namespace pictor
