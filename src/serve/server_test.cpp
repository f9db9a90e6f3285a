// The API over a real engine with the default encoder.
#include <set>
#include <thread>

#include "serve/files.h"
#include "serve/server_testing.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

TEST_F(ServerTest, items_are_put_in_every_way_and_found_by_every_query) {
  fill(3);
  const Json by_json = {{"id", "j"}, {"image", base64_of(picture(3))}, {"metadata", {{"kind", "json"}}}};
  EXPECT_EQ(json("POST", "/v1/collections/test/items", by_json)["status"], "added");
  EXPECT_EQ(json("POST", "/v1/collections/test/items", by_json)["status"], "unchanged");
  const std::string form =
      "--B\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\na/f\r\n--B\r\n"
      "Content-Disposition: form-data; name=\"image\"; filename=\"x.png\"\r\nContent-Type: image/png\r\n\r\n" +
      std::string(as_text(picture(4))) + "\r\n--B--\r\n";
  EXPECT_EQ(ask("POST", "/v1/collections/test/items", form, "multipart/form-data; boundary=B").status, 201);
  EXPECT_EQ(json("GET", "/v1/collections/test/items/a%2Ff")["source"], "x.png");

  const auto wanted = engine_->search(by_image(1)).value();
  std::vector<std::string> ids;
  for (const Hit& hit : wanted.hits) ids.push_back(hit.id);
  const std::string target = "/v1/collections/test/search";
  EXPECT_EQ(ids_of(Json::parse(ask("POST", target, as_text(picture(1)), "image/png").body)), ids);
  EXPECT_EQ(ids_of(json("POST", target, {{"image", base64_of(picture(1))}})), ids);
  EXPECT_EQ(ids_of(json("POST", target, {{"image", "data:image/png;base64," + base64_of(picture(1))}})), ids);
  const Json mixed = {{"query", {{{"image", base64_of(picture(1))}, {"weight", 2}}, {{"id", "p1"}, {"weight", 1}}}},
                      {"k", 2}};
  Query of_library = by_image(1);
  of_library.k = 2;
  of_library.parts[0].weight = 2;
  of_library.parts.push_back({QueryPart::Kind::kId, {}, "p1", {}, 1.0});
  std::vector<std::string> of_mix;
  const Hits of_engine = engine_->search(of_library).value();
  for (const Hit& hit : of_engine.hits) of_mix.push_back(hit.id);
  EXPECT_EQ(ids_of(json("POST", target, mixed)), of_mix);
  const std::string asked = "--B\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n" +
                            std::string(as_text(picture(1))) +
                            "\r\n--B\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\n2\r\n--B--";
  const Json of_form = Json::parse(ask("POST", target, asked, "multipart/form-data; boundary=B").body);
  EXPECT_EQ(ids_of(of_form), (std::vector<std::string>{ids[0], ids[1]}));
  const Json filtered = json("POST", target, {{"text", "stripes"}, {"where", "number >= 1"}, {"explain", true}});
  EXPECT_EQ(filtered["hits"].size(), 2U);
  EXPECT_FALSE(filtered["stages"].empty());
}

TEST_F(ServerTest, scores_are_those_of_the_library_bit_for_bit) {
  fill(4);
  const auto wanted = engine_->search(by_image(2)).value();
  const Json seen = json("POST", "/v1/collections/test/search", {{"image", base64_of(picture(2))}});
  ASSERT_EQ(seen["hits"].size(), wanted.hits.size());
  for (std::size_t i = 0; i < wanted.hits.size(); ++i) {
    EXPECT_EQ(seen["hits"][i]["score"].get<float>(), wanted.hits[i].score.value);
  }
}

