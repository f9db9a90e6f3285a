// What an administrator does with a server that has tenants: backups of all of it, and what reaches them.
#include <set>

#include "serve/govern_testing.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

// How many files below the folder hold these bytes.
int files_with(const std::string& folder, std::string_view bytes) {
  int found = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const auto file = read_file(Env::real(), entry.path().string(), std::uint64_t{1} << 30).value();
    found += as_text(file).find(bytes) == std::string_view::npos ? 0 : 1;
  }
  return found;
}

class GovernWorkTest : public GovernApiTest {
 protected:
  void back_up(const std::string& place) {
    BackupRequest request;
    request.path = place;
    const auto made = engine_->backup(request);
    ASSERT_TRUE(made.is_ok()) << made.status().to_string();
    EXPECT_EQ(made->tenants, 1U);
    EXPECT_TRUE(made->governs);
  }
  Json ended(const std::string& key, Json job) const {
    EXPECT_EQ(job["http"], 202) << job;
    const std::string path = "/v1/jobs/" + job["id"].get<std::string>();
    while (job["state"] == "waiting" || job["state"] == "running") job = json(key, "GET", path);
    return job;
  }
};

TEST_F(GovernWorkTest, a_backup_of_a_server_that_serves_brings_back_keys_tenants_and_the_audit_log) {
  start();
  const std::string admin = keys_[Role::kAdmin];
  put(admin, "test", 1);
  put(acme_, "test", 2);
  const Json head = json(admin, "GET", "/v1/audit/verify");
  const std::string place = join_path(folder_, "backup"), again = join_path(folder_, "again");
  back_up(place);
  EXPECT_EQ(ended(acme_, json(acme_, "POST", "/v1/jobs", {{"kind", "backup"}, {"path", place}}))["state"], "failed")
      << "a tenant makes no backup of all";
  put(acme_, "test", 3);
  const Json job = ended(admin, json(admin, "POST", "/v1/jobs", {{"kind", "backup"}, {"path", place}}));
  ASSERT_EQ(job["state"], "done") << job;
  EXPECT_EQ(job["result"]["tenants"], 1);
  EXPECT_EQ(job["result"]["governs"], true);
  server_.reset();
  const auto restored = restore_backup(Env::real(), {place, again, "", {}});
  ASSERT_TRUE(restored.is_ok()) << restored.status().to_string();

  // A server over what was restored knows the same keys, and serves each tenant what is its own.
  engine_.reset();
  options_.data_folder = again;
  engine_ = Engine::open(Env::real(), options_).value();
  start();
  for (const auto& [role, key] : keys_) EXPECT_EQ(json(key, "GET", "/v1/whoami")["role"], role_name(role));
  EXPECT_EQ(ask(admin, "GET", "/v1/collections/test/items/p1").status, 200);
  EXPECT_EQ(ask(admin, "GET", "/v1/collections/test/items/p2").status, 404);
  for (const char* id : {"p2", "p3"}) {
    EXPECT_EQ(ask(acme_, "GET", std::string("/v1/collections/test/items/") + id).status, 200) << id;
    const Json receipt = json(acme_, "GET", std::string("/v1/collections/test/items/") + id + "/receipt");
    EXPECT_EQ(receipt["state"], "signed") << receipt;
  }
  const Json check = json(admin, "GET", "/v1/audit/verify?head=" + head["head"].get<std::string>());
  EXPECT_EQ(check["whole"], true) << check;
  EXPECT_GT(check["lines"], head["lines"]);
}

TEST_F(GovernWorkTest, an_admin_prunes_the_audit_log_and_that_is_in_it) {
  start();
  const std::string admin = keys_[Role::kAdmin];
  put(admin, "test", 1);
  const std::int64_t between = Env::real().wall_us() + 1;
  while (Env::real().wall_us() <= between) Env::real().wait_us(100);
  put(admin, "test", 2);
  EXPECT_EQ(json(admin, "POST", "/v1/audit/prune", Json::object())["http"], 400);
  EXPECT_EQ(json(admin, "POST", "/v1/audit/prune", {{"before_us", between + 3'600'000'000}})["http"], 400);
  EXPECT_EQ(ask(acme_, "POST", "/v1/audit/prune", R"({"before_us": 1})").status, 403);
  const Json pruned = json(admin, "POST", "/v1/audit/prune", {{"before_us", between}});
  ASSERT_EQ(pruned["http"], 200) << pruned;
  EXPECT_EQ(pruned["lines"], 1);
  const Json check = json(admin, "GET", "/v1/audit/verify");
  EXPECT_EQ(check["whole"], true) << check;
  EXPECT_EQ(check["pruned"], 1);
  std::multiset<std::string> operations;
  const Json audit = json(admin, "GET", "/v1/audit");
  for (const Json& line : audit["lines"]) operations.insert(line["operation"]);
  EXPECT_EQ(operations.count("putItem"), 1U);
  EXPECT_EQ(operations.count("auditPruned"), 1U);
  EXPECT_EQ(operations.count("pruneAudit"), 4U) << "refused ones too";
}

TEST_F(GovernWorkTest, what_a_tenant_erases_is_in_no_backup_of_all_either) {
  start();
  put(acme_, "test", 7);
  const Answer put =
      ask(acme_, "PUT", "/v1/collections/test/items/me-whom-nobody-may-remember", as_text(picture(2)), "image/png");
  ASSERT_EQ(put.status, 201) << put.body;
  const std::string place = join_path(folder_, "backup");
  back_up(place);
  ASSERT_GT(files_with(place, "me-whom-nobody"), 0);
  const Json purged =
      json(acme_, "POST", "/v1/collections/test/items:purge", {{"ids", {"me-whom-nobody-may-remember"}}});
  ASSERT_EQ(purged["http"], 200) << purged;
  EXPECT_EQ(purged["backups_renewed"], Json::array({place})) << purged;
  EXPECT_EQ(files_with(place, "me-whom-nobody"), 0);
  EXPECT_TRUE(verify_backup(Env::real(), place, {}).value().empty());
}

}  // namespace
}  // namespace pictor
