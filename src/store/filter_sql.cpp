// Filters as SQL. Values and paths are parameters, all of them texts; a number goes through json_extract, so that it is
// read by the code that reads the metadata: 19.37 there and 19.37 here are one number whatever the rounding.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <initializer_list>
#include <span>

#include "store/filter.h"
#include "store/iso_time.h"

namespace pictor {
namespace {

std::string text(std::initializer_list<std::string_view> parts) {
  std::string whole;
  for (const auto part : parts) whole.append(part);
  return whole;
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return text;
}

// JSON's own escape: names in stored metadata are compared as they are written.
std::string path_of(const FilterField& field) {
  std::string path = "$";
  for (const auto& step : field.path) {
    if (step.is_index) {
      path.append(step.index < 0 ? "[#" : "[").append(std::to_string(step.index)).append("]");
      continue;
    }
    path.append(".\"");
    for (const char c : step.name) {
      if (c == '\\') path.push_back('\\');
      path.push_back(c);
    }
    path += "\"";
  }
  return path;
}

std::string_view sign_of(FilterOp op) {
  switch (op) {
    case FilterOp::kNotEqual: return " <> ";
    case FilterOp::kLess: return " < ";
    case FilterOp::kLessOrEqual: return " <= ";
    case FilterOp::kGreater: return " > ";
    case FilterOp::kGreaterOrEqual: return " >= ";
    default: return " = ";
  }
}

class Compiler {
 public:
  explicit Compiler(int first_parameter) : first_(first_parameter) {}

  std::string expression(const FilterNode& node) {
    switch (node.op) {
      case FilterOp::kAnd: return joined(node.children, " AND ");
      case FilterOp::kOr: return joined(node.children, " OR ");
      case FilterOp::kNot: return text({"(NOT ", expression(node.children[0]), ")"});
      default: break;
    }
    if (node.any) return of_an_element(node);
    std::string own = text({"ifnull(", comparison(node, field(node.field), node.values), ", 0)"});
    if (node.op != FilterOp::kContains || !node.field.built_in.empty()) return own;
    FilterNode element = node;
    element.op = FilterOp::kEqual;
    return text(
        {"(", node.values[0].kind == FilterValueKind::kString ? own : "0", " OR ", of_an_element(element), ")"});
  }

  std::vector<std::string> take_parameters() { return std::move(parameters_); }

 private:
  struct Sides {
    std::string is_text;  // conditions of type
    std::string is_number;
    std::string type;  // json_type's answer; empty for built-in fields
    std::string value;
  };

  std::string parameter(std::string_view value) {
    parameters_.emplace_back(value);
    return text({"?", std::to_string(first_ + static_cast<int>(parameters_.size()) - 1)});
  }

  // SQLite bounds the depth of an expression: long lists become balanced trees.
  std::string joined(std::span<const FilterNode> nodes, std::string_view with) {
    if (nodes.size() == 1) return expression(nodes[0]);
    const std::size_t half = nodes.size() / 2;
    const std::string left = joined(nodes.first(half), with);
    return text({"(", left, with, joined(nodes.subspan(half), with), ")"});
  }

  Sides field(const FilterField& field) {
    if (!field.built_in.empty()) {
      const bool is_text = is_text_field(field.built_in);
      return {is_text ? "1" : "0", is_text ? "0" : "1", "", field.built_in};
    }
    const std::string path = parameter(path_of(field));
    const std::string type = text({"json_type(metadata, ", path, ")"});
    return {text({type, " = 'text'"}), text({type, " IN ('integer', 'real')"}), type,
            text({"json_extract(metadata, ", path, ")"})};
  }

  std::string of_an_element(const FilterNode& node) {
    const std::string path = parameter(path_of(node.field));
    const Sides element{"element.type = 'text'", "element.type IN ('integer', 'real')", "element.type", "element.atom"};
    return text({"(json_type(metadata, ", path, ") IS 'array' AND EXISTS(SELECT 1 FROM json_each(metadata, ", path,
                 ") AS element WHERE ", comparison(node, element, node.values), "))"});
  }

  std::string comparison(const FilterNode& node, const Sides& sides, std::span<const FilterValue> values) {
    if (node.op == FilterOp::kIn) return in_list(node, sides);
    if (node.op == FilterOp::kExists) return sides.type.empty() ? "1" : text({"(", sides.type, " IS NOT NULL)"});
    const std::string& value = values[0].text;
    if (node.op == FilterOp::kPrefix) {
      if (value.empty()) return sides.is_text;  // substr gives NULL for a part of an empty text
      return text({"(", sides.is_text, " AND substr(CAST(", sides.value, " AS BLOB), 1, ", std::to_string(value.size()),
                   ") = CAST(", parameter(value), " AS BLOB))"});
    }
    if (node.op == FilterOp::kContains) {
      return text(
          {"(", sides.is_text, " AND instr(lower(", sides.value, "), ", parameter(lower_case(value)), ") > 0)"});
    }
    return compare_values(node.op, sides, values[0]);
  }

