#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "rank/rank.h"

namespace pictor {
namespace {

BoostRow row() {
  BoostRow out;
  out.score = 0.5;
  out.now_us = 20'000LL * 86'400 * 1'000'000;  // 2024-10-04
  out.column = [](std::string_view name) -> BoostValue {
    if (name == "price") return 20.0;
    if (name == "shop.margin") return 0.25;
    if (name == "brand") return std::string("Nimbus");
    if (name == "added") return std::string("2024-09-24T10:00:00Z");
    if (name == "seconds") return 19'990.0 * 86'400;
    if (name == "huge") return 1e308;
    if (name == "odd") return std::nan("");
    return {};
  };
  return out;
}

double value(const std::string& text) {
  const auto boost = Boost::parse(text);
  EXPECT_TRUE(boost.is_ok()) << boost.status().to_string();
  return boost.is_ok() ? boost->value(row()) : std::nan("");
}

std::string fault(const std::string& text, Code code = Code::kInvalid) {
  const auto boost = Boost::parse(text);
  EXPECT_EQ(boost.status().code(), code) << text;
  return boost.status().message();
}

TEST(Boost, numbers_columns_and_operations) {
  EXPECT_EQ(value("score"), 0.5);
  EXPECT_EQ(value("1 + 2 * 3 - 8 / 4"), 5);
  EXPECT_EQ(value("(1 + 2) * 3"), 9);
  EXPECT_EQ(value("-price + -(-1)"), -19);
  EXPECT_EQ(value("10 - 2 - 3"), 5) << "from the left";
  EXPECT_EQ(value("shop.margin * 4"), 1);
  EXPECT_EQ(value("min(price, 3, 7) + max(1, 2)"), 5);
  EXPECT_EQ(value("abs(-2) + log(1)"), 2);
  EXPECT_EQ(value("1e2 + .5"), 100.5);
}

TEST(Boost, comparisons_conditions_and_texts) {
  EXPECT_EQ(value("price > 19 and price <= 20"), 1);
  EXPECT_EQ(value("price < 20 or not price == 20"), 0);
  EXPECT_EQ(value("not price < 20"), 1);
  EXPECT_EQ(value("if(brand == \"Nimbus\", 2, 3)"), 2);
  EXPECT_EQ(value("if(brand != \"Nimbus\", 2, 3)"), 3);
  EXPECT_EQ(value("if(price >= 20, true, false)"), 1);
  EXPECT_EQ(value("has(price) + has(nothing)"), 1);
}

TEST(Boost, what_is_missing_is_nought_and_no_value_is_no_number) {
  EXPECT_EQ(value("nothing + 1"), 1);
  EXPECT_EQ(value("nothing == nothing"), 0);
  EXPECT_EQ(value("brand * 3"), 0);
  EXPECT_EQ(value("1 / 0 + log(-1) + log(0)"), 0);
  EXPECT_EQ(value("huge * huge"), 0);
  EXPECT_EQ(value("huge + huge"), 0);
  EXPECT_EQ(value("odd + 1"), 1);
}

TEST(Boost, recency_halves_for_each_so_many_days) {
  EXPECT_NEAR(value("recency(added, 10)"), 0.5, 1e-12);
  EXPECT_NEAR(value("recency(seconds, 5)"), 0.25, 1e-12);
  EXPECT_EQ(value("recency(nothing, 5) + recency(brand, 5) + recency(added, 0)"), 0);
  EXPECT_EQ(boost_date("1970-01-01"), 0);
  EXPECT_EQ(boost_date("2000-02-29"), 11'016);
  EXPECT_FALSE(boost_date("2000-13-01").has_value());
  EXPECT_FALSE(boost_date("yesterday ").has_value());
}

TEST(Boost, says_what_each_summand_adds) {
  const auto boost = Boost::parse("score + 2 * price - if(has(brand), 1, 0)");
  ASSERT_TRUE(boost.is_ok());
  std::vector<BoostTerm> terms;
  EXPECT_EQ(boost->value(row(), &terms), 39.5);
  ASSERT_EQ(terms.size(), 3U);
  EXPECT_EQ(terms[1].text, "2 * price");
  EXPECT_EQ(terms[1].value, 40);
  EXPECT_EQ(terms[2].text, "- if(has(brand), 1, 0)");
  EXPECT_EQ(terms[2].value, -1);
  terms.clear();
  EXPECT_EQ(Boost::parse("score + 1 > 1")->value(row(), &terms), 1);
  EXPECT_EQ(terms.size(), 1U) << "no sum";
}

TEST(Boost, faults_say_where) {
  EXPECT_NE(fault("score + ").find("at byte 8"), std::string::npos);
  EXPECT_NE(fault("score + * 2").find("at byte 8"), std::string::npos);
  EXPECT_NE(fault("scale(2)").find("no function 'scale'"), std::string::npos);
  EXPECT_NE(fault("(1 + 2").find("wanted ')'"), std::string::npos);
  EXPECT_NE(fault("min(1)").find("takes 2 values, here are 1"), std::string::npos);
  EXPECT_NE(fault("log(1, 2)").find("wanted ')' at the end of log"), std::string::npos);
  EXPECT_NE(fault("brand == \"x").find("does not end"), std::string::npos);
  EXPECT_NE(fault("recency(3, 4)").find("is of a name"), std::string::npos);
  EXPECT_NE(fault("1 2").find("wanted an operation"), std::string::npos);
  fault("");
  fault("1 + and");
  fault("\xff");
}

TEST(Boost, is_bounded_in_bytes_nodes_and_depth) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '(') + "1" + std::string(depth, ')'); };
  EXPECT_EQ(value(nested(limits::kBoostDepthMax - 1)), 1);
  fault(nested(limits::kBoostDepthMax), Code::kLimit);
  fault(std::string(100, '-') + "1", Code::kLimit);
  std::string many = "1";
  for (std::uint32_t nodes = 1; nodes + 2 <= limits::kBoostNodesMax; nodes += 2) many += "+1";
  EXPECT_EQ(value(many), limits::kBoostNodesMax / 2);
  fault(many + "+1", Code::kLimit);
  fault(std::string(limits::kBoostBytesMax + 1, ' '), Code::kLimit);
  EXPECT_EQ(value("1" + std::string(limits::kBoostBytesMax - 1, ' ')), 1);
}

