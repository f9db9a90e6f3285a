// Certificates, the merger, and what the engine adds to compaction and purging. Over a data folder without an encoder.
#include "pictor/upkeep.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>

#include "engine/certificate.h"
#include "engine/merger.h"
#include "engine/upkeep.h"
#include "engine/vector_cache.h"

namespace pictor {
namespace {

class UpkeepTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-upkeep-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
    folder_ = DataFolder::open(Env::real(), path_ + "/data").value();
    merger_ = std::make_unique<Merger>(*folder_, 0);
    CollectionSpec spec;
    spec.name = "photos";
    spec.isa_class = "x86-64-v4";
    spec.spaces = {{std::string(64, 'a'), "visual", 4, Metric::kCosine}};
    collection_ = folder_->create_collection(spec).value();
  }
  void TearDown() override {
    collection_.reset();
    merger_.reset();
    folder_.reset();
    std::filesystem::remove_all(path_);
  }
  void put(const std::string& id, float number) {
    Batch batch;
    batch.id = "batch" + std::to_string(++batches_);
    ItemWrite item;
    item.id = id;
    item.content = sha256(as_bytes(id));
    item.vectors = {{number, 1, 2, 3}};
    batch.puts = {item};
    ASSERT_TRUE(collection_->commit(batch).is_ok());
    ASSERT_TRUE(collection_->seal().is_ok());
  }
  UpkeepImpl upkeep() {
    return UpkeepImpl({Env::real(), *folder_, cache_, *merger_,
                       [this] { return open_signing_key(Env::real(), folder_->path()); },
                       [this](const BackupPlace& place) {
                         BackupRequest again;
                         again.path = place.path;
                         return folder_->backup(again).status();
                       }});
  }
  std::string public_key() {
    const auto bytes = read_file(Env::real(), path_ + "/data/keys/receipts.pub", 1000).value();
    return std::string(as_text(bytes));
  }

  std::string path_;
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
  VectorCache cache_{1 << 20};
  std::unique_ptr<Merger> merger_;
  int batches_ = 0;
};

TEST_F(UpkeepTest, a_certificate_names_erased_ids_to_those_who_know_them_and_to_nobody_else) {
  put("me.jpg", 1);
  put("you.jpg", 2);
  auto keeper = upkeep();
  PurgeRequest request;
  request.collection = "photos";
  request.ids = {"me.jpg", "nobody.jpg"};
  const auto purge = keeper.purge(request).value();
  EXPECT_EQ(purge.erased, 1U);
  EXPECT_EQ(purge.unknown, std::vector<std::string>{"nobody.jpg"});
  const std::string& text = purge.certificate;
  EXPECT_EQ(text.find("me.jpg"), std::string::npos);
  EXPECT_EQ(text.find(sha256(as_bytes("me.jpg")).hex()), std::string::npos);
  EXPECT_TRUE(is_certified(text, "me.jpg").value());
  EXPECT_FALSE(is_certified(text, "you.jpg").value());
  EXPECT_FALSE(is_certified(text, "nobody.jpg").value());
  const auto checked = keeper.check(text + "\n");
  EXPECT_TRUE(checked.problem.is_ok()) << checked.problem.to_string();
  EXPECT_EQ(checked.collection, "photos");
  EXPECT_EQ(checked.items, 1U);
  EXPECT_GE(checked.done_us, checked.begun_us);
  EXPECT_TRUE(check_certificate(text, public_key()).problem.is_ok());
  EXPECT_TRUE(keeper.erased("photos", "me.jpg").value().has_value());
  EXPECT_FALSE(keeper.erased("photos", "you.jpg").value().has_value());
}

TEST_F(UpkeepTest, a_changed_certificate_is_refused_wherever_it_was_changed) {
  put("me.jpg", 1);
  auto keeper = upkeep();
  PurgeRequest request;
  request.collection = "photos";
  request.ids = {"me.jpg"};
  const std::string text = keeper.purge(request).value().certificate;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == '1' ? '2' : '1';
    EXPECT_FALSE(keeper.check(changed).problem.is_ok()) << i << ": " << changed;
  }
  EXPECT_EQ(keeper.check("{}").problem.code(), Code::kCorrupt);
  EXPECT_EQ(keeper.check("").problem.code(), Code::kCorrupt);
  EXPECT_EQ(keeper.check(std::string(limits::kCertificateBytesMax + 1, ' ')).problem.code(), Code::kLimit);
  std::filesystem::create_directory(path_ + "/other");
  const auto other = open_signing_key(Env::real(), path_ + "/other").value();
  EXPECT_EQ(check_certificate(text, other.public_key().pem()).problem.code(), Code::kMismatch);
}

TEST_F(UpkeepTest, nothing_erased_makes_no_certificate) {
  auto keeper = upkeep();
  PurgeRequest request;
  request.collection = "photos";
  request.ids = {"nobody.jpg"};
  EXPECT_EQ(keeper.purge(request).value().certificate, "");
  request.collection = "unknown";
  EXPECT_EQ(keeper.purge(request).status().code(), Code::kNotFound);
}

