// Reading at a past moment, against a model that remembers every version of every item.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "db/db.h"
#include "store/store.h"
#include "store/store_testing.h"

namespace pictor {
namespace {

using testing::item_of;
using testing::must;
using testing::same_item;

AsOf at_sequence(Sequence sequence) { return {AsOf::Kind::kSequence, sequence, 0, ""}; }
AsOf at_time(std::int64_t us) { return {AsOf::Kind::kTime, 0, us, ""}; }
AsOf at_batch(const std::string& batch) { return {AsOf::Kind::kBatch, 0, 0, batch}; }

// Which version of which item was alive, after each commit; times of the commits. [0]: before the first.
struct Chronicle {
  std::vector<std::map<int, int>> alive = {{}};
  std::vector<std::int64_t> times = {0};
};

class HistoryTest : public ::testing::Test {
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
  void commit(const std::set<int>& puts, const std::set<int>& deletes) {
    const int number = static_cast<int>(chronicle_.alive.size());
    Batch batch{"batch" + std::to_string(number), {}, {}};
    auto alive = chronicle_.alive.back();
    for (const int item : deletes) {
      batch.deletes.push_back("item" + std::to_string(item));
      alive.erase(item);
    }
    for (const int item : puts) {
      batch.puts.push_back(item_of(spec_, item, number));
      alive[item] = number;
    }
    env_.advance_us(1000);
    chronicle_.times.push_back(env_.wall_us());
    must(collection_->commit(batch));
    chronicle_.alive.push_back(alive);
  }
  // Random batches over few items, so that each has many versions.
  void live(int commits) {
    for (int i = 0; i < commits; ++i) {
      std::set<int> puts, deletes;
      for (int k = 0; k < 4; ++k) (random_() % 3 == 0 ? deletes : puts).insert(static_cast<int>(random_() % 12));
      for (const int item : puts) deletes.erase(item);
      commit(puts, deletes);
      if (random_() % 5 == 0) must(collection_->seal());
    }
  }
  Sequence last() const { return chronicle_.alive.size() - 1; }

  // What differs between the collection as of that sequence and the model; empty when nothing does.
  std::string difference(Sequence sequence) {
    const auto snapshot = must(collection_->snapshot_as_of(at_sequence(sequence)));
    const auto& wanted = chronicle_.alive[sequence];
    if (snapshot->sequence() != sequence) return "is of sequence " + std::to_string(snapshot->sequence());
    if (snapshot->size() != wanted.size()) return "says it has " + std::to_string(snapshot->size()) + " items";
    std::map<int, int> scanned;
    std::vector<RowId> rows;
    must(snapshot->scan(true, [&](const Item& item) {
      const int number = std::stoi(item.data.id.substr(4));
      scanned[number] = static_cast<int>(item.born);
      if (same_item(item.data, item_of(spec_, number, item.born))) rows.push_back(item.row);
      return Status::ok();
    }));
    if (scanned != wanted || rows.size() != wanted.size()) return "scan differs";
    if (must(snapshot->items(rows, true)).size() != rows.size()) return "items differ";
    for (int number = 0; number < 12; ++number) {
      const auto found = must(snapshot->find("item" + std::to_string(number), true));
      const auto known = wanted.find(number);
      if (found.has_value() != (known != wanted.end())) return "find differs for item " + std::to_string(number);
      if (!found) continue;
      const auto was = item_of(spec_, number, known->second);
      if (!same_item(found->data, was)) return "find gives another version of item " + std::to_string(number);
      if (must(snapshot->blob(found->row)).value_or(Bytes()) != was.blob) return "the blob is another";
    }
    return vectors_differ(*snapshot, rows);
  }
  // Rows alive in the blocks are those of the scan that have a vector there.
  std::string vectors_differ(const Snapshot& snapshot, std::vector<RowId> rows) {
    for (std::size_t space = 0; space < spec_.spaces.size(); ++space) {
      std::vector<RowId> wanted, seen;
      for (const auto& item : must(snapshot.items(rows, true))) {
        if (!item.data.vectors[space].empty()) wanted.push_back(item.row);
      }
      for (const auto& block : must(snapshot.blocks(spec_.spaces[space].id))) {
        std::vector<std::uint8_t> alive(block.count);
        block.alive(0, alive);
        for (std::size_t i = 0; i < block.count; ++i) {
          if (alive[i] != 0) seen.push_back(block.rows[i]);
        }
      }
      if (seen != wanted) return "other rows are alive in space " + std::to_string(space);
    }
    return "";
  }
  // Filters over metadata and over built-in fields.
  std::string filters_differ(Sequence sequence) {
    const auto snapshot = must(collection_->snapshot_as_of(at_sequence(sequence)));
    const int middle = static_cast<int>(sequence / 2);
    const auto matching = must(snapshot->matching("version >= " + std::to_string(middle) + " and number < 7"));
    const auto one = must(snapshot->matching("@id = 'item3'"));
    std::uint64_t wanted = 0;
    for (const auto& [number, version] : chronicle_.alive[sequence]) {
      const auto row = must(snapshot->find("item" + std::to_string(number), false))->row;
      const bool passes = version >= middle && number < 7;
      wanted += passes ? 1 : 0;
      if (matching.contains(row) != passes) return "the filter differs for item " + std::to_string(number);
    }
    if (matching.size() != wanted) return "the filter gives rows that were not alive";
    if (one.size() != chronicle_.alive[sequence].count(3)) {
      return "the filter of an id gives " + std::to_string(one.size()) + " rows, wanted " +
             std::to_string(chronicle_.alive[sequence].count(3));
    }
    return "";
  }
  void check_all(const std::string& when) {
    for (Sequence s = 0; s <= last(); ++s) {
      ASSERT_EQ(difference(s), "") << when << ", sequence " << s;
      ASSERT_EQ(filters_differ(s), "") << when << ", sequence " << s;
    }
  }