  std::string compare_values(FilterOp op, const Sides& sides, const FilterValue& value) {
    const std::string_view sign = sign_of(op);
    switch (value.kind) {
      case FilterValueKind::kString:
        return text({"(", sides.is_text, " AND ", sides.value, sign, parameter(value.text), ")"});
      case FilterValueKind::kNumber:
        return text({"(", sides.is_number, " AND ", sides.value, sign, number(value), ")"});
      case FilterValueKind::kTime:
        return text(
            {"(", sides.is_text, " AND iso_time_us(", sides.value, ")", sign, std::to_string(value.time_us), ")"});
      default: break;
    }
    const bool equal = op == FilterOp::kEqual;
    if (sides.type.empty()) return value.kind == FilterValueKind::kNull && !equal ? "1" : "0";
    switch (value.kind) {
      case FilterValueKind::kTrue: return text({"(", sides.type, " = ", equal ? "'true')" : "'false')"});
      case FilterValueKind::kFalse: return text({"(", sides.type, " = ", equal ? "'false')" : "'true')"});
      default: return text({"(", sides.type, equal ? " = 'null')" : " <> 'null')"});
    }
  }

  std::string number(const FilterValue& value) { return text({"json_extract(", parameter(value.text), ", '$')"}); }

  std::string in_list(const FilterNode& node, const Sides& sides) {
    std::string texts;
    std::string numbers;
    std::string types;
    std::string times;
    const auto add = [](std::string& list, std::string_view entry) {
      list.append(list.empty() ? "" : ", ").append(entry);
    };
    for (const auto& value : node.values) {
      switch (value.kind) {
        case FilterValueKind::kString: add(texts, parameter(value.text)); break;
        case FilterValueKind::kNumber: add(numbers, number(value)); break;
        case FilterValueKind::kTrue: add(types, "'true'"); break;
        case FilterValueKind::kFalse: add(types, "'false'"); break;
        case FilterValueKind::kNull: add(types, "'null'"); break;
        case FilterValueKind::kTime: add(times, std::to_string(value.time_us)); break;
      }
    }
    std::string any = "0";
    if (!texts.empty()) any += text({" OR (", sides.is_text, " AND ", sides.value, " IN (", texts, "))"});
    if (!numbers.empty()) any += text({" OR (", sides.is_number, " AND ", sides.value, " IN (", numbers, "))"});
    if (!times.empty()) any += text({" OR (", sides.is_text, " AND iso_time_us(", sides.value, ") IN (", times, "))"});
    if (!types.empty() && !sides.type.empty()) any += text({" OR ", sides.type, " IN (", types, ")"});
    return text({"(", any, ")"});
  }

  int first_;
  std::vector<std::string> parameters_;
};

bool is_small_integer(const std::string& number) {
  return number.size() <= 15 && number.find_first_of(".eE") == std::string::npos;
}

}  // namespace

// Beyond 2^53 a double has no fraction, and within the range of integers it converts exactly.
int compare(const FilterNumber& a, const FilterNumber& b) {
  const auto order = [](auto x, auto y) { return x < y ? -1 : x > y ? 1 : 0; };
  if (a.is_real && b.is_real) return order(a.real, b.real);
  if (!a.is_real && !b.is_real) return order(a.integer, b.integer);
  if (a.is_real) return -compare(b, a);
  if (b.real >= 0x1p63) return -1;
  if (b.real < -0x1p63) return 1;
  const int whole = order(a.integer, static_cast<std::int64_t>(b.real));
  return whole != 0 ? whole : order(0.0, b.real - std::trunc(b.real));
}

Status read_numbers(FilterNode& filter, const std::function<Result<FilterNumber>(const std::string&)>& read) {
  for (auto& value : filter.values) {
    if (value.kind != FilterValueKind::kNumber) continue;
    if (is_small_integer(value.text)) {
      value.number = {false, std::strtoll(value.text.c_str(), nullptr, 10), 0.0};
    } else {
      PICTOR_ASSIGN(value.number, read(value.text));
    }
  }
  for (auto& child : filter.children) PICTOR_TRY(read_numbers(child, read));
  return Status::ok();
}

Status add_filter_functions(Database& database) { return database.add_function("iso_time_us", iso_time_us); }

FilterSql compile_filter(const FilterNode& filter, int first_parameter) {
  Compiler compiler(first_parameter);
  FilterSql sql;
  sql.where = compiler.expression(filter);
  sql.parameters = compiler.take_parameters();
  return sql;
}

}  // namespace pictor
