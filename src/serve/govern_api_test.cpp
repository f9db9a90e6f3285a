// Who may do what over HTTP: the whole matrix, tenants apart, keys, quotas, the audit log.
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "serve/govern_testing.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

// docs/reference/roles.md, from the tables of the code. PICTOR_WRITE_DOCS=1 writes it anew.
std::string roles_page() {
  std::string page =
      "# What each role may do\n\nWritten from the tables of the code (`src/govern/rights.cpp`, "
      "`src/serve/operations.cpp`); a test holds "
      "it against them, and\nasks a server for every operation with a key of every role.\n\n| right | what it is |";
  std::string rule = "|---|---|";
  for (const Role role : all_roles()) {
    page += " " + std::string(role_name(role)) + " |";
    rule += ":-:|";
  }
  page += "\n" + rule + "\n";
  for (const Right right : all_rights()) {
    page += "| " + std::string(right_name(right)) + " | " + std::string(right_meaning(right)) + " |";
    for (const Role role : all_roles()) page += role_has(role, right) ? " yes |" : " - |";
    page += "\n";
  }
  page += "\n| operation | request | right | |\n|---|---|---|---|\n";
  for (const Operation& operation : operations()) {
    page += "| " + std::string(operation.name) + " | `" + std::string(operation.method) + " " +
            std::string(operation.path) + "` | " + std::string(right_name(operation.right)) + " | " +
            (operation.right_to_purge != operation.right
                 ? "with `purge`: " + std::string(right_name(operation.right_to_purge))
                 : std::string(operation.main_only ? "keys of the main tenant only" : "")) +
            " |\n";
  }
  return page;
}

TEST(Roles, the_page_is_that_of_the_code) {
  const std::string path = PICTOR_SOURCE_DIR "/docs/reference/roles.md";
  if (std::getenv("PICTOR_WRITE_DOCS") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
    ASSERT_TRUE(write_file_atomic(Env::real(), path, as_bytes(roles_page())).is_ok());
  }
  const auto written = read_file(Env::real(), path, 1 << 20);
  ASSERT_TRUE(written.is_ok()) << written.status().to_string();
  EXPECT_EQ(as_text(*written), roles_page()) << "run this test with PICTOR_WRITE_DOCS=1";
}

TEST_F(GovernApiTest, each_role_can_do_what_the_table_says_and_nothing_else) {
  start();
  std::size_t allowed = 0, denied = 0;
  for (const Operation& operation : operations()) {
    const std::string target = target_of(operation);
    for (const bool purge : {false, true}) {
      const Right right = purge ? operation.right_to_purge : operation.right;
      for (const Role role : all_roles()) {
        const Answer answer = ask(keys_.at(role), operation.method, target + (purge ? "?purge=true" : ""));
        const std::string said = std::string(role_name(role)) + " " + std::string(operation.name) + ": " + answer.body;
        if (role_has(role, right)) {
          EXPECT_TRUE(answer.status != 401 && answer.status != 403 && answer.status != 0) << said;
          ++allowed;
        } else {
          EXPECT_EQ(answer.status, 403) << said;
          ++denied;
        }
      }
      const Answer without = ask("", operation.method, target);
      EXPECT_EQ(without.status == 401, operation.right != Right::kNone) << operation.name << " " << without.status;
      EXPECT_EQ(without.fields.contains("WWW-Authenticate"), without.status == 401) << operation.name;
    }
  }
  EXPECT_GT(allowed, 100U);
  EXPECT_GT(denied, 100U);
}

TEST_F(GovernApiTest, a_key_that_was_revoked_while_the_server_runs_is_refused_at_once) {
  start();
  const Json made = json(keys_[Role::kAdmin], "POST", "/v1/keys", {{"role", "writer"}, {"name", "shop"}});
  ASSERT_EQ(made["http"], 201) << made;
  const std::string key = made["key"];
  EXPECT_EQ(json(key, "GET", "/v1/whoami")["role"], "writer");
  const Json next =
      json(keys_[Role::kAdmin], "POST", "/v1/keys/" + made["id"].get<std::string>() + "/rotate", {{"overlap_s", 3600}});
  ASSERT_EQ(next["http"], 201) << next;
  EXPECT_EQ(ask(key, "GET", "/v1/collections").status, 200);
  EXPECT_EQ(ask(next["key"], "GET", "/v1/collections").status, 200);
  EXPECT_EQ(json(keys_[Role::kAdmin], "DELETE", "/v1/keys/" + made["id"].get<std::string>())["live"], false);
  EXPECT_EQ(ask(key, "GET", "/v1/collections").status, 401);
  EXPECT_EQ(ask(next["key"], "GET", "/v1/collections").status, 200);
  const Json listed = json(keys_[Role::kAdmin], "GET", "/v1/keys");
  EXPECT_EQ(listed["keys"].size(), all_roles().size() + 4);
  EXPECT_EQ(listed.dump().find(key), std::string::npos);
}

