// Filters over metadata: `brand = 'Acme' and price < 20 and not (tags contains 'used')`.
//
// The grammar, and what each comparison means, stand in docs/reference/filters.md. In short: a comparison is true only
// when the field exists and has the type of the value it is compared with; so it is false for what is missing, `!=`
// included. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor {

enum class FilterOp : std::uint8_t {
  kAnd,       // children, two or more
  kOr,        // children, two or more
  kNot,       // one child
  kEqual,     // field, one value
  kNotEqual,  // likewise
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kIn,        // field, one value or more
  kExists,    // field
  kPrefix,    // field, one string: what it starts with
  kContains,  // field, one string: what is in it, whatever the case of ASCII letters
};

enum class FilterValueKind : std::uint8_t { kString, kNumber, kTrue, kFalse, kNull };

struct FilterValue {
  FilterValueKind kind = FilterValueKind::kNull;
  std::string text;  // the string, or the number as it was written
};

struct FilterField {
  std::string built_in;           // "id", "width", ...; empty: a field of the metadata
  std::vector<std::string> path;  // names from the outside in
};

struct FilterNode {
  FilterOp op = FilterOp::kAnd;
  FilterField field;
  std::vector<FilterValue> values;
  std::vector<FilterNode> children;
};

// kInvalid points at the character that is wrong and says what was expected; kLimit: too long, too deep, too many
// terms.
Result<FilterNode> parse_filter(std::string_view text);

struct FilterSql {
  std::string where;                    // an expression over the table `rows`; never NULL
  std::vector<std::string> parameters;  // texts, for ?first, ?first+1, ...
};
FilterSql compile_filter(const FilterNode& filter, int first_parameter);

bool is_text_field(std::string_view built_in);  // "id", "source", "text", "format"; the others are numbers

}  // namespace pictor
