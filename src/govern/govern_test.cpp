#include "govern/govern.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "db/db.h"

namespace pictor {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;

class GovernTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(env_.make_dirs("data").is_ok());
    ASSERT_TRUE(env_.sync_dir(".").is_ok());
    open();
  }
  void open() {
    governor_.reset();
    auto opened = Governor::open(env_, "data");
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    governor_ = std::move(opened).value();
  }
  NewKey made(const KeySpec& spec) {
    auto key = governor_->create_key(spec);
    EXPECT_TRUE(key.is_ok()) << key.status().to_string();
    return key.is_ok() ? *key : NewKey{};
  }
  Code admitted(std::string_view key) {
    retry_after_s_ = 0;
    return governor_->admit(key, &retry_after_s_).status().code();
  }

  SimulatedEnv env_{1};
  std::unique_ptr<Governor> governor_;
  std::int64_t retry_after_s_ = 0;
};

KeySpec spec_of(Role role) {
  KeySpec spec;
  spec.role = role;
  return spec;
}

TEST(Rights, each_role_has_what_the_table_says_and_nothing_else) {
  const std::map<Role, std::set<std::string>> wanted = {
      {Role::kReader, {"none", "inspect", "read"}},
      {Role::kWriter, {"none", "inspect", "read", "write"}},
      {Role::kReviewer, {"none", "inspect", "read", "review"}},
      {Role::kOperator, {"none", "inspect", "operate"}},
      {Role::kAdmin, {"none", "inspect", "read", "write", "review", "erase", "operate", "govern"}}};
  ASSERT_EQ(all_roles().size(), wanted.size());
  for (const Role role : all_roles()) {
    std::set<std::string> seen;
    for (const Right right : all_rights()) {
      if (role_has(role, right)) seen.insert(std::string(right_name(right)));
    }
    EXPECT_EQ(seen, wanted.at(role)) << role_name(role);
    EXPECT_EQ(parse_role(role_name(role)).value(), role);
  }
  EXPECT_EQ(parse_role("root").status().code(), Code::kInvalid);
}

TEST(Rights, a_key_for_some_collections_sees_no_other) {
  Caller caller;
  EXPECT_TRUE(caller.may_see("any"));
  caller.collections = {"photos", "team-*"};
  EXPECT_TRUE(caller.may_see("photos"));
  EXPECT_TRUE(caller.may_see("team-a"));
  EXPECT_TRUE(caller.may_see("team-"));
  for (const char* other : {"photos2", "photo", "", "team", "Photos"}) EXPECT_FALSE(caller.may_see(other)) << other;
}

TEST_F(GovernTest, a_key_is_admitted_as_what_it_was_made_for_also_after_a_restart) {
  EXPECT_FALSE(governor_->needs_keys());
  ASSERT_TRUE(governor_->put_tenant("acme", 7).is_ok());
  KeySpec spec = spec_of(Role::kWriter);
  spec.name = "shop";
  spec.tenant = "acme";
  spec.collections = {"photos", "team-*"};
  const NewKey key = made(spec);
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_TRUE(governor_->needs_keys());
    EXPECT_TRUE(governor_->has_live_keys());
    const auto caller = governor_->admit(key.key, &retry_after_s_);
    ASSERT_TRUE(caller.is_ok()) << caller.status().to_string();
    EXPECT_EQ((*caller)->key, key.info.id);
    EXPECT_EQ((*caller)->tenant, "acme");
    EXPECT_EQ((*caller)->role, Role::kWriter);
    EXPECT_EQ((*caller)->collections, spec.collections);
    ASSERT_EQ(governor_->keys().size(), 1U);
    EXPECT_EQ(governor_->keys()[0].spec.name, "shop");
    EXPECT_EQ(governor_->tenant("acme")->items_max, 7U);
    open();
  }
}