TEST_F(GovernApiTest, a_key_comes_in_a_bearer_field_a_field_of_its_own_or_a_cookie) {
  start();
  const std::string key = keys_[Role::kReader];
  const auto with = [&](const std::string& fields) {
    return TestClient(server_->port()).ask("GET", "/v1/collections", "", fields).status;
  };
  EXPECT_EQ(with("Authorization: Bearer " + key + "\r\n"), 200);
  EXPECT_EQ(with("authorization: bearer " + key + "\r\n"), 200);
  EXPECT_EQ(with("X-API-Key: " + key + "\r\n"), 200);
  EXPECT_EQ(with("Cookie: other=1; pictor_key=" + key + "\r\n"), 200);
  EXPECT_EQ(with("Authorization: Basic " + key + "\r\n"), 401);
  EXPECT_EQ(with("Cookie: not_pictor_key=" + key + "\r\n"), 401);
  const Answer begun = ask(key, "PUT", "/v1/session");
  EXPECT_EQ(begun.status, 200);
  EXPECT_EQ(begun.fields.at("Set-Cookie"), "pictor_key=" + key + "; HttpOnly; SameSite=Strict; Path=/");
  const Answer ended = ask("", "DELETE", "/v1/session");
  EXPECT_EQ(ended.status, 204);
  EXPECT_NE(ended.fields.at("Set-Cookie").find("Max-Age=0"), std::string::npos);
  EXPECT_EQ(with("Origin: http://evil.example\r\nCookie: pictor_key=" + key + "\r\n"), 403);
}

TEST_F(GovernApiTest, a_tenant_sees_no_byte_of_another) {
  start();
  const std::string admin = keys_[Role::kAdmin];
  put(admin, "shared-name", 1);
  put(admin, "secret-of-main", 2);
  put(acme_, "shared-name", 3);
  const auto names = [&](const std::string& key) {
    std::set<std::string> names;
    const Json listed = json(key, "GET", "/v1/collections");
    for (const Json& one : listed["collections"]) names.insert(one["name"]);
    return names;
  };
  EXPECT_EQ(names(acme_), (std::set<std::string>{"shared-name"}));
  EXPECT_EQ(names(admin), (std::set<std::string>{"secret-of-main", "shared-name"}));
  const Json hits = json(acme_, "POST", "/v1/collections/shared-name/search", {{"image", base64_of(picture(1))}});
  ASSERT_EQ(hits["hits"].size(), 1U);
  EXPECT_EQ(hits["hits"][0]["id"], "p3");
  // The same answer whether another tenant has it or nobody does, but for the name that was asked for.
  const auto normal = [&](const std::string& target, const std::string& name) {
    std::string body = ask(acme_, "GET", target).body;
    for (std::size_t at; (at = body.find(name)) != std::string::npos;) body.replace(at, name.size(), "NAME");
    return body;
  };
  EXPECT_EQ(normal("/v1/collections/secret-of-main", "secret-of-main"), normal("/v1/collections/nobodys", "nobodys"));
  EXPECT_EQ(normal("/v1/collections/shared-name/items/p1", "p1"), normal("/v1/collections/shared-name/items/p9", "p9"));
  EXPECT_EQ(ask(acme_, "GET", "/metrics").status, 403);
  for (const Operation& operation : operations()) {
    const Answer answer = ask(acme_, operation.method, target_of(operation));
    EXPECT_EQ(answer.body.find("secret-of-main"), std::string::npos) << operation.name << ": " << answer.body;
    for (const auto& [role, key] : keys_) EXPECT_EQ(answer.body.find(key), std::string::npos) << operation.name;
    EXPECT_TRUE(answer.status == 403 || !operation.main_only) << operation.name;
  }
}

