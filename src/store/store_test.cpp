#include "store/store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "base/base.h"
#include "store/store_testing.h"

namespace pictor {
namespace {

using testing::faults_of;
using testing::item_of;
using testing::must;
using testing::same_item;
using testing::small_spec;

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    open();
    collection_ = must(folder_->create_collection(spec_));
  }
  void open() { folder_ = must(DataFolder::open(env_, "/data")); }
  void reopen() {
    collection_.reset();
    folder_.reset();
    open();
    collection_ = must(folder_->collection(spec_.name));
  }
  CommitResult put(const std::string& batch, std::vector<std::pair<int, int>> items,
                   std::vector<std::string> deletes = {}) {
    Batch write;
    write.id = batch;
    for (const auto& [number, version] : items) write.puts.push_back(item_of(spec_, number, version));
    write.deletes = std::move(deletes);
    return must(collection_->commit(write));
  }
  std::vector<std::string> ids(const Snapshot& snapshot) {
    std::vector<std::string> ids;
    must(snapshot.scan(false, [&](const Item& item) {
      ids.push_back(item.data.id);
      return Status::ok();
    }));
    return ids;
  }
  // Rows alive in a space, by walking the blocks.
  std::vector<RowId> rows_alive(const Snapshot& snapshot, std::size_t space) {
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

  SimulatedEnv env_{7};
  CollectionSpec spec_ = small_spec();
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
};

TEST_F(StoreTest, what_was_put_comes_back_bit_for_bit_fresh_sealed_and_after_reopening) {
  put("one", {{0, 0}, {1, 0}, {4, 0}});
  for (int round = 0; round < 3; ++round) {
    if (round == 1) must(collection_->seal());
    if (round == 2) reopen();
    const auto snapshot = must(collection_->snapshot());
    EXPECT_EQ(snapshot->size(), 3U);
    for (const int number : {0, 1, 4}) {
      const auto wanted = item_of(spec_, number);
      const auto item = must(snapshot->find(wanted.id, true));
      ASSERT_TRUE(item.has_value()) << number;
      EXPECT_TRUE(same_item(item->data, wanted)) << "round " << round << ", item " << number;
      const auto blob = must(snapshot->blob(item->row));
      EXPECT_EQ(blob.value_or(Bytes()), wanted.blob);
    }
    EXPECT_EQ(faults_of(*collection_), "");
  }
}

TEST_F(StoreTest, a_replaced_or_deleted_item_stays_in_the_snapshots_that_had_it) {
  put("one", {{1, 0}, {2, 0}});
  const auto before = must(collection_->snapshot());
  const auto row = must(before->find("item1", false))->row;
  const auto result = put("two", {{1, 1}}, {"item2", "nobody"});
  EXPECT_EQ(result.replaced, 1U);
  EXPECT_EQ(result.added, 0U);
  EXPECT_EQ(result.deleted, 1U);
  must(collection_->seal());
  const auto after = must(collection_->snapshot());

  EXPECT_TRUE(same_item(must(before->find("item1", true))->data, item_of(spec_, 1, 0)));
  EXPECT_TRUE(same_item(must(before->items(std::vector<RowId>{row}, true))[0].data, item_of(spec_, 1, 0)));
  EXPECT_EQ(ids(*before), (std::vector<std::string>{"item1", "item2"}));
  EXPECT_EQ(rows_alive(*before, 0).size(), 2U);
  EXPECT_TRUE(same_item(must(after->find("item1", true))->data, item_of(spec_, 1, 1)));
  EXPECT_EQ(ids(*after), (std::vector<std::string>{"item1"}));
  EXPECT_EQ(rows_alive(*after, 0).size(), 1U);
  EXPECT_EQ(after->items(std::vector<RowId>{row}, false).status().code(), Code::kNotFound);
  EXPECT_EQ(before->size(), 2U);
  EXPECT_EQ(after->size(), 1U);
}

TEST_F(StoreTest, a_block_says_which_segment_it_is_and_whether_all_of_it_is_alive) {
  const auto block_of = [&](const Snapshot& snapshot) { return must(snapshot.blocks(spec_.spaces[0].id)).at(0); };
  put("one", {{1, 0}, {2, 0}});
  auto fresh = must(collection_->snapshot());
  EXPECT_EQ(block_of(*fresh).segment, 0U);
  EXPECT_TRUE(block_of(*fresh).all_alive);
  must(collection_->seal());
  auto sealed = must(collection_->snapshot());
  EXPECT_EQ(block_of(*sealed).segment, 1U);
  EXPECT_NE(block_of(*sealed).segment_sum, 0U);
  EXPECT_TRUE(block_of(*sealed).all_alive);
  put("two", {}, {"item2"});
  EXPECT_FALSE(block_of(*must(collection_->snapshot())).all_alive);
  EXPECT_TRUE(block_of(*sealed).all_alive) << "it was taken before the death";
  const auto sum = block_of(*sealed).segment_sum;
  fresh.reset();
  sealed.reset();
  reopen();
  EXPECT_EQ(block_of(*must(collection_->snapshot())).segment_sum, sum);
  EXPECT_FALSE(block_of(*must(collection_->snapshot())).all_alive);
}

TEST_F(StoreTest, a_batch_of_a_known_id_changes_nothing_and_is_answered_as_then) {
  const auto first = put("one", {{1, 0}});
  put("two", {{1, 1}});
  reopen();
  const auto again = put("one", {{1, 0}});
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.sequence, first.sequence);
  EXPECT_EQ(again.added, 1U);
  EXPECT_TRUE(same_item(must(must(collection_->snapshot())->find("item1", true))->data, item_of(spec_, 1, 1)));
}