TEST_F(UpkeepTest, the_cache_forgets_what_was_made_of_a_purged_picture) {
  put("me.jpg", 1);
  const VectorMaker maker{SpaceId(64, 'a'), "isa", "runtime"};
  cache_.add(maker, VectorOf::kPicture, sha256(as_bytes("me.jpg")), {1, 2});
  cache_.add(maker, VectorOf::kPicture, sha256(as_bytes("you.jpg")), {3, 4});
  auto keeper = upkeep();
  PurgeRequest request;
  request.collection = "photos";
  request.ids = {"me.jpg"};
  ASSERT_TRUE(keeper.purge(request).is_ok());
  EXPECT_FALSE(cache_.find(maker, VectorOf::kPicture, sha256(as_bytes("me.jpg"))).has_value());
  EXPECT_TRUE(cache_.find(maker, VectorOf::kPicture, sha256(as_bytes("you.jpg"))).has_value());
}

TEST_F(UpkeepTest, compaction_can_drop_all_history) {
  put("a", 1);
  put("a", 2);
  put("b", 3);
  auto keeper = upkeep();
  CompactionRequest request;
  request.collection = "photos";
  request.everything = true;
  EXPECT_EQ(keeper.compact(request).value().segments_after, 1U);
  request.drop_history = true;
  request.older_than_days = 1;
  EXPECT_EQ(keeper.compact(request).value().rows_dropped, 0U) << "it is younger";
  request.older_than_days = 0;
  EXPECT_EQ(keeper.compact(request).value().rows_dropped, 1U);
  const std::atomic<bool> cancel = true;
  put("c", 4);
  request.cancel = &cancel;
  EXPECT_TRUE(keeper.compact(request).value().stopped);
  request.older_than_days = 1'000'000;
  EXPECT_EQ(keeper.compact(request).status().code(), Code::kInvalid);
}

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

TEST_F(UpkeepTest, a_purge_reaches_the_backups_that_the_folder_knows_and_names_those_it_cannot) {
  put("me-whom-nobody-may-remember.jpg", 1);
  put("you.jpg", 2);
  BackupRequest backup;
  for (const char* place : {"/near", "/far"}) {
    backup.path = path_ + place;
    ASSERT_TRUE(folder_->backup(backup).is_ok());
  }
  EXPECT_GT(files_with(path_ + "/near", "me-whom-nobody"), 0);
  std::filesystem::rename(path_ + "/far", path_ + "/away");
  auto keeper = upkeep();
  PurgeRequest request;
  request.collection = "photos";
  request.ids = {"me-whom-nobody-may-remember.jpg"};
  const auto purge = keeper.purge(request).value();
  EXPECT_EQ(purge.backups_renewed, std::vector<std::string>{path_ + "/near"});
  ASSERT_EQ(purge.backups_left.size(), 1U);
  EXPECT_EQ(purge.backups_left[0].path, path_ + "/far");
  EXPECT_EQ(purge.backups_left[0].cause.code(), Code::kNotFound);
  EXPECT_EQ(files_with(path_ + "/data", "me-whom-nobody"), 0);
  EXPECT_EQ(files_with(path_ + "/near", "me-whom-nobody"), 0);
  EXPECT_GT(files_with(path_ + "/away", "me-whom-nobody"), 0);
  EXPECT_TRUE(verify_backup(Env::real(), path_ + "/near", {}).value().empty());
}

TEST_F(UpkeepTest, what_follows_a_merge_is_done_when_nothing_is_left_to_merge) {
  std::atomic<int> done = 0;
  Merger merger(*folder_, 1000, [&](Collection& collection, const std::function<bool()>& stop) {
    EXPECT_EQ(collection.stats()->segments, 1U);
    EXPECT_FALSE(stop());
    ++done;
    return Status::ok();
  });
  for (int i = 0; i < 4; ++i) put("photo" + std::to_string(i), static_cast<float>(i));
  merger.sealed("photos");
  merger.drain();
  EXPECT_EQ(done, 1);
}

TEST_F(UpkeepTest, the_merger_merges_after_seals_and_lets_go_when_it_is_told) {
  Merger merger(*folder_, 1000);
  for (int i = 0; i < 9; ++i) put("item" + std::to_string(i), static_cast<float>(i));
  merger.sealed("photos");
  merger.sealed("unknown");
  merger.drain();
  EXPECT_LE(collection_->stats().value().segments, 3U);
  EXPECT_EQ(collection_->snapshot().value()->size(), 9U);
  for (int i = 0; i < 9; ++i) put("more" + std::to_string(i), static_cast<float>(i));
  collection_.reset();
  merger.sealed("photos");
  merger.leave("photos");
  EXPECT_TRUE(folder_->drop_collection("photos").is_ok()) << "nobody holds it";
}

TEST_F(UpkeepTest, a_merger_ends_promptly_though_its_pace_is_slow) {
  for (int i = 0; i < 6; ++i) put("item" + std::to_string(i), static_cast<float>(i));
  auto merger = std::make_unique<Merger>(*folder_, 1);
  merger->sealed("photos");
  merger.reset();
  EXPECT_EQ(collection_->snapshot().value()->size(), 6U);
  EXPECT_TRUE(collection_->verify(nullptr).value().empty());
}

}  // namespace
}  // namespace pictor