TEST_F(GovernApiTest, an_admin_of_a_tenant_has_keys_and_lines_of_that_tenant_alone) {
  start();
  const Json of_acme = json(acme_, "GET", "/v1/keys");
  ASSERT_EQ(of_acme["keys"].size(), 1U);
  EXPECT_EQ(of_acme["keys"][0]["tenant"], "acme");
  EXPECT_EQ(ask(acme_, "POST", "/v1/keys", R"({"tenant": ""})").status, 403);
  EXPECT_EQ(json(acme_, "POST", "/v1/keys", Json::object())["tenant"], "acme");
  const Json all = json(keys_[Role::kAdmin], "GET", "/v1/keys");
  for (const Json& key : all["keys"]) {
    if (key["tenant"] == "acme") continue;
    EXPECT_EQ(ask(acme_, "DELETE", "/v1/keys/" + key["id"].get<std::string>()).status, 404);
  }
  put(keys_[Role::kAdmin], "test", 1);
  put(acme_, "test", 2);
  const Json lines = json(acme_, "GET", "/v1/audit");
  for (const Json& line : lines["lines"]) EXPECT_EQ(line["tenant"], "acme") << line;
  EXPECT_EQ(lines["lines"].back()["operation"], "putItem");
}

TEST_F(GovernApiTest, a_key_for_some_collections_has_no_other) {
  start();
  put(keys_[Role::kAdmin], "test", 1);
  put(keys_[Role::kAdmin], "other", 2);
  put(narrow_, "team-a", 3);
  EXPECT_EQ(ask(narrow_, "GET", "/v1/collections/test/items/p1").status, 200);
  for (const char* target :
       {"/v1/collections/other/items/p2", "/v1/collections/nobodys/items/p2", "/v1/collections/tes"}) {
    EXPECT_EQ(ask(narrow_, "GET", target).status, 403) << target;
  }
  EXPECT_EQ(ask(narrow_, "GET", "/v1/collections/test%2F..%2Fother").status, 403);
  const Json listed = json(narrow_, "GET", "/v1/collections");
  EXPECT_EQ(listed["collections"].size(), 2U);
  EXPECT_EQ(listed.dump().find("other"), std::string::npos);
}

TEST_F(GovernApiTest, what_a_key_or_a_tenant_may_use_ends) {
  start();
  const std::string admin = keys_[Role::kAdmin];
  const Json slow = json(admin, "POST", "/v1/keys", {{"requests_per_second", 1}});
  EXPECT_EQ(ask(slow["key"], "GET", "/v1/collections").status, 200);
  const Answer refused = ask(slow["key"], "GET", "/v1/collections");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.fields.at("Retry-After"), "1");
  const Json daily = json(admin, "POST", "/v1/keys", {{"requests_per_day", 1}});
  EXPECT_EQ(ask(daily["key"], "GET", "/v1/collections").status, 200);
  EXPECT_EQ(ask(daily["key"], "GET", "/v1/collections").status, 429);
  EXPECT_EQ(json(admin, "PUT", "/v1/tenants/acme", {{"items_max", 2}})["http"], 200);
  put(acme_, "test", 1);
  put(acme_, "test", 2);
  EXPECT_EQ(ask(acme_, "PUT", "/v1/collections/more/items/p3", as_text(picture(3)), "image/png").status, 413);
  EXPECT_EQ(ask(acme_, "DELETE", "/v1/collections/test/items/p1").status, 200);
  put(acme_, "test", 3);
}

