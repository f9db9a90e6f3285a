// Filters as SQL. Values and paths are parameters, all of them texts; a number goes through json_extract, so that it is
// read by the code that reads the metadata: 19.37 there and 19.37 here are one number whatever the rounding.
#include <algorithm>

#include "store/filter.h"

namespace pictor {
namespace {

// JSON's own escape: names in stored metadata are compared as they are written.
std::string path_of(const FilterField& field) {
  std::string path = "$";
  for (const auto& name : field.path) {
    path += ".\"";
    for (const char c : name) {
      if (c == '\\') path.push_back('\\');
      path.push_back(c);
    }
    path += "\"";
  }
  return path;
}

const char* sign_of(FilterOp op) {
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
      case FilterOp::kNot: return "(NOT " + expression(node.children[0]) + ")";
      case FilterOp::kIn: return in_list(node);
      default: return "ifnull(" + comparison(node, field(node.field), node.values) + ", 0)";
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

  std::string parameter(std::string text) {
    parameters_.push_back(std::move(text));
    return "?" + std::to_string(first_ + static_cast<int>(parameters_.size()) - 1);
  }

  // SQLite bounds the depth of an expression: long lists become balanced trees.
  std::string joined(std::span<const FilterNode> nodes, const char* with) {
    if (nodes.size() == 1) return expression(nodes[0]);
    const std::size_t half = nodes.size() / 2;
    std::string left = joined(nodes.first(half), with);
    return "(" + std::move(left) + with + joined(nodes.subspan(half), with) + ")";
  }

  Sides field(const FilterField& field) {
    if (!field.built_in.empty()) {
      const bool text = is_text_field(field.built_in);
      return {text ? "1" : "0", text ? "0" : "1", "", field.built_in};
    }
    const std::string path = parameter(path_of(field));
    const std::string type = "json_type(metadata, " + path + ")";
    return {type + " = 'text'", type + " IN ('integer', 'real')", type, "json_extract(metadata, " + path + ")"};
  }

  std::string comparison(const FilterNode& node, const Sides& sides, std::span<const FilterValue> values) {
    if (node.op == FilterOp::kExists) return sides.type.empty() ? "1" : "(" + sides.type + " IS NOT NULL)";
    const FilterValue& value = values[0];
    if (node.op == FilterOp::kPrefix) {
      return "(" + sides.is_text + " AND substr(CAST(" + sides.value + " AS BLOB), 1, " +
             std::to_string(value.text.size()) + ") = CAST(" + parameter(value.text) + " AS BLOB))";
    }
    if (node.op == FilterOp::kContains) {
      std::string lower = value.text;
      std::transform(lower.begin(), lower.end(), lower.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
      return "(" + sides.is_text + " AND instr(lower(" + sides.value + "), " + parameter(std::move(lower)) + ") > 0)";
    }
    return compare_values(node.op, sides, value);
  }

  std::string compare_values(FilterOp op, const Sides& sides, const FilterValue& value) {
    const bool equal = op == FilterOp::kEqual;
    switch (value.kind) {
      case FilterValueKind::kString:
        return "(" + sides.is_text + " AND " + sides.value + sign_of(op) + parameter(value.text) + ")";
      case FilterValueKind::kNumber:
        return "(" + sides.is_number + " AND " + sides.value + sign_of(op) + "json_extract(" + parameter(value.text) +
               ", '$'))";
      default: break;
    }
    if (sides.type.empty()) return "0";
    switch (value.kind) {
      case FilterValueKind::kTrue: return "(" + sides.type + (equal ? " = 'true')" : " = 'false')");
      case FilterValueKind::kFalse: return "(" + sides.type + (equal ? " = 'false')" : " = 'true')");
      default: return "(" + sides.type + (equal ? " = 'null')" : " <> 'null')");
    }
  }

  std::string in_list(const FilterNode& node) {
    const Sides sides = field(node.field);
    std::string texts;
    std::string numbers;
    std::string others;
    for (const auto& value : node.values) {
      if (value.kind == FilterValueKind::kString) {
        texts += (texts.empty() ? "" : ", ") + parameter(value.text);
      } else if (value.kind == FilterValueKind::kNumber) {
        numbers += (numbers.empty() ? "" : ", ") + ("json_extract(" + parameter(value.text) + ", '$')");
      } else if (!sides.type.empty()) {
        others += std::string(others.empty() ? "" : ", ") + (value.kind == FilterValueKind::kTrue    ? "'true'"
                                                             : value.kind == FilterValueKind::kFalse ? "'false'"
                                                                                                     : "'null'");
      }
    }
    std::string any = "0";
    if (!texts.empty()) any += " OR (" + sides.is_text + " AND " + sides.value + " IN (" + texts + "))";
    if (!numbers.empty()) any += " OR (" + sides.is_number + " AND " + sides.value + " IN (" + numbers + "))";
    if (!others.empty()) any += " OR " + sides.type + " IN (" + others + ")";
    return "ifnull((" + any + "), 0)";
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
