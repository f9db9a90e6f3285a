// Items found by words: now, in the past, after a crash, in a backup, and not at all once they were deleted for good.
#include "store/words.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/base.h"
#include "store/needles_testing.h"
#include "store/store_testing.h"

namespace pictor {
namespace {

using testing::faults_of;
using testing::item_of;
using testing::must;
using testing::small_spec;
using Ids = std::vector<std::string>;

class WordsTest : public ::testing::Test {
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

  ItemWrite item(int number, const std::string& text, const std::string& metadata = "{}", int version = 0) {
    auto write = item_of(spec_, static_cast<std::uint64_t>(number), static_cast<std::uint64_t>(version));
    write.text = text;
    write.metadata = metadata;
    return write;
  }
  Sequence put(std::vector<ItemWrite> items, Ids deletes = {}) {
    Batch batch;
    batch.id = "batch" + std::to_string(++batches_);
    batch.puts = std::move(items);
    batch.deletes = std::move(deletes);
    return must(collection_->commit(batch)).sequence;
  }
  void put_boats() {
    put({item(1, "A red boat in the harbour"), item(2, "Two boats", R"({"colour": "blue", "brand": "Nimbus"})"),
         item(3, "A CAFÉ, red", R"({"tags": ["boat", {"deep": "harbour"}], "red": 4})"), item(4, "", "{}"),
         item(5, "a boat; red")});
  }
  Ids found(const std::string& words, std::size_t k = 10, const RowSet* allowed = nullptr,
            std::optional<Sequence> at = std::nullopt) {
    must(collection_->index_words(false));
    AsOf moment;
    if (at) moment = must(parse_as_of(std::to_string(*at)));
    const auto snapshot = must(collection_->snapshot_as_of(moment));
    std::vector<RowId> rows;
    double last = 1e9;
    for (const auto& hit : must(snapshot->by_words(words, allowed, k))) {
      EXPECT_LE(hit.score, last);
      last = hit.score;
      rows.push_back(hit.row);
    }
    Ids ids;
    for (const auto& one : must(snapshot->items(rows, false))) ids.push_back(one.data.id);
    std::ranges::sort(ids);
    return ids;
  }
  Code refused(const std::string& words) {
    must(collection_->index_words(false));
    return must(collection_->snapshot())->by_words(words, nullptr, 5).status().code();
  }

