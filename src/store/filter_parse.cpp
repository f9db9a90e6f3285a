#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "store/filter.h"
#include "store/filter_scan.h"
#include "store/iso_time.h"

namespace pictor {
namespace {

using filter::fault;
using filter::Scanner;
using filter::Token;
using filter::TokenKind;

constexpr std::array<std::string_view, 4> kTextFields = {"id", "source", "text", "format"};
constexpr std::array<std::string_view, 2> kNumberFields = {"width", "height"};
constexpr std::array<std::string_view, 9> kKeywords = {"and",  "or",       "not",  "in",   "exists",
                                                       "like", "contains", "true", "false"};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), scanner_(text) {}

  Result<FilterNode> parse() {
    PICTOR_TRY(advance());
    PICTOR_ASSIGN(auto filter, any_of(1));
    if (token_.kind != TokenKind::kEnd) return expected("'and', 'or' or the end");
    return filter;
  }

 private:
  Status advance() {
    PICTOR_ASSIGN(token_, scanner_.next());
    return Status::ok();
  }

  Status expected(const std::string& what) const {
    const std::string found =
        token_.kind == TokenKind::kEnd ? "the end" : "'" + std::string(token_.raw.substr(0, 40)) + "'";
    return fault(text_, token_.position, "expected " + what + ", found " + found);
  }

  Result<FilterNode> any_of(std::uint32_t depth) {
    return list(depth, FilterOp::kOr, "or", [this](std::uint32_t d) { return all_of(d); });
  }
  Result<FilterNode> all_of(std::uint32_t depth) {
    return list(depth, FilterOp::kAnd, "and", [this](std::uint32_t d) { return unit(d); });
  }

  template <typename Inner>
  Result<FilterNode> list(std::uint32_t depth, FilterOp op, std::string_view keyword, const Inner& inner) {
    PICTOR_ASSIGN(auto first, inner(depth));
    if (!token_.is_keyword(keyword)) return first;
    FilterNode node;
    node.op = op;
    node.children.push_back(std::move(first));
    while (token_.is_keyword(keyword)) {
      PICTOR_TRY(advance());
      PICTOR_ASSIGN(auto child, inner(depth));
      node.children.push_back(std::move(child));
    }
    return node;
  }

  Result<FilterNode> unit(std::uint32_t depth) {
    if (depth > limits::kFilterDepthMax) {
      return Status(Code::kLimit,
                    "filter is nested deeper than " + std::to_string(limits::kFilterDepthMax) + " levels");
    }
    if (token_.is_keyword("not")) {
      PICTOR_TRY(advance());
      FilterNode node;
      node.op = FilterOp::kNot;
      PICTOR_ASSIGN(auto child, unit(depth + 1));
      node.children.push_back(std::move(child));
      return node;
    }
    if (token_.is_sign("(")) {
      PICTOR_TRY(advance());
      PICTOR_ASSIGN(auto inner, any_of(depth + 1));
      if (!token_.is_sign(")")) return expected("'and', 'or' or ')'");
      PICTOR_TRY(advance());
      return inner;
    }
    if (token_.is_keyword("within") && next_is_sign("(")) return within();
    return comparison();
  }

  // These words are names, too, unless what follows makes them more.
  bool next_is_sign(std::string_view sign) const {
    const auto next = Scanner(scanner_).next();
    return next.is_ok() && next->is_sign(sign);
  }
  bool next_is_field() const {
    const auto next = Scanner(scanner_).next();
    if (!next.is_ok()) return false;
    return next->kind == TokenKind::kQuotedName || next->kind == TokenKind::kBuiltIn ||
           (next->kind == TokenKind::kWord && !is_reserved(*next));
  }
  static bool is_reserved(const Token& token) {
    return token.is_keyword("null") ||
           std::any_of(kKeywords.begin(), kKeywords.end(), [&](auto keyword) { return token.is_keyword(keyword); });
  }

  // within(latitude, longitude, south, west, north, east): plain comparisons; west of the date line is a second range.
  Result<FilterNode> within() {
    PICTOR_TRY(advance());
    PICTOR_TRY(advance());
    std::array<FilterField, 2> fields;
    for (auto& one : fields) {
      PICTOR_ASSIGN(one, field());
      PICTOR_TRY(comma());
    }
    PICTOR_ASSIGN(const auto south, degrees(90));
    PICTOR_TRY(comma());
    PICTOR_ASSIGN(const auto west, degrees(180));
    PICTOR_TRY(comma());
    const std::size_t at_north = token_.position;
    PICTOR_ASSIGN(const auto north, degrees(90));
    PICTOR_TRY(comma());
    PICTOR_ASSIGN(const auto east, degrees(180));
    if (!token_.is_sign(")")) return expected("')'");
    PICTOR_TRY(advance());
    if (value_of(south) > value_of(north)) {
      return fault(text_, at_north, "the north of a box is " + north.text + ", south of its south, " + south.text);
    }
    FilterNode box;
    box.children = {bound(fields[0], FilterOp::kGreaterOrEqual, south),
                    bound(fields[0], FilterOp::kLessOrEqual, north)};
    FilterNode sides;
    sides.op = value_of(west) <= value_of(east) ? FilterOp::kAnd : FilterOp::kOr;
    sides.children = {bound(fields[1], FilterOp::kGreaterOrEqual, west),
                      bound(fields[1], FilterOp::kLessOrEqual, east)};
    box.children.push_back(std::move(sides));
    return box;
  }

