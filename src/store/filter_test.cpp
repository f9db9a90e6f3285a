#include "store/filter.h"

#include <gtest/gtest.h>

#include "store/filter_testing.h"

namespace pictor {
namespace {

using testing::FilterTest;
using testing::must;

TEST_F(FilterTest, what_the_reference_says_holds) {
  add(R"({"brand": "Acme", "price": 19.37, "new": true, "size": {"w": 3}, "gone": null})");
  add(R"({"brand": "Zeta", "price": "19.37"})");
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

TEST_F(FilterTest, arrays_dates_boxes_and_positions_mean_what_the_reference_says) {
  add(R"({"tags": ["red", "Chair", 7], "taken": "2024-05-01T10:30:00+02:00", "at": {"lat": 35.6, "lon": 179.5}})");
  add(R"({"tags": "a reddish chair", "taken": "2024-05-01", "at": {"lat": 35.6, "lon": -179.5}, "any": 1})");
  add(R"({"tags": [["red"]], "taken": "yesterday", "at": {"lat": -10, "lon": 0}, "date": 3, "within": true})");
  store();
  for (const bool sealed : {false, true}) {
    if (sealed) must(collection_->seal());
    snapshot_ = must(collection_->snapshot());
    EXPECT_EQ(matches("tags contains 'red'"), 2U);  // an element of the first, a part of the second
    EXPECT_EQ(matches("tags contains 'chair'"), 1U);
    EXPECT_EQ(matches("tags contains 7"), 1U);
    EXPECT_EQ(matches("any tags = 'red'"), 1U);
    EXPECT_EQ(matches("any tags like 'Ch%'"), 1U);
    EXPECT_EQ(matches("any tags contains 'CHAI'"), 1U);
    EXPECT_EQ(matches("any tags > 6.5"), 1U);
    EXPECT_EQ(matches("any = 1 or date = 3"), 2U);  // both are names, too
    EXPECT_EQ(matches("tags[0] = 'red' and tags[-1] = 7"), 1U);
    EXPECT_EQ(matches("tags[0][0] = 'red'"), 1U);
    EXPECT_EQ(matches("at['lat'] < 0"), 1U);
    EXPECT_EQ(matches("taken = date '2024-05-01T08:30:00Z'"), 1U);
    EXPECT_EQ(matches("taken >= date '2024-05-01'"), 2U);
    EXPECT_EQ(matches("taken < date '2024-05-02' and not (taken = date '2024-05-01')"), 1U);
    EXPECT_EQ(matches("within(at.lat, at.lon, 30, 170, 40, -170)"), 2U);  // over the date line
    EXPECT_EQ(matches("within(at.lat, at.lon, -90, -170, 90, 170)"), 1U);
    EXPECT_EQ(matches("within = true"), 1U);
  }
  EXPECT_NE(fault("within(at.lat, at.lon, 40, 170, 30, -170)").find("character 33: the north of a box"),
            std::string::npos)
      << fault("within(at.lat, at.lon, 40, 170, 30, -170)");
  EXPECT_NE(fault("within(a, b, 0, 0, 91, 0)").find("character 20: 91 degrees, it must be -90 to 90"),
            std::string::npos);
  EXPECT_NE(fault("within(a, b, 0)").find("expected ','"), std::string::npos);
  EXPECT_NE(fault("taken < date '2023-02-29'").find("character 14: expected a date such as"), std::string::npos);
  EXPECT_NE(fault("taken < date 7").find("expected a date in"), std::string::npos);
  EXPECT_NE(fault("a[1.5] = 1").find("character 3: expected a position"), std::string::npos);
  EXPECT_NE(fault("a[b] = 1").find("expected a position such as 0, or a name in quotes"), std::string::npos);
  EXPECT_NE(fault("a[0 = 1").find("expected ']'"), std::string::npos);
  EXPECT_NE(fault("any @id = 'a'").find("expected a field that is an array"), std::string::npos);
  EXPECT_NE(fault("@id contains 7").find("expected a string"), std::string::npos);
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
  add(R"({"a": 7})");
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
  add("{}");
  store();
  EXPECT_EQ(matches("@id = 'item1'"), 1U);
  must(collection_->commit({"gone", {}, {"item1"}}));
  EXPECT_EQ(matches("@id = 'item1'"), 1U) << "the old snapshot stays";
  snapshot_ = must(collection_->snapshot());
  EXPECT_EQ(matches("@id = 'item1'"), 0U);
}

}  // namespace
}  // namespace pictor
