// Facets and jobs over HTTP.
#include "serve/server_testing.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

TEST_F(ServerTest, values_of_fields_are_counted) {
  fill(5);
  Json counted = json("GET", "/v1/collections/test/facets?field=@format&field=none&where=@width%20%3E%200");
  ASSERT_EQ(counted["http"], 200) << counted;
  EXPECT_EQ(counted["items"], 5);
  EXPECT_EQ(counted["facets"][0]["values"], Json::parse(R"([{"value": "png", "items": 5}])"));
  EXPECT_EQ(counted["facets"][1]["distinct"], 0);
  counted = json("GET", "/v1/collections/test/facets?field=@width&limit=0");
  EXPECT_EQ(counted["facets"][0]["values"], Json::array());
  EXPECT_EQ(counted["facets"][0]["distinct"], 5);
  EXPECT_EQ(json("GET", "/v1/collections/test/facets")["http"], 400);
  EXPECT_EQ(json("GET", "/v1/collections/test/facets?field=a%20=%201")["http"], 400);
  EXPECT_EQ(json("GET", "/v1/collections/none/facets?field=a")["http"], 404);
}

TEST_F(ServerTest, several_items_are_erased_by_one_request_that_tells_of_each) {
  fill(4);
  const std::string path = "/v1/collections/test/items:purge";
  const Json purged = json("POST", path, {{"ids", {"p2", "none", "p0", "p2"}}});
  ASSERT_EQ(purged["http"], 200) << purged;
  EXPECT_EQ(purged["deleted"], 2);
  EXPECT_EQ(purged["items"], Json::parse(R"([{"id": "p2", "status": "erased"}, {"id": "none", "status": "unknown"},
                                             {"id": "p0", "status": "erased"}, {"id": "p2", "status": "erased"}])"));
  EXPECT_EQ(purged["certificate"]["ids"].size(), 2U);
  EXPECT_TRUE(engine_->upkeep().check(purged["certificate"].dump()).problem.is_ok());
  EXPECT_EQ(json("GET", "/v1/collections/test/items/p0")["http"], 404);
  EXPECT_EQ(json("GET", "/v1/collections/test/items/p0/history")["http"], 404);
  EXPECT_EQ(json("GET", "/v1/collections/test/count")["count"], 2);
  const Json none = json("POST", path, {{"ids", {"p0"}}});
  EXPECT_EQ(none["http"], 200) << none;
  EXPECT_EQ(none["certificate"], nullptr);
  EXPECT_EQ(json("POST", path, {{"ids", Json::array()}})["http"], 400);
  EXPECT_EQ(json("POST", path, {{"ids", {"p1", 7}}})["http"], 400);
  EXPECT_EQ(json("POST", path, {{"ids", "p1"}})["http"], 400);
  EXPECT_EQ(json("POST", path, {{"ids", {"p1"}}, {"where", "x"}})["http"], 400);
  EXPECT_EQ(json("POST", path, {{"ids", {std::string(limits::kItemIdBytesMax + 1, 'a')}}})["http"], 400);
  EXPECT_EQ(json("POST", path, {{"ids", std::vector<std::string>(limits::kPurgeIdsMax + 1, "p1")}})["http"], 413);
  EXPECT_EQ(json("POST", "/v1/collections/none/items:purge", {{"ids", {"p1"}}})["http"], 404);
  EXPECT_EQ(json("GET", "/v1/collections/test/count")["count"], 2) << "what is refused erases nothing";
}

TEST_F(ServerTest, items_are_listed_as_they_were_also_a_page_at_a_time) {
  fill(5);
  const Json now = json("GET", "/v1/collections/test/items?limit=1");
  const std::uint64_t moment = now["sequence"];
  EXPECT_EQ(moment, engine_->stats("test")->sequence);
  ASSERT_EQ(json("DELETE", "/v1/collections/test/items/p1")["http"], 200);
  ASSERT_EQ(ask("PUT", "/v1/collections/test/items/p9", as_text(picture(9)), "image/png").status, 201);
  EXPECT_EQ(json("GET", "/v1/collections/test/items")["items"].size(), 5U);
  const std::string then = "/v1/collections/test/items?limit=2&as_of=sequence:" + std::to_string(moment);
  std::vector<std::string> ids;
  std::string cursor;
  while (true) {
    const Json page = json("GET", then + cursor);
    ASSERT_EQ(page["http"], 200) << page;
    EXPECT_EQ(page["sequence"], moment);
    for (const Json& item : page["items"]) ids.push_back(item["id"]);
    if (page["next"].is_null()) break;
    cursor = "&cursor=" + page["next"].get<std::string>();
  }
  EXPECT_EQ(ids, (std::vector<std::string>{"p0", "p1", "p2", "p3", "p4"}));
  EXPECT_EQ(json("GET", "/v1/collections/test/items?as_of=sequence:999999")["http"], 404);
  EXPECT_EQ(json("GET", "/v1/collections/test/items?as_of=time:yesterday")["http"], 400);
  EXPECT_EQ(json("GET", "/v1/collections/none/items?as_of=sequence:1")["http"], 404);
}

TEST_F(ServerTest, long_work_is_a_job) {
  fill(3);
  for (const char* kind : {"verify", "compact", "rebuild"}) {
    Json job = json("POST", "/v1/jobs", {{"kind", kind}, {"collection", "test"}});
    ASSERT_EQ(job["http"], 202) << job;
    const std::string path = "/v1/jobs/" + job["id"].get<std::string>();
    while (job["state"] == "waiting" || job["state"] == "running") job = json("GET", path);
    EXPECT_EQ(job["state"], "done") << job;
    EXPECT_TRUE(job["result"].is_object()) << job;
  }
  EXPECT_EQ(json("GET", "/v1/jobs")["jobs"].size(), 3U);
  EXPECT_EQ(json("POST", "/v1/jobs/1/cancel")["http"], 409);
  EXPECT_EQ(json("POST", "/v1/jobs/1/resume")["http"], 409);
  EXPECT_EQ(json("GET", "/v1/jobs/x")["http"], 404);
  EXPECT_EQ(json("POST", "/v1/jobs", {{"kind", "verify"}, {"collection", "none"}})["http"], 404);
}

TEST_F(ServerTest, a_backup_goes_to_where_one_was_made_before_and_nowhere_else) {
  fill(2);
  const std::string place = options_.data_folder + "-backup";
  const auto ended = [&](Json job) {
    EXPECT_EQ(job["http"], 202) << job;
    const std::string path = "/v1/jobs/" + job["id"].get<std::string>();
    while (job["state"] == "waiting" || job["state"] == "running") job = json("GET", path);
    return job;
  };
  Json job = ended(json("POST", "/v1/jobs", {{"kind", "backup"}, {"path", place}}));
  EXPECT_EQ(job["state"], "failed");
  EXPECT_EQ(job["problem"]["code"], "denied") << job;
  BackupRequest first;
  first.path = place;
  ASSERT_TRUE(engine_->backup(first).is_ok());
  ASSERT_EQ(ask("PUT", "/v1/collections/test/items/p9", as_text(picture(9)), "image/png").status, 201);
  job = ended(json("POST", "/v1/jobs", {{"kind", "backup"}, {"path", place}}));
  EXPECT_EQ(job["state"], "done") << job;
  EXPECT_EQ(job["result"]["path"], place);
}

}  // namespace
}  // namespace pictor
