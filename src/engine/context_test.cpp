// Context packs: their budget, what is said once, whose rights forbid it, and the shapes of the three APIs.
#include "pictor/context.h"

#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "engine/context_parts.h"
#include "engine/engine_testing.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

constexpr ContextFormat kFormats[] = {ContextFormat::kPack, ContextFormat::kOpenAi, ContextFormat::kOpenAiResponses,
                                      ContextFormat::kAnthropic, ContextFormat::kGemini};

ContextRights rights_of(std::vector<std::string> allowed = {}) {
  ContextRights rights;
  rights.allowed = std::move(allowed);
  return rights;
}

TEST(ContextRights, what_is_refused_in_any_field_is_not_shown) {
  for (const char* refused :
       {R"({"rights": "none"})", R"({"rights": "All rights_reserved"})", R"({"consent": false})",
        R"({"licence": ["cc-by", "no-ai"]})", R"({"rights": "cc0", "consent": "Withdrawn"})", R"({"rights": 7})",
        R"({"rights": {"a": 1}})", R"({"rights": []})", R"({"license": " denied "})"}) {
    EXPECT_FALSE(may_be_shown(Json::parse(refused), rights_of())) << refused;
  }
  for (const char* shown : {"{}", R"({"rights": "cc-by-4.0"})", R"({"consent": true})", R"({"rights": null})",
                            R"({"licence": ["cc-by", "cc0"]})", R"({"usage": {"ai": "denied"}})"}) {
    EXPECT_TRUE(may_be_shown(Json::parse(shown), rights_of())) << shown;
  }
}

TEST(ContextRights, where_some_are_allowed_the_rest_is_not_shown) {
  const ContextRights rights = rights_of({"CC BY", "cc0"});
  EXPECT_TRUE(may_be_shown(Json::parse(R"({"licence": "cc-by"})"), rights));
  EXPECT_FALSE(may_be_shown(Json::parse(R"({"licence": "cc-by-nc"})"), rights));
  EXPECT_FALSE(may_be_shown(Json::parse(R"({})"), rights));
  EXPECT_FALSE(may_be_shown(Json::parse(R"({"consent": true})"), rights));
  EXPECT_TRUE(may_be_shown(Json::parse(R"({"consent": true, "rights": "CC0"})"), rights));
}

TEST(ContextRights, a_field_may_lie_within_another) {
  ContextRights rights;
  rights.fields = {"usage.ai"};
  EXPECT_FALSE(may_be_shown(Json::parse(R"({"usage": {"ai": "denied"}})"), rights));
  EXPECT_TRUE(may_be_shown(Json::parse(R"({"usage": {"ai": "granted"}, "rights": "none"})"), rights));
}

TEST(ContextText, is_cut_between_characters) {
  EXPECT_EQ(cut_text("abcdef", 6), "abcdef");
  EXPECT_EQ(cut_text("abcdef", 5), "ab...");
  EXPECT_EQ(cut_text("\u00e4\u00f6\u00fc", 5), "\u00e4...");
  EXPECT_EQ(cut_text("\u00e4\u00f6\u00fc", 4), "...");
  EXPECT_EQ(cut_text("abcdef", 2), "");
}

TEST(ContextTokens, pictures_cost_what_the_apis_publish) {
  EXPECT_EQ(picture_tokens(ContextFormat::kAnthropic, 1000, 1000), 1334U);
  EXPECT_EQ(picture_tokens(ContextFormat::kAnthropic, 200, 200), 64U);  // patches: more than 54 by pixels
  EXPECT_EQ(picture_tokens(ContextFormat::kOpenAi, 32, 32), 85U);
  EXPECT_EQ(picture_tokens(ContextFormat::kOpenAi, 512, 512), 630U);
  EXPECT_EQ(picture_tokens(ContextFormat::kGemini, 256, 256), 1120U);
  EXPECT_EQ(picture_tokens(ContextFormat::kGemini, 768, 300), 1548U);
  EXPECT_EQ(picture_tokens(ContextFormat::kPack, 1000, 1000), 2520U);
}

TEST(ContextRequests, say_what_is_wrong) {
  const auto refused = [](const char* json) {
    const auto request = parse_context_request(json);
    return request.is_ok() ? std::string("taken") : request.status().message();
  };
  EXPECT_EQ(refused(R"({"text": "boat", "format": "pdf"})"),
            "'format' is 'pdf', wanted one of pack, openai, openai_responses, anthropic, gemini");
  EXPECT_EQ(refused(R"({"text": "boat", "items": 101})"), "'items' is 101, wanted 1 to 100");
  EXPECT_EQ(refused(R"({"text": "boat", "side": 8})"), "'side' is 8, wanted 16 to 768");
  EXPECT_NE(refused(R"({"text": "boat", "budget": 7})").find("'budget' is no field of this request"),
            std::string::npos);
  EXPECT_NE(refused(R"({"text": "a", "id": "b"})").find("has 2 of"), std::string::npos);
  EXPECT_NE(refused(R"({"fields": ["a", ""]})").find("'fields' is an array"), std::string::npos);
  EXPECT_NE(refused(R"({"image": "%%"})").find("base64"), std::string::npos);
  EXPECT_NE(refused("[]").find("no JSON object"), std::string::npos);
  EXPECT_EQ(refused(R"({"collection": "c", "query": [{"text": "a", "weight": 0.5}, {"image": "AAAA"}]})"), "taken");
}

