// Filters over columns: each comparison becomes runs of codes, once a segment; then codes are compared, 64 rows a word.
#include <algorithm>
#include <cstring>

#include "store/columns.h"

namespace pictor {
namespace {

constexpr std::size_t kRunsMax = 3;       // of codes that are compared one by one; more are looked up in a table
constexpr std::size_t kWordsAtOnce = 64;  // rows a word

std::string key_of(const FilterField& field) {
  std::string key;
  for (std::size_t i = 0; i < field.path.size(); ++i) {
    if (i > 0) key.push_back('\0');
    key.append(field.path[i].name);
  }
  return key;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool contains(std::string_view text, std::string_view part) {
  const auto same = [](char a, char b) { return lower(a) == lower(b); };
  return part.empty() || std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

// The first of `count` that does not go before.
template <typename Before>
std::size_t first_not(std::size_t count, const Before& goes_before) {
  std::size_t begin = 0;
  std::size_t end = count;
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    if (goes_before(middle)) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

bool passes(FilterOp op, int order) {
  switch (op) {
    case FilterOp::kEqual: return order == 0;
    case FilterOp::kNotEqual: return order != 0;
    case FilterOp::kLess: return order < 0;
    case FilterOp::kLessOrEqual: return order <= 0;
    case FilterOp::kGreater: return order > 0;
    default: return order >= 0;
  }
}

// Which codes of a column a comparison accepts.
class Codes {
 public:
  explicit Codes(const Column& column) : column_(column) {}

  void accept(const FilterNode& node) {
    switch (node.op) {
      case FilterOp::kExists: return add(kCodeNull, column_.code_count());
      case FilterOp::kIn:
        for (const auto& value : node.values) compare_with(FilterOp::kEqual, value);
        return;
      case FilterOp::kPrefix: return starting_with(node.values[0].text);
      case FilterOp::kContains: return containing(node.values[0].text);
      default: return compare_with(node.op, node.values[0]);
    }
  }
  void compare_with(FilterOp op, const FilterValue& value) {
    const bool equal = op == FilterOp::kEqual;
    switch (value.kind) {
      case FilterValueKind::kString: return compare_texts(op, value.text);
      case FilterValueKind::kNumber: return compare_numbers(op, value.number);
      case FilterValueKind::kTime: return compare_times(op, value.time_us);
      case FilterValueKind::kTrue: return add_one(equal ? kCodeTrue : kCodeFalse);
      case FilterValueKind::kFalse: return add_one(equal ? kCodeFalse : kCodeTrue);
      case FilterValueKind::kNull: return equal ? add_one(kCodeNull) : add(kCodeNull + 1, column_.code_count());
    }
  }
  void containing(std::string_view part) {
    for (std::size_t i = 0; i < column_.text_count(); ++i) {
      if (contains(column_.text(i), part)) add_one(column_.first_text() + static_cast<ColumnCode>(i));
    }
  }

  // Runs [first, end), ascending and apart.
  std::vector<std::pair<ColumnCode, ColumnCode>> take() {
    std::sort(runs_.begin(), runs_.end());
    std::vector<std::pair<ColumnCode, ColumnCode>> joined;
    for (const auto& run : runs_) {
      if (!joined.empty() && run.first <= joined.back().second) {
        joined.back().second = std::max(joined.back().second, run.second);
      } else {
        joined.push_back(run);
      }
    }
    return joined;
  }

 private:
  void add_one(ColumnCode code) { add(code, code + 1); }
  void add(ColumnCode first, ColumnCode end) {
    if (first >= end) return;
    if (!runs_.empty() && runs_.back().second == first) {
      runs_.back().second = end;
    } else {
      runs_.emplace_back(first, end);
    }
  }

  // What is less than the value, what equals it, and what is greater lie one after the other, from `base` on.
  void add_by_order(FilterOp op, ColumnCode base, std::size_t less, std::size_t not_greater, std::size_t count) {
    const auto at = [&](std::size_t i) { return base + static_cast<ColumnCode>(i); };
    if (passes(op, -1)) add(at(0), at(less));
    if (passes(op, 0)) add(at(less), at(not_greater));
    if (passes(op, 1)) add(at(not_greater), at(count));
  }
  void compare_texts(FilterOp op, std::string_view text) {
    const std::size_t count = column_.text_count();
    const std::size_t less = first_not(count, [&](std::size_t i) { return column_.text(i) < text; });
    const bool found = less < count && column_.text(less) == text;
    add_by_order(op, column_.first_text(), less, less + (found ? 1 : 0), count);
  }
  void compare_numbers(FilterOp op, const FilterNumber& number) {
    const std::size_t count = column_.numbers.size();
    const std::size_t less = first_not(count, [&](std::size_t i) { return compare(column_.number(i), number) < 0; });
    const bool found = less < count && compare(column_.number(less), number) == 0;
    add_by_order(op, kCodesFixed, less, less + (found ? 1 : 0), count);
  }
  void compare_times(FilterOp op, std::int64_t time) {
    for (std::size_t i = 0; i < column_.times.size(); ++i) {
      const std::int64_t seen = column_.times[i];
      if (seen == kNoTime || !passes(op, seen < time ? -1 : seen > time ? 1 : 0)) continue;
      add_one(column_.first_text() + static_cast<ColumnCode>(i));
    }
  }
  void starting_with(std::string_view prefix) {
    const std::size_t count = column_.text_count();
    const std::size_t first = first_not(count, [&](std::size_t i) { return column_.text(i) < prefix; });
    const std::size_t end = first_not(
        count, [&](std::size_t i) { return column_.text(i) < prefix || column_.text(i).starts_with(prefix); });
    add(column_.first_text() + static_cast<ColumnCode>(first), column_.first_text() + static_cast<ColumnCode>(end));
  }

  const Column& column_;
  std::vector<std::pair<ColumnCode, ColumnCode>> runs_;
};

// Eight bytes of 0 or 1 become eight bits, the first the lowest.
std::uint64_t packed(const std::uint8_t* bytes) {
  std::uint64_t eight = 0;
  std::memcpy(&eight, bytes, sizeof(eight));
  return eight * 0x0102040810204080ULL >> 56;
}

std::uint64_t word_of(const std::array<std::uint8_t, kWordsAtOnce>& mask) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < 8; ++i) word |= packed(mask.data() + i * 8) << (i * 8);
  return word;
}

// Calls test(codes, mask) for each 64 rows; the last ones are copied, so that it always sees 64.
template <typename Code, typename Test>
void scan(const Code* codes, std::size_t count, std::span<std::uint64_t> words, const Test& test) {
  std::array<std::uint8_t, kWordsAtOnce> mask;
  std::size_t i = 0;
  for (; i + kWordsAtOnce <= count; i += kWordsAtOnce) {
    test(codes + i, mask);
    words[i / kWordsAtOnce] = word_of(mask);
  }
  if (i == count) return;
  std::array<Code, kWordsAtOnce> rest{};  // absent, which no comparison accepts
  std::copy(codes + i, codes + count, rest.begin());
  test(rest.data(), mask);
  words[i / kWordsAtOnce] = word_of(mask);
}

void clear_tail(std::span<std::uint64_t> words, std::size_t count) {
  if (count % 64 != 0) words[count / 64] &= (std::uint64_t{1} << (count % 64)) - 1;
}

}  // namespace

// Turns a filter into nodes that know their columns and codes. What no column tells becomes such that no row is lost.
struct ColumnFilter::Maker {
  const Columns& columns;
  bool exact = true;

