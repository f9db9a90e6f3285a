#include "store/filter.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "base/base.h"
#include "store/store_testing.h"

namespace pictor {
namespace {

using testing::must;
using Json = nlohmann::json;

// --- the meaning, in plain C++ over JSON: what SQL must agree with ---

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
  std::vector<std::string> path = field.path;
  if (!field.built_in.empty()) path = {"@" + field.built_in};
  for (const auto& name : path) {
    if (!at->is_object() || !at->contains(name)) return nullptr;
    at = &(*at)[name];
  }
  return at;
}

bool compares(const FilterNode& node, const Json& seen) {
  const Json wanted = node.values.empty() ? Json() : value_of(node.values[0]);
  switch (node.op) {
    case FilterOp::kExists: return true;
    case FilterOp::kIn:
      return std::any_of(node.values.begin(), node.values.end(),
                         [&](const auto& v) { return equals(seen, value_of(v)); });
    case FilterOp::kPrefix: return seen.is_string() && seen.get<std::string>().starts_with(wanted.get<std::string>());
    case FilterOp::kContains:
      return seen.is_string() &&
             lower(seen.get<std::string>()).find(lower(wanted.get<std::string>())) != std::string::npos;
    case FilterOp::kEqual: return equals(seen, wanted);
    case FilterOp::kNotEqual:
      return wanted.is_null() ? !seen.is_null() : same_type(seen, wanted) && !equals(seen, wanted);
    default: break;
  }
  if (!same_type(seen, wanted)) return false;
  const int order = three_way(seen, wanted);
  switch (node.op) {
    case FilterOp::kLess: return order < 0;
    case FilterOp::kLessOrEqual: return order <= 0;
    case FilterOp::kGreater: return order > 0;
    default: return order >= 0;
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
    static const std::string kStrings[] = {"",       "Acme", "acme", "ACME tools", "zebra",    "é",   "Éa",      "a'b",
                                           "a\"b\\", "%",    "1",    "true",       "\u65e5本", "red", "reddish", "\t"};
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
      case 5: return Json::array({1, "Acme"});
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
    while (below(4) == 0) text += "." + quoted(name(), '"');
    return text;
  }
  std::string literal() {
    static const char* kOthers[] = {"true", "false", "null", "TRUE"};
    switch (below(5)) {
      case 0:
      case 1: return quoted(string(), '\'');
      case 2:
      case 3: return number();
      default: return one_of(kOthers);
    }
  }
  std::string comparison() {
    static const char* kOrders[] = {" < ", "<=", " >", " >= "};
    switch (below(8)) {
      case 0: return "exists " + field();
      case 1: return field() + " like " + quoted(string().substr(0, 0) + prefix(), '\'');
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
  std::string prefix() {
    std::string text = string();
    std::erase(text, '%');
    return text + "%";
  }

  std::mt19937 random_;
};

class FilterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = must(DataFolder::open(env_, "/data"));
    collection_ = must(folder_->create_collection(testing::small_spec()));
  }
  // Stores an item of that metadata; returns it as the oracle sees it.
  Json add(const Json& metadata) {
    ItemWrite item = testing::item_of(collection_->spec(), ++count_);
    item.metadata = metadata.dump(-1, ' ', count_ % 2 == 0);  // as escapes, too
    item.text = count_ % 3 == 0 ? "Acme" : "red";
    item.width = static_cast<std::uint32_t>(count_ % 3);
    batch_.puts.push_back(item);
    Json seen = metadata;
    seen["@id"] = item.id;
    seen["@source"] = item.source;
    seen["@text"] = item.text;
    seen["@format"] = item.format;
    seen["@width"] = item.width;
    seen["@height"] = item.height;
    return seen;
  }
  void store() {
    batch_.id = "all";
    must(collection_->commit(batch_));
    snapshot_ = must(collection_->snapshot());
  }
  std::uint64_t matches(std::string_view filter) { return must(snapshot_->matching(filter)).size(); }
  std::string fault(std::string_view filter) {
    const auto result = parse_filter(filter);
    return result.is_ok() ? "no fault" : result.status().message();
  }

  SimulatedEnv env_{3};
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
  Batch batch_;
  std::uint64_t count_ = 0;
  std::unique_ptr<Snapshot> snapshot_;
};

TEST_F(FilterTest, random_filters_on_random_metadata_agree_with_plain_evaluation) {
  Random random(20240601);
  std::vector<Json> items;
  for (int i = 0; i < 150; ++i) items.push_back(add(random.object()));
  store();
  int some = 0;
  for (int round = 0; round < 1500; ++round) {
    const std::string text = random.filter();
    const auto filter = parse_filter(text);
    ASSERT_TRUE(filter.is_ok()) << filter.status().to_string();
    const auto rows = snapshot_->matching(text);
    ASSERT_TRUE(rows.is_ok()) << text << ": " << rows.status().to_string();
    for (std::size_t i = 0; i < items.size(); ++i) {
      ASSERT_EQ(rows->contains(i + 1), passes(*filter, items[i])) << text << "\non " << items[i].dump();
    }
    some += rows->size() > 0 && rows->size() < items.size() ? 1 : 0;
  }
  EXPECT_GT(some, 400) << "the filters tell hardly anything apart";
}

TEST_F(FilterTest, what_the_reference_says_holds) {
  add(Json::parse(R"({"brand": "Acme", "price": 19.37, "new": true, "size": {"w": 3}, "gone": null})"));
  add(Json::parse(R"({"brand": "Zeta", "price": "19.37"})"));
  store();
  EXPECT_EQ(matches("brand = 'Acme' and price < 20"), 1U);
  EXPECT_EQ(matches("price = 19.37"), 1U);
  EXPECT_EQ(matches("price = '19.37'"), 1U);
  EXPECT_EQ(matches("new = true"), 1U);
  EXPECT_EQ(matches("new != true"), 0U);       // missing in the second
  EXPECT_EQ(matches("not (new = true)"), 1U);  // so say it like this
  EXPECT_EQ(matches("size.w >= 3"), 1U);
  EXPECT_EQ(matches("exists gone"), 1U);
  EXPECT_EQ(matches("gone = null"), 1U);
  EXPECT_EQ(matches("brand != null"), 2U);
  EXPECT_EQ(matches("brand in ('Acme', 'Zeta', 7)"), 2U);
  EXPECT_EQ(matches("brand like 'Ac%'"), 1U);
  EXPECT_EQ(matches("brand contains 'CM'"), 1U);
  EXPECT_EQ(matches("@width = 1 or @id = 'item2'"), 2U);
  EXPECT_EQ(matches("brand = 'Acme' or brand = 'Zeta' and price = 0"), 1U);  // 'and' binds tighter
}

TEST_F(FilterTest, faults_point_at_the_place_and_say_what_was_expected) {
  EXPECT_EQ(
      fault("brand = )"),
      "filter, character 9: expected a value: a number, a string in 'single quotes', true, false or null, found ')'\n"
      "  brand = )\n          ^");
  EXPECT_NE(fault("é = 'a' x").find("\n  é = 'a' x\n          ^"), std::string::npos) << fault("é = 'a' x");
  EXPECT_NE(fault("").find("found the end"), std::string::npos);
  EXPECT_NE(fault("a like '%b'").find("write one %, at the end"), std::string::npos);
  EXPECT_NE(fault("a = 'b").find("not closed"), std::string::npos);
  EXPECT_NE(fault("a < true").find("expected a number, or a string"), std::string::npos);
  EXPECT_NE(fault("@size = 1").find("expected @id, @source"), std::string::npos);
  EXPECT_NE(fault("a = 012").find("expected a number such as"), std::string::npos);
  EXPECT_NE(fault("a = 1 b = 2").find("expected 'and', 'or' or the end, found 'b'"), std::string::npos);
  EXPECT_NE(fault("a = \"b\"").find("string in 'single quotes'"), std::string::npos);
  EXPECT_NE(fault("\"a\"\"b\" = 1").find("cannot be filtered"), std::string::npos);
  EXPECT_NE(fault(std::string_view("a\0 = 1", 6)).find("no meaning"), std::string::npos);
}

TEST_F(FilterTest, limits_hold_at_the_limit_and_past_it) {
  add(Json::parse(R"({"a": 7})"));
  store();
  const auto nested = [](std::size_t depth) { return std::string(depth, '(') + "a = 7" + std::string(depth, ')'); };
  EXPECT_EQ(matches(nested(limits::kFilterDepthMax - 1)), 1U);
  EXPECT_EQ(parse_filter(nested(limits::kFilterDepthMax)).status().code(), Code::kLimit);
  EXPECT_EQ(parse_filter(std::string(60'000, '(')).status().code(), Code::kLimit);

  std::string wide = "a = 0";
  for (std::uint32_t i = 1; i < limits::kFilterTermsMax; ++i) wide += " or a = " + std::to_string(i);
  EXPECT_EQ(matches(wide), 1U);
  EXPECT_EQ(parse_filter(wide + " or a = 1").status().code(), Code::kLimit);

  std::string list = "a in (0";
  for (std::uint32_t i = 1; i < limits::kFilterTermsMax; ++i) list += ", " + std::to_string(i);
  EXPECT_EQ(matches(list + ")"), 1U);
  EXPECT_EQ(parse_filter(list + ", 1)").status().code(), Code::kLimit);

  const std::string text = "a = 7";
  EXPECT_EQ(matches(text + std::string(limits::kFilterBytesMax - text.size(), ' ')), 1U);
  EXPECT_EQ(parse_filter(text + std::string(limits::kFilterBytesMax, ' ')).status().code(), Code::kLimit);
}

TEST_F(FilterTest, the_dead_are_not_matched) {
  add(Json::object());
  store();
  EXPECT_EQ(matches("@id = 'item1'"), 1U);
  must(collection_->commit({"gone", {}, {"item1"}}));
  EXPECT_EQ(matches("@id = 'item1'"), 1U) << "the old snapshot stays";
  snapshot_ = must(collection_->snapshot());
  EXPECT_EQ(matches("@id = 'item1'"), 0U);
}

}  // namespace
}  // namespace pictor