TEST_F(GovernApiTest, what_was_done_and_refused_is_in_the_audit_log) {
  start();
  const std::string admin = keys_[Role::kAdmin];
  put(keys_[Role::kWriter], "test", 1);
  EXPECT_EQ(ask(keys_[Role::kReader], "DELETE", "/v1/collections/test/items/p1").status, 403);
  EXPECT_EQ(ask("pk_nobody", "GET", "/v1/collections").status, 401);
  EXPECT_EQ(ask(keys_[Role::kReader], "GET", "/v1/collections/test/items/p1").status, 200);
  EXPECT_EQ(ask(admin, "DELETE", "/v1/collections/test/items/p1?purge=true").status, 200);
  const Json about = json(admin, "GET", "/v1/audit?collection=test&item=p1");
  ASSERT_EQ(about["lines"].size(), 3U) << about;
  EXPECT_EQ(about["lines"][0]["operation"], "putItem");
  EXPECT_EQ(about["lines"][0]["status"], 201);
  EXPECT_EQ(about["lines"][1]["status"], 403);
  EXPECT_EQ(about["lines"][1]["role"], "reader");
  EXPECT_EQ(about["lines"][2]["operation"], "deleteItem");
  std::set<int> statuses;
  Json page = json(admin, "GET", "/v1/audit?limit=2");
  for (int pages = 0; pages < 100; ++pages) {
    for (const Json& line : page["lines"]) statuses.insert(line["status"].get<int>());
    if (page["next"].is_null()) break;
    page = json(admin, "GET", "/v1/audit?limit=2&after=" + page["next"].dump());
  }
  EXPECT_EQ(statuses, (std::set<int>{200, 201, 401, 403}));
  const Json check = json(admin, "GET", "/v1/audit/verify");
  EXPECT_EQ(check["whole"], true) << check;
  EXPECT_EQ(json(admin, "GET", "/v1/audit/verify?head=" + check["head"].get<std::string>())["whole"], true);
  const std::string other = "1:" + std::string(64, '0');
  EXPECT_EQ(json(admin, "GET", "/v1/audit/verify?head=" + other)["whole"], false);
}

TEST_F(GovernApiTest, reads_are_written_down_where_that_is_asked_for) {
  ServerOptions options;
  options.audit_reads = true;
  start(options);
  put(keys_[Role::kWriter], "test", 1);
  EXPECT_EQ(ask(keys_[Role::kReader], "GET", "/v1/collections/test/items/p1").status, 200);
  const Json about = json(keys_[Role::kAdmin], "GET", "/v1/audit?collection=test&item=p1");
  ASSERT_EQ(about["lines"].size(), 2U) << about;
  EXPECT_EQ(about["lines"][1]["operation"], "getItem");
}

TEST_F(GovernApiTest, an_address_that_others_reach_needs_a_key_that_lives) {
  ServerOptions options;
  options.address = "0.0.0.0";
  options.data_folder = join_path(folder_, "empty");
  options.port = 0;
  ASSERT_TRUE(Env::real().make_dirs(options.data_folder).is_ok());
  const auto refused = Server::start(Env::real(), *engine_, options);
  EXPECT_EQ(refused.status().code(), Code::kDenied);
  EXPECT_NE(refused.status().message().find("pictor key create"), std::string::npos) << refused.status().to_string();
  options.data_folder = options_.data_folder;
  start(options);
  const std::string host = "GET /v1/collections HTTP/1.1\r\nHost: pictor.example\r\n";
  TestClient client(server_->port());
  ASSERT_TRUE(client.send(host + "Authorization: Bearer " + keys_[Role::kReader] + "\r\n\r\n"));
  EXPECT_EQ(client.read().status, 200) << "with a key any name leads here";
  EXPECT_EQ(ask("", "GET", "/v1/collections").status, 401);
}

TEST_F(GovernApiTest, an_item_whose_id_stands_in_the_body_is_found_in_the_log) {
  start();
  const std::string& admin = keys_[Role::kAdmin];
  ASSERT_EQ(json(admin, "POST", "/v1/collections/test/items", {{"id", "p7"}, {"image", base64_of(picture(7))}})["http"],
            201);
  const Json about = json(admin, "GET", "/v1/audit?collection=test&item=p7");
  ASSERT_EQ(about["lines"].size(), 1U) << about;
  EXPECT_EQ(about["lines"][0]["operation"], "addItem");
}