  Node make(const FilterNode& filter, bool positive) {
    Node node;
    node.op = filter.op;
    node.positive = positive;
    if (filter.op == FilterOp::kAnd || filter.op == FilterOp::kOr || filter.op == FilterOp::kNot) {
      for (const auto& child : filter.children) {
        node.children.push_back(make(child, filter.op == FilterOp::kNot ? !positive : positive));
      }
      return node;
    }
    const auto& field = filter.field;
    if (!field.built_in.empty()) {
      compare(filter, ColumnKind::kBuiltIn, field.built_in, node);
      return node;
    }
    if (std::any_of(field.path.begin(), field.path.end(), [](const auto& step) { return step.is_index; })) {
      not_known(node);
      return node;
    }
    const std::string path = key_of(field);
    if (filter.op == FilterOp::kContains && !filter.any) {
      contain(filter, path, node);
    } else {
      compare(filter, filter.any ? ColumnKind::kElements : ColumnKind::kValue, path, node);
    }
    return node;
  }

  void not_known(Node& node) {
    node.unknown = true;
    exact = false;
  }

  // A part of a text, or an element of an array.
  void contain(const FilterNode& filter, std::string_view path, Node& node) {
    node.op = FilterOp::kOr;
    FilterNode element;
    element.op = FilterOp::kEqual;
    element.values = filter.values;
    node.children.resize(filter.values[0].kind == FilterValueKind::kString ? 2 : 1);
    for (auto& child : node.children) child.positive = node.positive;
    node.children[0].op = FilterOp::kEqual;
    compare(element, ColumnKind::kElements, path, node.children[0]);
    if (node.children.size() == 1) return;
    node.children[1].op = FilterOp::kContains;
    compare(filter, ColumnKind::kValue, path, node.children[1]);
  }

