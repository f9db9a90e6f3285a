// Queries of several stages over a collection that was put into the store by hand, so that no encoder is needed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "engine/engine.h"
#include "engine/json_output.h"
#include "store/store.h"
#include "vector/vector.h"

namespace pictor {
namespace {

constexpr unsigned kItems = 12;

class SecondStagesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-stages-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    options_.data_folder = folder_ + "/data";
    options_.cards_folder = PICTOR_SOURCE_DIR "/models";
    options_.weights_folder = folder_;
    options_.threads = 2;
    put("test", {TokenCodec::kInt8, {2, 2, 3}});
    put("halves", {TokenCodec::kF16, {2, 2, 3}});
    put("plain", {});
    put("large", {TokenCodec::kInt8, {64, 64, 64}});
    auto opened = Engine::open(Env::real(), options_);
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    engine_ = std::move(opened).value();
  }
  void TearDown() override {
    engine_.reset();
    std::filesystem::remove_all(folder_);
  }

  // Vectors turn away from that of p0 with the number; tokens turn back to those of p0: the last is as p0 itself.
  static ItemWrite item(unsigned number, const TokensSpec& kept) {
    ItemWrite write;
    write.id = "p" + std::to_string(number);
    const float angle = 0.1F * static_cast<float>(number);
    write.vectors = {{std::cos(angle), std::sin(angle)}};
    const float back = number == 0 ? 0.0F : 0.1F * static_cast<float>(kItems - 1 - number);
    std::vector<float> tokens(kept.grid.numbers());
    for (std::size_t place = 0; place < kept.grid.places(); ++place) {
      tokens[place * kept.grid.dim] = std::cos(back);
      tokens[place * kept.grid.dim + 1] = std::sin(back);
    }
    // One item has none.
    if (kept.codec != TokenCodec::kNone && number != 5) {
      write.tokens = pack_tokens(kept.codec, kept.grid, tokens, kept.grid.dim).value();
    }
    write.text = std::string(number % 2 == 0 ? "blue" : "red") + " word" + std::to_string(number);
    write.metadata = R"({"number":)" + std::to_string(number) + R"(,"shop":{"price":)" + std::to_string(100 - number) +
                     R"(},"kind":")" + std::string(1, static_cast<char>('a' + number % 3)) + "\"}";
    return write;
  }

  void put(const std::string& name, const TokensSpec& tokens) {
    auto folder = DataFolder::open(Env::real(), options_.data_folder);
    ASSERT_TRUE(folder.is_ok()) << folder.status().to_string();
    CollectionSpec spec;
    spec.name = name;
    spec.encoder = "external:hand";
    spec.keep = Keep::kNone;
    spec.spaces = {{std::string(64, 'a'), "visual", 2, Metric::kCosine}};
    spec.tokens = tokens;
    auto made = (*folder)->create_collection(spec);
    ASSERT_TRUE(made.is_ok()) << made.status().to_string();
    Batch batch;
    batch.id = "first";
    for (unsigned i = 0; i < kItems; ++i) batch.puts.push_back(item(i, tokens));
    const auto committed = (*made)->commit(batch);
    ASSERT_TRUE(committed.is_ok()) << committed.status().to_string();
  }

  static Query like(const std::string& id, const std::string& by = "tokens") {
    Query query;
    query.collection = "test";
    query.parts.resize(1);
    query.parts[0].kind = QueryPart::Kind::kId;
    query.parts[0].text = id;
    query.k = 3;
    query.rerank.by = by;
    return query;
  }
  Hits search(const Query& query) {
    auto hits = engine_->search(query);
    EXPECT_TRUE(hits.is_ok()) << hits.status().to_string();
    return hits.is_ok() ? std::move(hits).value() : Hits{};
  }
  std::string refusal(const Query& query, Code code) {
    const auto hits = engine_->search(query);
    EXPECT_EQ(hits.status().code(), code) << hits.status().to_string();
    return hits.status().message();
  }
  static std::vector<std::string> ids(const Hits& hits) {
    std::vector<std::string> out;
    for (const auto& hit : hits.hits) out.push_back(hit.id);
    return out;
  }

  std::string folder_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