TEST_F(GovernTest, what_is_no_key_is_refused_with_the_same_words) {
  const NewKey key = made(spec_of(Role::kAdmin));
  std::string other_secret = key.key, other_id = key.key;
  other_secret.back() = other_secret.back() == '0' ? '1' : '0';
  other_id[5] = other_id[5] == '0' ? '1' : '0';
  std::set<std::string> words;
  for (const std::string& wrong : {std::string(), std::string("pk_"), key.info.id, key.key + "0", other_secret,
                                   other_id, std::string(100'000, 'a'), key.key.substr(0, key.key.size() - 1)}) {
    const auto caller = governor_->admit(wrong, &retry_after_s_);
    EXPECT_EQ(caller.status().code(), Code::kDenied) << wrong.substr(0, 100);
    words.insert(caller.status().message());
  }
  EXPECT_EQ(words.size(), 1U);
  EXPECT_EQ(admitted(key.key), Code::kOk);
}

TEST_F(GovernTest, whose_key_it_was_is_known_also_when_it_is_refused) {
  KeySpec spec = spec_of(Role::kReader);
  spec.requests_per_day = 1;
  const NewKey key = made(spec);
  EXPECT_EQ(admitted(key.key), Code::kOk);
  EXPECT_EQ(admitted(key.key), Code::kBusy);
  ASSERT_NE(governor_->holder_of(key.key), nullptr);
  EXPECT_EQ(governor_->holder_of(key.key)->key, key.info.id);
  EXPECT_EQ(governor_->keys()[0].requests_today, 1U) << "asking is no request";
  ASSERT_TRUE(governor_->revoke_key(key.info.id).is_ok());
  EXPECT_NE(governor_->holder_of(key.key), nullptr);
  std::string other = key.key;
  other.back() = other.back() == '0' ? '1' : '0';
  EXPECT_EQ(governor_->holder_of(other), nullptr) << "an id alone names nobody";
  EXPECT_EQ(governor_->holder_of(""), nullptr);
}

TEST_F(GovernTest, the_file_does_not_hold_a_secret) {
  const NewKey key = made(spec_of(Role::kAdmin));
  const std::string secret = key.key.substr(key.key.rfind('_') + 1);
  governor_.reset();
  for (const char* file : {"data/govern.db", "data/govern.db-wal"}) {
    const auto bytes = read_file(env_, file, std::uint64_t{1} << 30);
    if (!bytes.is_ok()) continue;
    EXPECT_EQ(as_text(*bytes).find(secret), std::string_view::npos) << file;
    EXPECT_EQ(as_text(*bytes).find(secret.substr(0, 16)), std::string_view::npos) << file;
  }
}

TEST_F(GovernTest, keys_expire_are_revoked_and_rotated_without_a_gap) {
  KeySpec spec = spec_of(Role::kReader);
  spec.expires_us = env_.wall_us() + 10 * kSecond;
  const NewKey short_lived = made(spec);
  const NewKey revoked = made(spec_of(Role::kReader));
  const NewKey old = made(spec_of(Role::kWriter));
  const auto next = governor_->rotate_key(old.info.id, 60);
  ASSERT_TRUE(next.is_ok());
  EXPECT_EQ(next->info.spec.role, Role::kWriter);
  ASSERT_TRUE(governor_->revoke_key(revoked.info.id).is_ok());
  ASSERT_TRUE(governor_->revoke_key(revoked.info.id).is_ok()) << "a second time is no error";
  EXPECT_EQ(governor_->rotate_key(revoked.info.id, 60).status().code(), Code::kInvalid);
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_EQ(admitted(revoked.key), Code::kDenied);
    EXPECT_EQ(admitted(short_lived.key), Code::kOk);
    EXPECT_EQ(admitted(old.key), Code::kOk);
    EXPECT_EQ(admitted(next->key), Code::kOk);
    open();
  }
  env_.advance_us(10 * kSecond);
  EXPECT_EQ(admitted(short_lived.key), Code::kDenied);
  EXPECT_EQ(admitted(old.key), Code::kOk);
  env_.advance_us(60 * kSecond);
  EXPECT_EQ(admitted(old.key), Code::kDenied);
  EXPECT_EQ(admitted(next->key), Code::kOk);
  EXPECT_EQ(governor_->revoke_key("000000000000").status().code(), Code::kNotFound);
  ASSERT_TRUE(governor_->revoke_key(next->info.id).is_ok());
  EXPECT_FALSE(governor_->has_live_keys());
  EXPECT_TRUE(governor_->needs_keys()) << "that no key is left opens nothing";
}

TEST_F(GovernTest, a_key_makes_no_more_requests_a_second_than_it_may) {
  KeySpec spec = spec_of(Role::kReader);
  spec.requests_per_second = 4;
  const NewKey key = made(spec);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(admitted(key.key), Code::kOk) << i;
  EXPECT_EQ(admitted(key.key), Code::kBusy);
  EXPECT_EQ(retry_after_s_, 1);
  env_.advance_us(kSecond / 4);
  EXPECT_EQ(admitted(key.key), Code::kOk);
  EXPECT_EQ(admitted(key.key), Code::kBusy);
  env_.advance_us(100 * kSecond);
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(admitted(key.key), Code::kOk) << "no more than a second's worth is saved: " << i;
  EXPECT_EQ(admitted(key.key), Code::kBusy);
}

TEST_F(GovernTest, requests_of_a_day_are_counted_over_restarts_until_the_day_ends) {
  KeySpec spec = spec_of(Role::kReader);
  spec.requests_per_day = 3;
  const NewKey key = made(spec);
  EXPECT_EQ(admitted(key.key), Code::kOk);
  EXPECT_EQ(admitted(key.key), Code::kOk);
  open();
  EXPECT_EQ(governor_->keys()[0].requests_today, 2U);
  EXPECT_EQ(admitted(key.key), Code::kOk);
  EXPECT_EQ(admitted(key.key), Code::kBusy);
  EXPECT_GT(retry_after_s_, 0);
  EXPECT_LE(retry_after_s_, 86'400);
  env_.advance_us(kDay);
  EXPECT_EQ(admitted(key.key), Code::kOk);
}

TEST_F(GovernTest, a_key_that_cannot_be_is_refused) {
  KeySpec unknown = spec_of(Role::kReader);
  unknown.tenant = "nobody";
  EXPECT_EQ(governor_->create_key(unknown).status().code(), Code::kNotFound);
  KeySpec past = spec_of(Role::kReader);
  past.expires_us = env_.wall_us();
  EXPECT_EQ(governor_->create_key(past).status().code(), Code::kInvalid);
  KeySpec narrow_admin = spec_of(Role::kAdmin);
  narrow_admin.collections = {"photos"};
  EXPECT_EQ(governor_->create_key(narrow_admin).status().code(), Code::kInvalid);
  KeySpec rate = spec_of(Role::kReader);
  rate.requests_per_second = -1;
  EXPECT_EQ(governor_->create_key(rate).status().code(), Code::kInvalid);
  KeySpec wide = spec_of(Role::kReader);
  wide.collections.assign(limits::kKeyCollectionsMax + 1, "a");
  EXPECT_EQ(governor_->create_key(wide).status().code(), Code::kLimit);
  for (const char* name : {"", "-a", "a/b", "..", "a b", "ä"}) {
    EXPECT_EQ(governor_->put_tenant(name, 0).status().code(), Code::kInvalid) << name;
  }
  EXPECT_TRUE(governor_->put_tenant(std::string(limits::kTenantNameBytesMax, 'a'), 0).is_ok());
  EXPECT_FALSE(governor_->put_tenant(std::string(limits::kTenantNameBytesMax + 1, 'a'), 0).is_ok());
}

class AuditTest : public GovernTest {
 protected:
  static AuditEntry entry(int number) {
    AuditEntry entry;
    entry.key = "k" + std::to_string(number);
    entry.operation = "putItem";
    entry.tenant = number % 2 == 0 ? "" : "acme";
    entry.collection = "photos";
    entry.items = {"secret-name-" + std::to_string(number)};
    entry.status = 201;
    return entry;
  }
  void write(int count) {
    for (int i = 1; i <= count; ++i) ASSERT_TRUE(governor_->audit().write(entry(i)).is_ok());
  }
  std::vector<AuditLine> lines(const AuditFilter& filter = {}) {
    std::vector<AuditLine> all;
    EXPECT_TRUE(governor_->audit()
                    .read(filter,
                          [&all](const AuditLine& line) {
                            all.push_back(line);
                            return true;
                          })
                    .is_ok());
    return all;
  }
  AuditCheck verified(const std::optional<AuditHead>& head = {}) {
    auto check = governor_->audit().verify(head);
    EXPECT_TRUE(check.is_ok()) << check.status().to_string();
    return check.is_ok() ? *check : AuditCheck{};
  }
  void change(const char* sql) {
    const auto database = Database::open(env_, "data/govern.db");
    ASSERT_TRUE(database.is_ok());
    const Status changed = (*database)->exec(sql);
    ASSERT_TRUE(changed.is_ok()) << changed.to_string();
  }
};

TEST_F(AuditTest, lines_are_chained_over_restarts_and_name_items_by_digest_only) {
  write(3);
  open();
  write(2);
  const auto all = lines();
  ASSERT_EQ(all.size(), 5U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].number, i + 1);
    EXPECT_EQ(all[i].text.find("secret-name"), std::string::npos) << all[i].text;
  }
  const AuditCheck check = verified();
  EXPECT_TRUE(check.problem.is_ok()) << check.problem.to_string();
  EXPECT_EQ(check.lines, 5U);
  EXPECT_EQ(check.head.hash, all.back().hash);
  EXPECT_TRUE(verified(AuditHead{2, all[1].hash}).problem.is_ok());
  EXPECT_EQ(AuditHead::parse(check.head.text()).value().hash, check.head.hash);
}

