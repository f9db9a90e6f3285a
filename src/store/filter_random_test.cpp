// Random filters over random metadata: SQL and columns against a plain evaluation.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "store/filter_testing.h"
#include "store/iso_time.h"

namespace pictor {
namespace {

using testing::must;
using Json = nlohmann::json;

// --- the meaning, in plain C++ over JSON: what SQL and columns must agree with ---

int three_way(const Json& a, const Json& b) {
  if (a.is_number_float() || b.is_number_float()) {
    const auto x = static_cast<long double>(a.is_number_float() ? a.get<double>() : a.get<std::int64_t>());
    const auto y = static_cast<long double>(b.is_number_float() ? b.get<double>() : b.get<std::int64_t>());
    const auto exact_x = a.is_number_float() ? x : static_cast<long double>(a.get<std::int64_t>());
    const auto exact_y = b.is_number_float() ? y : static_cast<long double>(b.get<std::int64_t>());
    return exact_x < exact_y ? -1 : exact_x > exact_y ? 1 : 0;
  }
  if (a.is_number()) {
    const auto x = a.get<std::int64_t>();
    const auto y = b.get<std::int64_t>();
    return x < y ? -1 : x > y ? 1 : 0;
  }
  const int order = a.get<std::string>().compare(b.get<std::string>());
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

Json value_of(const FilterValue& value) {
  switch (value.kind) {
    case FilterValueKind::kString: return value.text;
    case FilterValueKind::kNumber: return Json::parse(value.text);
    case FilterValueKind::kTrue: return true;
    case FilterValueKind::kFalse: return false;
    default: return nullptr;
  }
}

bool same_type(const Json& a, const Json& b) {
  return (a.is_number() && b.is_number()) || (a.is_string() && b.is_string()) || (a.is_boolean() && b.is_boolean()) ||
         (a.is_null() && b.is_null());
}

bool equals(const Json& a, const Json& b) {
  if (!same_type(a, b)) return false;
  if (a.is_boolean()) return a.get<bool>() == b.get<bool>();
  return a.is_null() || three_way(a, b) == 0;
}

std::string lower(std::string text) {
  for (auto& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

const Json* find(const Json& item, const FilterField& field) {
  const Json* at = &item;
  std::vector<FilterStep> path = field.path;
  if (!field.built_in.empty()) path = {{"@" + field.built_in, false, 0}};
  for (const auto& step : path) {
    if (step.is_index) {
      const auto size = static_cast<std::int64_t>(at->size());
      const std::int64_t index = step.index < 0 ? size + step.index : step.index;
      if (!at->is_array() || index < 0 || index >= size) return nullptr;
      at = &(*at)[static_cast<std::size_t>(index)];
      continue;
    }
    if (!at->is_object() || !at->contains(step.name)) return nullptr;
    at = &(*at)[step.name];
  }
  return at;
}

bool holds_in_order(FilterOp op, int order) {
  switch (op) {
    case FilterOp::kEqual: return order == 0;
    case FilterOp::kNotEqual: return order != 0;
    case FilterOp::kLess: return order < 0;
    case FilterOp::kLessOrEqual: return order <= 0;
    case FilterOp::kGreater: return order > 0;
    default: return order >= 0;
  }
}

bool compares_with(FilterOp op, const Json& seen, const FilterValue& value) {
  if (value.kind == FilterValueKind::kTime) {
    const auto time = seen.is_string() ? iso_time_us(seen.get<std::string>()) : std::nullopt;
    return time && holds_in_order(op, *time < value.time_us ? -1 : *time > value.time_us ? 1 : 0);
  }
  const Json wanted = value_of(value);
  if (op == FilterOp::kEqual) return equals(seen, wanted);
  if (op == FilterOp::kNotEqual) {
    return wanted.is_null() ? !seen.is_null() : same_type(seen, wanted) && !equals(seen, wanted);
  }
  return same_type(seen, wanted) && holds_in_order(op, three_way(seen, wanted));
}

bool compares(const FilterNode& node, const Json& seen) {
  if (node.any) {
    FilterNode element = node;
    element.any = false;
    return seen.is_array() && std::any_of(seen.begin(), seen.end(), [&](const Json& one) {
             return !(one.is_array() && node.op == FilterOp::kContains) && compares(element, one);
           });
  }
  const std::string text = node.values.empty() ? "" : node.values[0].text;
  switch (node.op) {
    case FilterOp::kExists: return true;
    case FilterOp::kIn:
      return std::any_of(node.values.begin(), node.values.end(),
                         [&](const auto& v) { return compares_with(FilterOp::kEqual, seen, v); });
    case FilterOp::kPrefix: return seen.is_string() && seen.get<std::string>().starts_with(text);
    case FilterOp::kContains:
      if (seen.is_array()) {
        return std::any_of(seen.begin(), seen.end(),
                           [&](const Json& one) { return compares_with(FilterOp::kEqual, one, node.values[0]); });
      }
      return seen.is_string() && node.values[0].kind == FilterValueKind::kString &&
             lower(seen.get<std::string>()).find(lower(text)) != std::string::npos;
    default: return compares_with(node.op, seen, node.values[0]);
  }
}

bool passes(const FilterNode& node, const Json& item) {
  const auto holds = [&](const FilterNode& child) { return passes(child, item); };
  switch (node.op) {
    case FilterOp::kAnd: return std::all_of(node.children.begin(), node.children.end(), holds);
    case FilterOp::kOr: return std::any_of(node.children.begin(), node.children.end(), holds);
    case FilterOp::kNot: return !passes(node.children[0], item);
    default: break;
  }
  const Json* seen = find(item, node.field);
  return seen != nullptr && compares(node, *seen);
}

// --- random items and filters, drawn from few values so that they meet ---

class Random {
 public:
  explicit Random(unsigned seed) : random_(seed) {}

  template <typename T, std::size_t N>
  const T& one_of(const T (&list)[N]) {
    return list[random_() % N];
  }
  std::size_t below(std::size_t n) { return random_() % n; }

  std::string string() {
    static const std::string kStrings[] = {"",
                                           "Acme",
                                           "acme",
                                           "ACME tools",
                                           "zebra",
                                           "é",
                                           "Éa",
                                           "a'b",
                                           "a\"b\\",
                                           "%",
                                           "1",
                                           "true",
                                           "\u65e5本",
                                           "red",
                                           "reddish",
                                           "\t",
                                           "2024-05-01",
                                           "2024-05-01T10:30:00+02:00",
                                           "2024-05-01 08:30",
                                           "2023-02-29"};
    return one_of(kStrings);
  }
  std::string number() {
    static const char* kNumbers[] = {"0",
                                     "1",
                                     "-1",
                                     "1.0",
                                     "19.37",
                                     "0.1",
                                     "-2.5",
                                     "9223372036854775807",
                                     "20",
                                     "2e1",
                                     "1e3",
                                     "1000",
                                     "0.30000000000000004",
                                     "9007199254740993",
                                     "-9223372036854775808",
                                     "9007199254740992.0"};
    return one_of(kNumbers);
  }
  Json value(int depth) {
    switch (below(depth > 2 ? 5 : 7)) {
      case 0: return string();
      case 1:
      case 2: return Json::parse(number());
      case 3: return below(2) == 0;
      case 4: return nullptr;
      case 5: {
        Json array = Json::array();
        for (std::size_t i = below(4); i > 0; --i) array.push_back(value(depth + 1));
        return array;
      }
      default: return object(depth + 1);
    }
  }
  Json object(int depth = 0) {
    Json object = Json::object();
    for (std::size_t i = below(6); i > 0; --i) object[name()] = value(depth);
    return object;
  }
  std::string filter(int depth = 0) {
    if (depth < 4 && below(3) == 0) {
      if (below(4) == 0) return "not (" + filter(depth + 1) + ")";
      std::string text = "(" + filter(depth + 1);
      const char* word = below(2) == 0 ? " and " : " OR ";
      for (std::size_t i = 1 + below(2); i > 0; --i) text += word + filter(depth + 1);
      return text + ")";
    }
    return comparison();
  }

 private:
  std::string name() {
    static const std::string kNames[] = {"a", "b", "price", "odd name", "back\\slash", "é", "a.b", "not", "0"};
    return one_of(kNames);
  }
  static std::string quoted(const std::string& text, char quote) {
    std::string result(1, quote);
    for (const char c : text) result += c == quote ? std::string(2, quote) : std::string(1, c);
    return result + quote;
  }
  std::string field() {
    static const char* kBuiltIn[] = {"@id", "@source", "@text", "@format", "@width", "@height"};
    if (below(8) == 0) return one_of(kBuiltIn);
    std::string text = quoted(name(), '"');
    while (below(4) == 0) text += step();
    return text;
  }
  std::string step() {
    static const char* kPositions[] = {"[0]", "[1]", "[-1]", "[7]"};
    switch (below(6)) {
      case 0: return one_of(kPositions);
      case 1: return "[" + quoted(name(), '\'') + "]";
      default: return "." + quoted(name(), '"');
    }
  }
  std::string own_field() {
    std::string text = field();
    while (text.starts_with('@')) text = field();
    return text;
  }
  std::string date() {
    static const char* kDates[] = {"date '2024-05-01'", "Date '2024-05-01T08:30:00Z'",
                                   "date '2024-05-01 08:29:59.999999'"};
    return one_of(kDates);
  }
  std::string literal() {
    static const char* kOthers[] = {"true", "false", "null", "TRUE"};
    switch (below(6)) {
      case 0:
      case 1: return quoted(string(), '\'');
      case 2:
      case 3: return number();
      case 4: return date();
      default: return one_of(kOthers);
    }
  }
  std::string comparison() {
    static const char* kOrders[] = {" < ", "<=", " >", " >= "};
    switch (below(11)) {
      case 8: return own_field() + " contains " + literal();
      case 9: return "any " + element_comparison(own_field());
      case 10: return field() + one_of(kOrders) + date();
      case 0: return "exists " + field();
      case 1: return field() + " like " + quoted(prefix(), '\'');
      case 2: return field() + " contains " + quoted(string(), '\'');
      case 3: {
        std::string text = field() + " in (" + literal();
        for (std::size_t i = below(4); i > 0; --i) text += ", " + literal();
        return text + ")";
      }
      case 4: return field() + one_of(kOrders) + (below(2) == 0 ? number() : quoted(string(), '\''));
      case 5: return field() + " != " + literal();
      default: return field() + " = " + literal();
    }
  }
  std::string element_comparison(const std::string& field) {
    switch (below(5)) {
      case 0: return field + " contains " + quoted(string(), '\'');
      case 1: return field + " like " + quoted(prefix(), '\'');
      case 2: return field + " in (" + literal() + ", " + literal() + ")";
      case 3: return field + " >= " + (below(2) == 0 ? number() : date());
      default: return field + (below(2) == 0 ? " = " : " != ") + literal();
    }
  }
  std::string prefix() {
    std::string text = string();
    std::erase(text, '%');
    return text + "%";
  }

  std::mt19937 random_;
};

class RandomFilterTest : public testing::FilterTest {
 protected:
  // Adds an item of that metadata; returns it as the oracle sees it.
  Json put(const Json& metadata) {
    const ItemWrite& item = add(metadata.dump(-1, ' ', count_ % 2 == 0));  // as escapes, too
    Json seen = metadata;
    seen["@id"] = item.id;
    seen["@source"] = item.source;
    seen["@text"] = item.text;
    seen["@format"] = item.format;
    seen["@width"] = item.width;
    seen["@height"] = item.height;
    return seen;
  }
};

// Once by SQL over fresh rows, once by columns, once by both.
TEST_F(RandomFilterTest, random_filters_on_random_metadata_agree_with_plain_evaluation) {
  Random random(20240601);
  std::vector<Json> items;
  const auto add_items = [&](int count) {
    for (int i = 0; i < count; ++i) items.push_back(put(random.object()));
    store();
  };
  add_items(150);
  std::vector<std::unique_ptr<Snapshot>> snapshots;
  snapshots.push_back(std::move(snapshot_));
  must(collection_->seal());
  snapshots.push_back(must(collection_->snapshot()));
  add_items(70);
  must(collection_->seal());
  add_items(30);
  snapshots.push_back(std::move(snapshot_));
  int some = 0;
  std::uint64_t by_columns = 0;
  for (int round = 0; round < 4000; ++round) {
    const std::string text = random.filter();
    const auto filter = parse_filter(text);
    ASSERT_TRUE(filter.is_ok()) << filter.status().to_string();
    for (const auto& snapshot : snapshots) {
      const auto rows = snapshot->matching(text);
      ASSERT_TRUE(rows.is_ok()) << text << ": " << rows.status().to_string();
      std::uint64_t expected = 0;
      for (std::size_t i = 0; i < snapshot->size(); ++i) {
        const bool wanted = passes(*filter, items[i]);
        ASSERT_EQ(rows->contains(i + 1), wanted)
            << text << "\non " << items[i].dump() << "\nby columns: " << rows->work().rows_by_columns;
        expected += wanted ? 1 : 0;
      }
      ASSERT_EQ(rows->size(), expected) << text;
      some += rows->size() > 0 && rows->size() < snapshot->size() ? 1 : 0;
      by_columns += rows->work().rows_by_columns > 0 ? 1 : 0;
    }
  }
  EXPECT_GT(some, 3000) << "the filters tell hardly anything apart";
  EXPECT_GT(by_columns, 7000U) << "columns are hardly asked";
}

}  // namespace
}  // namespace pictor