using Ids = std::vector<std::string>;

TEST_F(SecondStagesTest, tokens_put_the_first_hits_into_another_order) {
  EXPECT_EQ(ids(search(like("p0", ""))), (Ids{"p1", "p2", "p3"}));
  const auto hits = search(like("p0"));
  EXPECT_EQ(ids(hits), (Ids{"p11", "p10", "p9"}));
  EXPECT_EQ(hits.reranked, true);
  EXPECT_NEAR(hits.hits[0].score.value, 1.0, 1e-4);
  EXPECT_NEAR(hits.hits[1].score.value, std::cos(0.1), 0.01);
  EXPECT_TRUE(hits.hits[0].parts.empty()) << "nobody asked to explain";
}

TEST_F(SecondStagesTest, only_candidates_are_put_into_another_order) {
  Query query = like("p0");
  query.candidates = 4;
  EXPECT_EQ(ids(search(query)), (Ids{"p4", "p3", "p2"}));
  query.candidates = 1;
  EXPECT_EQ(ids(search(query)), (Ids{"p3", "p2", "p1"})) << "as many as are asked for, at least";
}

TEST_F(SecondStagesTest, a_filter_is_kept_to_and_what_has_no_tokens_follows) {
  Query query = like("p0");
  query.where = "number >= 4 and number <= 6";
  const auto hits = search(query);
  EXPECT_EQ(ids(hits), (Ids{"p6", "p4", "p5"}));
  ASSERT_EQ(hits.warnings.size(), 1U);
  EXPECT_NE(hits.warnings[0].find("knows nothing of 1 candidates"), std::string::npos) << hits.warnings[0];
}

TEST_F(SecondStagesTest, explain_says_what_each_stage_thought_and_how_long_it_took) {
  Query query = like("p0");
  query.explain = true;
  const auto hits = search(query);
  ASSERT_EQ(hits.hits[0].parts.size(), 2U);
  EXPECT_EQ(hits.hits[0].parts[0].name, "vector");
  EXPECT_EQ(hits.hits[0].parts[0].rank, 11U);
  EXPECT_NEAR(hits.hits[0].parts[0].value, std::cos(1.1), 1e-6);
  EXPECT_EQ(hits.hits[0].parts[1].name, "tokens");
  EXPECT_EQ(hits.hits[0].parts[1].rank, 1U);
  const auto stage =
      std::find_if(hits.stages.begin(), hits.stages.end(), [](const SearchStage& one) { return one.room == "rank"; });
  ASSERT_NE(stage, hits.stages.end());
  EXPECT_EQ(stage->what, "tokens of 11 candidates");
}

TEST_F(SecondStagesTest, one_that_is_late_leaves_the_first_order_and_says_so) {
  Query query = like("p0");
  query.collection = "large";
  query.rerank.budget_ms = 1;  // 4,096 tokens against as many take longer
  const auto hits = search(query);
  EXPECT_EQ(ids(hits), (Ids{"p1", "p2", "p3"}));
  EXPECT_EQ(hits.reranked, false);
  ASSERT_EQ(hits.warnings.size(), 1U);
  EXPECT_NE(hits.warnings[0].find("the order is that of the first stage"), std::string::npos) << hits.warnings[0];
}

TEST_F(SecondStagesTest, tokens_that_were_kept_as_halves_give_the_same_order) {
  Query query = like("p0");
  query.collection = "halves";
  EXPECT_EQ(ids(search(query)), (Ids{"p11", "p10", "p9"}));
}

