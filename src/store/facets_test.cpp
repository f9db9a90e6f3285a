// Facets, held against a count of every item's own metadata: by columns, by items, and by both.
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "store/filter_testing.h"

namespace pictor {
namespace {

using testing::must;
using Json = nlohmann::json;

class FacetsTest : public testing::FilterTest {
 protected:
  Facets ask(std::vector<std::string> fields, std::string where = "", std::size_t most = 1000) {
    FacetRequest request;
    request.fields = std::move(fields);
    request.where = std::move(where);
    request.most = most;
    return must(snapshot_->facets(request));
  }
  Facet one(const std::string& field, const std::string& where = "") { return ask({field}, where).facets.at(0); }
  static std::map<std::string, std::uint64_t> values(const Facet& facet) {
    std::map<std::string, std::uint64_t> all;
    for (const FacetValue& value : facet.values) all[value.value] = value.items;
    return all;
  }
  std::string problem(std::vector<std::string> fields, std::string where = "") {
    FacetRequest request;
    request.fields = std::move(fields);
    request.where = std::move(where);
    const auto facets = snapshot_->facets(request);
    return facets.is_ok() ? "none" : facets.status().message();
  }

  // More than a run of fresh columns has, so that some rows are in columns and some are not.
  void fill(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      std::string text = R"({"brand": ")" + std::string(i % 3 == 0 ? "Acme" : "Ode") + R"(", "price": )" +
                         std::to_string(i % 5) + (i % 2 == 0 ? ".0" : "");
      if (i % 4 == 0) text += R"(, "tags": ["red", "red", )" + std::to_string(i % 3) + ", null, {}, []]";
      if (i % 7 == 0) text += R"(, "size": {"w": )" + std::to_string(0.5 + static_cast<double>(i % 2)) + "}";
      if (i % 6 == 0) text += R"(, "tags2": [])";
      metadata_[add(text + "}").id] = Json::parse(text + "}");
      if (batch_.puts.size() == 2000) store();
    }
    if (!batch_.puts.empty()) store();
  }
  void erase(std::uint64_t number) {
    const std::string id = "item" + std::to_string(number);
    must(collection_->commit({"erase " + id, {}, {id}}));
    metadata_.erase(id);
    snapshot_ = must(collection_->snapshot());
  }

  // What facets should say, by the metadata alone.
  std::map<std::string, std::uint64_t> counted(const std::string& pointer) const {
    std::map<std::string, std::uint64_t> all;
    for (const auto& [id, metadata] : metadata_) {
      const Json::json_pointer at(pointer);
      if (!metadata.contains(at)) continue;
      std::set<std::string> seen;
      const Json value = metadata[at];
      const Json elements = value.is_array() ? value : Json::array({value});
      for (const Json& element : elements) {
        if (element.is_structured()) continue;
        const bool whole =
            element.is_number_float() && element.get<double>() == static_cast<int>(element.get<double>());
        seen.insert(whole ? std::to_string(static_cast<int>(element.get<double>())) : element.dump());
      }
      for (const std::string& text : seen) ++all[text];
    }
    return all;
  }
  void expect_right() {
    const Facets facets = ask({"brand", "price", "tags", "size.w", "tags2", "nothing"});
    EXPECT_EQ(facets.items, metadata_.size());
    ASSERT_EQ(facets.facets.size(), 6U);
    EXPECT_EQ(values(facets.facets[0]), counted("/brand"));
    EXPECT_EQ(values(facets.facets[1]), counted("/price"));
    EXPECT_EQ(values(facets.facets[2]), counted("/tags"));
    EXPECT_EQ(values(facets.facets[3]), counted("/size/w"));
    EXPECT_TRUE(facets.facets[4].values.empty());
    EXPECT_EQ(facets.facets[5].items, 0U);
    EXPECT_EQ(facets.facets[1].least, 0.0);
    EXPECT_EQ(facets.facets[1].greatest, 4.0);
    EXPECT_EQ(facets.facets[3].least, 0.5);
    EXPECT_FALSE(facets.facets[0].least.has_value());
    const auto tagged = counted("/tags");
    EXPECT_EQ(facets.facets[2].items, tagged.at("\"red\""));  // each has it, once
  }

  std::map<std::string, Json> metadata_;
};

TEST_F(FacetsTest, counts_agree_with_the_metadata_of_each_item_fresh_or_sealed) {
  fill(5000);
  expect_right();  // two runs of columns, and rows past them
  erase(1);
  erase(4999);
  expect_right();
  must(collection_->seal());
  snapshot_ = must(collection_->snapshot());
  expect_right();
  fill(100);
  expect_right();
}

TEST_F(FacetsTest, a_filter_chooses_what_is_counted_and_the_first_of_the_values_are_listed) {
  fill(3000);
  const Facet acme = one("price", "brand = 'Acme'");
  std::uint64_t sum = 0;
  for (const FacetValue& value : acme.values) sum += value.items;
  EXPECT_EQ(sum, 1000U);
  EXPECT_EQ(acme.items, 1000U);
  const Facet first = ask({"brand"}, "", 1).facets.at(0);
  ASSERT_EQ(first.values.size(), 1U);
  EXPECT_EQ(first.values[0].value, "\"Ode\"");
  EXPECT_EQ(first.values[0].items, 2000U);
  EXPECT_EQ(first.distinct, 2U);
  EXPECT_EQ(one("@width").distinct, 3U);
  EXPECT_EQ(one("@format").items, 3000U);
  EXPECT_EQ(one("tags[0]", "price < 1").values.size(), 1U);
  EXPECT_EQ(one("tags[0]").items, one("tags").items);  // by items alone: columns know no positions
  EXPECT_EQ(ask({"brand"}, "brand = 'None'").items, 0U);
}

TEST_F(FacetsTest, a_moment_of_the_past_is_counted_as_it_was) {
  fill(2500);
  const auto before = values(one("brand"));
  AsOf at;
  at.kind = AsOf::Kind::kSequence;
  at.sequence = snapshot_->sequence();
  erase(2);
  EXPECT_NE(values(one("brand")), before);
  snapshot_ = must(collection_->snapshot_as_of(at));
  EXPECT_EQ(values(one("brand")), before);
}

TEST_F(FacetsTest, what_is_no_field_is_told) {
  fill(1);
  EXPECT_NE(problem({"a = 1"}).find("'a = 1' is no field, wanted one as filters name it"), std::string::npos);
  EXPECT_NE(problem({"a or exists b"}).find("is no field"), std::string::npos);
  EXPECT_NE(problem({""}).find("is no field"), std::string::npos);
  EXPECT_NE(problem({}).find("0 fields are asked for, wanted 1 to 32"), std::string::npos);
  EXPECT_NE(problem(std::vector<std::string>(33, "a")).find("33 fields"), std::string::npos);
  EXPECT_NE(problem({"a"}, "b = ").find("filter, character"), std::string::npos);
}

}  // namespace
}  // namespace pictor
