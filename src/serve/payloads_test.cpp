// Bodies that are packed, and vectors as bytes, over HTTP.
#include "serve/coding.h"
#include "serve/server_testing.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

TEST_F(ServerTest, bodies_travel_packed_where_both_sides_can) {
  fill(1);
  const std::string query = packed(Coding::kGzip, R"({"id": "p0", "k": 1})");
  const Answer found = ask("POST", "/v1/collections/test/search", query, "application/json",
                           "Content-Encoding: gzip\r\nAccept-Encoding: zstd\r\n");
  ASSERT_EQ(found.status, 200) << found.body;
  const Answer contract = ask("GET", "/v1/openapi.yaml", "", "", "Accept-Encoding: zstd\r\n");
  EXPECT_EQ(contract.fields.at("Content-Encoding"), "zstd");
  EXPECT_EQ(contract.fields.at("Vary"), "Accept-Encoding");
  EXPECT_EQ(*unpacked(Coding::kZstd, contract.body, 10 << 20), ask("GET", "/v1/openapi.yaml").body);
  EXPECT_EQ(ask("GET", "/v1/openapi.yaml", "", "", "If-None-Match: " + contract.fields.at("ETag") + "\r\n").status,
            304);
  const Answer odd = ask("POST", "/v1/collections/test/search", query, "application/json", "Content-Encoding: br\r\n");
  EXPECT_EQ(odd.status, 415);
  EXPECT_EQ(odd.fields.at("Accept-Encoding"), "gzip, zstd");
  const std::string bomb = packed(Coding::kZstd, std::string(64 << 20, ' '));
  EXPECT_EQ(ask("POST", "/v1/collections/test/search", bomb, "application/json", "Content-Encoding: zstd\r\n").status,
            413);
  EXPECT_EQ(ask("POST", "/v1/collections/test/search", "{}", "application/json", "Content-Encoding: gzip\r\n").status,
            400);
}

TEST_F(ServerTest, vectors_travel_as_bytes) {
  fill(3);
  const Json body = {{"input", {"a red boat", "a dog"}}};
  const Answer plain =
      ask("POST", "/v1/embeddings", body.dump(), "application/json", "Accept: application/octet-stream; dtype=f32\r\n");
  ASSERT_EQ(plain.status, 200) << plain.body;
  const Json as_json = json("POST", "/v1/embeddings", body);
  const std::vector<float> wanted = as_json["data"][1]["embedding"];
  EXPECT_EQ(plain.fields.at("X-Pictor-Shape"), "2," + std::to_string(wanted.size()));
  ASSERT_EQ(plain.body.size(), 2 * wanted.size() * sizeof(float));
  EXPECT_EQ(plain.body.substr(wanted.size() * sizeof(float)), as_text(std::as_bytes(std::span(wanted))));
  const Json by_json = json("POST", "/v1/collections/test/search", {{"vector", wanted}, {"head", "joint"}, {"k", 3}});
  const Answer by_bytes = ask("POST", "/v1/collections/test/search?head=joint&k=3",
                              as_text(std::as_bytes(std::span(wanted))), "application/octet-stream; dtype=f32");
  ASSERT_EQ(by_bytes.status, 200) << by_bytes.body;
  EXPECT_EQ(ids_of(Json::parse(by_bytes.body)), ids_of(by_json));
  EXPECT_EQ(ask("POST", "/v1/collections/test/search", "1234", "application/octet-stream; dtype=f64").status, 400);
}

}  // namespace
}  // namespace pictor
