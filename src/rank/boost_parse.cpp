// Recursive descent, one function a level of binding; every step counts a node or a level, so that it ends.
#include <algorithm>
#include <array>
#include <charconv>

#include "rank/boost_node.h"

namespace pictor {

using Node = std::unique_ptr<const BoostNode>;

class BoostParser {
 public:
  explicit BoostParser(std::string_view text) : text_(text) {}

  Result<Boost> run() {
    PICTOR_ASSIGN(Node whole, either(0));
    skip();
    if (at_ != text_.size()) return fault("wanted an operation, or the end");
    Boost out;
    if (split(out.terms_)) return out;
    // A comparison, or `and`, is no sum: the whole is one term.
    out.terms_.clear();
    out.terms_.push_back({std::string(text_), 1, std::move(whole)});
    return out;
  }

 private:
  struct Function {
    std::string_view name;
    BoostOperation operation;
    std::size_t least, most;
  };
  static constexpr std::array<Function, 7> kFunctions{{{"min", BoostOperation::kMin, 2, 16},
                                                       {"max", BoostOperation::kMax, 2, 16},
                                                       {"log", BoostOperation::kLog, 1, 1},
                                                       {"abs", BoostOperation::kAbs, 1, 1},
                                                       {"if", BoostOperation::kIf, 3, 3},
                                                       {"has", BoostOperation::kHas, 1, 1},
                                                       {"recency", BoostOperation::kRecency, 2, 2}}};

  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
  static bool in_name(char c) { return begins_name(c) || is_digit(c) || c == '.'; }

  Status fault(const std::string& what) const {
    constexpr std::size_t kAround = 30;
    const std::size_t begin = at_ > kAround ? at_ - kAround : 0;
    std::string line(text_.substr(begin, 2 * kAround));
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
    return {Code::kInvalid, "the boost has a fault at byte " + std::to_string(at_) + ": " + what + "\n  " + line +
                                "\n  " + std::string(at_ - begin, ' ') + "^"};
  }
  Status check_depth(std::size_t depth) const {
    if (depth < limits::kBoostDepthMax) return Status::ok();
    return {Code::kLimit, "the boost has more than " + std::to_string(limits::kBoostDepthMax) +
                              " operations within operations at byte " + std::to_string(at_)};
  }
  Result<Node> make(BoostNode node) {
    if (++nodes_ > limits::kBoostNodesMax) {
      return Status(Code::kLimit, "the boost has more than " + std::to_string(limits::kBoostNodesMax) +
                                      " numbers, columns and operations");
    }
    return Node(std::make_unique<const BoostNode>(std::move(node)));
  }
  Result<Node> binary(BoostOperation operation, Node a, Result<Node> b) {
    PICTOR_TRY(b.status());
    BoostNode node{operation, 0, {}, {}};
    node.of.push_back(std::move(a));
    node.of.push_back(std::move(b).value());
    return make(std::move(node));
  }
  Result<Node> unary(BoostOperation operation, Result<Node> a) {
    PICTOR_TRY(a.status());
    BoostNode node{operation, 0, {}, {}};
    node.of.push_back(std::move(a).value());
    return make(std::move(node));
  }

  void skip() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  bool take(std::string_view sign) {
    skip();
    if (text_.substr(at_, sign.size()) != sign) return false;
    at_ += sign.size();
    return true;
  }
  bool take_word(std::string_view word) {
    skip();
    if (text_.substr(at_, word.size()) != word) return false;
    const std::size_t end = at_ + word.size();
    if (end < text_.size() && in_name(text_[end])) return false;
    at_ = end;
    return true;
  }

  // The summands of the whole; false: it is no sum.
  template <typename Terms>
  bool split(Terms& terms) {
    at_ = 0;
    nodes_ = 0;
    double sign = 1;
    while (sign != 0) {
      skip();
      const std::size_t begin = at_;
      auto node = product(0);
      if (!node.is_ok()) return false;
      std::string_view source = text_.substr(begin, at_ - begin);
      while (!source.empty() && is_blank(source.back())) source.remove_suffix(1);
      terms.push_back({std::string(source), sign, std::move(node).value()});
      sign = take("+") ? 1.0 : take("-") ? -1.0 : 0.0;
    }
    skip();
    return at_ == text_.size();
  }