TEST_F(GovernApiTest, lines_of_several_items_name_them_and_say_what_was_asked) {
  start();
  const std::string& admin = keys_[Role::kAdmin];
  std::string body;
  for (const unsigned number : {1U, 2U, 3U}) {
    body += Json{{"id", "p" + std::to_string(number)}, {"image", base64_of(picture(number))}}.dump() + "\n";
  }
  const Answer bulk = ask(admin, "POST", "/v1/collections/test/items:bulk", body + R"({"id": "broken", "image": ""})",
                          "application/x-ndjson");
  ASSERT_EQ(bulk.status, 200) << bulk.body;
  ASSERT_EQ(ask(admin, "DELETE", "/v1/collections/test/items?where=@format%20%3D%20'png'").status, 200);
  const Json about = json(admin, "GET", "/v1/audit?collection=test&item=p2");
  ASSERT_EQ(about["lines"].size(), 2U) << about;
  EXPECT_EQ(about["lines"][0]["operation"], "addItems");
  EXPECT_EQ(about["lines"][0]["items"]["count"], 3);
  EXPECT_EQ(about["lines"][0]["items"]["first"].size(), 3U);
  EXPECT_EQ(about["lines"][0]["items_refused"], 1);
  EXPECT_EQ(about["lines"][0]["right"], "write");
  EXPECT_EQ(about["lines"][1]["operation"], "deleteItems");
  EXPECT_EQ(about["lines"][1]["items"]["count"], 3);
  EXPECT_TRUE(json(admin, "GET", "/v1/audit?collection=test&item=broken")["lines"].empty());
  put(admin, "test", 4);
  ASSERT_EQ(ask(admin, "DELETE", "/v1/collections/test/items/p4?purge=true").status, 200);
  EXPECT_EQ(json(admin, "GET", "/v1/audit?collection=test&item=p4")["lines"].back()["right"], "erase");
}

TEST_F(GovernApiTest, whoever_is_refused_is_named_where_that_is_known) {
  start();
  const std::string& admin = keys_[Role::kAdmin];
  const Json daily = json(admin, "POST", "/v1/keys", {{"requests_per_day", 1}});
  EXPECT_EQ(ask(daily["key"], "GET", "/v1/collections").status, 200);
  EXPECT_EQ(ask(daily["key"], "GET", "/v1/collections").status, 429);
  EXPECT_EQ(json(admin, "DELETE", "/v1/keys/" + daily["id"].get<std::string>())["http"], 200);
  EXPECT_EQ(ask(daily["key"], "GET", "/v1/collections").status, 401);
  EXPECT_EQ(TestClient(server_->port()).ask("GET", "/v1/collections", "", "Origin: http://evil.example\r\n").status,
            403);
  std::vector<Json> refused;
  // Lines of refused requests are written soon, not at once: a line that is waited for comes after them.
  EXPECT_EQ(json(admin, "POST", "/v1/keys", Json::object())["http"], 201);
  const Json audit = json(admin, "GET", "/v1/audit");
  for (const Json& line : audit["lines"]) {
    if (line["status"].get<int>() >= 400) refused.push_back(line);
  }
  ASSERT_EQ(refused.size(), 3U);
  EXPECT_EQ(refused[0]["status"], 429);
  EXPECT_EQ(refused[0]["key"], daily["id"]);
  EXPECT_EQ(refused[1]["status"], 401);
  EXPECT_EQ(refused[1]["key"], daily["id"]);
  EXPECT_EQ(refused[2]["status"], 403);
  EXPECT_FALSE(refused[2].contains("key"));
  EXPECT_EQ(refused[2]["operation"], "listCollections");
}

TEST_F(GovernApiTest, a_key_for_some_collections_has_their_jobs_and_no_others) {
  start();
  put(keys_[Role::kAdmin], "test", 1);
  put(keys_[Role::kAdmin], "other", 2);
  const std::string key =
      json(keys_[Role::kAdmin], "POST", "/v1/keys", {{"role", "operator"}, {"collections", {"test"}}})["key"];
  EXPECT_EQ(json(key, "POST", "/v1/jobs", {{"kind", "verify"}, {"collection", "test"}})["http"], 202);
  EXPECT_EQ(json(key, "POST", "/v1/jobs", {{"kind", "verify"}, {"collection", "other"}})["http"], 403);
  EXPECT_EQ(json(key, "POST", "/v1/jobs", {{"kind", "backup"}, {"path", "/anywhere"}})["http"], 403);
  const Json job = json(keys_[Role::kOperator], "POST", "/v1/jobs", {{"kind", "verify"}, {"collection", "other"}});
  ASSERT_EQ(job["http"], 202) << job;
  EXPECT_EQ(ask(key, "GET", "/v1/jobs/" + job["id"].get<std::string>()).status, 404);
  EXPECT_EQ(json(key, "GET", "/v1/jobs")["jobs"].size(), 1U);
  EXPECT_TRUE(json(acme_, "GET", "/v1/jobs")["jobs"].empty());
  EXPECT_EQ(json(keys_[Role::kAdmin], "GET", "/v1/audit?collection=")["http"], 200);
}

}  // namespace
}  // namespace pictor