TEST(Diversify, puts_what_is_like_those_before_it_behind) {
  const std::vector<ScoredRow> rows{{1, 1.0}, {2, 0.9}, {3, 0.5}, {4, 0.0}};
  const std::vector<std::vector<float>> vectors{{1, 0}, {1, 0.01F}, {0, 1}, {}};
  const auto order = [&](double share, std::size_t wanted) {
    std::vector<RowId> out;
    for (const auto& row : diversify(rows, vectors, share, wanted)) out.push_back(row.row);
    return out;
  };
  using Order = std::vector<RowId>;
  EXPECT_EQ(order(0, 4), (Order{1, 2, 3, 4}));
  EXPECT_EQ(order(0.5, 4), (Order{1, 3, 4, 2}));
  EXPECT_EQ(order(0.5, 2), (Order{1, 3, 2, 4})) << "the rest follows as it was";
  EXPECT_EQ(order(0.5, 0), (Order{1, 2, 3, 4}));
  EXPECT_TRUE(diversify({}, {}, 0.5, 3).empty());
}

TEST(Collapse, leaves_so_many_of_a_group_and_all_of_none) {
  const std::vector<ScoredRow> rows{{1, 1.0}, {2, 0.9}, {3, 0.5}, {4, 0.3}, {5, 0.1}};
  const std::vector<std::string> groups{"a", "a", "", "", "a"};
  EXPECT_EQ(collapse(rows, groups, 1), (std::vector<ScoredRow>{{1, 1.0}, {3, 0.5}, {4, 0.3}}));
  EXPECT_EQ(collapse(rows, groups, 2).size(), 4U);
}

}  // namespace
}  // namespace pictor