TEST_F(ServerTest, each_of_many_has_a_result_of_its_own) {
  const std::string lines = Json{{"id", "a"}, {"image", base64_of(picture(1))}}.dump() + "\n" +
                            Json{{"id", "b"}, {"image", "bm8gcGljdHVyZQ=="}}.dump() + "\n\nno json\n" +
                            Json{{"id", "a"}, {"image", base64_of(picture(2))}}.dump() + "\n" +
                            Json{{"image", base64_of(picture(3))}, {"colour", 1}}.dump();
  const Answer answer = ask("POST", "/v1/collections/test/items:bulk", lines, "application/x-ndjson");
  EXPECT_EQ(answer.status, 200);
  std::vector<Json> results;
  std::istringstream in(answer.body);
  for (std::string line; std::getline(in, line);) results.push_back(Json::parse(line));
  ASSERT_EQ(results.size(), 5U);
  EXPECT_EQ(results[0]["status"], "added");
  EXPECT_EQ(results[1]["status"], "refused");
  EXPECT_EQ(results[1]["problem"]["code"], "unreadable");
  EXPECT_EQ(results[2]["problem"]["code"], "invalid");
  EXPECT_EQ(results[3]["status"], "replaced") << "the second of the same id comes after the first";
  EXPECT_NE(results[4]["problem"]["detail"].get<std::string>().find("'colour'"), std::string::npos);
  EXPECT_EQ(json("GET", "/v1/collections/test/count")["count"], 1);
}

TEST_F(ServerTest, what_the_store_would_refuse_a_batch_for_costs_the_others_nothing) {
  const std::string image = base64_of(picture(1));
  const std::string zero(1, '\0');
  std::string lines;
  for (const Json& line : {Json{{"id", "good"}, {"image", image}}, Json{{"id", "a" + zero}, {"image", image}},
                           Json{{"id", "b"}, {"image", image}, {"text", zero}},
                           Json{{"id", "c"}, {"image", image}, {"metadata", {{"x", {zero}}}}},
                           Json{{"id", "d"}, {"image", image}, {"metadata", {{zero, 1}}}}}) {
    lines += line.dump() + "\n";
  }
  const Answer answer = ask("POST", "/v1/collections/test/items:bulk", lines, "application/x-ndjson");
  EXPECT_NE(answer.body.find(R"("id":"good","status":"added")"), std::string::npos) << answer.body;
  EXPECT_EQ(json("GET", "/v1/collections/test/count")["count"], 1) << answer.body;
}