TEST_F(SecondStagesTest, what_cannot_be_re_ranked_is_refused_with_what_to_do) {
  Query query = like("p0");
  query.collection = "plain";
  EXPECT_NE(refusal(query, Code::kMismatch).find("pictor index --tokens int8"), std::string::npos);
  EXPECT_NE(refusal(like("p0", "magic"), Code::kInvalid).find("wanted 'tokens'"), std::string::npos);
  EXPECT_NE(refusal(like("p5"), Code::kNotFound).find("no patch tokens"), std::string::npos);
  EXPECT_NE(refusal(like("p99"), Code::kNotFound).find("no item 'p99'"), std::string::npos);
  query = like("p0");
  query.parts[0] = {QueryPart::Kind::kVector, {}, {}, {1.0F, 0.0F}, 1.0};
  EXPECT_NE(refusal(query, Code::kInvalid).find("no picture and no item"), std::string::npos);
  query = like("p0");
  query.candidates = limits::kCandidatesMax;
  EXPECT_EQ(search(query).hits.size(), 3U);
  query.candidates = limits::kCandidatesMax + 1;
  refusal(query, Code::kInvalid);
  query.candidates = 0;
  query.k = limits::kCandidatesMax + 1;
  refusal(query, Code::kInvalid);
  query = like("p0", "");
  query.candidates = 5;
  refusal(query, Code::kInvalid);
  query = like("p0");
  query.rerank.budget_ms = limits::kRerankMsMax + 1;
  refusal(query, Code::kInvalid);
}

TEST_F(SecondStagesTest, words_alone_find_items_of_any_collection) {
  Query query;
  query.collection = "plain";
  query.words.words = "word7 red";
  query.k = 3;
  const auto hits = search(query);
  ASSERT_EQ(hits.hits.size(), 3U);
  EXPECT_EQ(hits.hits[0].id, "p7");
  EXPECT_GT(hits.hits[0].score.value, hits.hits[1].score.value);
  EXPECT_EQ(hits.recall, "exact");
  EXPECT_EQ(hits.distances, 0U);
  query.where = "number = 9";
  EXPECT_EQ(ids(search(query)), (Ids{"p9"}));
  query.words.words = "elephant";
  EXPECT_TRUE(search(query).hits.empty());
}

TEST_F(SecondStagesTest, words_and_vectors_become_one_order) {
  Query query = like("p0", "");
  query.words.words = "word11";
  auto hits = search(query);
  EXPECT_EQ(ids(hits), (Ids{"p11", "p1", "p2"}));
  EXPECT_NEAR(hits.hits[0].score.value, 0.5 / 71 + 0.5 / 61, 1e-7);
  query.words.fusion = Fusion::kScores;
  query.candidates = 3;  // so that the vectors' candidates do not have it, and its distance is to be found
  hits = search(query);
  EXPECT_EQ(ids(hits), (Ids{"p11", "p1", "p2"}));
  EXPECT_NEAR(hits.hits[0].score.value, 0.5 * std::cos(1.1) + 0.5, 1e-5);
  query.words.weight = 0.1;
  EXPECT_EQ(ids(search(query)), (Ids{"p1", "p2", "p3"}));
  query.words.weight = 1;
  EXPECT_EQ(search(query).hits[0].id, "p11");
  query.words.weight = 1.1;
  refusal(query, Code::kInvalid);
}

TEST_F(SecondStagesTest, an_item_that_the_query_names_is_no_answer_to_its_words) {
  Query query = like("p4", "");
  query.words.words = "word4 word3";
  EXPECT_EQ(search(query).hits[0].id, "p3");
}

TEST_F(SecondStagesTest, explain_says_which_words_an_item_has) {
  Query query = like("p0");
  query.words.words = "red word11 \"red word9\" -word1";
  query.explain = true;
  const auto hits = search(query);
  EXPECT_EQ(hits.hits[0].id, "p11");
  EXPECT_EQ(hits.hits[0].words, (Ids{"red", "word11"}));
  Ids stages;
  for (const auto& part : hits.hits[0].parts) stages.push_back(part.name);
  EXPECT_EQ(stages, (Ids{"vector", "words", "fused", "tokens"}));
}

