// Deleting for good: nothing of an item is in any file afterwards, and all else is as it was.
#include <gtest/gtest.h>

#include "base/base.h"
#include "db/db.h"
#include "store/needles_testing.h"

namespace pictor {
namespace {

using testing::faults_of;
using testing::item_of;
using testing::must;
using testing::named;
using testing::Needles;
using testing::same_item;
using testing::small_spec;

class PurgeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    open();
    collection_ = must(folder_->create_collection(spec_));
  }
  void open() { folder_ = must(DataFolder::open(env_, "/data")); }
  void close() {
    collection_.reset();
    folder_.reset();
  }
  void reopen() {
    close();
    open();
    collection_ = must(folder_->collection(spec_.name));
  }
  void put(std::vector<std::pair<int, int>> items, std::vector<std::string> deletes = {}) {
    Batch write;
    write.id = "batch" + std::to_string(++batches_);
    for (const auto& [number, version] : items) {
      // Metadata that fills more than a page, so that overflow pages are among what is looked through.
      write.puts.push_back(item_of(spec_, number, version));
      if (number % 7 == 0) write.puts.back().text = long_text(number, version);
    }
    write.deletes = std::move(deletes);
    must(collection_->commit(write).status());
  }
  static std::string long_text(int number, int version) {
    std::string text;
    for (int i = 0; i < 900; ++i) {
      text += "word " + std::to_string(i) + " of " + std::to_string(number) + "v" + std::to_string(version) + "; ";
    }
    return text;
  }
  Needles needles_of(std::vector<std::pair<int, int>> items) {
    Needles needles;
    for (const auto& [number, version] : items) {
      auto item = item_of(spec_, number, version);
      if (number % 7 == 0) item.text = long_text(number, version);
      needles.add_item(item);
      if (number % 7 != 0) continue;
      for (std::size_t i = 0; i + 200 < item.text.size(); i += 3000) {
        needles.add("part of " + item.id, as_bytes(std::string_view(item.text).substr(i, 200)));
      }
    }
    return needles;
  }
  PurgeReport purge(std::vector<std::string> ids) { return must(collection_->purge(ids, {})); }

  SimulatedEnv env_{23};
  CollectionSpec spec_ = small_spec();
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
  int batches_ = 0;
};

TEST_F(PurgeTest, a_thousand_items_are_in_every_file_before_and_in_none_afterwards) {
  std::vector<std::pair<int, int>> doomed;
  std::vector<std::string> ids;
  for (int begin = 0; begin < 3000; begin += 300) {
    std::vector<std::pair<int, int>> items;
    for (int i = begin; i < begin + 300; ++i) items.push_back({i, 0});
    put(items);
    if (begin % 900 == 600) must(collection_->seal());
  }
  std::vector<std::pair<int, int>> replaced;
  for (int i = 0; i < 3000; i += 3) {
    ids.push_back("item" + std::to_string(i));
    doomed.push_back({i, 0});
    if (i % 2 != 0) continue;
    replaced.push_back({i, 1});
    doomed.push_back({i, 1});
  }
  put(replaced);
  put({}, {"item3", "item9", "item4"});
  ASSERT_EQ(ids.size(), 1000U);
  const Needles needles = needles_of(doomed);
  const auto before = needles.found(env_, "/data");
  for (const auto& [number, version] : doomed) {
    ASSERT_TRUE(before.contains("vector of item" + std::to_string(number))) << "the search would find nothing anyway";
    ASSERT_TRUE(before.contains("blob of item" + std::to_string(number)));
    ASSERT_TRUE(before.contains("content of item" + std::to_string(number)));
  }
  EXPECT_GT(before.size(), 6000U);

  const auto report = purge(ids);
  EXPECT_EQ(report.erased.size(), 1000U);
  EXPECT_EQ(report.rows, 1500U);
  EXPECT_EQ(report.blobs, 1500U);
  EXPECT_GE(report.segments, 3U);
  EXPECT_EQ(report.contents.size(), 1500U);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(named(needles.found(env_, "/data")), "");
    const auto snapshot = must(collection_->snapshot());
    EXPECT_EQ(snapshot->size(), 1999U);
    EXPECT_FALSE(must(snapshot->find("item0", true)).has_value());
    EXPECT_TRUE(same_item(must(snapshot->find("item1", true))->data, item_of(spec_, 1)));
    EXPECT_EQ(faults_of(*collection_), "");
    if (round == 1) break;
    // Power fails, and nothing comes back.
    collection_.reset();
    folder_.reset();
    env_.power_loss();
    EXPECT_EQ(named(needles.found(env_, "/data")), "");
    open();
    collection_ = must(folder_->collection(spec_.name));
  }
  EXPECT_EQ(must(collection_->stats()).purges_begun, 0U);
}

TEST_F(PurgeTest, history_says_that_an_id_was_erased_and_no_file_says_which) {
  put({{1, 0}, {2, 0}});
  EXPECT_FALSE(must(collection_->erased("item1")).has_value());
  const auto report = purge({"item1", "nobody"});
  EXPECT_EQ(report.erased, std::vector<std::string>{"item1"});
  EXPECT_EQ(report.unknown, std::vector<std::string>{"nobody"});
  EXPECT_EQ(must(collection_->erased("item1")), report.begun_us);
  EXPECT_FALSE(must(collection_->erased("nobody")).has_value());
  EXPECT_FALSE(must(collection_->erased("item2")).has_value());
  Needles needles;
  const auto plain = sha256(as_bytes("item1"));
  needles.add("plain hash", std::as_bytes(std::span(plain.bytes)));
  EXPECT_EQ(named(needles.found(env_, "/data")), "");
  put({{1, 5}});
  EXPECT_TRUE(same_item(must(must(collection_->snapshot())->find("item1", true))->data, item_of(spec_, 1, 5)))
      << "it may be put again";
}