TEST_F(ServerTest, many_clients_put_at_once_and_nothing_is_lost) {
  std::vector<std::thread> clients;
  for (unsigned client = 0; client < 4; ++client) {
    clients.emplace_back([this, client] {
      for (unsigned i = 0; i < 6; ++i) {
        const std::string id = std::to_string(client) + "-" + std::to_string(i);
        EXPECT_EQ(ask("PUT", "/v1/collections/test/items/" + id, as_text(picture(client * 10 + i)), "image/png").status,
                  201);
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(json("GET", "/v1/collections/test/count")["count"], 24);
}

TEST_F(ServerTest, pages_of_a_list_are_of_one_moment) {
  fill(7);
  std::set<std::string> seen;
  std::string target = "/v1/collections/test/items?limit=3";
  int pages = 0;
  for (Json next = ""; !next.is_null(); ++pages) {
    const Json page = json("GET", target + (next == "" ? "" : "&cursor=" + next.get<std::string>()));
    ASSERT_EQ(page["http"], 200) << page;
    for (const Json& item : page["items"]) EXPECT_TRUE(seen.insert(item["id"]).second) << item["id"];
    next = page["next"];
    if (pages == 0) {
      EXPECT_EQ(ask("DELETE", "/v1/collections/test/items/p1").status, 200);
      EXPECT_EQ(ask("DELETE", "/v1/collections/test/items/p5").status, 200);
    }
  }
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(seen.size(), 7U);
  EXPECT_EQ(json("GET", "/v1/collections/test/items?cursor=x")["http"], 400);
}

TEST_F(ServerTest, an_item_is_read_changed_deleted_and_erased) {
  fill(2);
  const Json item = json("GET", "/v1/collections/test/items/p1?vectors=true");
  EXPECT_EQ(item["metadata"]["number"], 1);
  EXPECT_EQ(item["text"], "picture 1");
  EXPECT_FALSE(item["vectors"].empty());
  EXPECT_EQ(ask("GET", "/v1/collections/test/items/p1/picture").body, as_text(picture(1)));
  const Answer small = ask("GET", "/v1/collections/test/items/p1/picture?side=32");
  EXPECT_EQ(small.fields.at("Content-Type"), "image/jpeg");
  EXPECT_EQ(json("GET", "/v1/collections/test/items/p1/receipt")["state"], "signed");
  EXPECT_EQ(json("GET", "/v1/collections/test/items/p1/history")["versions"].size(), 1U);
  EXPECT_EQ(json("DELETE", "/v1/collections/test/items/p1")["deleted"], 1);
  EXPECT_EQ(ask("GET", "/v1/collections/test/items/p1").status, 404);
  EXPECT_EQ(ask("DELETE", "/v1/collections/test/items/p1").status, 404);
  EXPECT_EQ(json("GET", "/v1/collections/test/items/p1?as_of=sequence:" + item["born"].dump())["id"], "p1");
  const Json purged = json("DELETE", "/v1/collections/test/items/p0?purge=true");
  EXPECT_TRUE(purged["certificate"].is_object()) << purged;
  EXPECT_EQ(json("DELETE", "/v1/collections/test/items?where=number+%3E+100")["deleted"], 0);
  EXPECT_EQ(ask("DELETE", "/v1/collections/test").status, 204);
  EXPECT_EQ(ask("GET", "/v1/collections/test").status, 404);
}

TEST_F(ServerTest, a_collection_is_made_before_anything_is_in_it) {
  const Json made = json("PUT", "/v1/collections/new", {{"keep", "thumbnail"}});
  EXPECT_EQ(made["http"], 201);
  EXPECT_EQ(made["keep"], "thumbnail");
  EXPECT_EQ(json("PUT", "/v1/collections/new", {{"keep", "thumbnail"}})["http"], 200);
  EXPECT_EQ(json("PUT", "/v1/collections/new", {{"keep", "original"}})["http"], 409);
  EXPECT_EQ(json("PUT", "/v1/collections/other", {{"keep", "all"}})["http"], 400);
  EXPECT_EQ(json("GET", "/v1/collections")["collections"].size(), 1U);
  // What is uploaded has no file to refer to.
  EXPECT_EQ(ask("PUT", "/v1/collections/up/items/a", as_text(picture(1)), "image/png").status, 201);
  EXPECT_EQ(json("GET", "/v1/collections/up")["keep"], "thumbnail");
  EXPECT_EQ(ask("DELETE", "/v1/collections/up").status, 204);
  EXPECT_EQ(ask("PUT", "/v1/collections/up/items/a", as_text(picture(1)), "image/png").status, 201);
  EXPECT_EQ(json("GET", "/v1/collections/up")["keep"], "thumbnail");
}

TEST_F(ServerTest, vectors_come_in_the_shape_that_openai_clients_speak) {
  const auto wanted = engine_->embed_texts("", "joint", std::vector<std::string>{"a boat", "a cat"}).value();
  const Json plain = json("POST", "/v1/embeddings", {{"input", {"a boat", "a cat"}}, {"model", "lite2-minilm"}});
  ASSERT_EQ(plain["data"].size(), 2U) << plain;
  EXPECT_EQ(plain["data"][1]["index"], 1);
  auto all = plain["data"][0]["embedding"].get<std::vector<float>>();
  const auto second = plain["data"][1]["embedding"].get<std::vector<float>>();
  all.insert(all.end(), second.begin(), second.end());
  EXPECT_EQ(all, wanted);
  const Json coded = json("POST", "/v1/embeddings", {{"input", "a boat"}, {"encoding_format", "base64"}});
  const Bytes bytes = bytes_of_base64(coded["data"][0]["embedding"].get<std::string>()).value();
  std::vector<float> numbers(bytes.size() / sizeof(float));
  std::memcpy(numbers.data(), bytes.data(), bytes.size());
  EXPECT_TRUE(std::equal(numbers.begin(), numbers.end(), wanted.begin()));
  const Json pictures = json("POST", "/v1/embeddings", {{"input", {{{"image", base64_of(picture(1))}}}}});
  EXPECT_EQ(pictures["data"][0]["embedding"].get<std::vector<float>>(),
            engine_->embed_picture("", "", picture(1)).value());
  EXPECT_EQ(json("POST", "/v1/embeddings", {{"input", "x"}, {"dimensions", 7}})["http"], 422);
  const Json no_model = json("POST", "/v1/embeddings", {{"input", "x"}, {"model", "none"}});
  EXPECT_EQ(no_model["http"], 404);
  EXPECT_EQ(no_model["error"]["message"], no_model["detail"]);
  EXPECT_EQ(json("POST", "/v1/embeddings", {{"input", Json::array()}})["http"], 400);
}

TEST_F(ServerTest, a_search_of_several_stages_is_the_engines) {
  fill(6);
  const std::string target = "/v1/collections/test/search";
  Query query = by_image(1);
  query.parts[0] = {QueryPart::Kind::kId, {}, "p1", {}, 1.0};
  query.k = 3;
  query.words.fusion = Fusion::kScores;
  query.words.weight = 0.25;
  query.boost = "score + (number == 4)";
  query.group_by = "number";
  query.diversity = 0.2;
  query.offset = 1;
  query.candidates = 5;
  query.explain = true;
  const auto wanted = engine_->search(query);
  ASSERT_TRUE(wanted.is_ok()) << wanted.status().to_string();
  const Json seen = json("POST", target,
                         {{"id", "p1"},
                          {"k", 3},
                          {"boost", "score + (number == 4)"},
                          {"group_by", "number"},
                          {"diversity", 0.2},
                          {"offset", 1},
                          {"candidates", 5},
                          {"explain", true}});
  const Json of_engine = Json::parse(hits_json(*wanted));
  ASSERT_EQ(seen["hits"].size(), 3U) << seen;
  EXPECT_EQ(seen["hits"], of_engine["hits"]);
  EXPECT_FALSE(seen.contains("reranked")) << "nobody asked for it";
  // Words alone, as an object and in the address of a picture's search.
  EXPECT_EQ(json("POST", target, {{"words", "elephant"}})["hits"], Json::array());
  const Json alone =
      json("POST", target, {{"id", "p1"}, {"k", 2}, {"words", "elephant"}, {"fusion", {{"weight", 0.3}}}});
  EXPECT_EQ(alone["hits"].size(), 2U) << alone;
  const Answer by_address = ask("POST", target + "?k=2&boost=score&candidates=4", as_text(picture(2)), "image/png");
  EXPECT_EQ(by_address.status, 200) << by_address.body;
}

TEST_F(ServerTest, wrong_requests_are_told_what_is_wrong) {
  fill(1);
  const std::string target = "/v1/collections/test/search";
  const auto refused = [&](const Json& body, const std::string& words, int status = 400) {
    const Json answer = json("POST", target, body);
    EXPECT_EQ(answer["http"], status) << answer;
    EXPECT_EQ(answer["status"], status);
    EXPECT_NE(answer["detail"].get<std::string>().find(words), std::string::npos) << answer["detail"];
  };
  refused({{"text", "a"}, {"kk", 3}}, "'kk' is no field");
  refused({{"text", "a"}, {"k", "3"}}, "'k' is a string, wanted a whole number");
  refused({{"text", "a"}, {"k", 0}}, "k is 0");
  refused({{"text", "a"}, {"k", 1.5}}, "not whole");
  refused({{"text", "a"}, {"image", "b"}}, "has 2 of");
  refused({{"k", 3}}, "has 0 of");
  refused({{"query", {{{"txt", "a"}}}}}, "query[0].txt");
  refused({{"query", Json::array()}}, "1 to 16 parts");
  refused({{"text", "a"}, {"where", "number >="}}, "filter");
  refused({{"text", "a"}, {"exact", true}, {"recall", 0.5}}, "do not go together");
  refused({{"id", "p0"}, {"rerank", {{"by", "magic"}}}}, "no re-ranker 'magic'");
  refused({{"id", "p0"}, {"rerank", {{"budget_ms", 5}}}}, "does not say 'by' what");
  refused({{"id", "p0"}, {"rerank", {{"by", "tokens"}, {"budget", 5}}}}, "rerank.budget");
  refused({{"id", "p0"}, {"rerank", {{"by", "tokens"}, {"budget_ms", 0}}}}, "'rerank.budget_ms' is 0");
  refused({{"id", "p0"}, {"rerank", 3}}, "rerank");
  refused({{"id", "p0"}, {"rerank", "tokens"}}, "keeps no patch tokens", 409);
  refused({{"id", "p0"}, {"candidates", 0}}, "'candidates' is 0");
  refused({{"id", "p0"}, {"candidates", 1001}, {"words", "a"}}, "candidates are 1001");
  refused({{"id", "p0"}, {"words", ""}}, "'words' is empty");
  refused({{"id", "p0"}, {"words", "-a"}}, "none to look for");
  refused({{"id", "p0"}, {"fusion", {{"by", "ranks"}}}}, "there are no 'words'");
  refused({{"id", "p0"}, {"words", "a"}, {"fusion", {{"by", "luck"}}}}, "wanted 'ranks' or 'scores'");
  refused({{"id", "p0"}, {"boost", "score +"}}, "at byte 7");
  refused({{"id", "p0"}, {"diversity", 2}}, "0 to 1");
  refused({{"id", "p0"}, {"offset", 200}}, "ask for more candidates");
  refused({{"image", "http://example.org/a.jpg"}}, "fetches none", 422);
  refused({{"image", "!!!"}}, "base64");
  refused({{"image", base64_of(as_bytes("no picture"))}}, "", 422);
  refused({{"id", "none"}}, "none", 404);
  refused({{"vector", {1, 2, 3}}}, "3 numbers", 409);
  EXPECT_EQ(ask("POST", target, "[1]", "application/json").status, 400);
  EXPECT_EQ(ask("POST", target, R"({"k":1,"k":2})", "application/json").status, 400);
  EXPECT_EQ(ask("POST", target, std::string(100, '['), "application/json").status, 400);
  EXPECT_EQ(ask("POST", target, "", "image/png").status, 400);
  EXPECT_EQ(ask("POST", target, std::string((1 << 20) + 1, 'x'), "image/png").status, 413);
  EXPECT_EQ(ask("POST", "/v1/collections/none/search", R"({"text":"a"})", "application/json").status, 404);
  EXPECT_EQ(ask("GET", "/v1/collections/test?x=1").status, 400);
  EXPECT_EQ(ask("GET", "/v1/none").status, 404);
  const Answer method = ask("PATCH", "/v1/collections");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.fields.at("Allow"), "GET");
  EXPECT_EQ(ask("PUT", "/v1/collections/test/items/x?metadata=%5B1%5D", as_text(picture(1)), "image/png").status, 400);
  EXPECT_EQ(ask("PUT", "/v1/collections/test/items/x", "no picture", "image/png").status, 422);
  EXPECT_EQ(ask("PUT", "/v1/collections/test/items/x", std::string((1 << 20) + 1, 'x'), "image/png").status, 413);
}

TEST_F(ServerTest, pages_of_other_sites_and_other_names_are_refused) {
  TestClient client(server_->port());
  const std::string here = "127.0.0.1:" + std::to_string(server_->port());
  const auto status_with = [&](const std::string& fields) {
    TestClient one(server_->port());
    EXPECT_TRUE(one.send("GET /v1/version HTTP/1.1\r\n" + fields + "\r\n"));
    return one.read().status;
  };
  EXPECT_EQ(status_with("Host: " + here + "\r\n"), 200);
  EXPECT_EQ(status_with("Host: localhost:1\r\n"), 200);
  EXPECT_EQ(status_with("Host: " + here + "\r\nOrigin: http://" + here + "\r\n"), 200);
  EXPECT_EQ(status_with("Host: " + here + "\r\nOrigin: https://evil.example\r\n"), 403);
  EXPECT_EQ(status_with("Host: " + here + "\r\nOrigin: null\r\n"), 403);
  EXPECT_EQ(status_with("Host: evil.example\r\n"), 403);
  EXPECT_EQ(status_with("Host: 127.0.0.1.evil.example\r\n"), 403);
  EXPECT_EQ(status_with(""), 403);
  ServerOptions open;
  open.address = "0.0.0.0";
  open.data_folder = options_.data_folder;
  EXPECT_EQ(Server::start(Env::real(), *engine_, open).status().code(), Code::kDenied);
}

// What pages, styles and modules name, and the server has not; it follows them from page to page.
std::set<std::string> missing_of_pages(const Server& server) {
  std::set<std::string> seen, missing;
  std::vector<std::string> next = {"index.html", "item.html"};
  while (!next.empty()) {
    const std::string file = next.back();
    next.pop_back();
    if (!seen.insert(file).second) continue;
    const Answer answer = TestClient(server.port()).ask("GET", "/ui/" + file);
    if (answer.status != 200) missing.insert(file);
    for (const std::string_view before : {"href=\"", "src=\"", "from \"./"}) {
      for (std::size_t at = answer.body.find(before); at != std::string::npos; at = answer.body.find(before, at)) {
        at += before.size();
        const std::string name = answer.body.substr(at, answer.body.find_first_of("\"?", at) - at);
        if (!name.empty() && name.front() != '#') next.push_back(name);
      }
    }
  }
  for (const char* page : {"collection.html", "encoders.html", "operations.html"}) {
    if (seen.count(page) == 0) missing.insert(std::string("a link to ") + page);
  }
  return missing;
}

TEST_F(ServerTest, it_says_how_it_is_and_serves_its_pages) {
  // The first of all, as the server may not yet have seen that an earlier one was closed.
  EXPECT_NE(ask("GET", "/metrics").body.find("pictor_http_connections 1"), std::string::npos);
  EXPECT_EQ(ask("GET", "/healthz").body, "ok\n");
  EXPECT_EQ(json("GET", "/readyz")["ready"], true);
  EXPECT_EQ(json("GET", "/v1/version")["api"], "v1");
  const Json encoder = json("GET", "/v1/encoders/lite2-minilm");
  EXPECT_EQ(encoder["ready"], true);
  EXPECT_EQ(encoder["default"], true);
  EXPECT_EQ(encoder["card"]["name"], "lite2-minilm");
  EXPECT_EQ(json("GET", "/v1/encoders/lite2-minilm-int8")["default"], false);
  fill(1);
  EXPECT_EQ(json("GET", "/v1/collections/test/items/p0/receipt")["receipt"]["card"], encoder["card_sha256"]);
  EXPECT_EQ(ask("GET", "/v1/encoders/none").status, 404);
  EXPECT_EQ(ask("GET", "/").fields.at("Location"), "/ui/index.html");
  const Answer page = ask("GET", "/ui/index.html");
  EXPECT_NE(page.body.find("<title>Pictor</title>"), std::string::npos);
  EXPECT_NE(page.fields.at("Content-Security-Policy").find("default-src 'self'"), std::string::npos);
  EXPECT_EQ(ask("GET", "/ui/none.js").status, 404);
  const std::set<std::string> missing = missing_of_pages(*server_);
  EXPECT_TRUE(missing.empty()) << "asked for by a page and not there: " << *missing.begin();
  EXPECT_EQ(ask("GET", "/v1/openapi.yaml").body.rfind("openapi: 3.1.0", 0), 0U);
  TestClient client(server_->port());
  EXPECT_EQ(client.ask("GET", "/healthz", "", "X-Request-Id: mine-1\r\n").fields.at("X-Request-Id"), "mine-1");
  EXPECT_EQ(
      client.ask("GET", "/healthz", "", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n")
          .fields.at("X-Request-Id"),
      "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(client.ask("GET", "/healthz", "", "X-Request-Id: a b\r\n").fields.at("X-Request-Id").size(), 32U);
}

// The contract names every operation that there is, and none that there is not.
TEST(Contract, has_the_operations_of_the_table) {
  const std::string contract(built_in_file("openapi.yaml")->bytes);
  std::set<std::string> named;
  for (std::size_t at = contract.find("operationId: "); at != std::string::npos;
       at = contract.find("operationId: ", at)) {
    at += std::string("operationId: ").size();
    named.insert(contract.substr(at, contract.find('\n', at) - at));
  }
  std::set<std::string> there;
  for (const Operation& operation : operations()) {
    if (operation.path.rfind("/ui/", 0) == 0 || operation.path == "/") continue;  // pages are no part of it
    there.emplace(operation.name);
    EXPECT_NE(contract.find("\n  " + std::string(operation.path) + ":\n"), std::string::npos) << operation.path;
  }
  EXPECT_EQ(named, there);
}

}  // namespace
}  // namespace pictor