  SimulatedEnv env_{11};
  std::mt19937 random_{5};
  CollectionSpec spec_ = testing::small_spec();
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
  Chronicle chronicle_;
};

TEST_F(HistoryTest, every_past_moment_reads_as_it_was_fresh_sealed_and_after_reopening) {
  live(40);
  check_all("at first");
  must(collection_->seal());
  check_all("sealed");
  reopen();
  check_all("reopened");
  live(10);
  check_all("later");
}

TEST_F(HistoryTest, a_moment_is_named_by_its_time_its_batch_or_its_number) {
  live(12);
  for (Sequence s = 1; s <= last(); ++s) {
    const auto time = chronicle_.times[s];
    EXPECT_EQ(must(collection_->snapshot_as_of(at_batch("batch" + std::to_string(s))))->sequence(), s);
    EXPECT_EQ(must(collection_->snapshot_as_of(at_time(time)))->sequence(), s);
    EXPECT_EQ(must(collection_->snapshot_as_of(at_time(time - 1)))->sequence(), s - 1);
  }
  EXPECT_EQ(must(collection_->snapshot_as_of(AsOf{}))->sequence(), last());
  EXPECT_EQ(must(collection_->snapshot_as_of(at_time(0)))->size(), 0U);
}

TEST_F(HistoryTest, what_is_not_yet_or_not_known_is_refused_by_name) {
  live(3);
  const auto wrong = [&](const AsOf& at) { return collection_->snapshot_as_of(at).status(); };
  EXPECT_EQ(wrong(at_sequence(4)).code(), Code::kNotFound);
  EXPECT_EQ(wrong(at_sequence(4)).message(), "collection 'cats' is at sequence 3, there is no 4 yet");
  EXPECT_EQ(wrong(at_batch("other")).code(), Code::kNotFound);
  EXPECT_NE(wrong(at_batch("other")).message().find("knows no batch 'other'"), std::string::npos);
  EXPECT_EQ(wrong(at_time(env_.wall_us() + 1'000'000)).code(), Code::kInvalid);
  EXPECT_NE(wrong(at_time(env_.wall_us() + 1'000'000)).message().find("is not yet"), std::string::npos);
}

TEST_F(HistoryTest, times_of_commits_never_go_back_when_the_clock_does) {
  commit({1}, {});
  const auto first = chronicle_.times[1];
  env_.advance_us(-5'000'000);
  commit({1}, {});
  env_.advance_us(9'000'000);
  commit({1}, {});
  EXPECT_EQ(must(collection_->snapshot_as_of(at_time(first)))->sequence(), 2U);
  EXPECT_EQ(must(collection_->snapshot_as_of(at_time(first - 1)))->sequence(), 0U);
  EXPECT_EQ(must(collection_->snapshot_as_of(at_time(chronicle_.times[3])))->sequence(), 3U);
}

TEST_F(HistoryTest, the_versions_of_an_item_are_told_newest_first) {
  commit({1, 2}, {});
  commit({2}, {});
  commit({1}, {});
  commit({}, {1});
  for (const bool again : {false, true}) {
    if (again) reopen();
    const auto versions = must(collection_->versions("item1"));
    ASSERT_EQ(versions.size(), 2U);
    EXPECT_EQ(versions[0].item.born, 3U);
    EXPECT_EQ(versions[0].died, std::optional<Sequence>(4));
    EXPECT_EQ(versions[0].born_us, std::optional(chronicle_.times[3]));
    EXPECT_EQ(versions[0].died_us, std::optional(chronicle_.times[4]));
    EXPECT_EQ(versions[0].batch, "batch3");
    EXPECT_EQ(versions[0].item.data.content, item_of(spec_, 1, 3).content);
    EXPECT_EQ(versions[1].item.born, 1U);
    EXPECT_EQ(versions[1].died, std::optional<Sequence>(3));
    EXPECT_FALSE(must(collection_->versions("item2")).at(0).died.has_value());
    EXPECT_TRUE(must(collection_->versions("nobody")).empty());
  }
}

TEST_F(HistoryTest, a_collection_from_before_commits_were_dated_can_be_read_at_its_past) {
  live(20);
  collection_.reset();
  folder_.reset();
  must(must(Database::open(env_, "/data/collections/cats/collection.db"))
           ->exec("DROP TABLE commits; DROP TABLE settings; PRAGMA user_version = 3"));
  reopen();
  check_all("upgraded");
  commit({1}, {2});
  check_all("and written");
  // The time of each commit that bore a row still there is that row's.
  std::optional<int> known;
  for (const auto& version : must(collection_->versions("item3"))) {
    EXPECT_EQ(version.born_us, std::optional(chronicle_.times[version.item.born]));
    known = static_cast<int>(version.item.born);
  }
  EXPECT_TRUE(known.has_value());
}

TEST(Moment, is_read_strictly_and_written_so_that_it_reads_back) {
  const auto us = [](const char* text) {
    const auto at = parse_as_of(text);
    EXPECT_TRUE(at.is_ok()) << text << ": " << at.status().to_string();
    if (!at.is_ok()) return std::int64_t{-1};
    EXPECT_EQ(at->kind, AsOf::Kind::kTime) << text;
    return at->time_us;
  };
  EXPECT_EQ(us("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(us("2026-05-31T13:02:11Z"), 1'780'232'531'000'000);
  EXPECT_EQ(us("2026-05-31T15:02:11+02:00"), 1'780'232'531'000'000);
  EXPECT_EQ(us("2026-05-31T13:02:11.000125Z"), 1'780'232'531'000'125);
  EXPECT_EQ(us("2026-05-31T13:02:11.5Z"), 1'780'232'531'500'000);
  EXPECT_EQ(us("2026-05-31T13:02Z"), 1'780'232'520'000'000);
  EXPECT_EQ(us("time:2024-02-29T23:59:59-00:30"), 1'709'253'000'000'000 - 1'000'000);
  for (const std::int64_t time : {0LL, 1'780'232'531'000'125LL, 1'709'251'200'000'000LL, -1LL}) {
    EXPECT_EQ(us(("time:" + time_text(time)).c_str()), time) << time_text(time);
  }
  for (const char* wrong :
       {"2026-05-31", "2026-05-31T13:02:11", "2026-02-30T13:02:11Z", "2026-05-31T24:00:00Z", "2026-05-31 13:02:11Z",
        "2026-05-31T13:02:11Zx", "2026-05-31T13:02:60Z", "2026-5-31T13:02:11Z", "2026-05-31T13:02:11+0200",
        "2026-05-31T13:02:11.Z", "2026-05-31T13:02:11.1234567Z", "time:x", "sequence:x", "sequence:-1",
        "batch:", "sequence:99999999999999999999"}) {
    EXPECT_EQ(parse_as_of(wrong).status().code(), Code::kInvalid) << wrong;
  }
  EXPECT_TRUE(must(parse_as_of("")).is_now());
  EXPECT_EQ(must(parse_as_of("12")).sequence, 12U);
  EXPECT_EQ(must(parse_as_of("sequence:12")).kind, AsOf::Kind::kSequence);
  EXPECT_EQ(must(parse_as_of("12345678901234567890123456789012")).kind, AsOf::Kind::kBatch);
  EXPECT_EQ(must(parse_as_of("batch:12")).batch, "12");
  EXPECT_EQ(must(parse_as_of("nightly")).batch, "nightly");
}

}  // namespace
}  // namespace pictor
