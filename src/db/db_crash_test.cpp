// Power fails at every operation of a small workload; whatever was acknowledged is there afterwards, and nothing is
// halved. PICTOR_CRASH_SCALE multiplies the seeds (default 1).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>

#include "db/db.h"

namespace pictor {
namespace {

constexpr std::int64_t kBatches = 12;
constexpr std::int64_t kParts = 5;
constexpr Migration kMigrations[] = {
    {1, "CREATE TABLE parts(batch INTEGER, part INTEGER, data BLOB, PRIMARY KEY(batch, part)) WITHOUT ROWID"},
    {2, "CREATE TABLE last(one INTEGER PRIMARY KEY, batch INTEGER); INSERT INTO last VALUES(1, 0)"},
};
using Ignored = std::function<bool(SimulatedEnv::Operation, const std::string&)>;

std::uint64_t seeds() {
  const char* scale = std::getenv("PICTOR_CRASH_SCALE");  // NOLINT(concurrency-mt-unsafe)
  return 3 * static_cast<std::uint64_t>(scale != nullptr ? std::max(1L, std::atol(scale)) : 1);
}

Result<std::unique_ptr<Database>> open_parts(Env& env) {
  PICTOR_TRY(env.make_dirs("data"));
  PICTOR_TRY(env.sync_dir("."));
  PICTOR_ASSIGN(auto database, Database::open(env, "data/parts.db", {.busy_wait_ms = 0}));
  PICTOR_TRY(database->migrate(kMigrations));
  return database;
}

// Writes batch `number`: some new rows over several pages, a change of the batch before, and the number itself.
Status write_batch(Database& database, std::int64_t number) {
  PICTOR_ASSIGN(auto transaction, Transaction::begin(database));
  PICTOR_ASSIGN(const auto insert, database.prepare("INSERT INTO parts VALUES(?, ?, ?)"));
  for (std::int64_t part = 0; part < kParts; ++part) {
    const Bytes data(static_cast<std::size_t>(600 + 700 * part), static_cast<std::byte>(number));
    insert->bind(0, number);
    insert->bind(1, part);
    insert->bind(2, ByteView(data));
    PICTOR_TRY(insert->step().status());
  }
  PICTOR_ASSIGN(const auto change, database.prepare("UPDATE parts SET data = zeroblob(900) WHERE batch = ?"));
  change->bind(0, number - 1);
  PICTOR_TRY(change->step().status());
  PICTOR_ASSIGN(const auto last, database.prepare("UPDATE last SET batch = ?"));
  last->bind(0, number);
  PICTOR_TRY(last->step().status());
  return transaction.commit();
}

// Returns how many batches were acknowledged before power failed.
std::int64_t run_workload(Env& env) {
  auto database = open_parts(env);
  std::int64_t acknowledged = 0;
  while (database.is_ok() && acknowledged < kBatches) {
    if (!write_batch(*database.value(), acknowledged + 1).is_ok()) break;
    ++acknowledged;
    if (acknowledged % 4 == 0 && !database.value()->checkpoint().is_ok()) break;
    if (acknowledged % 5 == 0) database = open_parts(env);
  }
  return acknowledged;
}

Result<std::int64_t> integer_of(Database& database, std::string_view sql) {
  PICTOR_ASSIGN(const auto statement, database.prepare(sql));
  PICTOR_TRY(statement->step().status());
  return statement->integer(0);
}

// What is wrong after the loss of power, if anything.
Status find_fault(Env& env, std::int64_t acknowledged) {
  PICTOR_ASSIGN(const auto database, open_parts(env));
  PICTOR_TRY(database->check());
  PICTOR_ASSIGN(const auto last, integer_of(*database, "SELECT batch FROM last"));
  if (last != acknowledged && last != acknowledged + 1) {
    return {Code::kCorrupt,
            std::to_string(acknowledged) + " batches were acknowledged, " + std::to_string(last) + " are there"};
  }
  PICTOR_ASSIGN(const auto rows, integer_of(*database, "SELECT count(*) FROM parts"));
  PICTOR_ASSIGN(const auto changed, integer_of(*database, "SELECT count(*) FROM parts WHERE data = zeroblob(900)"));
  const std::string last_text = std::to_string(last);
  PICTOR_ASSIGN(const auto newest,
                integer_of(*database, "SELECT count(*) FROM parts WHERE batch = " + last_text +
                                          " AND length(data) = 600 + 700 * part AND hex(substr(data, -1)) = "
                                          "printf('%02X', batch)"));
  if (rows != last * kParts || newest != std::min<std::int64_t>(last, 1) * kParts ||
      changed != std::max<std::int64_t>(last - 1, 0) * kParts) {
    return {Code::kCorrupt, "batch " + last_text + " is halved"};
  }
  return write_batch(*database, last + 1);
}

struct Sweep {
  std::uint64_t runs = 0;
  std::uint64_t failures = 0;
  std::string first_failure;
};

Sweep sweep(std::uint64_t seed_count, const Ignored& ignored, bool until_failure) {
  Sweep result;
  for (std::uint64_t seed = 1; seed <= seed_count; ++seed) {
    for (std::uint64_t fault = 1;; ++fault) {
      SimulatedEnv env(seed * 1'000'003 + fault);
      env.ignore_syncs(ignored);
      env.set_fault_after(fault);
      const auto acknowledged = run_workload(env);
      const bool out = env.power_is_out();
      env.power_loss();
      const auto status = find_fault(env, acknowledged);
      ++result.runs;
      if (!status.is_ok() && result.failures++ == 0) {
        result.first_failure = "seed " + std::to_string(seed) + ", operation " + std::to_string(fault) + " (" +
                               env.fault() + "): " + status.to_string();
      }
      if (!out || (until_failure && result.failures > 0)) break;
    }
  }
  return result;
}

TEST(DbCrash, every_acknowledged_transaction_survives_a_loss_of_power_at_any_operation) {
  const auto result = sweep(seeds(), nullptr, false);
  EXPECT_EQ(result.failures, 0U) << result.failures << " of " << result.runs << ", first: " << result.first_failure;
  EXPECT_GT(result.runs, 300U) << "the workload reaches few operations";
}

TEST(DbCrash, without_any_one_kind_of_sync_the_same_check_fails) {
  using Operation = SimulatedEnv::Operation;
  const std::pair<const char*, Ignored> kinds[] = {
      {"the log", [](auto op, const auto& path) { return op == Operation::kSync && path.ends_with("-wal"); }},
      {"the database", [](auto op, const auto& path) { return op == Operation::kSync && path.ends_with(".db"); }},
      {"the folder", [](auto op, const auto& path) { return op == Operation::kSyncDir && path.ends_with("data"); }},
  };
  for (const auto& [name, ignored] : kinds) {
    const auto result = sweep(1, ignored, true);
    EXPECT_GT(result.failures, 0U) << "nothing was lost though the syncs of " << name << " were left out";
  }
}

// As above for the calls that are refused or interrupted by a full disk instead of a loss of power.
TEST(DbCrash, a_disk_that_is_full_at_any_size_loses_nothing_acknowledged) {
  for (std::uint64_t free = 0; free < 120'000; free += 2'777) {
    SimulatedEnv env(free);
    env.set_free_bytes(free);
    const auto acknowledged = run_workload(env);
    env.set_free_bytes(1 << 24);
    const auto status = find_fault(env, acknowledged);
    ASSERT_TRUE(status.is_ok()) << free << " bytes free: " << status.to_string();
  }
}

}  // namespace
}  // namespace pictor
