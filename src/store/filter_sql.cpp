// Filters as SQL. Values and paths are parameters, all of them texts; a number goes through json_extract, so that it is
// read by the code that reads the metadata: 19.37 there and 19.37 here are one number whatever the rounding.
#include <algorithm>
#include <initializer_list>
#include <span>

#include "store/filter.h"

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
  for (const auto& name : field.path) {
    path.append(".\"");
    for (const char c : name) {
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
      case FilterOp::kIn: return in_list(node);
      default: return text({"ifnull(", comparison(node, field(node.field), node.values), ", 0)"});
    }
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

  std::string comparison(const FilterNode& node, const Sides& sides, std::span<const FilterValue> values) {
    if (node.op == FilterOp::kExists) return sides.type.empty() ? "1" : text({"(", sides.type, " IS NOT NULL)"});
    const std::string& value = values[0].text;
    if (node.op == FilterOp::kPrefix) {
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

  std::string in_list(const FilterNode& node) {
    const Sides sides = field(node.field);
    std::string texts;
    std::string numbers;
    std::string types;
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
      }
    }
    std::string any = "0";
    if (!texts.empty()) any += text({" OR (", sides.is_text, " AND ", sides.value, " IN (", texts, "))"});
    if (!numbers.empty()) any += text({" OR (", sides.is_number, " AND ", sides.value, " IN (", numbers, "))"});
    if (!types.empty() && !sides.type.empty()) any += text({" OR ", sides.type, " IN (", types, ")"});
    return text({"ifnull((", any, "), 0)"});
  }

  int first_;
  std::vector<std::string> parameters_;
};

}  // namespace

FilterSql compile_filter(const FilterNode& filter, int first_parameter) {
  Compiler compiler(first_parameter);
  FilterSql sql;
  sql.where = compiler.expression(filter);
  sql.parameters = compiler.take_parameters();
  return sql;
}

}  // namespace pictor
