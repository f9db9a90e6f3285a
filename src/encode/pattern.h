// What a tokenizer.json looks for in a text: a literal, or a regular expression as Oniguruma, the reference's engine,
// reads it. Matching is bounded: limits::kPatternStepsPerByte.
//
// Oniguruma knows an older Unicode than the reference's build of it: a character that it does not know is shown to it
// as one that it knows, of the same kind and as many bytes. Thread safety: immutable; any thread may match.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor {

class Pattern {
 public:
  static Pattern literal(std::string_view text);
  // kUnreadable with the engine's own words when it is not a regular expression.
  static Result<Pattern> regex(std::string_view source);

  // Matches and what lies between them, in order, covering the whole text. An empty text is one empty part that does
  // not match.
  struct Part {
    std::size_t begin = 0, end = 0;
    bool is_match = false;
  };
  Result<std::vector<Part>> parts(std::string_view text) const;

 private:
  struct Compiled;
  std::string literal_;
  std::shared_ptr<const Compiled> compiled_;  // null: a literal
};

}  // namespace pictor