TEST_F(StoreTest, deaths_of_sealed_rows_are_there_after_reopening) {
  put("one", {{1, 0}, {2, 0}, {3, 0}});
  must(collection_->seal());
  put("two", {{2, 1}}, {"item3"});
  reopen();
  const auto snapshot = must(collection_->snapshot());
  EXPECT_EQ(rows_alive(*snapshot, 0).size(), 2U);
  EXPECT_EQ(snapshot->size(), 2U);
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(StoreTest, vectors_are_found_by_content_while_their_item_lives) {
  put("one", {{1, 0}});
  const auto item = item_of(spec_, 1);
  const auto known = must(collection_->vectors_of_content(item.content)).value();
  EXPECT_EQ(known.vectors, item.vectors);
  EXPECT_EQ(known.receipt, item.receipt);
  put("two", {}, {"item1"});
  EXPECT_FALSE(must(collection_->vectors_of_content(item.content)).has_value());
  EXPECT_FALSE(must(collection_->vectors_of_content(Hash256{})).has_value());
}

TEST_F(StoreTest, tokens_come_back_and_go_with_their_item) {
  put("one", {{0, 0}, {1, 0}, {3, 0}});
  must(collection_->seal());
  const auto tokens_of = [&](const std::string& id) {
    const auto snapshot = must(collection_->snapshot());
    return must(snapshot->tokens(must(snapshot->find(id, false))->row));
  };
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(tokens_of("item1"), item_of(spec_, 1).tokens);
    EXPECT_FALSE(tokens_of("item3").has_value()) << "it was given none";
    reopen();
  }
  EXPECT_EQ(must(collection_->tokens_of_content(item_of(spec_, 1).content)), item_of(spec_, 1).tokens);
  EXPECT_EQ(must(collection_->stats()).tokens_items, 2U);
  EXPECT_EQ(must(collection_->stats()).tokens_bytes, 2 * item_of(spec_, 1).tokens.size());
  const auto before = must(collection_->snapshot());
  put("two", {{0, 1}}, {"item1"});
  EXPECT_EQ(tokens_of("item0"), item_of(spec_, 0, 1).tokens);
  EXPECT_NE(item_of(spec_, 0, 1).tokens, item_of(spec_, 0, 0).tokens);
  EXPECT_FALSE(must(before->tokens(must(before->find("item1", false))->row)).has_value()) << "they are no history";
  EXPECT_EQ(must(collection_->stats()).tokens_items, 1U);
  EXPECT_FALSE(must(collection_->tokens_of_content(item_of(spec_, 1).content)).has_value());
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(StoreTest, tokens_of_the_wrong_size_are_refused) {
  auto item = item_of(spec_, 1);
  item.tokens.pop_back();
  const auto status = collection_->commit({"one", {item}, {}}).status();
  EXPECT_EQ(status.code(), Code::kMismatch);
  EXPECT_NE(status.message().find("tokens have 65 bytes"), std::string::npos) << status.message();
}

TEST_F(StoreTest, a_scan_visits_every_page_in_row_order_and_ends_with_the_visitors_error) {
  Batch batch;
  batch.id = "many";
  for (int i = 0; i < 700; ++i) batch.puts.push_back(item_of(spec_, i));
  must(collection_->commit(batch));
  const auto snapshot = must(collection_->snapshot());
  RowId last = 0;
  int count = 0;
  must(snapshot->scan(true, [&](const Item& item) {
    EXPECT_GT(item.row, last);
    EXPECT_FALSE(item.data.vectors[0].empty());
    last = item.row;
    ++count;
    return Status::ok();
  }));
  EXPECT_EQ(count, 700);
  const auto stopped = snapshot->scan(false, [](const Item&) { return Status(Code::kCancelled, "enough"); });
  EXPECT_EQ(stopped.code(), Code::kCancelled);
}

TEST_F(StoreTest, stats_count_what_is_there) {
  put("one", {{0, 0}, {1, 0}});
  must(collection_->seal());
  put("two", {{0, 1}});
  const auto stats = must(collection_->stats());
  EXPECT_EQ(stats.items, 2U);
  EXPECT_EQ(stats.rows_dead, 1U);
  EXPECT_EQ(stats.rows_fresh, 1U);
  EXPECT_EQ(stats.segments, 1U);
  EXPECT_EQ(stats.sequence, 2U);
  EXPECT_GT(stats.database_bytes, 0U);
  EXPECT_GT(stats.segment_bytes, 0U);
  EXPECT_EQ(stats.blob_bytes, item_of(spec_, 0, 0).blob.size() + item_of(spec_, 0, 1).blob.size());
  EXPECT_EQ(stats.leftover_files, 0U);
}

TEST_F(StoreTest, random_batches_agree_with_a_map_whatever_is_sealed_or_reopened) {
  std::mt19937 random(20240501);
  std::map<int, int> wanted;
  for (int round = 0; round < 120; ++round) {
    Batch batch;
    batch.id = "round" + std::to_string(round);
    std::vector<int> numbers(30);
    for (int i = 0; i < 30; ++i) numbers[i] = i;
    std::shuffle(numbers.begin(), numbers.end(), random);
    for (int i = 0; i < 6; ++i) {
      if (random() % 4 == 0) {
        batch.deletes.push_back("item" + std::to_string(numbers[i]));
        wanted.erase(numbers[i]);
      } else {
        batch.puts.push_back(item_of(spec_, numbers[i], round));
        wanted[numbers[i]] = round;
      }
    }
    must(collection_->commit(batch));
    if (random() % 10 == 0) must(collection_->seal());
    if (random() % 20 == 0) reopen();
    const auto snapshot = must(collection_->snapshot());
    ASSERT_EQ(snapshot->size(), wanted.size());
    ASSERT_EQ(rows_alive(*snapshot, 0).size(), wanted.size());
    for (const auto& [number, version] : wanted) {
      const auto item = must(snapshot->find("item" + std::to_string(number), true));
      ASSERT_TRUE(item && same_item(item->data, item_of(spec_, number, version))) << round << ": " << number;
    }
  }
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(StoreTest, an_item_without_any_vector_is_kept_and_can_be_sealed) {
  Batch batch;
  batch.id = "bare";
  batch.puts.push_back(item_of(spec_, 1));
  batch.puts[0].vectors = {{}, {}};
  must(collection_->commit(batch));
  must(collection_->seal());
  reopen();
  const auto snapshot = must(collection_->snapshot());
  EXPECT_TRUE(must(snapshot->find("item1", true))->data.vectors[0].empty());
  EXPECT_TRUE(rows_alive(*snapshot, 0).empty());
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(StoreTest, fresh_rows_past_the_limit_are_sealed_by_the_commit_that_passes_it) {
  Batch batch;
  for (std::uint32_t round = 0; round < limits::kFreshRowsMax / limits::kBatchItemsMax; ++round) {
    EXPECT_EQ(must(collection_->stats()).segments, 0U);
    batch.id = "b" + std::to_string(round);
    batch.puts.clear();
    for (std::uint32_t i = 0; i < limits::kBatchItemsMax; ++i) {
      ItemWrite item;
      item.id = std::to_string(round * limits::kBatchItemsMax + i);
      item.vectors = {std::vector<float>(12, 1.0F), {}};
      batch.puts.push_back(std::move(item));
    }
    must(collection_->commit(batch));
  }
  const auto stats = must(collection_->stats());
  EXPECT_EQ(stats.segments, 1U);
  EXPECT_EQ(stats.rows_fresh, 0U);
}

}  // namespace
}  // namespace pictor