TEST_F(AuditTest, whoever_knows_an_item_finds_what_was_done_to_it) {
  write(4);
  AuditFilter filter;
  filter.tenant = "acme";
  EXPECT_EQ(lines(filter).size(), 2U);
  filter.collection = "photos";
  filter.item = "secret-name-3";
  ASSERT_EQ(lines(filter).size(), 1U);
  EXPECT_EQ(lines(filter)[0].number, 3U);
  filter.tenant = "";
  EXPECT_TRUE(lines(filter).empty()) << "the same id of another tenant is another item";
}

TEST_F(AuditTest, of_many_items_a_line_names_the_first_their_number_and_a_digest_over_all) {
  AuditEntry bulk = entry(2);
  bulk.operation = "addItems";
  bulk.items.clear();
  for (std::size_t i = 0; i < limits::kAuditItemsNamed; ++i) bulk.items.push_back("secret-name-" + std::to_string(i));
  bulk.items_refused = 3;
  ASSERT_TRUE(governor_->audit().write(bulk).is_ok());
  bulk.items.push_back("secret-name-past");
  ASSERT_TRUE(governor_->audit().write(bulk).is_ok());
  bulk.items.back() = "secret-name-other";
  ASSERT_TRUE(governor_->audit().write(bulk).is_ok());
  const auto all = lines();
  ASSERT_EQ(all.size(), 3U);
  std::vector<nlohmann::json> items;
  for (const AuditLine& line : all) {
    EXPECT_EQ(line.text.find("secret-name"), std::string::npos) << line.text;
    EXPECT_LT(line.text.size(), 64 * limits::kAuditItemsNamed) << line.text;
    const auto json = nlohmann::json::parse(line.text);
    EXPECT_EQ(json["items_refused"], 3);
    items.push_back(json["items"]);
  }
  EXPECT_EQ(items[0]["count"], limits::kAuditItemsNamed);
  EXPECT_FALSE(items[0].contains("all")) << "each of them is named";
  EXPECT_EQ(items[1]["count"], limits::kAuditItemsNamed + 1);
  EXPECT_EQ(items[1]["first"], items[0]["first"]);
  EXPECT_NE(items[1]["all"], items[2]["all"]) << "the last one is another";
  AuditFilter filter;
  filter.tenant = "";
  filter.collection = "photos";
  filter.item = "secret-name-" + std::to_string(limits::kAuditItemsNamed - 1);
  EXPECT_EQ(lines(filter).size(), 3U);
  filter.item = "secret-name-past";
  EXPECT_TRUE(lines(filter).empty()) << "past the first it is in the digest over all alone";
}

