// Readers beside a writer that replaces, deletes and seals: each snapshot is whole and stays as it is.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "store/store_testing.h"

namespace pictor {
namespace {

using testing::must;

constexpr std::uint64_t kItems = 20;
constexpr std::uint64_t kRounds = 60;

// Without blobs, whose syncs would take most of the time.
ItemWrite item_of(const CollectionSpec& spec, std::uint64_t number, std::uint64_t version) {
  ItemWrite item = testing::item_of(spec, number, version);
  item.blob.clear();
  return item;
}

// Every batch writes all items in one version, so a snapshot that mixes versions is torn.
Batch round_of(const CollectionSpec& spec, std::uint64_t round) {
  Batch batch;
  batch.id = "round" + std::to_string(round);
  for (std::uint64_t i = 0; i < kItems; ++i) batch.puts.push_back(item_of(spec, i, round));
  return batch;
}

std::vector<RowId> rows_alive(const Snapshot& snapshot, const SpaceId& space, std::uint64_t version) {
  std::vector<RowId> rows;
  for (const auto& block : must(snapshot.blocks(space))) {
    std::vector<std::uint8_t> alive(block.count);
    block.alive(0, alive);
    for (std::size_t i = 0; i < block.count; ++i) {
      if (alive[i] == 0) continue;
      const auto wanted = testing::vector_of(rows.size() * 1000 + version * 10, block.dim);
      EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), block.vectors + i * block.dim)) << "row " << block.rows[i];
      rows.push_back(block.rows[i]);
    }
  }
  return rows;
}

void read_until(const Collection& collection, const std::atomic<bool>& stop, std::atomic<int>& reads) {
  while (!stop) {
    const auto snapshot = must(collection.snapshot());
    const std::uint64_t version = snapshot->sequence();
    const auto rows = rows_alive(*snapshot, collection.spec().spaces[0].id, version);
    ASSERT_EQ(rows.size(), kItems);
    for (const auto& item : must(snapshot->items(rows, true))) {
      ASSERT_EQ(item.born, version);
      ASSERT_TRUE(testing::same_item(item.data, testing::item_of(collection.spec(), item.row - rows[0], version)));
    }
    ASSERT_EQ(must(snapshot->matching("version = " + std::to_string(version))).size(), kItems);
    ASSERT_EQ(rows_alive(*snapshot, collection.spec().spaces[0].id, version), rows) << "the snapshot changed";
    ++reads;
  }
}

// Merges all the time, and drops all history that no reader holds.
void compact_until(Collection& collection, const std::atomic<bool>& stop) {
  for (int round = 0; !stop; ++round) {
    CompactOptions options;
    options.neighbours_min = 2;
    options.everything = round % 3 == 0;
    if (round % 2 == 0) options.drop_history = kRounds;
    must(collection.compact(options).status());
  }
}

TEST(Concurrency, readers_see_whole_batches_while_a_writer_commits_and_seals_and_another_compacts) {
  std::string folder = (std::filesystem::temp_directory_path() / "pictor-readers-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  {
    const auto data = must(DataFolder::open(Env::real(), folder));
    const auto collection = must(data->create_collection(testing::small_spec()));
    must(collection->commit(round_of(collection->spec(), 1)));
    std::atomic<bool> stop = false;
    std::atomic<int> reads = 0;
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) readers.emplace_back([&] { read_until(*collection, stop, reads); });
    std::thread verifier([&] {
      while (!stop) EXPECT_EQ(testing::faults_of(*collection), "");
    });
    std::thread compactor([&] { compact_until(*collection, stop); });
    for (std::uint64_t round = 2; round <= kRounds; ++round) {
      must(collection->commit(round_of(collection->spec(), round)));
      if (round % 3 == 0) must(collection->seal());
    }
    while (reads < 30 && !::testing::Test::HasFailure()) std::this_thread::yield();
    stop = true;
    for (auto& reader : readers) reader.join();
    verifier.join();
    compactor.join();
    EXPECT_EQ(testing::faults_of(*collection), "");
  }
  std::filesystem::remove_all(folder);
}

TEST(Concurrency, writers_of_one_collection_queue_and_none_is_lost) {
  std::string folder = (std::filesystem::temp_directory_path() / "pictor-writers-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  {
    const auto data = must(DataFolder::open(Env::real(), folder));
    const auto collection = must(data->create_collection(testing::small_spec()));
    std::vector<std::thread> writers;
    for (std::uint64_t w = 0; w < 4; ++w) {
      writers.emplace_back([&, w] {
        for (std::uint64_t i = 0; i < 10; ++i) {
          Batch batch;
          batch.id = std::to_string(w) + "/" + std::to_string(i);
          batch.puts.push_back(item_of(collection->spec(), w * 10 + i, 0));
          must(collection->commit(batch));
        }
      });
    }
    for (auto& writer : writers) writer.join();
    EXPECT_EQ(must(collection->snapshot())->size(), 40U);
    EXPECT_EQ(must(collection->snapshot())->sequence(), 40U);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace pictor
