// Power fails at every write, sync, rename and removal of a backup and of a restore of a data folder with a tenant,
// keys and an audit log. After each: a manifest names nothing that is not there whole, an earlier backup is not lost,
// and half a restore is no data folder; and the same call again ends well. And: without any one of the syncs this check
// finds a loss.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/base.h"
#include "govern/govern.h"
#include "script.h"

namespace pictor {
namespace {

using Operation = SimulatedEnv::Operation;
using Ignored = std::function<bool(Operation, const std::string&)>;

constexpr const char* kData = "/home/data";
constexpr const char* kBackup = "/disk/backups/daily";
constexpr const char* kTarget = "/new/home/data";
constexpr const char* kTenant = "acme";
constexpr std::uint64_t kTenantSeed = 71;  // added to the seed: its items are others

std::string tenant_in(const std::string& folder) { return folder + "/tenants/" + kTenant; }

int scale() {
  const char* text = std::getenv("PICTOR_CRASH_SCALE");  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? 1 : std::max(1, std::atoi(text));
}

// The first seed; PICTOR_SEED draws others.
std::uint64_t first_seed() {
  const char* text = std::getenv("PICTOR_SEED");  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10) % 1'000'000 + 1;
}

Status write_folder(SimulatedEnv& env, const std::string& path, std::uint64_t seed, std::uint64_t from,
                    std::uint64_t to) {
  const auto spec = testing::small_spec();
  PICTOR_ASSIGN(const auto folder, DataFolder::open(env, path));
  auto collection = folder->collection(spec.name);
  if (!collection.is_ok()) collection = folder->create_collection(spec);
  PICTOR_TRY(collection.status());
  for (std::uint64_t number = from; number <= to; ++number) {
    PICTOR_TRY((*collection)->commit(crash::batch_of(spec, seed, number)).status());
    if (number % 2 == 0) PICTOR_TRY((*collection)->seal());
  }
  return Status::ok();
}

// The main folder, a tenant's, and a line of the audit log for each batch.
Status write_batches(SimulatedEnv& env, std::uint64_t seed, std::uint64_t from, std::uint64_t to) {
  PICTOR_TRY(write_folder(env, kData, seed, from, to));
  PICTOR_TRY(write_folder(env, tenant_in(kData), seed + kTenantSeed, from, to));
  PICTOR_ASSIGN(const auto governor, Governor::open(env, kData));
  PICTOR_TRY(governor->put_tenant(kTenant, 100).status());
  if (from == 1) PICTOR_TRY(governor->create_key(KeySpec{}).status());
  for (std::uint64_t number = from; number <= to; ++number) {
    AuditEntry entry;
    entry.operation = "addItems";
    PICTOR_TRY(governor->audit().write(entry));
  }
  return Status::ok();
}

Status back_up(SimulatedEnv& env) {
  PICTOR_ASSIGN(const auto folder, DataFolder::open(env, kData, false));
  return folder->backup({kBackup, "", false, {}}).status();
}

std::string told(std::uint64_t seed, std::uint64_t operation, const std::string& where) {
  std::string text = "seed " + std::to_string(seed) + ", operation " + std::to_string(operation) + ", ";
  return text.append(where).append(": ");
}

std::string folder_wrong(SimulatedEnv& env, std::uint64_t seed, const std::string& target, Sequence& sequence) {
  const auto folder = DataFolder::open(env, target, false);
  if (!folder.is_ok()) return folder.status().to_string();
  const auto spec = testing::small_spec();
  const auto collection = (*folder)->collection(spec.name);
  if (!collection.is_ok()) return collection.status().to_string();
  const auto snapshot = (*collection)->snapshot();
  if (!snapshot.is_ok()) return snapshot.status().to_string();
  sequence = (*snapshot)->sequence();
  return crash::difference(**collection, crash::model_after(spec, seed, sequence));
}

std::string govern_wrong(SimulatedEnv& env, const std::string& target, Sequence lines) {
  if (!exists(env, target + "/govern.db")) return "there are no keys and no audit log";
  const auto governor = Governor::open(env, target);
  if (!governor.is_ok()) return governor.status().to_string();
  if ((*governor)->keys().size() != 1 || !(*governor)->tenant(kTenant)) return "the key or the tenant is gone";
  const auto check = (*governor)->audit().verify({});
  if (!check.is_ok()) return check.status().to_string();
  if (!check->problem.is_ok()) return check->problem.to_string();
  return check->lines == lines ? "" : "the audit log has " + std::to_string(check->lines) + " lines";
}

// What is wrong with a restored folder; empty when it is what the batches up to `sequence` made.
std::string restored_wrong(SimulatedEnv& env, std::uint64_t seed, const std::string& target, Sequence& sequence) {
  if (auto wrong = folder_wrong(env, seed, target, sequence); !wrong.empty()) return wrong;
  Sequence of_tenant = 0;
  if (auto wrong = folder_wrong(env, seed + kTenantSeed, tenant_in(target), of_tenant); !wrong.empty()) {
    return "the tenant: " + wrong;
  }
  if (of_tenant != sequence) return "the tenant is of sequence " + std::to_string(of_tenant);
  return govern_wrong(env, target, sequence);
}

// A backup that is there can be verified and restored, and is of one of the two moments.
std::string backup_wrong(SimulatedEnv& env, std::uint64_t seed, Sequence least, Sequence most) {
  const auto faults = verify_backup(env, kBackup, {});
  if (!faults.is_ok() && faults.status().code() == Code::kNotFound && least == 0) return "";
  if (!faults.is_ok()) return faults.status().to_string();
  if (!faults->empty()) return (*faults)[0].where + " " + (*faults)[0].what;
  const auto restored = restore_backup(env, {kBackup, kTarget, "", {}});
  if (!restored.is_ok()) return restored.status().to_string();
  Sequence sequence = 0;
  if (auto wrong = restored_wrong(env, seed, kTarget, sequence); !wrong.empty()) return wrong;
  if (sequence < least || sequence > most) return "the backup is of sequence " + std::to_string(sequence);
  return "";
}

struct Outcome {
  std::uint64_t points = 0;  // at which power was made to fail
  std::string wrong;
};

constexpr Sequence kFirst = 5, kSecond = 9;

// `second`: an earlier backup is there. Power fails while the next is made.
Outcome backup_fails_everywhere(std::uint64_t seed, bool second, const Ignored& ignored) {
  Outcome outcome;
  for (std::uint64_t n = 1;; ++n) {
    SimulatedEnv env(seed * 100'003 + n);
    const Sequence least = second ? kFirst : 0;
    const Sequence most = second ? kSecond : kFirst;
    testing::must(write_batches(env, seed, 1, kFirst));
    if (second) {
      testing::must(back_up(env));
      testing::must(write_batches(env, seed, kFirst + 1, kSecond));
    }
    env.ignore_syncs(ignored);
    env.set_fault_after(n);
    const Status done = back_up(env);
    const bool whole = !env.power_is_out();
    env.set_fault_after(0);
    if (whole && !done.is_ok()) outcome.wrong = "without a failure of power: " + done.to_string();
    const std::string where = whole ? "after its end" : env.fault();
    env.power_loss();
    env.ignore_syncs(nullptr);
    // Once it has answered, the new one is there.
    std::string wrong = backup_wrong(env, seed, done.is_ok() ? most : least, most);
    if (wrong.empty()) {
      const Status again = back_up(env);
      if (!again.is_ok()) wrong = "again: " + again.to_string();
    }
    if (wrong.empty()) {
      const auto faults = verify_backup(env, kBackup, {});
      if (!faults.is_ok()) wrong = "again: " + faults.status().to_string();
      if (faults.is_ok() && !faults->empty()) wrong = "again: " + (*faults)[0].where + " " + (*faults)[0].what;
    }
    if (!wrong.empty()) {
      outcome.wrong = told(seed, n, where) + wrong;
    }
    if (whole || !outcome.wrong.empty()) return outcome;
    outcome.points = n;
  }
}

Outcome restore_fails_everywhere(std::uint64_t seed, const Ignored& ignored) {
  Outcome outcome;
  for (std::uint64_t n = 1;; ++n) {
    SimulatedEnv env(seed * 200'003 + n);
    testing::must(write_batches(env, seed, 1, kSecond));
    testing::must(back_up(env));
    env.ignore_syncs(ignored);
    env.set_fault_after(n);
    const Status done = restore_backup(env, {kBackup, kTarget, "", {}}).status();
    const bool whole = !env.power_is_out();
    env.set_fault_after(0);
    const std::string where = whole ? "after its end" : env.fault();
    env.power_loss();
    env.ignore_syncs(nullptr);
    Sequence sequence = 0;
    std::string wrong;
    if (whole && !done.is_ok()) wrong = "without a failure of power: " + done.to_string();
    // It is a whole data folder or none.
    if (wrong.empty() && (done.is_ok() || DataFolder::open(env, kTarget, false).is_ok())) {
      wrong = restored_wrong(env, seed, kTarget, sequence);
      if (wrong.empty() && sequence != kSecond) wrong = "it is of sequence " + std::to_string(sequence);
    } else if (wrong.empty()) {
      const auto again = restore_backup(env, {kBackup, kTarget, "", {}});
      wrong = again.is_ok() ? restored_wrong(env, seed, kTarget, sequence) : "again: " + again.status().to_string();
    }
    if (!wrong.empty()) {
      outcome.wrong = told(seed, n, where) + wrong;
    }
    if (whole || !wrong.empty()) return outcome;
    outcome.points = n;
  }
}

TEST(BackupPowerLoss, at_every_operation_of_a_first_backup_leaves_none_or_a_whole_one) {
  for (int i = 0; i < scale(); ++i) {
    const auto outcome = backup_fails_everywhere(first_seed() + static_cast<std::uint64_t>(i), false, nullptr);
    ASSERT_EQ(outcome.wrong, "");
    EXPECT_GT(outcome.points, 60U) << "the backup does less than it should";
  }
}

TEST(BackupPowerLoss, at_every_operation_of_the_next_backup_keeps_the_earlier_one_or_has_the_new_one) {
  for (int i = 0; i < scale(); ++i) {
    const auto outcome = backup_fails_everywhere(first_seed() + static_cast<std::uint64_t>(i), true, nullptr);
    ASSERT_EQ(outcome.wrong, "");
    EXPECT_GT(outcome.points, 30U) << "the backup does less than it should";
  }
}

TEST(BackupPowerLoss, at_every_operation_of_a_restore_leaves_no_data_folder_or_a_whole_one) {
  for (int i = 0; i < scale(); ++i) {
    const auto outcome = restore_fails_everywhere(first_seed() + static_cast<std::uint64_t>(i), nullptr);
    ASSERT_EQ(outcome.wrong, "");
    EXPECT_GT(outcome.points, 60U) << "the restore does less than it should";
  }
}

struct NeededSync {
  const char* name;
  bool restore;
  Operation operation;
  bool (*is_it)(const std::string& path);
};

bool in_backup(const std::string& path) { return path.starts_with(kBackup); }
bool in_target(const std::string& path) { return path.starts_with(kTarget); }
bool has(const std::string& path, const char* part) { return path.find(part) != std::string::npos; }

const NeededSync kNeededSyncs[] = {
    {"database_of_backup", false, Operation::kSync,
     [](const std::string& p) { return in_backup(p) && has(p, "collection.db"); }},
    {"catalogue_of_backup", false, Operation::kSync,
     [](const std::string& p) { return in_backup(p) && has(p, "catalogue.db"); }},
    {"segment_of_backup", false, Operation::kSync,
     [](const std::string& p) { return in_backup(p) && has(p, "/segments/"); }},
    {"blob_of_backup", false, Operation::kSync, [](const std::string& p) { return in_backup(p) && has(p, "/blobs/"); }},
    {"manifest", false, Operation::kSync, [](const std::string& p) { return in_backup(p) && has(p, "backup.json"); }},
    {"folder_of_backup", false, Operation::kSyncDir, [](const std::string& p) { return p == kBackup; }},
    {"segments_of_backup", false, Operation::kSyncDir,
     [](const std::string& p) { return in_backup(p) && p.ends_with("/segments"); }},
    {"shards_of_backup", false, Operation::kSyncDir,
     [](const std::string& p) { return in_backup(p) && has(p, "/blobs/"); }},
    {"collection_of_backup", false, Operation::kSyncDir,
     [](const std::string& p) { return in_backup(p) && p.ends_with("/cats"); }},
    {"home_of_backup", false, Operation::kSyncDir, [](const std::string& p) { return p == "/disk/backups"; }},
    {"govern_of_backup", false, Operation::kSync,
     [](const std::string& p) { return in_backup(p) && has(p, "govern.db"); }},
    {"catalogue_of_tenant", false, Operation::kSync,
     [](const std::string& p) { return in_backup(p) && has(p, "/acme/catalogue.db"); }},
    {"folder_of_tenant", false, Operation::kSyncDir,
     [](const std::string& p) { return in_backup(p) && p.ends_with("/acme"); }},
    {"folder_of_tenants", false, Operation::kSyncDir,
     [](const std::string& p) { return in_backup(p) && p.ends_with("/tenants"); }},
    {"govern_restored", true, Operation::kSync,
     [](const std::string& p) { return in_target(p) && has(p, "govern.db"); }},
    {"folder_of_tenant_restored", true, Operation::kSyncDir,
     [](const std::string& p) { return in_target(p) && p.ends_with("/acme"); }},
    {"folder_of_tenants_restored", true, Operation::kSyncDir,
     [](const std::string& p) { return in_target(p) && p.ends_with("/tenants"); }},
    {"database_restored", true, Operation::kSync,
     [](const std::string& p) { return in_target(p) && has(p, "collection.db"); }},
    {"segment_restored", true, Operation::kSync,
     [](const std::string& p) { return in_target(p) && has(p, "/segments/"); }},
    {"blob_restored", true, Operation::kSync, [](const std::string& p) { return in_target(p) && has(p, "/blobs/"); }},
    {"shards_restored", true, Operation::kSyncDir,
     [](const std::string& p) { return in_target(p) && has(p, "/blobs/"); }},
    {"collection_restored", true, Operation::kSyncDir,
     [](const std::string& p) { return in_target(p) && p.ends_with("/cats"); }},
    {"target", true, Operation::kSyncDir, [](const std::string& p) { return p == kTarget; }},
    {"home_of_target", true, Operation::kSyncDir, [](const std::string& p) { return p == "/new/home"; }},
};

class BackupWithoutSync : public ::testing::TestWithParam<NeededSync> {};

TEST_P(BackupWithoutSync, a_loss_is_found) {
  const auto& sync = GetParam();
  const Ignored ignored = [&sync](Operation operation, const std::string& path) {
    return operation == sync.operation && sync.is_it(path);
  };
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const auto outcome =
        sync.restore ? restore_fails_everywhere(seed, ignored) : backup_fails_everywhere(seed, false, ignored);
    if (!outcome.wrong.empty()) return;
  }
  ADD_FAILURE() << "nothing is lost without the sync of " << sync.name << ": it is not needed, or not checked";
}

INSTANTIATE_TEST_SUITE_P(Each, BackupWithoutSync, ::testing::ValuesIn(kNeededSyncs),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace pictor
