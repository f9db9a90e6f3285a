// Filters over metadata: `brand = 'Acme' and price < 20 and not (tags contains 'used')`.
//
// The grammar, and what each comparison means, stand in docs/reference/filters.md. In short: a comparison is true only
// when the field exists and has the type of the value it is compared with; so it is false for what is missing, `!=`
// included. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"
#include "db/db.h"

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
  kContains,  // field, one value: an element of the array, or, a string, part of the text whatever the case of a to z
};

enum class FilterValueKind : std::uint8_t { kString, kNumber, kTrue, kFalse, kNull, kTime };

// A number of JSON as SQLite reads it: whole ones that fit are integers.
struct FilterNumber {
  bool is_real = false;
  std::int64_t integer = 0;
  double real = 0.0;
};
int compare(const FilterNumber& a, const FilterNumber& b);  // by value, exactly: less than 0, 0, more than 0

struct FilterValue {
  FilterValueKind kind = FilterValueKind::kNull;
  std::string text;     // the string, or the number as it was written
  FilterNumber number;  // after read_numbers
  std::int64_t time_us = 0;
};

struct FilterStep {
  std::string name;
  bool is_index = false;   // then it goes into an array
  std::int32_t index = 0;  // from 0; negative: -1 is the last
};

struct FilterField {
  std::string built_in;          // "id", "width", ...; empty: a field of the metadata
  std::vector<FilterStep> path;  // from the outside in
};

struct FilterNode {
  FilterOp op = FilterOp::kAnd;
  FilterField field;
  bool any = false;  // of an element of the array that the field is
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
// REQUIRES of who runs it: add_filter_functions on the connection.
FilterSql compile_filter(const FilterNode& filter, int first_parameter);
Status add_filter_functions(Database& database);

// Sets the number of each value that is one, as `read` reads it. Whole ones of few digits are not asked for.
Status read_numbers(FilterNode& filter, const std::function<Result<FilterNumber>(const std::string&)>& read);

bool is_text_field(std::string_view built_in);  // "id", "source", "text", "format"; the others are numbers

}  // namespace pictor
