// Backups of a data folder that is written to meanwhile, what verify finds in them, and the way back.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "db/db.h"
#include "store/store.h"
#include "store/store_testing.h"

namespace pictor {
namespace {

using testing::faults_of;
using testing::item_of;
using testing::must;
using testing::same_item;
using testing::small_spec;

constexpr const char* kBackup = "/other/disk/backup";

class BackupTest : public ::testing::Test {
 protected:
  void SetUp() override { open("/home/data"); }
  void open(const std::string& path) {
    collection_.reset();
    folder_.reset();
    folder_ = must(DataFolder::open(env_, path));
    const auto known = must(folder_->collections());
    collection_ = known.empty() ? must(folder_->create_collection(spec_)) : must(folder_->collection(spec_.name));
  }
  void put(const std::string& batch, const std::vector<int>& items, int version,
           std::vector<std::string> deletes = {}) {
    Batch write{batch, {}, std::move(deletes)};
    for (const int item : items) write.puts.push_back(item_of(spec_, static_cast<std::uint64_t>(item), version));
    must(collection_->commit(write));
  }
  // Some of everything: two segments, fresh rows, dead ones, blobs, tokens, keys.
  void fill() {
    put("one", {0, 1, 2, 3, 4}, 1);
    must(collection_->seal());
    put("two", {3, 5, 6}, 2, {"item1"});
    must(collection_->seal());
    put("three", {0, 7}, 3);
    must(env_.make_dirs("/home/data/keys/former"));
    must(write_file_atomic(env_, "/home/data/keys/receipts.key", as_bytes("a secret")));
    must(write_file_atomic(env_, "/home/data/keys/receipts.pub", as_bytes("a public key")));
    must(write_file_atomic(env_, "/home/data/keys/former/0123.pub", as_bytes("a former key")));
  }
  CopyReport backup(const std::string& collection = "") {
    return must(folder_->backup({kBackup, collection, false, {}}));
  }
  Result<CopyReport> restore(const std::string& target = "/home/again", const std::string& collection = "") {
    return restore_backup(env_, {kBackup, target, collection, {}});
  }
  std::vector<FaultInfo> faults() { return must(verify_backup(env_, kBackup, {})); }

  // Every item alive, in every field, with its blob, tokens and vectors.
  static std::map<std::string, std::string> content_of(const Collection& collection, const AsOf& at = {}) {
    std::map<std::string, std::string> all;
    const auto snapshot = must(collection.snapshot_as_of(at));
    must(snapshot->scan(true, [&](const Item& item) {
      std::string text = item.data.source + item.data.metadata + item.data.receipt + std::to_string(item.born);
      for (const auto& vector : item.data.vectors) text += std::string(as_text(std::as_bytes(std::span(vector))));
      text += as_text(must(snapshot->blob(item.row)).value_or(Bytes()));
      if (at.is_now()) text += as_text(must(snapshot->tokens(item.row)).value_or(Bytes()));
      all[item.data.id] = text;
      return Status::ok();
    }));
    return all;
  }
  void damage(const std::string& path, std::uint64_t at) {
    const auto file = must(env_.open(path, OpenMode::kReadWrite));
    std::byte byte{};
    must(file->read_at(at, std::span(&byte, 1)));
    byte ^= std::byte{0x10};
    must(file->write_at(at, ByteView(&byte, 1)));
  }
  // Every file below, relative to it.
  std::set<std::string> files_below(const std::string& root, const std::string& inner = "") {
    std::set<std::string> files;
    for (const auto& entry : must(env_.list(inner.empty() ? root : join_path(root, inner)))) {
      const std::string path = inner.empty() ? entry.name : inner + "/" + entry.name;
      if (entry.kind == FileKind::kFolder) files.merge(files_below(root, path));
      if (entry.kind == FileKind::kFile) files.insert(path);
    }
    return files;
  }