TEST_F(AuditTest, any_change_of_any_line_is_found) {
  for (const char* sql :
       {"UPDATE audit SET text = replace(text, '201', '204') WHERE number = 3", "DELETE FROM audit WHERE number = 3",
        "UPDATE audit SET number = 9 WHERE number = 3", "UPDATE audit SET hash = zeroblob(32) WHERE number = 3",
        "UPDATE audit SET hash = x'00' WHERE number = 3",
        "UPDATE audit SET text = (SELECT text FROM audit WHERE number = 2), hash = (SELECT hash FROM audit WHERE "
        "number "
        "= 2) WHERE number = 3"}) {
    SetUp();
    change("DELETE FROM audit");
    open();
    write(5);
    ASSERT_TRUE(verified().problem.is_ok()) << sql;
    change(sql);
    const AuditCheck check = verified();
    EXPECT_EQ(check.problem.code(), Code::kCorrupt) << sql;
    EXPECT_EQ(check.lines, 2U) << sql;
  }
}

TEST_F(AuditTest, lines_that_are_cut_off_are_missed_by_a_head_that_was_kept) {
  write(5);
  const AuditHead head = verified().head;
  change("DELETE FROM audit WHERE number > 3");
  EXPECT_TRUE(verified().problem.is_ok()) << "the rest is a whole chain";
  EXPECT_EQ(verified(head).problem.code(), Code::kCorrupt);
  open();
  write(2);
  EXPECT_EQ(verified(head).problem.code(), Code::kCorrupt) << "other lines stand in their place";
}