TEST_F(SecondStagesTest, a_boost_gives_every_candidate_a_new_score) {
  Query query = like("p0", "");
  query.boost = "score + if(number >= 10, 2, 0) - 0.01 * shop.price";
  query.explain = true;
  const auto hits = search(query);
  EXPECT_EQ(ids(hits), (Ids{"p10", "p11", "p1"}));
  EXPECT_NEAR(hits.hits[0].score.value, std::cos(1.0) + 2 - 0.9, 1e-5);
  const auto& parts = hits.hits[0].parts;
  ASSERT_EQ(parts.size(), 5U);
  EXPECT_EQ(parts[1].name, "score");
  EXPECT_EQ(parts[2].name, "if(number >= 10, 2, 0)");
  EXPECT_EQ(parts[2].value, 2);
  EXPECT_EQ(parts[3].name, "- 0.01 * shop.price");
  EXPECT_NEAR(parts[3].value, -0.9, 1e-12);
  EXPECT_EQ(parts[4].name, "boost");
  EXPECT_EQ(parts[4].rank, 1U);
  query.boost = "score +";
  EXPECT_NE(refusal(query, Code::kInvalid).find("at byte 7"), std::string::npos);
}

TEST_F(SecondStagesTest, groups_have_their_best_hits_alone) {
  Query query = like("p0", "");
  query.k = 10;
  query.group_by = "kind";
  EXPECT_EQ(ids(search(query)), (Ids{"p1", "p2", "p3"}));
  query.group_size = 2;
  EXPECT_EQ(ids(search(query)), (Ids{"p1", "p2", "p3", "p4", "p5", "p6"}));
  query.group_by = "nothing";
  EXPECT_EQ(search(query).hits.size(), 10U) << "what has no value is a group of its own";
  query.group_by = std::string(limits::kGroupNameBytesMax + 1, 'a');
  refusal(query, Code::kLimit);
  query.group_by.clear();
  refusal(query, Code::kInvalid);
}

TEST_F(SecondStagesTest, diversity_puts_what_is_alike_behind) {
  Query query = like("p0", "");
  query.diversity = 0.9;
  const auto hits = ids(search(query));
  EXPECT_EQ(hits[0], "p1");
  EXPECT_NE(hits[1], "p2");
  query.diversity = 1e-9;
  EXPECT_EQ(ids(search(query)), (Ids{"p1", "p2", "p3"}));
  query.diversity = 1.5;
  refusal(query, Code::kInvalid);
}

TEST_F(SecondStagesTest, pages_of_one_order_repeat_nothing_and_leave_out_nothing) {
  Query query = like("p0", "");
  query.diversity = 0.4;
  query.k = 11;
  const auto whole = search(query);
  Ids pages;
  query.k = 4;
  for (query.offset = 0; query.offset < 12; query.offset += 4) {
    query.as_of = parse_as_of(std::to_string(whole.sequence)).value();
    for (const auto& id : ids(search(query))) pages.push_back(id);
  }
  EXPECT_EQ(pages, ids(whole));
  EXPECT_EQ(pages.size(), 11U);
  query.offset = 97;
  refusal(query, Code::kInvalid);
  query.offset = 96;
  EXPECT_TRUE(search(query).hits.empty());
}

TEST_F(SecondStagesTest, an_answer_of_one_stage_has_no_field_of_several) {
  const auto hits = search(like("p0", ""));
  const std::string json = hits_json(hits);
  for (const char* name : {"\"parts\"", "\"reranked\"", "\"words\""}) {
    EXPECT_EQ(json.find(name), std::string::npos) << json;
  }
  EXPECT_NE(hits_json(search(like("p0")), false).find("\"reranked\":true"), std::string::npos);
}

}  // namespace
}  // namespace pictor