  static double value_of(const FilterValue& number) { return std::strtod(number.text.c_str(), nullptr); }
  static FilterNode bound(const FilterField& field, FilterOp op, const FilterValue& value) {
    FilterNode node;
    node.op = op;
    node.field = field;
    node.values = {value};
    return node;
  }

  Status comma() {
    if (!token_.is_sign(",")) return expected("',' in within(latitude, longitude, south, west, north, east)");
    return advance();
  }

  Result<FilterValue> degrees(int most) {
    PICTOR_TRY(count_term());
    if (token_.kind != TokenKind::kNumber) return expected("a number of degrees");
    const FilterValue value = number_value(token_.text);
    if (value_of(value) < -most || value_of(value) > most) {
      return fault(text_, token_.position,
                   value.text + " degrees, it must be " + std::to_string(-most) + " to " + std::to_string(most));
    }
    PICTOR_TRY(advance());
    return value;
  }

  static FilterValue number_value(const std::string& text) {
    FilterValue value;
    value.kind = FilterValueKind::kNumber;
    value.text = text;
    return value;
  }

  Result<FilterNode> comparison() {
    FilterNode node;
    PICTOR_TRY(count_term());
    if (token_.is_keyword("exists")) {
      node.op = FilterOp::kExists;
      PICTOR_TRY(advance());
      PICTOR_ASSIGN(node.field, field());
      return node;
    }
    if (token_.is_keyword("any") && next_is_field()) {
      node.any = true;
      PICTOR_TRY(advance());
      if (token_.kind == TokenKind::kBuiltIn) return expected("a field that is an array");
    }
    PICTOR_ASSIGN(node.field, field());
    PICTOR_TRY(operation(node));
    return node;
  }

  Status operation(FilterNode& node) {
    struct Sign {
      std::string_view text;
      FilterOp op;
    };
    constexpr std::array<Sign, 6> kSigns = {{{"=", FilterOp::kEqual},
                                             {"!=", FilterOp::kNotEqual},
                                             {"<", FilterOp::kLess},
                                             {"<=", FilterOp::kLessOrEqual},
                                             {">", FilterOp::kGreater},
                                             {">=", FilterOp::kGreaterOrEqual}}};
    for (const auto& sign : kSigns) {
      if (!token_.is_sign(sign.text)) continue;
      node.op = sign.op;
      PICTOR_TRY(advance());
      return sign.op == FilterOp::kEqual || sign.op == FilterOp::kNotEqual ? any_value(node) : ordered_value(node);
    }
    if (token_.is_keyword("in")) return in_list(node);
    if (token_.is_keyword("like")) return like(node);
    if (token_.is_keyword("contains")) {
      node.op = FilterOp::kContains;
      PICTOR_TRY(advance());
      const bool text_only = node.any || !node.field.built_in.empty();
      if (text_only && token_.kind != TokenKind::kString) return expected("a string in 'single quotes'");
      return any_value(node);
    }
    return expected("=, !=, <, <=, >, >=, in, like or contains");
  }

  Status ordered_value(FilterNode& node) {
    const bool ordered =
        token_.kind == TokenKind::kString || token_.kind == TokenKind::kNumber || token_.is_keyword("date");
    if (ordered) return any_value(node);
    return expected("a number, or a string in 'single quotes'");
  }

  Status any_value(FilterNode& node) {
    FilterValue value;
    if (token_.kind == TokenKind::kString) {
      value.kind = FilterValueKind::kString;
      value.text = token_.text;
    } else if (token_.kind == TokenKind::kNumber) {
      value = number_value(token_.text);
    } else if (token_.is_keyword("date")) {
      PICTOR_ASSIGN(value, date());
    } else if (token_.is_keyword("true")) {
      value.kind = FilterValueKind::kTrue;
    } else if (token_.is_keyword("false")) {
      value.kind = FilterValueKind::kFalse;
    } else if (!token_.is_keyword("null")) {
      return expected("a value: a number, a string in 'single quotes', true, false or null");
    }
    node.values.push_back(std::move(value));
    return advance();
  }

  Result<FilterValue> date() {
    PICTOR_TRY(advance());
    if (token_.kind != TokenKind::kString) return expected("a date in 'single quotes', as in date '2024-05-01'");
    const auto time = iso_time_us(token_.text);
    if (!time) {
      return fault(text_, token_.position, "expected a date such as '2024-05-01' or '2024-05-01T10:30:00+02:00'");
    }
    FilterValue value;
    value.kind = FilterValueKind::kTime;
    value.text = token_.text;
    value.time_us = *time;
    return value;
  }

