// A backup of a data folder with tenants: theirs, and keys and the audit log, are in it and come back.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "db/db.h"
#include "store/store.h"
#include "store/store_testing.h"

namespace pictor {
namespace {

using testing::faults_of;
using testing::item_of;
using testing::must;
using testing::small_spec;

constexpr const char* kData = "/home/data";
constexpr const char* kBackup = "/other/disk/backup";
constexpr const char* kAgain = "/home/again";

class BackupTenantsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    put("", {1, 2});
    put("acme", {3});
    put("zoo", {4, 5, 6});
    write_govern("first");
  }
  static std::string folder_of(const std::string& root, const std::string& tenant) {
    return tenant.empty() ? root : root + "/tenants/" + tenant;
  }
  void put(const std::string& tenant, const std::vector<std::uint64_t>& items) {
    const auto folder = must(DataFolder::open(env_, folder_of(kData, tenant)));
    auto collection = folder->collection(spec_.name);
    if (!collection.is_ok()) collection = folder->create_collection(spec_);
    Batch batch{"batch" + std::to_string(++batches_), {}, {}};
    for (const auto item : items) batch.puts.push_back(item_of(spec_, item, 1));
    must((*collection)->commit(batch));
    must((*collection)->seal());
    must(write_file_atomic(env_, keys_of(kData, tenant), as_bytes("a secret of '" + tenant + "'")));
  }
  std::string keys_of(const std::string& root, const std::string& tenant) {
    const std::string keys = folder_of(root, tenant) + "/keys";
    must(env_.make_dirs(keys));
    return keys + "/receipts.key";
  }
  // What stands for keys and the audit log: any database.
  void write_govern(const std::string& word) {
    const auto database = must(Database::open(env_, std::string(kData) + "/govern.db"));
    must(database->exec("CREATE TABLE IF NOT EXISTS words(word TEXT); INSERT INTO words VALUES('" + word + "')"));
  }
  std::string govern_of(const std::string& root) {
    DatabaseOptions options;
    options.create = false;
    const auto database = Database::open(env_, root + "/govern.db", options);
    if (!database.is_ok()) return "none";
    const auto words = must((*database)->prepare("SELECT group_concat(word) FROM words"));
    must(words->step().status());
    return std::string(words->text(0));
  }
  CopyReport backup() {
    const auto folder = must(DataFolder::open(env_, kData));
    return must(folder->backup({kBackup, "", false, {}}));
  }
  Result<CopyReport> restore(const std::string& collection = "") {
    return restore_backup(env_, {kBackup, kAgain, collection, {}});
  }
  // Ids that are alive in the folder's collection; -1: it is none.
  int items_of(const std::string& folder) {
    const auto opened = DataFolder::open(env_, folder, false);
    if (!opened.is_ok()) return -1;
    const auto collection = must((*opened)->collection(spec_.name));
    EXPECT_EQ(faults_of(*collection), "") << folder;
    return static_cast<int>(must(collection->snapshot())->size());
  }
  std::vector<std::string> files_below(const std::string& folder) {
    std::vector<std::string> files;
    for (const auto& entry : must(env_.list(folder))) {
      const std::string path = join_path(folder, entry.name);
      if (entry.kind == FileKind::kFile) files.push_back(path);
      if (entry.kind != FileKind::kFolder) continue;
      for (auto& inner : files_below(path)) files.push_back(std::move(inner));
    }
    return files;
  }

  SimulatedEnv env_{33};
  CollectionSpec spec_ = small_spec();
  int batches_ = 0;
};

TEST_F(BackupTenantsTest, tenants_keys_and_the_audit_log_come_back_with_the_rest) {
  const auto report = backup();
  EXPECT_EQ(report.tenants, 2U);
  EXPECT_TRUE(report.governs);
  ASSERT_EQ(report.collections.size(), 3U);
  EXPECT_EQ(report.collections[1].tenant, "acme");
  EXPECT_TRUE(must(verify_backup(env_, kBackup, {})).empty());
  const auto restored = must(restore());
  EXPECT_EQ(restored.files, report.files);
  EXPECT_EQ(restored.bytes, report.bytes);
  EXPECT_EQ(restored.tenants, 2U);
  EXPECT_EQ(items_of(kAgain), 2);
  EXPECT_EQ(items_of(folder_of(kAgain, "acme")), 1);
  EXPECT_EQ(items_of(folder_of(kAgain, "zoo")), 3);
  EXPECT_EQ(govern_of(kAgain), "first");
  for (const char* tenant : {"", "acme", "zoo"}) {
    EXPECT_EQ(must(read_file(env_, keys_of(kAgain, tenant), 100)), must(read_file(env_, keys_of(kData, tenant), 100)));
  }
}

