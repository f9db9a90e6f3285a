// Context packs over HTTP: who may have them, and what is refused.
#include "serve/govern_testing.h"

namespace pictor {
namespace {

TEST_F(GovernApiTest, a_context_is_of_what_the_key_may_see_alone) {
  start();
  const std::string& admin = keys_[Role::kAdmin];
  for (const unsigned number : {1U, 2U, 3U}) put(admin, "test", number);
  put(admin, "hidden", 4);
  const Json asked = {{"collection", "test"}, {"id", "p1"}, {"near_duplicate", 1}, {"side", 32}};
  const Json pack = json(keys_[Role::kReader], "POST", "/v1/context", asked);
  ASSERT_EQ(pack["http"], 200) << pack;
  ASSERT_EQ(pack["entries"].size(), 2U) << "without the item that was asked with: " << pack;
  for (const Json& entry : pack["entries"]) EXPECT_TRUE(entry["id"] == "p2" || entry["id"] == "p3") << entry;
  EXPECT_LE(pack["tokens"]["used"], pack["tokens"]["budget"]);
  EXPECT_EQ(ask(keys_[Role::kReader], "GET", pack["entries"][0]["receipt"].get<std::string>()).status, 200);
  EXPECT_EQ(json(narrow_, "POST", "/v1/context", asked)["http"], 200);
  Json other = asked;
  other["collection"] = "hidden";
  other["id"] = "p4";
  EXPECT_EQ(json(admin, "POST", "/v1/context", other)["http"], 200);
  EXPECT_EQ(json(narrow_, "POST", "/v1/context", other)["http"], 403);
  EXPECT_EQ(json(acme_, "POST", "/v1/context", asked)["http"], 404);
  EXPECT_EQ(json(keys_[Role::kOperator], "POST", "/v1/context", asked)["http"], 403);
  EXPECT_EQ(ask("", "POST", "/v1/context", asked.dump()).status, 401);
}

TEST_F(GovernApiTest, a_request_for_a_context_is_read_strictly) {
  start();
  const std::string& reader = keys_[Role::kReader];
  for (const unsigned number : {1U, 2U}) put(keys_[Role::kAdmin], "test", number);
  for (const char* wrong : {"{}", "[]", R"({"collection": "test"})", R"({"collection": "test", "id": "p1", "k": 3})",
                            R"({"collection": "test", "id": "p1", "budget_tokens": 20})",
                            R"({"collection": "test", "id": "p1", "format": "openai", "pictures": "link"})",
                            R"({"collection": "test", "image": "https://example.org/a.png"})"}) {
    EXPECT_EQ(ask(reader, "POST", "/v1/context", wrong).status, 400) << wrong;
  }
  EXPECT_EQ(ask(reader, "POST", "/v1/context", R"({"collection": "test", "id": "none"})").status, 404);
  EXPECT_EQ(ask(reader, "GET", "/v1/context").status, 405);
  const Json message = json(reader, "POST", "/v1/context",
                            {{"collection", "test"},
                             {"id", "p1"},
                             {"format", "openai"},
                             {"pictures", "link"},
                             {"link_base", "https://pictures.example.org"}});
  EXPECT_EQ(message["message"]["content"][2]["image_url"]["url"],
            "https://pictures.example.org/v1/collections/test/items/p2/picture?side=256");
}

}  // namespace
}  // namespace pictor