TEST_F(PurgeTest, a_blob_that_another_item_has_stays_with_that_one) {
  auto first = item_of(spec_, 0);
  auto second = item_of(spec_, 3);
  second.blob = first.blob;
  must(collection_->commit({"one", {first, second}, {}}).status());
  EXPECT_EQ(purge({"item0"}).blobs, 0U);
  const auto snapshot = must(collection_->snapshot());
  EXPECT_EQ(must(snapshot->blob(must(snapshot->find("item3", false))->row)), first.blob);
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(PurgeTest, a_snapshot_that_shows_an_item_is_waited_for_and_then_counted) {
  put({{1, 0}, {2, 0}});
  must(collection_->seal());
  const auto held = must(collection_->snapshot());
  const auto begun = env_.monotonic_us();
  EXPECT_EQ(purge({"item1"}).snapshots_held, 1U);
  EXPECT_GE(env_.monotonic_us() - begun, PurgeOptions{}.wait_us);
  const auto later = must(collection_->snapshot());
  EXPECT_EQ(purge({"item2"}).snapshots_held, 2U);
  EXPECT_FALSE(must(held->find("item1", false)).has_value());
}

TEST_F(PurgeTest, files_derived_from_a_segment_go_with_it) {
  put({{1, 0}});
  must(collection_->seal());
  put({{2, 0}});
  must(collection_->seal());
  const std::string folder = "/data/collections/cats/segments/";
  for (const char* name : {"1.0.graph", "1.1.lists", "2.0.graph"})
    must(write_file_atomic(env_, folder + name, as_bytes("graph")));
  purge({"item1"});
  EXPECT_FALSE(exists(env_, folder + "1.0.graph"));
  EXPECT_FALSE(exists(env_, folder + "1.1.lists"));
  EXPECT_TRUE(exists(env_, folder + "2.0.graph"));
}

TEST_F(PurgeTest, a_batch_whose_name_says_the_id_is_forgotten) {
  must(collection_->commit({"upload of item1", {item_of(spec_, 1)}, {}}).status());
  must(collection_->commit({"upload of others", {item_of(spec_, 2)}, {}}).status());
  purge({"item1"});
  Needles needles;
  needles.add("batch", as_bytes("upload of item1"));
  EXPECT_EQ(named(needles.found(env_, "/data")), "");
  EXPECT_TRUE(must(collection_->commit({"upload of others", {item_of(spec_, 2)}, {}})).repeated);
}

TEST_F(PurgeTest, a_stopped_purge_hides_the_items_and_opening_the_folder_ends_it) {
  put({{1, 0}, {2, 0}});
  must(collection_->seal());
  PurgeOptions options;
  options.progress = [](std::uint64_t, std::uint64_t) { return false; };
  const std::vector<std::string> ids = {"item1"};
  EXPECT_EQ(collection_->purge(ids, options).status().code(), Code::kCancelled);
  EXPECT_FALSE(must(must(collection_->snapshot())->find("item1", false)).has_value());
  EXPECT_EQ(must(collection_->stats()).purges_begun, 1U);
  EXPECT_NE(faults_of(*collection_).find("an erasure was begun and has not ended"), std::string::npos);
  EXPECT_NE(named(needles_of({{1, 0}}).found(env_, "/data")), "");
  reopen();
  EXPECT_EQ(must(collection_->stats()).purges_begun, 0U);
  EXPECT_EQ(named(needles_of({{1, 0}}).found(env_, "/data")), "");
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(PurgeTest, a_full_disk_is_said_and_the_next_purge_ends_what_was_begun) {
  put({{1, 0}, {2, 0}});
  env_.set_free_bytes(1 << 20);
  const std::vector<std::string> ids = {"item1"};
  EXPECT_EQ(collection_->purge(ids, {}).status().code(), Code::kLimit);
  EXPECT_FALSE(must(must(collection_->snapshot())->find("item1", false)).has_value());
  env_.set_free_bytes(std::uint64_t{1} << 40);
  const auto report = purge({"item1"});
  EXPECT_EQ(report.erased, ids) << "what was begun is done by this one";
  EXPECT_EQ(named(needles_of({{1, 0}}).found(env_, "/data")), "");
}

TEST_F(PurgeTest, a_reader_of_the_database_is_no_excuse_for_half_a_deletion) {
  put({{1, 0}, {2, 0}});
  {
    DatabaseOptions options;
    options.read_only = true;
    const auto database = must(Database::open(env_, "/data/collections/cats/collection.db", options));
    must(database->exec("BEGIN; SELECT sequence FROM state"));
    const auto count = must(database->prepare("SELECT count(*) FROM rows"));
    must(count->step().status());
    must(collection_->purge(std::vector<std::string>{"nobody"}, {}).status());
  }
  purge({"item1"});
  EXPECT_EQ(named(needles_of({{1, 0}}).found(env_, "/data")), "");
}

TEST_F(PurgeTest, what_cannot_be_an_id_is_refused) {
  EXPECT_EQ(collection_->purge({}, {}).status().code(), Code::kInvalid);
  EXPECT_EQ(collection_->purge(std::vector<std::string>{""}, {}).status().code(), Code::kInvalid);
  const std::vector<std::string> many(std::size_t{limits::kPurgeIdsMax} + 1, "x");
  EXPECT_EQ(collection_->purge(many, {}).status().code(), Code::kLimit);
}

}  // namespace
}  // namespace pictor
