#include "cli/cli_testing.h"
#include "cli/text.h"

#include <nlohmann/json.hpp>

namespace pictor {
namespace {

using Json = nlohmann::json;

TEST_F(CliTest, parts_of_a_query_keep_their_order_and_weights) {
  const std::string image = folder_.write("q.png", "bytes");
  ASSERT_EQ(run({"search", "--text", "red", "--image", image, "--id", "cat", "--text", "car", "--weight", "1,-0.5,2",
                 "-w", "0.25", "-k", "3", "--where", "a = 1", "--head", "visual"}),
            0)
      << err();
  const Query& query = engine_->queries.back();
  ASSERT_EQ(query.parts.size(), 4U);
  EXPECT_EQ(query.parts[0].text, "red");
  EXPECT_EQ(as_text(query.parts[1].image), "bytes");
  EXPECT_EQ(query.parts[2].kind, QueryPart::Kind::kId);
  EXPECT_EQ(query.parts[3].text, "car");
  EXPECT_EQ(query.parts[1].weight, -0.5);
  EXPECT_EQ(query.parts[3].weight, 0.25);
  EXPECT_EQ(query.k, 3U);
  EXPECT_EQ(query.where, "a = 1");
  EXPECT_EQ(query.head, "visual");
}

TEST_F(CliTest, a_query_without_parts_or_with_other_weights_is_refused) {
  EXPECT_EQ(run({"search"}), 2);
  EXPECT_EQ(run({"search", "--text", "x", "--weight", "1,2"}), 2);
  EXPECT_NE(err().find("2 weights for 1 part"), std::string::npos) << err();
  EXPECT_EQ(run({"search", "--image", "/no/such.png"}), 3);
  EXPECT_TRUE(engine_->queries.empty());
}

TEST_F(CliTest, hits_are_a_table_of_80_columns_without_escapes) {
  add_item("photos/2024/a-folder-with-a-long-name/another-one-with-a-long-name/cat.jpg", "{}",
           "a cat on a wall in the sun");
  add_item("b\x1b[2J.jpg");
  ASSERT_EQ(run({"search", "--text", "cat", "--explain"}), 0) << err();
  for (const std::string& line : split(out(), '\n')) EXPECT_LE(display_width(line), 80U) << line;
  EXPECT_EQ(out().find('\x1b'), std::string::npos);
  EXPECT_TRUE(out().starts_with("\"cat\" in 'default'\n")) << out();
  EXPECT_NE(out().find("exact scan"), std::string::npos);
  EXPECT_NE(out().find("0.900"), std::string::npos);
}

TEST_F(CliTest, json_hits_have_the_documented_fields) {
  add_item("a.png", R"({"year": 2024})", "a");
  ASSERT_EQ(run({"search", "--text", "x", "--json", "--explain"}), 0) << err();
  const Json hits = Json::parse(out());
  const Json& hit = hits["hits"][0];
  EXPECT_EQ(hit["rank"], 1);
  EXPECT_EQ(hit["id"], "a.png");
  EXPECT_EQ(hit["metadata"]["year"], 2024);
  EXPECT_NE(out().find("\"score\": 0.9,"), std::string::npos) << out();  // the float's own digits
  EXPECT_EQ(hits["recall"], "exact");
  EXPECT_EQ(hits["complete"], true);
  EXPECT_EQ(hits["stages"][0]["room"], "encode");
}

TEST_F(CliTest, the_contact_sheet_is_written_with_the_thumbnails) {
  add_item("a.png", "{}", "<b>bold</b>");
  const ByteView kept = as_bytes("picture");
  engine_->kept_picture.assign(kept.begin(), kept.end());
  ASSERT_EQ(run({"search", "--text", "x", "--html", folder_ / "hits.html"}), 0) << err();
  const std::string html = folder_.read("hits.html");
  EXPECT_NE(html.find(base64_of(as_bytes("a small picture"))), std::string::npos);
  EXPECT_NE(html.find("&lt;b&gt;bold"), std::string::npos);
  EXPECT_NE(out().find("contact sheet: " + folder_ / "hits.html"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "hits.html.part"));
}

TEST_F(CliTest, thumbnails_come_in_the_terminals_own_protocol_or_not_at_all) {
  add_item("a.png");
  engine_->kept_picture.resize(4);
  ASSERT_EQ(run({"search", "--text", "x"}), 0);
  EXPECT_EQ(out().find('\x1b'), std::string::npos);
  services_.terminal.pictures = PictureProtocol::kKitty;
  ASSERT_EQ(run({"search", "--text", "x"}), 0);
  EXPECT_NE(out().find("\x1b_Ga=T,f=100"), std::string::npos);
  services_.terminal.pictures = PictureProtocol::kIterm;
  ASSERT_EQ(run({"search", "--text", "x"}), 0);
  EXPECT_NE(out().find("\x1b]1337;File=inline=1;size=15;"), std::string::npos);
  ASSERT_EQ(run({"search", "--text", "x", "--thumbnails", "never"}), 0);
  EXPECT_EQ(out().find('\x1b'), std::string::npos);
}

TEST_F(CliTest, search_asks_for_a_recall_or_an_exact_answer) {
  EXPECT_EQ(run({"search", "--text", "x"}), 0);
  EXPECT_EQ(run({"search", "--text", "x", "--recall", "0.9"}), 0);
  EXPECT_EQ(run({"search", "--text", "x", "--exact"}), 0);
  EXPECT_FALSE(engine_->queries.at(0).recall.has_value());
  EXPECT_EQ(engine_->queries.at(1).recall, 0.9);
  EXPECT_EQ(engine_->queries.at(2).recall, 1.0);
  EXPECT_EQ(run({"search", "--text", "x", "--exact", "--recall", "0.9"}), 2);
}

TEST_F(CliTest, search_asks_for_stages_by_name) {
  EXPECT_EQ(run({"search", "--id", "a"}), 0);
  EXPECT_EQ(engine_->queries.back().candidates, 0U);
  EXPECT_EQ(engine_->queries.back().rerank.by, "");
  ASSERT_EQ(run({"search",       "--id",    "a",        "--rerank",    "tokens",   "--rerank-budget", "50",
                 "--candidates", "30",      "--words",  "red",         "--fusion", "scores",          "--words-weight",
                 "0.2",          "--boost", "score",    "--diversity", "0.3",      "--group-by",      "kind",
                 "--group-size", "2",       "--offset", "10"}),
            0)
      << err();
  const Query& query = engine_->queries.back();
  EXPECT_EQ(query.rerank.by, "tokens");
  EXPECT_EQ(query.rerank.budget_ms, 50);
  EXPECT_EQ(query.candidates, 30U);
  EXPECT_EQ(query.words.words, "red");
  EXPECT_EQ(query.words.fusion, Fusion::kScores);
  EXPECT_EQ(query.words.weight, 0.2);
  EXPECT_EQ(query.boost, "score");
  EXPECT_EQ(query.diversity, 0.3);
  EXPECT_EQ(query.group_by, "kind");
  EXPECT_EQ(query.group_size, 2U);
  EXPECT_EQ(query.offset, 10U);
  EXPECT_EQ(run({"search", "--words", "red"}), 0) << "words alone are a query";
  EXPECT_TRUE(engine_->queries.back().parts.empty());
  EXPECT_EQ(run({"search", "--id", "a", "--rerank", "magic"}), 2);
  EXPECT_EQ(run({"search", "--id", "a", "--fusion", "scores"}), 2) << "of what?";
  EXPECT_EQ(run({"search", "--id", "a", "--candidates", "1001"}), 2);
}

TEST_F(CliTest, search_may_leave_the_vectors_alone_and_says_so) {
  add_item("a.png", "{}", "a");
  ASSERT_EQ(run({"search", "--text", "x"}), 0) << err();
  EXPECT_FALSE(engine_->queries.back().coded_scores);
  EXPECT_EQ(out().find("by codes"), std::string::npos) << out();
  ASSERT_EQ(run({"search", "--text", "x", "--coded-scores"}), 0) << err();
  EXPECT_TRUE(engine_->queries.back().coded_scores);
  EXPECT_NE(out().find(", scores by codes, "), std::string::npos) << out();
  ASSERT_EQ(run({"--json", "search", "--text", "x", "--coded-scores"}), 0) << err();
  EXPECT_EQ(Json::parse(out())["distance_error"], 0.0005);
  ASSERT_EQ(run({"--json", "search", "--text", "x"}), 0) << err();
  EXPECT_EQ(Json::parse(out())["distance_error"], 0);
}

TEST_F(CliTest, facets_are_shown_and_what_is_not_shown_is_told) {
  Facet brand{"brand", {{"\"Acme\"", 1200}, {"null", 3}}, 7, 1203, {}, {}};
  Facet price{"price", {{"5", 2}}, 1, 2, 5.0, 5.5};
  engine_->counted_facets = {2000, {brand, price}};
  ASSERT_EQ(run({"facets", "brand", "price", "--where", "a = 1", "--limit", "2"}), 0) << err();
  EXPECT_EQ(engine_->asked_facets.fields, (std::vector<std::string>{"brand", "price"}));
  EXPECT_EQ(engine_->asked_facets.where, "a = 1");
  EXPECT_EQ(engine_->asked_facets.most, 2U);
  EXPECT_NE(out().find("brand  1,203 items, 7 values\n"), std::string::npos) << out();
  EXPECT_NE(out().find("Acme"), std::string::npos);
  EXPECT_NE(out().find("and 5 values more (--limit shows more)"), std::string::npos) << out();
  EXPECT_NE(out().find("price  2 items, 1 value, numbers from 5 to 5.5\n"), std::string::npos) << out();
  ASSERT_EQ(run({"facets", "brand", "--json"}), 0);
  EXPECT_NE(out().find("\"value\": \"Acme\""), std::string::npos);
  EXPECT_EQ(run({"facets"}), 2);
  EXPECT_EQ(run({"facets", "a", "--limit", "1001"}), 2);
}

}  // namespace
}  // namespace pictor