class ContextTest : public EngineTest {
 protected:
  // Texts are bytes of one token each; pictures what the rule says. Counted from the answer alone.
  static std::uint64_t counted(Json answer, ContextFormat format) {
    std::uint64_t tokens = 0;
    const auto jpeg = [&](const std::string& base64) {
      const auto info = read_image_info(bytes_of_base64(base64).value());
      tokens += picture_tokens(format, info->width, info->height);
    };
    const auto link = [&](std::uint32_t side) {
      std::uint64_t most = 0;
      for (std::uint32_t height = 1; height <= side; ++height) {
        most = std::max({most, picture_tokens(format, side, height), picture_tokens(format, height, side)});
      }
      tokens += most;
    };
    if (format == ContextFormat::kPack) {
      for (Json& entry : answer["entries"]) {
        if (entry["picture"].is_null()) continue;
        if (entry["picture"].contains("data"))
          jpeg(std::exchange(entry["picture"]["data"], "").get<std::string>());
        else
          link(entry["picture"]["side"]);
      }
      return tokens + answer.dump().size();
    }
    const Json message = answer.at("message");
    for (const Json& block : message.at(format == ContextFormat::kGemini ? "parts" : "content")) {
      if (block.contains("text")) tokens += block["text"].get<std::string>().size();
      if (block.contains("inline_data")) jpeg(block["inline_data"]["data"]);
      if (block.contains("file_data")) link(kSide);
      if (block.contains("source") && block["source"].contains("data")) jpeg(block["source"]["data"]);
      if (block.contains("source") && block["source"].contains("url")) link(kSide);
      if (!block.contains("image_url")) continue;
      const Json& url = block["image_url"];
      const std::string text = url.is_string() ? url.get<std::string>() : url["url"].get<std::string>();
      if (text.starts_with("data:image/jpeg;base64,"))
        jpeg(text.substr(23));
      else
        link(kSide);
    }
    return tokens;
  }
  static constexpr std::uint32_t kSide = 64;

  ContextRequest like(unsigned number) {
    ContextRequest request;
    request.query = by_image(number);
    request.side = kSide;
    request.near_duplicate = 1;
    return request;
  }
  Json made(const ContextRequest& request) {
    const auto pack = make_context(*engine_, request);
    EXPECT_TRUE(pack.is_ok()) << pack.status().to_string();
    return pack.is_ok() ? Json::parse(context_json(*pack)) : Json();
  }
  static std::vector<std::string> ids_of(const Json& answer) {
    std::vector<std::string> ids;
    for (const Json& one : answer.at(answer.contains("entries") ? "entries" : "citations")) ids.push_back(one["id"]);
    return ids;
  }
};

