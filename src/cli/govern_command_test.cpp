// pictor key, tenant and audit, on a real govern.db.
#include <nlohmann/json.hpp>

#include "cli/cli_testing.h"
#include "cli/text.h"
#include "govern/govern.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

class GovernCommandTest : public CliTest {
 protected:
  int act(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--data", folder_.path()});
    return run(std::move(arguments));
  }
  std::string made(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"key", "create"});
    EXPECT_EQ(act(std::move(arguments)), 0) << err();
    return out().substr(0, out().find('\n'));
  }
  Json keys() {
    EXPECT_EQ(act({"key", "list", "--json"}), 0) << err();
    return Json::parse(out())["keys"];
  }
};

TEST_F(GovernCommandTest, a_key_alone_goes_to_standard_output_and_is_what_was_asked_for) {
  EXPECT_EQ(act({"key", "list"}), 0);
  EXPECT_NE(out().find("There is no key"), std::string::npos);
  ASSERT_EQ(act({"tenant", "put", "acme", "--items-max", "5"}), 0) << err();
  const std::string key = made({"--role", "writer", "--name", "shop", "--tenant", "acme", "--collections", "a,b-*",
                                "--expires", "90d", "--rate", "2.5", "--per-day", "100"});
  EXPECT_EQ(key.substr(0, 3), "pk_");
  EXPECT_EQ(out(), key + "\n");
  const Json listed = keys();
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0]["role"], "writer");
  EXPECT_EQ(listed[0]["tenant"], "acme");
  EXPECT_EQ(listed[0]["collections"], (Json{"a", "b-*"}));
  EXPECT_EQ(listed[0]["requests_per_second"], 2.5);
  EXPECT_EQ(listed[0]["requests_per_day"], 100);
  const std::int64_t lives_us = listed[0]["expires_us"].get<std::int64_t>() - Env::real().wall_us();
  EXPECT_NEAR(static_cast<double>(lives_us) * 1e-6, 90 * 86'400.0, 60);
  ASSERT_EQ(act({"key", "list"}), 0);
  EXPECT_NE(out().find("shop"), std::string::npos);
  EXPECT_EQ(out().find(key.substr(16)), std::string::npos);
  for (const std::string& line : split(out(), '\n')) EXPECT_LE(display_width(line), 80U) << line;
}

TEST_F(GovernCommandTest, keys_are_rotated_and_revoked_and_mistakes_are_named) {
  const std::string key = made({});
  const std::string id = key.substr(3, 12);
  ASSERT_EQ(act({"key", "rotate", id, "--overlap", "1h"}), 0) << err();
  EXPECT_EQ(keys().size(), 2U);
  ASSERT_EQ(act({"key", "revoke", id}), 0) << err();
  EXPECT_EQ(keys()[0]["live"], false);
  EXPECT_EQ(act({"key", "revoke", "nobody"}), 3);
  EXPECT_EQ(act({"key", "create", "--role", "root"}), 2);
  EXPECT_NE(err().find("reader, writer, reviewer, operator or admin"), std::string::npos);
  EXPECT_EQ(act({"key", "create", "--expires", "soon"}), 2);
  EXPECT_NE(err().find("90d, 12h, 30m or 45s"), std::string::npos);
  EXPECT_EQ(act({"key", "create", "--tenant", "nobody"}), 3);
  EXPECT_EQ(act({"tenant", "put", "../x"}), 2);
}

TEST_F(GovernCommandTest, the_audit_log_is_listed_and_checked) {
  {
    const auto governor = Governor::open(Env::real(), folder_.path());
    ASSERT_TRUE(governor.is_ok());
    AuditEntry entry;
    entry.operation = "putItem";
    entry.collection = "photos";
    for (const char* item : {"a", "b"}) {
      entry.items = {item};
      ASSERT_TRUE((*governor)->audit().write(entry).is_ok());
    }
  }
  ASSERT_EQ(act({"audit", "verify"}), 0) << err();
  const std::size_t at = out().find("head ") + 5;
  const std::string head = out().substr(at, out().find('\n', at) - at);
  EXPECT_EQ(act({"audit", "verify", "--head", head}), 0) << err();
  EXPECT_EQ(act({"audit", "verify", "--head", "2:" + std::string(64, '0')}), 12);
  EXPECT_EQ(act({"audit", "verify", "--head", "x"}), 2);
  ASSERT_EQ(act({"audit", "list"}), 0);
  EXPECT_EQ(split(out(), '\n').size(), 3U) << out();
  ASSERT_EQ(act({"audit", "list", "--collection", "photos", "--item", "b"}), 0);
  EXPECT_EQ(Json::parse(out())["line"], 2);
  EXPECT_EQ(act({"audit", "list", "--item", "b"}), 2);
}

TEST_F(GovernCommandTest, old_lines_of_the_audit_log_are_removed) {
  {
    const auto governor = Governor::open(Env::real(), folder_.path());
    ASSERT_TRUE(governor.is_ok());
    AuditEntry entry;
    entry.operation = "putItem";
    for (int i = 0; i < 3; ++i) ASSERT_TRUE((*governor)->audit().write(entry).is_ok());
  }
  ASSERT_EQ(act({"audit", "prune", "--before", "1d", "--yes"}), 0) << err();
  EXPECT_NE(out().find("Removed 0 lines"), std::string::npos) << out();
  EXPECT_EQ(act({"audit", "prune", "--before", "0s"}), 2) << "nobody can be asked";
  ASSERT_EQ(act({"audit", "prune", "--before", "0s", "--yes", "--json"}), 0) << err();
  EXPECT_EQ(Json::parse(out())["lines"], 3);
  ASSERT_EQ(act({"audit", "verify"}), 0) << err();
  EXPECT_NE(out().find("1 line, after 3 that were pruned"), std::string::npos) << out();
  EXPECT_EQ(act({"audit", "prune", "--before", "2026-05-31"}), 2) << "a time has a zone";
  EXPECT_EQ(act({"audit", "prune"}), 2);
}

}  // namespace
}  // namespace pictor