  SimulatedEnv env_{21};
  CollectionSpec spec_ = small_spec();
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
};

TEST_F(BackupTest, restores_everything_history_and_keys_included) {
  fill();
  const auto wanted = content_of(*collection_);
  const auto past = content_of(*collection_, {AsOf::Kind::kSequence, 1, 0, ""});
  const auto report = backup();
  ASSERT_EQ(report.collections.size(), 1U);
  EXPECT_EQ(report.collections[0].sequence, 3U);
  EXPECT_EQ(report.collections[0].items, wanted.size());
  EXPECT_EQ(report.collections[0].segments, 2U);
  EXPECT_EQ(report.files, report.files_copied);
  EXPECT_TRUE(faults().empty());
  const auto restored = must(restore());
  EXPECT_EQ(restored.files, report.files);
  EXPECT_EQ(restored.bytes, report.bytes);
  open("/home/again");
  EXPECT_EQ(content_of(*collection_), wanted);
  EXPECT_EQ(content_of(*collection_, {AsOf::Kind::kSequence, 1, 0, ""}), past);
  EXPECT_EQ(faults_of(*collection_), "");
  for (const char* key : {"keys/receipts.key", "keys/receipts.pub", "keys/former/0123.pub"}) {
    EXPECT_EQ(must(read_file(env_, std::string("/home/again/") + key, 100)),
              must(read_file(env_, std::string("/home/data/") + key, 100)))
        << key;
  }
  put("four", {9}, 4);  // life goes on
  must(collection_->seal());
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(BackupTest, a_second_one_copies_what_is_new_and_drops_what_is_old) {
  fill();
  const auto first = backup();
  put("four", {8, 9}, 4, {"item0"});
  must(collection_->seal());
  const auto second = backup();
  // The catalogue, the database, the new segment and item 9's blob.
  EXPECT_EQ(second.files_copied, 4U);
  EXPECT_LT(second.bytes_copied, second.bytes);
  EXPECT_TRUE(faults().empty());
  const auto names = files_below(kBackup);
  EXPECT_EQ(names.size(), second.files + 2) << "and LOCK and backup.json; what the first one named is gone";
  const auto third = backup();
  EXPECT_LE(third.files_copied, 2U) << "the databases at most";
  must(restore());
  const auto wanted = content_of(*collection_);
  open("/home/again");
  EXPECT_EQ(content_of(*collection_), wanted);
}

TEST_F(BackupTest, is_of_one_moment_though_batches_seals_and_deletes_go_on) {
  fill();
  // Between any two pieces of the copy something changes; what it was at each sequence is remembered.
  std::map<Sequence, std::map<std::string, std::string>> was;
  was[3] = content_of(*collection_);
  int number = 4;
  BackupRequest request{kBackup, "", false, {}};
  request.copy.progress = [&](const CopyProgress&) {
    put("later" + std::to_string(number), {number % 9, 20 + number}, number,
        {"item" + std::to_string((number + 4) % 9)});
    if (number % 2 == 0) must(collection_->seal());
    env_.advance_us(200'000);
    was[must(collection_->snapshot())->sequence()] = content_of(*collection_);
    ++number;
  };
  const auto report = must(folder_->backup(request));
  EXPECT_GT(number, 8) << "nothing was written meanwhile";
  EXPECT_LT(report.collections[0].sequence, must(collection_->snapshot())->sequence());
  EXPECT_TRUE(faults().empty());
  must(restore());
  const auto restored_folder = must(DataFolder::open(env_, "/home/again"));
  const auto restored = must(restored_folder->collection(spec_.name));
  EXPECT_EQ(must(restored->snapshot())->sequence(), report.collections[0].sequence);
  EXPECT_EQ(content_of(*restored), was.at(report.collections[0].sequence));
  EXPECT_EQ(faults_of(*restored), "");
}

TEST_F(BackupTest, of_a_stopped_one_what_was_copied_stays_and_no_backup_is_there) {
  fill();
  std::uint64_t copied_before = 0;
  for (int attempt = 0; attempt < 3; ++attempt) {
    std::atomic<bool> cancel = false;
    BackupRequest request{kBackup, "", false, {}};
    request.copy.cancel = &cancel;
    int calls = 0;
    request.copy.progress = [&](const CopyProgress&) {
      env_.advance_us(200'000);
      if (++calls == 5 + attempt) cancel = true;
    };
    const auto stopped = folder_->backup(request);
    EXPECT_EQ(stopped.status().code(), Code::kCancelled);
    EXPECT_NE(stopped.status().message().find("goes on from here"), std::string::npos);
    EXPECT_EQ(verify_backup(env_, kBackup, {}).status().code(), Code::kNotFound);
    EXPECT_EQ(restore().status().code(), Code::kNotFound);
    copied_before = files_below(kBackup).size();
  }
  EXPECT_GT(copied_before, 3U);
  ASSERT_EQ(must(folder_->backups()).size(), 1U);
  EXPECT_FALSE(must(folder_->backups())[0].made_us.has_value());
  const auto report = backup();
  EXPECT_LT(report.files_copied, report.files);
  EXPECT_TRUE(faults().empty());
  EXPECT_EQ(files_below(kBackup).size(), report.files + 2);
  EXPECT_EQ(must(folder_->backups())[0].made_us, std::optional(report.made_us));
}

TEST_F(BackupTest, damage_in_any_file_is_found_by_name_and_not_restored) {
  fill();
  backup();
  for (const auto& name : files_below(kBackup)) {
    if (name == "LOCK") continue;
    const std::string path = join_path(kBackup, name);
    const auto bytes = must(env_.info(path)).size;
    for (const std::uint64_t at : {bytes / 3, bytes - 1}) {
      if (name == "backup.json" && at == bytes - 1) continue;  // the line end
      damage(path, at);
      const auto found = faults();
      ASSERT_GE(found.size(), 1U) << name << " at " << at;
      EXPECT_EQ(found[0].where, path);
      EXPECT_FALSE(found[0].advice.empty());
      const auto status = restore().status();
      EXPECT_EQ(status.code(), Code::kCorrupt) << name;
      EXPECT_NE(status.message().find(path), std::string::npos) << status.message();
      EXPECT_FALSE(exists(env_, "/home/again"));
      damage(path, at);
    }
    const auto whole = must(read_file(env_, path, limits::kMiB));
    must(env_.remove(path));
    if (name != "backup.json") {
      ASSERT_EQ(faults().size(), 1U) << name;
      EXPECT_EQ(faults()[0].what, "is missing") << name;
      EXPECT_EQ(faults()[0].where, path);
    }
    must(write_file_atomic(env_, path, ByteView(whole).first(whole.size() - 1)));
    if (name != "backup.json") {
      EXPECT_EQ(faults().size(), 1U) << name << ", one byte short";
    }
    must(write_file_atomic(env_, path, whole));
    EXPECT_TRUE(faults().empty()) << name;
  }
}

TEST_F(BackupTest, damage_in_the_data_folder_does_not_replace_a_good_backup) {
  fill();
  backup();
  const auto manifest = must(read_file(env_, join_path(kBackup, "backup.json"), limits::kMiB));
  const std::string segment = "/home/data/collections/cats/segments/1.seg";
  damage(segment, must(env_.info(segment)).size / 2);
  const auto status = folder_->backup({kBackup, "", false, {}}).status();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find(segment), std::string::npos) << status.message();
  EXPECT_EQ(must(read_file(env_, join_path(kBackup, "backup.json"), limits::kMiB)), manifest);
  EXPECT_TRUE(faults().empty());
}

TEST_F(BackupTest, recheck_copies_again_what_was_spoilt_in_the_backup) {
  fill();
  backup();
  for (const auto& name : files_below(kBackup)) {
    if (name.find(".seg") != std::string::npos || name.find("blobs/") != std::string::npos) {
      damage(join_path(kBackup, name), 5);
    }
  }
  EXPECT_GE(faults().size(), 4U);
  must(folder_->backup({kBackup, "", true, {}}));
  EXPECT_TRUE(faults().empty());
}

TEST_F(BackupTest, one_collection_of_several_is_backed_up_or_restored_alone) {
  fill();
  auto other = small_spec("dogs");
  must(must(folder_->create_collection(other))->commit({"one", {item_of(other, 1)}, {}}));
  backup();
  must(restore("/home/dogs", "dogs"));
  {
    const auto dogs = must(DataFolder::open(env_, "/home/dogs"));
    ASSERT_EQ(must(dogs->collections()).size(), 1U);
    EXPECT_EQ(faults_of(*must(dogs->collection("dogs"))), "");
  }
  const auto unknown = restore("/home/x", "birds").status();
  EXPECT_EQ(unknown.code(), Code::kNotFound);
  EXPECT_NE(unknown.message().find("it has: 'cats', 'dogs'"), std::string::npos) << unknown.message();
  const auto report = must(folder_->backup({"/other/dogs", "dogs", false, {}}));
  ASSERT_EQ(report.collections.size(), 1U);
  must(restore_backup(env_, {"/other/dogs", "/home/dogs2", "", {}}));
  const auto dogs = must(DataFolder::open(env_, "/home/dogs2"));
  ASSERT_EQ(must(dogs->collections()).size(), 1U);
  EXPECT_EQ(must(must(dogs->collection("dogs"))->snapshot())->size(), 1U);
  EXPECT_EQ(folder_->backup({"/other/dogs", "", false, {}}).status().code(), Code::kMismatch);
  EXPECT_EQ(folder_->backup({"/other/birds", "birds", false, {}}).status().code(), Code::kNotFound);
}

TEST_F(BackupTest, a_collection_dropped_meanwhile_is_left_out_also_when_a_new_one_has_its_name) {
  fill();
  auto other = small_spec("dogs");
  must(must(folder_->create_collection(other))->commit({"one", {item_of(other, 1)}, {}}));
  BackupRequest request{kBackup, "", false, {}};
  bool dropped = false;
  request.copy.progress = [&](const CopyProgress&) {
    if (dropped) return;
    must(folder_->drop_collection("dogs"));
    env_.advance_us(10);
    must(folder_->create_collection(other));
    dropped = true;
  };
  const auto report = must(folder_->backup(request));
  EXPECT_EQ(report.skipped, std::vector<std::string>{"dogs"});
  must(restore());
  EXPECT_EQ(must(must(DataFolder::open(env_, "/home/again"))->collections()).size(), 1U);
}

TEST_F(BackupTest, places_that_are_no_place_for_it_are_refused) {
  fill();
  const auto wrong = [&](const std::string& place) { return folder_->backup({place, "", false, {}}).status(); };
  EXPECT_EQ(wrong("backup").code(), Code::kInvalid);
  EXPECT_EQ(wrong("").code(), Code::kInvalid);
  EXPECT_EQ(wrong("/home/data").code(), Code::kInvalid);
  EXPECT_EQ(wrong("/home/data/backup").code(), Code::kInvalid);
  EXPECT_EQ(wrong("/home").code(), Code::kExists) << "it holds the data folder";
  must(env_.make_dirs("/full"));
  must(write_file_atomic(env_, "/full/photo.jpg", as_bytes("mine")));
  EXPECT_NE(wrong("/full").message().find("there is 'photo.jpg'"), std::string::npos);
  EXPECT_TRUE(must(folder_->backups()).empty()) << "nothing of them is remembered";
  {
    const auto another = must(DataFolder::open(env_, "/home/another"));
    must(another->backup({"/other/another", "", false, {}}));
  }
  EXPECT_EQ(wrong("/other/another").code(), Code::kMismatch);
  BackupRequest slow{kBackup, "", false, {}};
  slow.copy.bytes_per_second = 10;
  EXPECT_EQ(folder_->backup(slow).status().code(), Code::kInvalid);
}

TEST_F(BackupTest, a_backup_is_no_data_folder_and_a_full_folder_no_target) {
  fill();
  backup();
  EXPECT_EQ(DataFolder::open(env_, kBackup).status().code(), Code::kMismatch);
  EXPECT_EQ(restore("/home/data").status().code(), Code::kExists);
  EXPECT_EQ(restore(kBackup).status().code(), Code::kExists);
  must(restore());
  EXPECT_EQ(restore().status().code(), Code::kExists) << "a restored folder is a data folder, not a target";
}

TEST_F(BackupTest, an_interrupted_restore_is_no_data_folder_and_goes_on) {
  fill();
  backup();
  std::atomic<bool> cancel = false;
  RestoreRequest request{kBackup, "/home/again", "", {}};
  request.copy.cancel = &cancel;
  request.copy.progress = [&](const CopyProgress&) {
    env_.advance_us(200'000);
    if (exists(env_, "/home/again/collections/cats/segments/2.seg")) cancel = true;
  };
  EXPECT_EQ(restore_backup(env_, request).status().code(), Code::kCancelled);
  const auto status = DataFolder::open(env_, "/home/again").status();
  EXPECT_EQ(status.code(), Code::kMismatch);
  EXPECT_NE(status.message().find("run the same pictor restore again"), std::string::npos) << status.message();
  EXPECT_EQ(restore("/home/again", "cats").status().code(), Code::kExists) << "another restore than the one begun";
  const auto report = must(restore());
  EXPECT_LT(report.files_copied, report.files);
  const auto wanted = content_of(*collection_);
  open("/home/again");
  EXPECT_EQ(content_of(*collection_), wanted);
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(BackupTest, keeps_to_its_rate) {
  fill();
  BackupRequest request{kBackup, "", false, {}};
  request.copy.bytes_per_second = limits::kCopyRateBytesMin;
  const auto before = env_.monotonic_us();
  const auto report = must(folder_->backup(request));
  const double seconds = static_cast<double>(env_.monotonic_us() - before) * 1e-6;
  EXPECT_GE(seconds, static_cast<double>(report.bytes_copied) / static_cast<double>(limits::kCopyRateBytesMin) * 0.95);
  EXPECT_LE(seconds, 4.0 * static_cast<double>(report.bytes) / static_cast<double>(limits::kCopyRateBytesMin));
}

TEST_F(BackupTest, places_are_remembered_until_they_are_forgotten) {
  fill();
  backup();
  must(folder_->backup({"/other/cats", "cats", false, {}}));
  open("/home/data");
  const auto places = must(folder_->backups());
  ASSERT_EQ(places.size(), 2U);
  EXPECT_EQ(places[0].path, "/other/cats");
  EXPECT_EQ(places[0].collection, "cats");
  EXPECT_EQ(places[1].path, kBackup);
  must(folder_->forget_backup("/other/cats"));
  EXPECT_EQ(must(folder_->backups()).size(), 1U);
  EXPECT_EQ(folder_->forget_backup("/other/cats").code(), Code::kNotFound);
}

// On the machine, with threads that write as fast as they can.
TEST(BackupWhileServing, holds_a_batch_whole_or_not_at_all) {
  Env& env = Env::real();
  const std::string root = ::testing::TempDir() + "/pictor-backup-" + std::to_string(env.wall_us());
  const auto spec = small_spec();
  {
    const auto folder = must(DataFolder::open(env, root + "/data"));
    const auto collection = must(folder->create_collection(spec));
    std::atomic<bool> stop = false;
    std::thread writer([&] {
      for (int version = 1; !stop; ++version) {
        // Each batch writes all items with one version: a snapshot holds one version only.
        Batch batch{"b" + std::to_string(version), {}, {}};
        for (std::uint64_t item = 0; item < 12; ++item) batch.puts.push_back(item_of(spec, item, version));
        must(collection->commit(batch));
        if (version % 3 == 0) must(collection->seal());
      }
    });
    for (int round = 0; round < 4; ++round) {
      const auto report = must(folder->backup({root + "/backup", "", false, {}}));
      EXPECT_TRUE(must(verify_backup(env, root + "/backup", {})).empty());
      const std::string target = root + "/again" + std::to_string(round);
      must(restore_backup(env, {root + "/backup", target, "", {}}));
      const auto again = must(DataFolder::open(env, target));
      const auto restored = must(again->collection(spec.name));
      const auto snapshot = must(restored->snapshot());
      EXPECT_EQ(snapshot->sequence(), report.collections.at(0).sequence);
      std::size_t items = 0;
      must(snapshot->scan(true, [&](const Item& item) {
        ++items;
        const auto number = static_cast<std::uint64_t>(std::stoi(item.data.id.substr(4)));
        EXPECT_TRUE(same_item(item.data, item_of(spec, number, snapshot->sequence()))) << item.data.id;
        return Status::ok();
      }));
      EXPECT_EQ(items, snapshot->sequence() == 0 ? 0U : 12U);
      EXPECT_EQ(faults_of(*restored), "");
    }
    stop = true;
    writer.join();
  }
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace pictor