TEST_F(AuditTest, lines_of_many_threads_are_all_there) {
  constexpr int kThreads = 4, kEach = 25;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const AuditEntry line = entry(t * 1000 + i);
        EXPECT_TRUE(i % 2 == 0 ? governor_->audit().write(line).is_ok() : governor_->audit().note(line));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  open();
  const AuditCheck check = verified();
  EXPECT_TRUE(check.problem.is_ok()) << check.problem.to_string();
  EXPECT_EQ(check.lines, static_cast<std::uint64_t>(kThreads * kEach));
}

TEST_F(AuditTest, a_full_disk_is_told_to_whoever_waits_and_the_chain_goes_on) {
  write(1);
  env_.set_free_bytes(0);
  EXPECT_FALSE(governor_->audit().write(entry(2)).is_ok());
  env_.set_free_bytes(std::uint64_t{1} << 30);
  EXPECT_TRUE(governor_->audit().write(entry(3)).is_ok());
  const AuditCheck check = verified();
  EXPECT_TRUE(check.problem.is_ok()) << check.problem.to_string();
  EXPECT_EQ(check.lines, 2U);
}

class PruneTest : public AuditTest {
 protected:
  // Five lines, a day apart; the clock stands a day after the last.
  void SetUp() override {
    AuditTest::SetUp();
    for (int i = 1; i <= 5; ++i) {
      times_.push_back(env_.wall_us());
      ASSERT_TRUE(governor_->audit().write(entry(i)).is_ok());
      env_.advance_us(kDay);
    }
  }
  AuditPruned pruned(std::int64_t before_us) {
    AuditEntry by;
    by.key = "0011";
    auto made = governor_->audit().prune(before_us, by);
    EXPECT_TRUE(made.is_ok()) << made.status().to_string();
    return made.is_ok() ? *made : AuditPruned{};
  }

  std::vector<std::int64_t> times_;
};

TEST_F(PruneTest, old_lines_go_and_the_rest_is_a_whole_chain_that_tells_of_it) {
  const auto before = lines();
  const AuditHead kept = verified().head;
  const AuditPruned gone = pruned(times_[3]);
  EXPECT_EQ(gone.lines, 3U);
  EXPECT_EQ(gone.last.hash, before[2].hash);
  for (int turn = 0; turn < 2; ++turn) {
    const auto all = lines();
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all[0].text, before[3].text);
    EXPECT_EQ(all[1].text, before[4].text);
    const auto line = nlohmann::json::parse(all[2].text);
    EXPECT_EQ(line["operation"], "auditPruned");
    EXPECT_EQ(line["line"], 6);
    EXPECT_EQ(line["lines"], 3);
    EXPECT_EQ(line["before_us"], times_[3]);
    EXPECT_EQ(line["last"], gone.last.text());
    EXPECT_EQ(line["key"], "0011");
    const AuditCheck check = verified(kept);
    EXPECT_TRUE(check.problem.is_ok()) << check.problem.to_string();
    EXPECT_EQ(check.lines, 3U);
    EXPECT_EQ(check.pruned, 3U);
    EXPECT_TRUE(verified(gone.last).problem.is_ok());
    EXPECT_EQ(verified(AuditHead{3, before[1].hash}).problem.code(), Code::kCorrupt);
    EXPECT_EQ(verified(AuditHead{2, before[1].hash}).problem.code(), Code::kNotFound) << "nobody can tell any more";
    open();
  }
  ASSERT_TRUE(governor_->audit().write(entry(7)).is_ok());
  EXPECT_EQ(lines().back().number, 7U);
  EXPECT_EQ(verified().lines, 4U);
}

TEST_F(PruneTest, a_second_time_goes_on_from_the_first_and_all_lines_may_go) {
  pruned(times_[1]);
  EXPECT_EQ(pruned(times_[1]).lines, 0U);
  EXPECT_EQ(lines().size(), 5U) << "what removes nothing writes nothing";
  EXPECT_EQ(pruned(times_[2]).lines, 1U);
  EXPECT_EQ(pruned(env_.wall_us()).lines, 3U) << "the lines that told of it are of this very moment";
  env_.advance_us(1);
  EXPECT_EQ(pruned(env_.wall_us()).lines, 3U);
  EXPECT_EQ(lines().size(), 1U);
  EXPECT_TRUE(verified().problem.is_ok());
  EXPECT_EQ(verified().pruned, 8U);
  EXPECT_EQ(governor_->audit().prune(env_.wall_us() + 1, {}).status().code(), Code::kInvalid);
}