  Result<Node> either(std::size_t depth) {
    PICTOR_TRY(check_depth(depth));
    auto node = both(depth);
    while (node.is_ok() && take_word("or")) node = binary(BoostOperation::kOr, std::move(node).value(), both(depth));
    return node;
  }
  Result<Node> both(std::size_t depth) {
    auto node = comparison(depth);
    while (node.is_ok() && take_word("and")) {
      node = binary(BoostOperation::kAnd, std::move(node).value(), comparison(depth));
    }
    return node;
  }
  Result<Node> comparison(std::size_t depth) {
    if (take_word("not")) {
      PICTOR_TRY(check_depth(depth));
      return unary(BoostOperation::kNot, comparison(depth + 1));
    }
    PICTOR_ASSIGN(Node a, sum(depth));
    if (take("==")) return binary(BoostOperation::kEqual, std::move(a), sum(depth));
    if (take("!=")) return binary(BoostOperation::kUnequal, std::move(a), sum(depth));
    if (take("<=")) return binary(BoostOperation::kLessOrEqual, std::move(a), sum(depth));
    if (take("<")) return binary(BoostOperation::kLess, std::move(a), sum(depth));
    const bool or_equal = take(">=");
    if (!or_equal && !take(">")) return a;
    PICTOR_ASSIGN(Node b, sum(depth));
    return binary(or_equal ? BoostOperation::kLessOrEqual : BoostOperation::kLess, std::move(b), std::move(a));
  }
  Result<Node> sum(std::size_t depth) {
    auto node = product(depth);
    while (node.is_ok()) {
      if (take("+")) {
        node = binary(BoostOperation::kAdd, std::move(node).value(), product(depth));
      } else if (take("-")) {
        node = binary(BoostOperation::kSubtract, std::move(node).value(), product(depth));
      } else {
        break;
      }
    }
    return node;
  }
  Result<Node> product(std::size_t depth) {
    auto node = factor(depth);
    while (node.is_ok()) {
      if (take("*")) {
        node = binary(BoostOperation::kMultiply, std::move(node).value(), factor(depth));
      } else if (take("/")) {
        node = binary(BoostOperation::kDivide, std::move(node).value(), factor(depth));
      } else {
        break;
      }
    }
    return node;
  }
  Result<Node> factor(std::size_t depth) {
    PICTOR_TRY(check_depth(depth));
    if (take("-")) {
      PICTOR_ASSIGN(Node zero, make({}));
      return binary(BoostOperation::kSubtract, std::move(zero), factor(depth + 1));
    }
    if (take("(")) {
      auto node = either(depth + 1);
      if (node.is_ok() && !take(")")) return fault("wanted ')'");
      return node;
    }
    skip();
    if (at_ == text_.size()) return fault("wanted a number, a name, a text or '('");
    const char c = text_[at_];
    if (c == '"') return quoted();
    if (is_digit(c) || c == '.') return number();
    if (begins_name(c)) return named(depth);
    return fault("wanted a number, a name, a text or '('");
  }
  Result<Node> quoted() {
    const std::size_t end = text_.find('"', at_ + 1);
    if (end == std::string_view::npos) return fault("this text does not end");
    BoostNode node{BoostOperation::kText, 0, std::string(text_.substr(at_ + 1, end - at_ - 1)), {}};
    at_ = end + 1;
    return make(std::move(node));
  }
  Result<Node> number() {
    BoostNode node;
    const char* begin = text_.data() + at_;
    const auto read = std::from_chars(begin, text_.data() + text_.size(), node.number);
    if (read.ec != std::errc()) return fault("this is no number, or out of range");
    at_ += static_cast<std::size_t>(read.ptr - begin);
    return make(std::move(node));
  }
  Result<Node> named(std::size_t depth) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && in_name(text_[at_])) ++at_;
    const std::string name(text_.substr(begin, at_ - begin));
    const auto* function = std::ranges::find(kFunctions, std::string_view(name), &Function::name);
    if (function != kFunctions.end() && take("(")) return call(*function, depth);
    if (take("(")) {
      at_ = begin;
      return fault("there is no function '" + name + "'; there are min, max, log, abs, if, has, recency");
    }
    if (name == "and" || name == "or" || name == "not") {
      at_ = begin;
      return fault("'" + name + "' stands between comparisons");
    }
    if (name == "true" || name == "false") return make({BoostOperation::kNumber, name == "true" ? 1.0 : 0.0, {}, {}});
    if (name == "score") return make({BoostOperation::kScore, 0, {}, {}});
    return make({BoostOperation::kColumn, 0, name, {}});
  }
  Result<Node> call(const Function& function, std::size_t depth) {
    BoostNode node{function.operation, 0, {}, {}};
    do {
      PICTOR_ASSIGN(Node of, either(depth + 1));
      node.of.push_back(std::move(of));
    } while (node.of.size() < function.most && take(","));
    if (!take(")")) return fault("wanted ')' at the end of " + std::string(function.name));
    if (node.of.size() < function.least) {
      return fault(std::string(function.name) + " takes " + std::to_string(function.least) + " values, here are " +
                   std::to_string(node.of.size()));
    }
    const bool of_column = node.operation == BoostOperation::kHas || node.operation == BoostOperation::kRecency;
    if (of_column && node.of[0]->operation != BoostOperation::kColumn) {
      return fault(std::string(function.name) + " is of a name in the metadata");
    }
    return make(std::move(node));
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::size_t nodes_ = 0;
};

Result<Boost> Boost::parse(std::string_view text) {
  if (text.size() > limits::kBoostBytesMax) {
    return Status(Code::kLimit, "the boost has " + std::to_string(text.size()) + " bytes, at most " +
                                    std::to_string(limits::kBoostBytesMax) + " are read");
  }
  return BoostParser(text).run();
}

}  // namespace pictor
