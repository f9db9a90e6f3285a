#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "base/base.h"
#include "store/compact_plan.h"
#include "store/store_testing.h"

namespace pictor {
namespace {

using testing::faults_of;
using testing::item_of;
using testing::must;
using testing::same_item;
using testing::small_spec;
using Runs = std::vector<SegmentRun>;

std::vector<SegmentRows> rows_of(std::initializer_list<std::uint64_t> rows) {
  std::vector<SegmentRows> segments;
  for (const auto count : rows) segments.push_back({count, 0});
  return segments;
}

TEST(CompactPlan, four_neighbours_of_like_size_are_merged_and_three_are_not) {
  const CompactOptions options;
  EXPECT_EQ(plan_compaction(rows_of({100, 90, 110}), options, false), Runs());
  EXPECT_EQ(plan_compaction(rows_of({100, 90, 110, 100}), options, false), (Runs{{0, 4}}));
  EXPECT_EQ(plan_compaction(rows_of({50'000, 100, 90, 110, 100}), options, false), (Runs{{1, 5}}));
}

TEST(CompactPlan, a_large_segment_is_not_written_again_for_a_few_rows) {
  const CompactOptions options;
  EXPECT_EQ(plan_compaction(rows_of({60'000, 1, 1, 1}), options, false), Runs());
  EXPECT_EQ(plan_compaction(rows_of({60'000, 1, 60'000, 1}), options, false), (Runs{{0, 4}}));
}

TEST(CompactPlan, no_segment_grows_past_the_limit) {
  CompactOptions options;
  options.rows_max = 300;
  EXPECT_EQ(plan_compaction(rows_of({100, 100, 100, 100}), options, false), Runs());
  options.everything = true;
  EXPECT_EQ(plan_compaction(rows_of({100, 100, 100, 100, 301, 5}), options, false), (Runs{{0, 3}}));
}

TEST(CompactPlan, a_segment_of_which_much_is_left_out_is_rewritten_alone) {
  CompactOptions options;
  std::vector<SegmentRows> segments = {{100, 19}, {5000, 1000}, {100, 1}};
  EXPECT_EQ(plan_compaction(segments, options, false), (Runs{{1, 2}}));
  EXPECT_EQ(plan_compaction(segments, options, true), (Runs{{0, 1}, {1, 2}, {2, 3}}));
  options.everything = true;
  EXPECT_EQ(plan_compaction(segments, options, false), (Runs{{0, 3}}));
}

TEST(CompactPlan, each_row_is_written_a_number_of_times_that_grows_slowly) {
  std::vector<SegmentRows> segments;
  std::uint64_t written = 0;
  constexpr std::uint64_t kSeals = 4096;
  for (std::uint64_t seal = 0; seal < kSeals; ++seal) {
    segments.push_back({1000, 0});
    CompactOptions options;
    options.rows_max = 10'000'000;
    const auto runs = plan_compaction(segments, options, false);
    for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
      std::uint64_t rows = 0;
      for (std::size_t i = run->begin; i < run->end; ++i) rows += segments[i].rows;
      written += rows;
      segments[run->begin].rows = rows;
      segments.erase(segments.begin() + static_cast<std::ptrdiff_t>(run->begin) + 1,
                     segments.begin() + static_cast<std::ptrdiff_t>(run->end));
    }
  }
  EXPECT_LE(segments.size(), 24U);
  EXPECT_LE(written, 8 * kSeals * 1000) << "log4(4096) is 6";
}

class CompactTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = must(DataFolder::open(env_, "/data"));
    collection_ = must(folder_->create_collection(spec_));
  }
  void reopen() {
    collection_.reset();
    folder_.reset();
    folder_ = must(DataFolder::open(env_, "/data"));
    collection_ = must(folder_->collection(spec_.name));
  }
  // Sealed, so that each call makes a segment.
  void put(std::vector<std::pair<int, int>> items, std::vector<std::string> deletes = {}) {
    Batch write;
    write.id = "batch" + std::to_string(++batches_);
    for (const auto& [number, version] : items) write.puts.push_back(item_of(spec_, number, version));
    write.deletes = std::move(deletes);
    must(collection_->commit(write).status());
    must(collection_->seal());
  }
  CompactReport compact(const CompactOptions& options) { return must(collection_->compact(options)); }
  static CompactOptions everything() {
    CompactOptions options;
    options.everything = true;
    return options;
  }
  // Without columns, unless those alone.
  std::vector<std::string> files(bool columns = false) {
    std::vector<std::string> names;
    for (const auto& entry : must(env_.list("/data/collections/cats/segments"))) {
      if (entry.name.ends_with(".columns") == columns) names.push_back(entry.name);
    }
    return names;
  }
  std::vector<RowId> rows(const Snapshot& snapshot, std::size_t space) {
    std::vector<RowId> rows;
    for (const auto& block : must(snapshot.blocks(spec_.spaces[space].id))) {
      std::vector<std::uint8_t> alive(block.count);
      block.alive(0, alive);
      for (std::size_t i = 0; i < block.count; ++i) {
        if (alive[i] != 0) rows.push_back(block.rows[i]);
      }
    }
    return rows;
  }

  SimulatedEnv env_{11};
  CollectionSpec spec_ = small_spec();
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
  int batches_ = 0;
};

TEST_F(CompactTest, segments_become_one_with_the_same_items_and_their_files_go) {
  for (int i = 0; i < 5; ++i) put({{i, 0}, {i + 10, 0}}, {});
  put({{0, 1}}, {"item11"});
  const auto before = must(collection_->snapshot());
  const auto rows_before = rows(*before, 0);
  const auto report = compact(everything());
  EXPECT_EQ(report.segments_before, 6U);
  EXPECT_EQ(report.segments_after, 1U);
  EXPECT_EQ(report.merged, 6U);
  EXPECT_EQ(report.rows_dropped, 0U) << "history is kept unless it is to be dropped";
  EXPECT_EQ(files(), std::vector<std::string>{"7.seg"});
  const auto after = must(collection_->snapshot());
  EXPECT_EQ(rows(*after, 0), rows_before);
  EXPECT_TRUE(std::is_sorted(rows_before.begin(), rows_before.end()));
  EXPECT_EQ(rows(*before, 0), rows_before) << "the snapshot taken before goes on";
  EXPECT_TRUE(same_item(must(before->find("item0", true))->data, item_of(spec_, 0, 1)));
  EXPECT_EQ(must(collection_->stats()).rows_dead, 2U);
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(CompactTest, what_was_merged_is_there_after_reopening) {
  for (int i = 0; i < 4; ++i) put({{i, 0}, {i + 10, 0}});
  put({{2, 1}}, {"item3"});
  compact(everything());
  reopen();
  const auto snapshot = must(collection_->snapshot());
  EXPECT_EQ(snapshot->size(), 7U);
  EXPECT_EQ(rows(*snapshot, 0).size(), 7U);
  EXPECT_TRUE(same_item(must(snapshot->find("item2", true))->data, item_of(spec_, 2, 1)));
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(CompactTest, dropped_history_is_gone_from_segments_rows_and_blobs) {
  put({{0, 0}, {1, 0}, {3, 0}});
  put({{0, 1}}, {"item3"});  // item0 and item3 have blobs
  put({{6, 0}});
  CompactOptions options;
  options.drop_history = 2;
  const auto report = compact(options);
  EXPECT_EQ(report.rows_dropped, 2U);
  EXPECT_EQ(report.blobs_dropped, 2U);
  EXPECT_EQ(report.history_from, 2U);
  for (int round = 0; round < 2; ++round) {
    const auto stats = must(collection_->stats());
    EXPECT_EQ(stats.rows_dead, 0U);
    EXPECT_EQ(stats.history_from, 2U);
    EXPECT_EQ(stats.items, 3U);
    EXPECT_EQ(stats.leftover_files, 0U);
    EXPECT_EQ(stats.blob_bytes, item_of(spec_, 0, 1).blob.size() + item_of(spec_, 6).blob.size());
    EXPECT_EQ(faults_of(*collection_), "");
    reopen();
  }
}

TEST_F(CompactTest, a_blob_that_another_item_has_stays) {
  auto first = item_of(spec_, 0);
  auto second = item_of(spec_, 3);
  second.blob = first.blob;
  must(collection_->commit({"one", {first, second}, {}}).status());
  must(collection_->commit({"two", {}, {"item0"}}).status());
  CompactOptions options;
  options.drop_history = 2;
  EXPECT_EQ(compact(options).blobs_dropped, 0U);
  const auto snapshot = must(collection_->snapshot());
  EXPECT_EQ(must(snapshot->blob(must(snapshot->find("item3", false))->row)), first.blob);
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(CompactTest, history_that_a_snapshot_needs_is_not_dropped_until_it_lets_go) {
  put({{0, 0}, {1, 0}});
  auto held = must(collection_->snapshot());
  put({{0, 1}}, {"item1"});
  CompactOptions options;
  options.drop_history = 2;
  EXPECT_EQ(compact(options).history_from, 1U);
  EXPECT_TRUE(same_item(must(held->find("item1", true))->data, item_of(spec_, 1, 0)));
  EXPECT_TRUE(same_item(must(held->find("item0", true))->data, item_of(spec_, 0, 0)));
  held.reset();
  EXPECT_EQ(compact(options).rows_dropped, 2U);
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(CompactTest, columns_are_those_of_the_new_segment_and_know_no_row_that_was_dropped) {
  for (int i = 0; i < 5; ++i) put({{i, 0}, {i + 10, 0}});
  put({{0, 1}}, {"item11"});
  const auto rows_by_sql = [&] {
    return must(must(collection_->snapshot())->matching("number >= 0")).work().rows_by_sql;
  };
  EXPECT_EQ(rows_by_sql(), 0U);
  compact(everything());
  EXPECT_EQ(files(true), std::vector<std::string>{"7.columns"});
  EXPECT_EQ(rows_by_sql(), 0U) << "made anew at once";
  CompactOptions options;
  options.drop_history = 6;
  EXPECT_EQ(compact(options).rows_dropped, 2U);
  for (int round = 0; round < 2; ++round) {
    if (round == 1) reopen();
    EXPECT_EQ(rows_by_sql(), 0U);
    const auto snapshot = must(collection_->snapshot());
    EXPECT_EQ(must(snapshot->matching("number >= 0")).size(), 9U);
    EXPECT_EQ(must(snapshot->matching("number = 0")).size(), 1U) << "its first version died and was dropped";
    EXPECT_EQ(must(snapshot->matching("number = 11")).size(), 0U);
  }
}

TEST_F(CompactTest, columns_of_a_segment_that_stays_forget_a_dropped_item_without_vectors) {
  auto bare = item_of(spec_, 1);
  bare.vectors = {{}, {}};
  must(collection_->commit({"one", {bare, item_of(spec_, 2), item_of(spec_, 3)}, {}}).status());
  must(collection_->seal());
  must(collection_->commit({"two", {}, {"item1"}}).status());
  CompactOptions options;
  options.drop_history = 2;
  EXPECT_EQ(compact(options).rows_dropped, 1U);
  for (int round = 0; round < 2; ++round) {
    if (round == 1) reopen();
    const auto found = must(must(collection_->snapshot())->matching("number > 0"));
    EXPECT_EQ(found.size(), 2U);
    EXPECT_EQ(found.work().rows_by_sql, 0U);
  }
}

TEST_F(CompactTest, history_is_dropped_by_time) {
  put({{0, 0}});
  env_.advance_us(10'000'000);
  put({{0, 1}});
  env_.advance_us(10'000'000);
  put({{0, 2}});
  CompactOptions options;
  options.drop_history_us = env_.wall_us() - 5'000'000;
  EXPECT_EQ(compact(options).history_from, 2U);
  EXPECT_EQ(must(collection_->stats()).rows_dead, 1U);
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(CompactTest, a_dead_item_without_vectors_is_dropped_too) {
  auto bare = item_of(spec_, 1);
  bare.vectors = {{}, {}};
  must(collection_->commit({"one", {bare}, {}}).status());
  must(collection_->commit({"two", {}, {"item1"}}).status());
  CompactOptions options;
  options.drop_history = 2;
  EXPECT_EQ(compact(options).rows_dropped, 1U);
  EXPECT_EQ(must(collection_->stats()).segments, 0U);
  put({{2, 0}});
  reopen();
  EXPECT_EQ(must(collection_->snapshot())->size(), 1U);
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(CompactTest, deaths_that_come_while_a_segment_is_written_are_not_lost) {
  for (int i = 0; i < 4; ++i) put({{i, 0}, {i + 10, 0}});
  auto options = everything();
  bool is_deleted = false;
  options.progress = [&](std::uint64_t, std::uint64_t) {
    if (!is_deleted) must(collection_->commit({"meanwhile", {item_of(spec_, 1, 7)}, {"item2"}}).status());
    is_deleted = true;
    return true;
  };
  EXPECT_EQ(compact(options).segments_after, 1U);
  EXPECT_TRUE(is_deleted);
  for (int round = 0; round < 2; ++round) {
    const auto snapshot = must(collection_->snapshot());
    EXPECT_EQ(rows(*snapshot, 0).size(), 7U);
    EXPECT_FALSE(must(snapshot->find("item2", false)).has_value());
    EXPECT_TRUE(same_item(must(snapshot->find("item1", true))->data, item_of(spec_, 1, 7)));
    EXPECT_EQ(faults_of(*collection_), "");
    if (round == 0) break;
  }
  reopen();
  EXPECT_EQ(rows(*must(collection_->snapshot()), 0).size(), 7U);
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(CompactTest, a_stopped_compaction_leaves_everything_as_it_was) {
  for (int i = 0; i < 4; ++i) put({{i, 0}});
  auto options = everything();
  options.progress = [](std::uint64_t, std::uint64_t) { return false; };
  const auto report = compact(options);
  EXPECT_TRUE(report.stopped);
  EXPECT_EQ(report.segments_after, 4U);
  EXPECT_EQ(files(), (std::vector<std::string>{"1.seg", "2.seg", "3.seg", "4.seg"}));
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(CompactTest, the_pace_is_kept) {
  Batch batch;
  batch.id = "large";
  for (int i = 0; i < 4000; ++i) {
    auto item = item_of(spec_, i);
    item.blob.clear();
    item.tokens.clear();
    batch.puts.push_back(std::move(item));
  }
  must(collection_->commit(batch).status());
  must(collection_->seal());
  put({{5000, 0}});
  auto options = everything();
  options.mib_per_second = 1;
  const auto begun = env_.monotonic_us();
  const auto report = compact(options);
  const double seconds = static_cast<double>(env_.monotonic_us() - begun) / 1e6;
  EXPECT_GE(seconds, 0.9 * static_cast<double>(report.bytes_written) / limits::kMiB);
}

TEST_F(CompactTest, a_damaged_segment_is_not_given_a_fresh_sum) {
  put({{0, 0}});
  put({{1, 0}});
  collection_.reset();
  folder_.reset();
  {
    const auto file = must(env_.open("/data/collections/cats/segments/1.seg", OpenMode::kReadWrite));
    std::array<std::byte, 1> byte{};
    const auto vectors = std::uint64_t{64 + 10 * 32} + 4 * 64;  // its first vector
    must(file->read_at(vectors, byte).status());
    byte[0] ^= std::byte{1};
    must(file->write_at(vectors, byte));
  }
  folder_ = must(DataFolder::open(env_, "/data"));
  collection_ = must(folder_->collection(spec_.name));
  const auto status = collection_->compact(everything()).status();
  EXPECT_EQ(status.code(), Code::kCorrupt) << status.to_string();
  EXPECT_NE(status.message().find("1.seg"), std::string::npos);
  EXPECT_EQ(files().size(), 2U);
}

TEST_F(CompactTest, a_full_disk_is_said_and_changes_nothing) {
  for (int i = 0; i < 4; ++i) put({{i, 0}});
  env_.set_free_bytes(1000);
  EXPECT_EQ(collection_->compact(everything()).status().code(), Code::kLimit);
  EXPECT_EQ(must(collection_->stats()).segments, 4U);
}

TEST_F(CompactTest, options_out_of_bounds_are_refused) {
  CompactOptions options;
  options.rows_max = std::uint64_t{limits::kSegmentRowsMax} + 1;
  EXPECT_EQ(collection_->compact(options).status().code(), Code::kInvalid);
  options.rows_max = 0;
  EXPECT_EQ(collection_->compact(options).status().code(), Code::kInvalid);
  options.rows_max = limits::kSegmentRowsMax;
  options.dropped_share_min = 1.5;
  EXPECT_EQ(collection_->compact(options).status().code(), Code::kInvalid);
}

TEST_F(CompactTest, graphs_go_with_their_segments_and_others_stay) {
  put({{0, 0}});
  put({{1, 0}});
  const std::string folder = "/data/collections/cats/segments/";
  for (const char* name :
       {"1.0.graph", "2.1.graph", "2.0.graph.tmp", "99.0.graph", "98.1.lists", "77.seg.tmp", "notes"}) {
    must(write_file_atomic(env_, folder + name, as_bytes("x")));
  }
  reopen();
  EXPECT_EQ(files(), (std::vector<std::string>{"1.0.graph", "1.seg", "2.0.graph.tmp", "2.1.graph", "2.seg", "notes"}))
      << "a leftover's graph goes, a segment's own stays";
  compact(everything());
  EXPECT_EQ(files(), (std::vector<std::string>{"100.seg", "notes"}));
}

TEST_F(CompactTest, random_work_agrees_with_a_map) {
  std::mt19937 random(20261122);
  std::map<int, int> wanted;
  for (int round = 0; round < 200; ++round) {
    Batch batch;
    batch.id = "round" + std::to_string(round);
    std::vector<int> numbers(30);
    for (int i = 0; i < 30; ++i) numbers[i] = i;
    std::shuffle(numbers.begin(), numbers.end(), random);
    for (int i = 0; i < 5; ++i) {
      if (random() % 3 == 0) {
        batch.deletes.push_back("item" + std::to_string(numbers[i]));
        wanted.erase(numbers[i]);
      } else {
        batch.puts.push_back(item_of(spec_, numbers[i], round));
        wanted[numbers[i]] = round;
      }
    }
    must(collection_->commit(batch).status());
    if (random() % 3 == 0) must(collection_->seal());
    CompactOptions options;
    options.neighbours_min = 2 + random() % 3;
    options.rows_max = 20 + random() % 200;
    options.everything = random() % 4 == 0;
    if (random() % 4 == 0) options.drop_history = must(collection_->snapshot())->sequence() - random() % 5;
    if (random() % 4 == 0) compact(options);
    if (random() % 20 == 0) reopen();
    const auto snapshot = must(collection_->snapshot());
    ASSERT_EQ(snapshot->size(), wanted.size());
    ASSERT_EQ(rows(*snapshot, 0).size(), wanted.size()) << round;
    for (const auto& [number, version] : wanted) {
      const auto item = must(snapshot->find("item" + std::to_string(number), true));
      ASSERT_TRUE(item && same_item(item->data, item_of(spec_, number, version))) << round << ": " << number;
      ASSERT_EQ(must(snapshot->blob(item->row)).value_or(Bytes()), item_of(spec_, number, version).blob);
    }
    if (round % 10 == 0) {
      ASSERT_EQ(faults_of(*collection_), "") << round;
    }
  }
  EXPECT_EQ(faults_of(*collection_), "");
}

}  // namespace
}  // namespace pictor