TEST_F(PruneTest, lines_that_are_cut_off_at_the_front_without_being_told_of_are_missed) {
  change("DELETE FROM audit WHERE number <= 2");
  EXPECT_EQ(verified().problem.code(), Code::kCorrupt);
}

TEST_F(PruneTest, more_that_is_cut_off_than_the_line_tells_of_is_missed) {
  pruned(times_[1]);
  change("DELETE FROM audit WHERE number = (SELECT min(number) FROM audit)");
  EXPECT_EQ(verified().problem.code(), Code::kCorrupt);
}

TEST_F(PruneTest, a_chain_that_is_broken_is_not_pruned) {
  change("UPDATE audit SET text = replace(text, '201', '204') WHERE number = 2");
  EXPECT_EQ(governor_->audit().prune(times_[3], {}).status().code(), Code::kCorrupt);
  EXPECT_EQ(lines().size(), 5U) << "what was done to it stays to be seen";
}

// Power fails at every operation: nothing has gone, or all that was asked for, and the chain is whole.
TEST(PruneCrash, it_is_done_or_not) {
  std::uint64_t failures = 0;
  for (std::uint64_t n = 1;; ++n) {
    SimulatedEnv env(n);
    ASSERT_TRUE(env.make_dirs("data").is_ok());
    ASSERT_TRUE(env.sync_dir(".").is_ok());
    bool done = false;
    {
      const auto governor = Governor::open(env, "data");
      ASSERT_TRUE(governor.is_ok());
      for (int i = 0; i < 4; ++i) {
        if (i == 2) env.advance_us(kSecond);
        AuditEntry entry;
        entry.operation = "putItem";
        ASSERT_TRUE((*governor)->audit().write(entry).is_ok());
      }
      env.set_fault_after(n);
      done = (*governor)->audit().prune(env.wall_us(), {}).is_ok();
    }
    const bool whole = !env.power_is_out();
    env.set_fault_after(0);
    env.power_loss();
    const auto governor = Governor::open(env, "data");
    ASSERT_TRUE(governor.is_ok()) << n << ": " << governor.status().to_string();
    const auto check = (*governor)->audit().verify({});
    ASSERT_TRUE(check.is_ok() && check->problem.is_ok()) << n;
    EXPECT_TRUE(check->pruned == 2 ? check->lines == 3 : check->pruned == 0 && check->lines == 4 && !done) << n;
    if (whole) break;
    ++failures;
  }
  EXPECT_GT(failures, 2U);
}

// Power fails at every operation: what was acknowledged is there afterwards, in one chain; so are keys.
TEST(GovernCrash, nothing_that_was_acknowledged_is_lost) {
  std::uint64_t failures = 0;
  for (std::uint64_t n = 1;; ++n) {
    SimulatedEnv env(n);
    ASSERT_TRUE(env.make_dirs("data").is_ok());
    ASSERT_TRUE(env.sync_dir(".").is_ok());
    env.set_fault_after(n);
    std::uint64_t lines = 0;
    std::string key, revoked;
    {
      const auto governor = Governor::open(env, "data");
      for (int i = 0; governor.is_ok() && i < 3; ++i) {
        AuditEntry entry;
        entry.operation = "putItem";
        if ((*governor)->audit().write(entry).is_ok()) ++lines;
        const auto made = (*governor)->create_key(KeySpec{});
        if (made.is_ok()) key = made->key;
        if (made.is_ok() && i == 1 && (*governor)->revoke_key(made->info.id).is_ok()) revoked = key;
      }
    }
    if (!env.power_is_out()) break;
    ++failures;
    env.power_loss();
    const auto governor = Governor::open(env, "data");
    ASSERT_TRUE(governor.is_ok()) << n << ": " << governor.status().to_string();
    const auto check = (*governor)->audit().verify({});
    ASSERT_TRUE(check.is_ok() && check->problem.is_ok()) << n;
    EXPECT_GE(check->lines, lines) << n;
    std::int64_t retry = 0;
    if (!key.empty() && key != revoked) {
      EXPECT_TRUE((*governor)->admit(key, &retry).is_ok()) << n;
    }
    if (!revoked.empty()) {
      EXPECT_EQ((*governor)->admit(revoked, &retry).status().code(), Code::kDenied) << n;
    }
  }
  EXPECT_GT(failures, 20U);
}

}  // namespace
}  // namespace pictor