  void compare(const FilterNode& filter, ColumnKind kind, std::string_view path, Node& node) {
    const auto found = columns.find(kind, path);
    if (!found.known || (found.column == nullptr && kind == ColumnKind::kBuiltIn)) return not_known(node);
    node.column = found.column;
    node.never = found.column == nullptr;
    if (node.never) return;
    Codes codes(*found.column);
    codes.accept(filter);
    const auto runs = codes.take();
    node.never = runs.empty();
    if (runs.size() > kRunsMax && found.column->encoding != ColumnEncoding::kLists) {
      node.table.resize((found.column->code_count() + 63) / 64);
      for (const auto& [first, end] : runs) {
        for (ColumnCode code = first; code < end; ++code) node.table[code / 64] |= std::uint64_t{1} << (code % 64);
      }
      return;
    }
    for (const auto& [first, end] : runs) node.runs.push_back({first, end - 1 - first});
  }
};

struct ColumnFilter::Runner {
  std::size_t count;  // of rows

  std::size_t words() const { return (count + 63) / 64; }

  void run(const Node& node, std::span<std::uint64_t> out) const {
    switch (node.op) {
      case FilterOp::kAnd: return run_all(node, out);
      case FilterOp::kOr: return run_any(node, out);
      case FilterOp::kNot:
        run(node.children[0], out);
        for (std::size_t i = 0; i < words(); ++i) out[i] = ~out[i];
        return clear_tail(out, count);
      default: return compare(node, out);
    }
  }

  void run_all(const Node& node, std::span<std::uint64_t> out) const {
    run(node.children[0], out);
    std::vector<std::uint64_t> other(words());
    for (std::size_t c = 1; c < node.children.size(); ++c) {
      if (std::all_of(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(words()), [](auto w) { return w == 0; })) {
        return;
      }
      run(node.children[c], other);
      for (std::size_t i = 0; i < words(); ++i) out[i] &= other[i];
    }
  }

  void run_any(const Node& node, std::span<std::uint64_t> out) const {
    run(node.children[0], out);
    std::vector<std::uint64_t> other(words());
    for (std::size_t c = 1; c < node.children.size(); ++c) {
      if (node.children[c].never) continue;
      run(node.children[c], other);
      for (std::size_t i = 0; i < words(); ++i) out[i] |= other[i];
    }
  }

  void compare(const Node& node, std::span<std::uint64_t> out) const {
    if (node.never || (node.unknown && !node.positive)) {
      std::fill_n(out.begin(), words(), 0);
      return;
    }
    if (node.unknown) {
      std::fill_n(out.begin(), words(), ~std::uint64_t{0});
      return clear_tail(out, count);
    }
    switch (node.column->encoding) {
      case ColumnEncoding::kDense8: return dense<std::uint8_t>(node, out);
      case ColumnEncoding::kDense16: return dense<std::uint16_t>(node, out);
      case ColumnEncoding::kDense32: return dense<std::uint32_t>(node, out);
      default: return lists(node, out);
    }
  }

  template <typename Code>
  void dense(const Node& node, std::span<std::uint64_t> out) const {
    const Code* codes = static_cast<const Code*>(node.column->codes);
    if (!node.table.empty()) {
      return scan(codes, count, out, [&](const Code* at, auto& mask) {
        for (std::size_t i = 0; i < kWordsAtOnce; ++i) mask[i] = node.table[at[i] / 64] >> (at[i] % 64) & 1;
      });
    }
    if (node.runs.size() == 1) {
      const auto first = static_cast<Code>(node.runs[0].first);
      const auto length = static_cast<Code>(node.runs[0].length);
      return scan(codes, count, out, [&](const Code* at, auto& mask) {
        for (std::size_t i = 0; i < kWordsAtOnce; ++i) mask[i] = static_cast<Code>(at[i] - first) <= length ? 1 : 0;
      });
    }
    scan(codes, count, out, [&](const Code* at, auto& mask) {
      mask.fill(0);
      for (const auto& run : node.runs) {
        const auto first = static_cast<Code>(run.first);
        const auto length = static_cast<Code>(run.length);
        for (std::size_t i = 0; i < kWordsAtOnce; ++i) mask[i] |= static_cast<Code>(at[i] - first) <= length ? 1 : 0;
      }
    });
  }

  // The lists of a run of codes lie one after the other.
  void lists(const Node& node, std::span<std::uint64_t> out) const {
    std::fill_n(out.begin(), words(), 0);
    const Column& column = *node.column;
    for (const auto& run : node.runs) {
      const std::uint32_t begin = run.first == 0 ? 0 : column.list_ends[run.first - 1];
      const std::uint32_t end = column.list_ends[run.first + run.length];
      for (const auto position : column.positions.subspan(begin, end - begin)) {
        out[position / 64] |= std::uint64_t{1} << (position % 64);
      }
    }
  }
};

ColumnFilter::ColumnFilter(const FilterNode& filter, const Columns& columns) : columns_(&columns) {
  Maker maker{columns};
  root_ = maker.make(filter, true);
  exact_ = maker.exact;
}

void ColumnFilter::run(std::span<std::uint64_t> words) const {
  const Runner runner{columns_->rows()};
  runner.run(root_, words);
  const auto present = columns_->present();
  for (std::size_t i = 0; i < runner.words(); ++i) words[i] &= present[i];
}

}  // namespace pictor