  Status in_list(FilterNode& node) {
    node.op = FilterOp::kIn;
    PICTOR_TRY(advance());
    if (!token_.is_sign("(")) return expected("'(' and a list of values");
    do {
      if (!node.values.empty()) PICTOR_TRY(count_term());
      PICTOR_TRY(advance());
      PICTOR_TRY(any_value(node));
    } while (token_.is_sign(","));
    if (!token_.is_sign(")")) return expected("',' or ')'");
    return advance();
  }

  Status like(FilterNode& node) {
    node.op = FilterOp::kPrefix;
    PICTOR_TRY(advance());
    if (token_.kind != TokenKind::kString) return expected("a string in 'single quotes' that ends in %");
    auto& text = token_.text;
    if (text.find('%') != text.size() - 1 || text.empty()) {
      return fault(text_, token_.position, "'like' compares how a text starts: write one %, at the end, as in 'abc%'");
    }
    text.pop_back();
    return any_value(node);
  }

  Result<FilterField> field() {
    FilterField field;
    if (token_.kind == TokenKind::kBuiltIn) {
      const bool known = is_text_field(token_.text) ||
                         std::find(kNumberFields.begin(), kNumberFields.end(), token_.text) != kNumberFields.end();
      if (!known) return expected("@id, @source, @text, @format, @width or @height");
      field.built_in = token_.text;
      PICTOR_TRY(advance());
      return field;
    }
    PICTOR_TRY(name_step(field));
    while (token_.is_sign(".") || token_.is_sign("[")) {
      if (field.path.size() == limits::kMetadataDepthMax) {
        return fault(text_, token_.position,
                     "metadata has at most " + std::to_string(limits::kMetadataDepthMax) + " levels");
      }
      const bool in_brackets = token_.is_sign("[");
      PICTOR_TRY(advance());
      PICTOR_TRY(in_brackets ? bracket_step(field) : name_step(field));
    }
    return field;
  }

  Status name_step(FilterField& field) {
    PICTOR_ASSIGN(auto name, field_name());
    field.path.push_back({std::move(name), false, 0});
    return advance();
  }

  // [0], [-1], ['odd name'] or ["odd name"].
  Status bracket_step(FilterField& field) {
    FilterStep step;
    if (token_.kind == TokenKind::kNumber) {
      constexpr std::size_t kDigitsMax = 7;
      const bool whole = token_.text.find_first_of(".eE") == std::string::npos && token_.text.size() <= kDigitsMax;
      if (!whole) return fault(text_, token_.position, "expected a position such as 0, or -1 for the last");
      step.is_index = true;
      step.index = static_cast<std::int32_t>(std::strtol(token_.text.c_str(), nullptr, 10));
    } else if (token_.kind == TokenKind::kString || token_.kind == TokenKind::kQuotedName) {
      PICTOR_ASSIGN(step.name, quoted_name());
    } else {
      return expected("a position such as 0, or a name in quotes");
    }
    field.path.push_back(std::move(step));
    PICTOR_TRY(advance());
    if (!token_.is_sign("]")) return expected("']'");
    return advance();
  }

  Result<std::string> quoted_name() const {
    const auto odd = [](char c) { return c == '"' || static_cast<unsigned char>(c) < 0x20; };
    if (!token_.text.empty() && std::none_of(token_.text.begin(), token_.text.end(), odd)) return token_.text;
    return fault(text_, token_.position,
                 "names that are empty, or contain a quote or a control character, cannot be filtered");
  }

  Result<std::string> field_name() const {
    if (token_.kind == TokenKind::kQuotedName) return quoted_name();
    if (token_.kind == TokenKind::kWord && !is_reserved(token_)) return token_.text;
    return expected("the name of a field (\"in double quotes\" if it is an unusual one), '(' or 'not'");
  }

  Status count_term() {
    if (++terms_ <= limits::kFilterTermsMax) return Status::ok();
    return {Code::kLimit, "filter has more than " + std::to_string(limits::kFilterTermsMax) + " comparisons"};
  }

  std::string_view text_;
  Scanner scanner_;
  Token token_;
  std::uint32_t terms_ = 0;
};

}  // namespace

bool is_text_field(std::string_view built_in) {
  return std::find(kTextFields.begin(), kTextFields.end(), built_in) != kTextFields.end();
}

Result<FilterNode> parse_filter(std::string_view text) {
  if (text.size() > limits::kFilterBytesMax) {
    return Status(Code::kLimit, "filter has " + std::to_string(text.size()) + " bytes, at most " +
                                    std::to_string(limits::kFilterBytesMax) + " are read");
  }
  return Parser(text).parse();
}

}  // namespace pictor