TEST_F(ContextTest, no_pack_passes_its_budget) {
  std::vector<Given> given = pictures(12);
  const std::string long_text(3000, 'x');
  const char* captions[] = {"\u00e4\u00f6\u00fc \u65e5\u672c\u8a9e \"quoted\"\n\ttabs", "", "plain", "\\\\\\\\"};
  for (std::size_t i = 0; i < given.size(); ++i) {
    given[i].metadata = Json{{"caption", i == 5 ? long_text : captions[i % 4]}, {"price", i * 1.5}}.dump();
  }
  ingest(std::move(given), "original");
  std::mt19937 random(20261123);
  std::size_t made_count = 0, with_pictures = 0;
  for (int round = 0; round < 120; ++round) {
    ContextRequest request = like(random() % 12);
    request.format = kFormats[random() % std::size(kFormats)];
    request.pictures = static_cast<ContextPictures>(random() % 3);
    request.link_base = "https://pictures.example.org";
    request.items = 1 + random() % 12;
    request.caption_bytes = random() % 4000;
    request.budget_tokens = 1 + random() % (random() % 2 == 0 ? 1500 : 12'000);
    if (random() % 2 == 0) request.fields = {"price", "caption"};
    const auto pack = make_context(*engine_, request);
    if (!pack.is_ok()) {
      EXPECT_EQ(pack.status().code(), Code::kInvalid) << pack.status().to_string();
      EXPECT_LT(request.budget_tokens, 500U);
      continue;
    }
    ++made_count;
    const Json answer = Json::parse(context_json(*pack));
    EXPECT_LE(counted(answer, request.format), pack->tokens) << round;
    EXPECT_LE(pack->tokens, request.budget_tokens) << round;
    EXPECT_EQ(answer["tokens"]["used"], pack->tokens);
    for (const ContextEntry& entry : pack->entries) with_pictures += entry.jpeg.empty() ? 0 : 1;
  }
  EXPECT_GT(made_count, 60U);
  EXPECT_GT(with_pictures, 20U);
}

TEST_F(ContextTest, the_same_picture_is_shown_once) {
  std::vector<Given> given = pictures(3);
  given.push_back({"again", picture(0)});
  ingest(std::move(given), "original");
  ContextRequest request = like(0);
  request.near_duplicate = 1;
  const Json answer = made(request);
  EXPECT_EQ(ids_of(answer).size(), 3U) << answer.dump();
  EXPECT_EQ(answer["left_out"]["duplicates"], 1);
  request.near_duplicate = 0.000001;
  const Json alike = made(request);
  EXPECT_LT(ids_of(alike).size(), 3U);
  EXPECT_GT(alike["left_out"]["near_duplicates"], 0);
}

TEST_F(ContextTest, what_may_not_be_shown_is_counted_and_hides_nothing) {
  std::vector<Given> given = pictures(3);
  given[0].metadata = R"({"rights": "no-ai", "caption": "secret"})";
  given.push_back({"same_and_free", picture(0), R"({"rights": "cc0"})"});
  ingest(std::move(given), "original");
  const Json answer = made(like(0));
  EXPECT_EQ(answer["left_out"]["rights"], 1);
  const auto ids = ids_of(answer);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), "p0"), 0);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), "same_and_free"), 1);
  EXPECT_EQ(answer.dump().find("secret"), std::string::npos);
}

TEST_F(ContextTest, each_api_gets_its_own_blocks_and_every_entry_a_number) {
  ingest(pictures(4), "original");
  ContextRequest request = like(1);
  request.fields = {"number"};
  for (const ContextFormat format : kFormats) {
    request.format = format;
    const Json answer = made(request);
    ASSERT_EQ(answer["format"], context_format_name(format));
    ASSERT_EQ(ids_of(answer).front(), "p1");
    if (format == ContextFormat::kPack) {
      const Json& entry = answer["entries"][0];
      EXPECT_EQ(entry["citation"], 1);
      EXPECT_EQ(entry["fields"]["number"], 1);
      EXPECT_EQ(entry["receipt"], "/v1/collections/test/items/p1/receipt");
      EXPECT_EQ(entry["content"].get<std::string>().size(), 64U);
      EXPECT_LE(entry["picture"]["width"], kSide);
      continue;
    }
    EXPECT_EQ(answer["message"]["role"], "user");
    const Json& blocks = answer["message"][format == ContextFormat::kGemini ? "parts" : "content"];
    ASSERT_EQ(blocks.size(), 9U) << answer.dump();
    EXPECT_EQ(blocks[1]["text"], "[1] p1\nnumber: 1");
  }
  request.format = ContextFormat::kAnthropic;
  const Json picture = made(request)["message"]["content"][2];
  EXPECT_EQ(picture["source"]["media_type"], "image/jpeg");
}

TEST_F(ContextTest, a_filter_alone_gives_its_items_from_the_oldest) {
  ingest(pictures(6), "none");
  ContextRequest request;
  request.query.collection = "test";
  request.query.where = "number >= 3";
  request.near_duplicate = 1;
  const Json answer = made(request);
  EXPECT_EQ(ids_of(answer), (std::vector<std::string>{"p3", "p4", "p5"}));
  EXPECT_TRUE(answer["entries"][0]["score"].is_null());
  EXPECT_TRUE(answer["entries"][0]["picture"].is_null());
  EXPECT_EQ(answer["left_out"]["pictures"], 3);
}

TEST_F(ContextTest, what_cannot_be_asked_is_refused) {
  ingest(pictures(1), "none");
  const auto code = [&](const ContextRequest& request) { return make_context(*engine_, request).status().code(); };
  ContextRequest request = like(0);
  request.budget_tokens = 10;
  EXPECT_EQ(code(request), Code::kInvalid);
  request = like(0);
  request.pictures = ContextPictures::kLink;
  request.format = ContextFormat::kOpenAi;
  EXPECT_EQ(code(request), Code::kInvalid);
  request = like(0);
  request.link_base = "javascript:alert(1)";
  EXPECT_EQ(code(request), Code::kInvalid);
  request = like(0);
  request.near_duplicate = 0;
  EXPECT_EQ(code(request), Code::kInvalid);
  request = ContextRequest();
  request.query.collection = "test";
  EXPECT_EQ(code(request), Code::kInvalid);
  request = like(0);
  request.query.collection = "other";
  EXPECT_EQ(code(request), Code::kNotFound);
}

}  // namespace
}  // namespace pictor