  SimulatedEnv env_{31};
  CollectionSpec spec_ = small_spec();
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
  int batches_ = 0;
};

TEST_F(WordsTest, any_word_of_texts_and_of_metadata_finds_an_item) {
  put_boats();
  EXPECT_EQ(found("boat"), (Ids{"item1", "item3", "item5"}));
  EXPECT_EQ(found("nimbus"), (Ids{"item2"})) << "a value of the metadata, whatever its case";
  EXPECT_EQ(found("colour"), Ids{}) << "its names are no words";
  EXPECT_EQ(found("cafe"), (Ids{"item3"})) << "without accents";
  EXPECT_EQ(found("cafe nimbus"), (Ids{"item2", "item3"}));
  EXPECT_EQ(found("elephant"), Ids{});
}

TEST_F(WordsTest, phrases_beginnings_and_what_is_left_out) {
  put_boats();
  EXPECT_EQ(found("\"red boat\""), (Ids{"item1"}));
  EXPECT_EQ(found("boat*"), (Ids{"item1", "item2", "item3", "item5"}));
  EXPECT_EQ(found("boat* -harbour"), (Ids{"item2", "item5"}));
  EXPECT_EQ(found("boat* -\"red boat\" -blue"), (Ids{"item3", "item5"}));
  EXPECT_EQ(found("red-boat"), (Ids{"item1"})) << "one word with a sign within is a phrase";
  EXPECT_EQ(found("boat OR AND NOT NEAR ( ) ^ : { }"), (Ids{"item1", "item3", "item5"}))
      << "FTS5's own words are words";
}

TEST_F(WordsTest, the_best_come_first_and_k_and_a_set_of_rows_bound_them) {
  put_boats();
  must(collection_->index_words(false));
  const auto snapshot = must(collection_->snapshot());
  const auto hits = must(snapshot->by_words("red boat harbour", nullptr, 10));
  ASSERT_EQ(hits.size(), 3U);
  EXPECT_EQ(must(snapshot->by_words("red boat harbour", nullptr, 1)), (std::vector<WordHit>{hits[0]}));
  EXPECT_GT(hits[0].score, hits[2].score);
  const RowSet only = RowSet::of(std::vector<RowId>{hits[2].row});
  EXPECT_EQ(must(snapshot->by_words("red boat harbour", &only, 1)), (std::vector<WordHit>{hits[2]}));
}

TEST_F(WordsTest, says_which_words_an_item_has) {
  put_boats();
  must(collection_->index_words(false));
  const auto snapshot = must(collection_->snapshot());
  const auto row = must(snapshot->find("item2", false))->row;
  EXPECT_EQ(must(snapshot->words_of(row, "red boat* blue \"two boats\" -sail")), (Ids{"boat*", "blue", "two boats"}));
}

TEST_F(WordsTest, keep_in_step_with_puts_and_deletes_whenever_the_index_was_made) {
  for (const bool before : {true, false}) {
    if (before) must(collection_->index_words(false));
    put_boats();
    const Sequence then = put({item(1, "a green lorry", "{}", 1)}, {"item5"});
    if (!before) {
      EXPECT_EQ(found("boat"), (Ids{"item3"})) << "made of what was there";
    }
    EXPECT_EQ(found("boat"), (Ids{"item3"}));
    EXPECT_EQ(found("lorry"), (Ids{"item1"}));
    EXPECT_EQ(found("boat", 10, nullptr, then - 1), (Ids{"item1", "item3", "item5"})) << "the past as it was";
    EXPECT_EQ(found("lorry", 10, nullptr, then - 1), Ids{});
    reopen();
    put({item(6, "another lorry")});
    EXPECT_EQ(found("lorry"), (Ids{"item1", "item6"})) << "also after opening it again";
    EXPECT_EQ(faults_of(*collection_), "");
    collection_.reset();
    must(folder_->drop_collection(spec_.name));
    collection_ = must(folder_->create_collection(spec_));
  }
}

TEST_F(WordsTest, what_is_deleted_for_good_is_in_no_page_of_the_index) {
  must(collection_->index_words(false));
  std::vector<ItemWrite> items;
  for (int i = 0; i < 300; ++i) items.push_back(item(i, "common words zebraneedle" + std::to_string(i)));
  put(std::move(items));
  put({item(7, "second zebraneedle", "{}", 1)});
  must(collection_->seal());
  const auto terms = [&] {
    collection_.reset();
    folder_.reset();
    std::int64_t all = 0;
    {
      const auto database = must(Database::open(env_, "/data/collections/cats/collection.db"));
      must(database->exec("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, words, row)"));
      const auto count = must(database->prepare("SELECT count(*) FROM terms WHERE term LIKE 'zebraneedle%'"));
      must(count->step());
      all = count->integer(0);
    }
    open();
    collection_ = must(folder_->collection(spec_.name));
    return all;
  };
  EXPECT_EQ(terms(), 301);
  testing::Needles needles;
  needles.add("the word", as_bytes("zebraneedle"));
  EXPECT_FALSE(needles.found(env_, "/data").empty()) << "the search would find nothing anyway";
  Ids ids;
  for (int i = 0; i < 300; ++i) ids.push_back("item" + std::to_string(i));
  const auto report = must(collection_->purge(ids, {}));
  EXPECT_EQ(report.rows, 301U);
  EXPECT_TRUE(needles.found(env_, "/data").empty());
  EXPECT_EQ(terms(), 0);
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(WordsTest, dropped_history_leaves_the_index_too) {
  must(collection_->index_words(false));
  put_boats();
  put({item(1, "lorry", "{}", 1)});
  CompactOptions options;
  options.everything = true;
  options.drop_history = must(collection_->stats()).sequence;
  must(collection_->seal());
  EXPECT_EQ(must(collection_->compact(options)).rows_dropped, 1U);
  EXPECT_EQ(found("harbour"), (Ids{"item3"}));
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(WordsTest, an_index_that_lacks_a_row_is_told_and_made_anew) {
  must(collection_->index_words(true));
  EXPECT_EQ(faults_of(*collection_), "") << "none is there to be made anew";
  put_boats();
  EXPECT_EQ(found("boat").size(), 3U);
  collection_.reset();
  folder_.reset();
  {
    const auto database = must(Database::open(env_, "/data/collections/cats/collection.db"));
    must(database->exec("INSERT INTO words(words) VALUES('delete-all')"));
    must(database->exec("INSERT INTO words(rowid, text) VALUES(99, 'boat')"));
  }
  open();
  collection_ = must(folder_->collection(spec_.name));
  const auto faults = must(collection_->verify(nullptr));
  EXPECT_EQ(faults.size(), 5U) << "four rows are not in it, one that is gone is";
  EXPECT_EQ(faults.at(0).advice, "pictor rebuild");
  must(collection_->index_words(true));
  EXPECT_EQ(faults_of(*collection_), "");
  EXPECT_EQ(found("boat").size(), 3U);
}

TEST_F(WordsTest, a_backup_has_them) {
  put_boats();
  EXPECT_EQ(found("nimbus").size(), 1U);
  BackupRequest request;
  request.path = "/backup";
  must(folder_->backup(request));
  collection_.reset();
  folder_.reset();
  RestoreRequest back;
  back.backup = "/backup";
  back.target = "/copy";
  must(restore_backup(env_, back));
  folder_ = must(DataFolder::open(env_, "/copy"));
  collection_ = must(folder_->collection(spec_.name));
  EXPECT_EQ(found("nimbus"), (Ids{"item2"}));
}

TEST_F(WordsTest, power_that_fails_leaves_no_word_without_its_item) {
  must(collection_->index_words(false));
  put_boats();
  collection_.reset();
  folder_.reset();
  env_.power_loss();
  open();
  collection_ = must(folder_->collection(spec_.name));
  EXPECT_EQ(found("boat"), (Ids{"item1", "item3", "item5"}));
  EXPECT_EQ(faults_of(*collection_), "");
}

TEST_F(WordsTest, a_collection_of_before_is_found_by_words_too) {
  put_boats();
  collection_.reset();
  folder_.reset();
  {
    const auto database = must(Database::open(env_, "/data/collections/cats/collection.db"));
    must(database->exec("PRAGMA user_version=5"));
  }
  open();
  collection_ = must(folder_->collection(spec_.name));
  EXPECT_EQ(found("nimbus"), (Ids{"item2"}));
}

TEST_F(WordsTest, words_that_say_nothing_or_too_much_are_refused) {
  put_boats();
  for (const char* words : {"", "   ", "-red", "\"red", "!!! *", "\"\"", "-\"a b\" -c*"}) {
    EXPECT_EQ(refused(words), Code::kInvalid) << words;
  }
  EXPECT_EQ(refused(std::string("a\0b", 3)), Code::kInvalid);
  std::string many;
  for (std::uint32_t i = 0; i < limits::kWordsMax; ++i) many += "w" + std::to_string(i) + " ";
  EXPECT_EQ(refused(many), Code::kOk);
  EXPECT_EQ(refused(many + "more"), Code::kLimit);
  EXPECT_EQ(refused(std::string(limits::kWordsBytesMax, 'a')), Code::kOk);
  EXPECT_EQ(refused(std::string(limits::kWordsBytesMax + 1, 'a')), Code::kLimit);
}

TEST_F(WordsTest, whatever_is_written_as_words_is_answered_or_refused) {
  put_boats();
  must(collection_->index_words(false));
  const auto snapshot = must(collection_->snapshot());
  std::uint64_t state = 88172645463325252ULL;
  const std::string signs = "\"*-() ^:+{}[],.;'\\%_ab\xc3\xa9\x80\xff";
  for (int round = 0; round < 3000; ++round) {
    std::string words;
    for (int i = 0; i < 12; ++i) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      words += signs[state % signs.size()];
    }
    const auto code = snapshot->by_words(words, nullptr, 5).status().code();
    ASSERT_TRUE(code == Code::kOk || code == Code::kInvalid) << words;
  }
}

}  // namespace
}  // namespace pictor