TEST_F(BackupTenantsTest, the_next_one_copies_what_is_new_of_each_and_drops_what_is_old) {
  backup();
  put("zoo", {7});
  put("new", {8});
  write_govern("second");
  const auto report = backup();
  EXPECT_EQ(report.tenants, 3U);
  EXPECT_LT(report.files_copied, report.files);
  EXPECT_EQ(files_below(kBackup).size(), report.files + 2) << "and LOCK and backup.json";
  EXPECT_TRUE(must(verify_backup(env_, kBackup, {})).empty());
  must(restore());
  EXPECT_EQ(items_of(folder_of(kAgain, "zoo")), 4);
  EXPECT_EQ(items_of(folder_of(kAgain, "new")), 1);
  EXPECT_EQ(govern_of(kAgain), "first,second");
}

TEST_F(BackupTenantsTest, damage_in_any_file_of_a_tenant_or_of_the_keys_is_found_by_name) {
  backup();
  for (const std::string& path : files_below(kBackup)) {
    if (path.find("tenants/") == std::string::npos && path.find("govern.db") == std::string::npos) continue;
    const auto whole = must(read_file(env_, path, limits::kMiB));
    auto damaged = whole;
    damaged[damaged.size() / 2] ^= std::byte{4};
    must(write_file_atomic(env_, path, damaged));
    const auto faults = must(verify_backup(env_, kBackup, {}));
    ASSERT_GE(faults.size(), 1U) << path;
    EXPECT_EQ(faults[0].where, path);
    EXPECT_EQ(restore().status().code(), Code::kCorrupt) << path;
    EXPECT_FALSE(exists(env_, kAgain));
    must(write_file_atomic(env_, path, whole));
  }
  EXPECT_TRUE(must(verify_backup(env_, kBackup, {})).empty());
}

TEST_F(BackupTenantsTest, one_collection_is_backed_up_and_restored_without_tenants_and_keys) {
  backup();
  must(restore(spec_.name));
  EXPECT_EQ(items_of(kAgain), 2);
  EXPECT_FALSE(exists(env_, std::string(kAgain) + "/tenants"));
  EXPECT_EQ(govern_of(kAgain), "none");
  const auto folder = must(DataFolder::open(env_, kData));
  const auto report = must(folder->backup({"/other/one", spec_.name, false, {}}));
  EXPECT_EQ(report.tenants, 0U);
  EXPECT_FALSE(report.governs);
}

TEST_F(BackupTenantsTest, a_tenant_knows_where_it_is_copied_to_and_makes_no_backup_there) {
  backup();
  const auto tenant = must(DataFolder::open(env_, folder_of(kData, "acme")));
  const auto places = must(tenant->backups());
  ASSERT_EQ(places.size(), 1U);
  EXPECT_EQ(places[0].path, kBackup);
  EXPECT_TRUE(places[0].of_parent);
  EXPECT_TRUE(places[0].made_us.has_value());
  EXPECT_EQ(tenant->backup({kBackup, "", false, {}}).status().code(), Code::kMismatch);
  EXPECT_FALSE(must(must(DataFolder::open(env_, kData))->backups())[0].of_parent);
}

TEST_F(BackupTenantsTest, a_tenant_within_a_backup_or_half_a_restore_is_no_data_folder) {
  backup();
  EXPECT_EQ(DataFolder::open(env_, folder_of(kBackup, "acme")).status().code(), Code::kMismatch);
  std::atomic<bool> cancel = false;
  RestoreRequest request{kBackup, kAgain, "", {}};
  request.copy.cancel = &cancel;
  request.copy.progress = [&](const CopyProgress&) {
    env_.advance_us(200'000);
    if (exists(env_, folder_of(kAgain, "zoo") + "/collections")) cancel = true;
  };
  EXPECT_EQ(restore_backup(env_, request).status().code(), Code::kCancelled);
  ASSERT_TRUE(exists(env_, folder_of(kAgain, "acme") + "/catalogue.db"));
  EXPECT_EQ(DataFolder::open(env_, folder_of(kAgain, "acme"), false).status().code(), Code::kMismatch);
  must(restore());
  EXPECT_EQ(items_of(folder_of(kAgain, "acme")), 1);
  EXPECT_EQ(items_of(kAgain), 2);
}

TEST_F(BackupTenantsTest, a_tenant_that_another_process_has_open_ends_the_backup) {
  const auto folder = must(DataFolder::open(env_, kData));
  const auto tenant = must(DataFolder::open(env_, folder_of(kData, "zoo")));
  const Status status = folder->backup({kBackup, "", false, {}}).status();
  EXPECT_EQ(status.code(), Code::kBusy);
  EXPECT_NE(status.message().find("tenant 'zoo'"), std::string::npos) << status.message();
  EXPECT_EQ(verify_backup(env_, kBackup, {}).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace pictor
