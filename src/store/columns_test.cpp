#include "store/columns.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "store/fresh_columns.h"
#include "store/store_testing.h"

namespace pictor {
namespace {

using testing::must;

constexpr const char* kSegments = "/data/collections/cats/segments/";

class ColumnsTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }

  void open() {
    collection_.reset();
    folder_.reset();
    folder_ = must(DataFolder::open(env_, "/data"));
    const auto known = folder_->collection("cats");
    collection_ = known.is_ok() ? *known : must(folder_->create_collection(testing::small_spec()));
  }

  std::string metadata(std::uint64_t number) {
    static const char* kBrands[] = {"Acme", "Zeta", "Ode", "Ärger"};
    std::string text = R"({"brand": ")" + std::string(kBrands[number % 4]) + R"(", "price": )" +
                       std::to_string(static_cast<double>(number % 97) / 4) + R"(, "sku": "s)" +
                       std::to_string(number * 7919 % 100'003) + '"';
    if (number % 50 == 0) text += R"(, "rare": {"deep": true})";
    if (number % 3 == 0)
      text += R"(, "tags": ["t)" + std::to_string(number % 11) + R"(", "all", )" + std::to_string(number % 5) + "]";
    if (number % 9 == 0) text += R"(, "mixed": )" + std::string(number % 2 == 0 ? "\"1\"" : "1");
    return text + "}";
  }

  void put(std::uint64_t first, std::uint64_t count, std::uint64_t version = 0) {
    Batch batch;
    batch.id = std::to_string(first) + "/" + std::to_string(version);
    for (std::uint64_t i = first; i < first + count; ++i) {
      ItemWrite item = testing::item_of(collection_->spec(), i, version);
      item.metadata = metadata(i + version);
      if (i % 7 == 0) item.vectors.assign(2, {});  // in no block
      batch.puts.push_back(std::move(item));
    }
    must(collection_->commit(batch));
  }

  void erase(std::uint64_t number) {
    must(collection_->commit({"erase " + std::to_string(number), {}, {"item" + std::to_string(number)}}));
  }

  // By an item's own words, one after the other: what neither SQL nor columns of ours have touched.
  static std::set<std::string> ids(const Snapshot& snapshot, const RowSet& rows) {
    std::set<std::string> ids;
    must(snapshot.scan(false, [&](const Item& item) {
      if (rows.contains(item.row)) ids.insert(item.data.id);
      return Status::ok();
    }));
    EXPECT_EQ(ids.size(), rows.size()) << "rows that are not alive";
    return ids;
  }

  struct Answer {
    std::set<std::string> ids;
    FilterWork work;
  };
  Answer ask(const std::string& filter) {
    const auto snapshot = must(collection_->snapshot());
    const RowSet rows = must(snapshot->matching(filter));
    return {ids(*snapshot, rows), rows.work()};
  }

  Bytes read(const std::string& path) {
    const auto file = must(env_.open(path, OpenMode::kRead));
    Bytes bytes(must(file->size()));
    must(file->read_at(0, bytes));
    return bytes;
  }
  void write(const std::string& path, ByteView bytes) {
    const auto file = must(env_.open(path, OpenMode::kReadWriteCreate));
    must(file->truncate(0));
    must(file->write_at(0, bytes));
  }
  bool exists(const std::string& path) { return env_.open(path, OpenMode::kRead).is_ok(); }

  SimulatedEnv env_{5};
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
};

const std::vector<std::string> kFilters = {
    "brand = 'Acme' and price < 10",
    "not (brand = 'Acme') or tags contains 't3'",
    "price >= 3.25 and price != 4",
    "sku like 's1%' or sku = 's7919'",
    "exists rare.deep and not (mixed = 1)",
    "any tags = 3 or mixed in (1, '1')",
    "brand > 'Zeta' or @width = 640",
    "@format = 'jpeg' and not (missing = 1)",
    "not (exists missing.path) and brand contains 'ER'",
    "@source like '/photos/1%' and not (@id in ('item1', 'item12'))",
    "@id = 'item77' or @source contains '/99V'",
};

TEST_F(ColumnsTest, sealed_rows_take_columns_and_fresh_ones_sql) {
  put(1, 500);
  std::vector<std::set<std::string>> before;
  for (const auto& filter : kFilters) {
    before.push_back(ask(filter).ids);
    EXPECT_EQ(ask(filter).work.rows_by_sql, 500U);
    EXPECT_GT(before.back().size(), 0U) << filter;
  }
  must(collection_->seal());
  for (std::size_t i = 0; i < kFilters.size(); ++i) {
    const auto answer = ask(kFilters[i]);
    EXPECT_EQ(answer.ids, before[i]) << kFilters[i];
    EXPECT_EQ(answer.work.rows_by_columns, 500U) << kFilters[i];
    EXPECT_EQ(answer.work.rows_by_sql, 0U) << kFilters[i];
  }
  EXPECT_EQ(ask("@text contains 'v0'").work.rows_by_sql, 500U) << "no column holds texts of items";
  EXPECT_EQ(ask("tags[0] = 't3'").work.rows_by_sql, 500U);
  put(501, 20);
  EXPECT_EQ(ask(kFilters[0]).work.rows_by_sql, 20U);
  EXPECT_EQ(testing::faults_of(*collection_), "");
}

TEST_F(ColumnsTest, what_columns_cannot_say_they_narrow_down_for_sql) {
  put(1, 1000);
  const std::vector<std::string> filters = {
      "exists rare and @text contains '50v'",                   // 20 rows are asked
      "not (not (exists rare) or not (@text contains '50v'))",  // the same in other words
      "(price = 3 and tags[0] = 't3') or (price = 5 and tags[-1] = 2)",
      "not (@text contains '5') and sku = 's7919'",
      "price = 3 or tags[0] = 't3'",  // columns say nothing of the rows that are not 3: all are asked
  };
  std::vector<std::set<std::string>> before;
  for (const auto& filter : filters) before.push_back(ask(filter).ids);
  must(collection_->seal());
  std::vector<std::uint64_t> asked;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const auto answer = ask(filters[i]);
    EXPECT_EQ(answer.ids, before[i]) << filters[i];
    EXPECT_GT(before[i].size(), 0U) << filters[i];
    asked.push_back(answer.work.rows_by_sql);
  }
  EXPECT_EQ(asked, (std::vector<std::uint64_t>{20, 20, 22, 1, 1000}));
}

TEST_F(ColumnsTest, the_dead_are_out_and_older_snapshots_stay) {
  put(1, 300);
  must(collection_->seal());
  auto old = must(collection_->snapshot());
  const auto before = must(old->matching(kFilters[1]));
  put(10, 100, 1);
  erase(200);
  erase(203);
  must(collection_->seal());
  for (int round = 0; round < 2; ++round) {
    const auto rows = must(old->matching(kFilters[1]));
    EXPECT_EQ(rows.size(), before.size());
    EXPECT_EQ(ids(*old, rows), ids(*old, before));
    for (const auto& filter : kFilters) {
      const auto now = ask(filter);
      EXPECT_EQ(now.work.rows_by_sql, 0U);
      EXPECT_EQ(now.ids, ask("(" + filter + ") and (@text contains '' or @id = 'x')").ids) << filter;
    }
  }
  old.reset();
  open();
  for (const auto& filter : kFilters) {
    EXPECT_EQ(ask(filter).ids, ask("(" + filter + ") and @text contains ''").ids) << filter << " after opening again";
  }
}

TEST_F(ColumnsTest, without_the_file_answers_are_the_same_and_opening_makes_it_anew) {
  put(1, 200);
  must(collection_->seal());
  const std::string path = std::string(kSegments) + "1.columns";
  ASSERT_TRUE(exists(path));
  const Bytes whole = read(path);
  const auto wanted = ask(kFilters[0]);
  must(env_.remove(path));
  EXPECT_EQ(ask(kFilters[0]).ids, wanted.ids);
  open();
  EXPECT_EQ(ask(kFilters[0]).ids, wanted.ids);
  EXPECT_EQ(ask(kFilters[0]).work.rows_by_columns, 200U);
  EXPECT_EQ(read(path), whole) << "the same rows give the same bytes";
}

TEST_F(ColumnsTest, bytes_that_flip_or_are_missing_change_no_answer) {
  put(1, 120);
  must(collection_->seal());
  const std::string path = std::string(kSegments) + "1.columns";
  const Bytes whole = read(path);
  std::vector<std::set<std::string>> wanted;
  for (const auto& filter : kFilters) wanted.push_back(ask(filter).ids);
  std::mt19937 random(11);
  int fell_back = 0;
  for (int round = 0; round < 150; ++round) {
    Bytes bytes = whole;
    if (round % 5 == 4) {
      bytes.resize(random() % whole.size());
    } else {
      bytes[round % 2 == 0 ? random() % whole.size() : random() % 2048] ^= static_cast<std::byte>(1U << random() % 8);
    }
    collection_.reset();
    folder_.reset();
    write(path, bytes);
    open();
    std::uint64_t by_sql = 0;
    for (std::size_t i = 0; i < kFilters.size(); ++i) {
      const auto answer = ask(kFilters[i]);
      ASSERT_EQ(answer.ids, wanted[i]) << kFilters[i] << " in round " << round;
      by_sql += answer.work.rows_by_sql;
    }
    fell_back += by_sql > 0 ? 1 : 0;
    if (by_sql > 0) {
      EXPECT_FALSE(exists(path)) << "damaged columns are taken away";
      EXPECT_NE(testing::faults_of(*collection_).find("1.columns: file of columns column"), std::string::npos);
    }
    open();
    ASSERT_EQ(ask(kFilters[0]).work.rows_by_sql, 0U) << "and made anew";
  }
  EXPECT_GT(fell_back, 20) << "columns were hardly ever damaged";
}

TEST_F(ColumnsTest, columns_of_another_segment_are_refused) {
  put(1, 100);
  must(collection_->seal());
  put(101, 100);
  must(collection_->seal());
  const auto wanted = ask(kFilters[0]).ids;
  const Bytes other = read(std::string(kSegments) + "2.columns");
  collection_.reset();
  folder_.reset();
  write(std::string(kSegments) + "1.columns", other);
  write(std::string(kSegments) + "9.columns", other);
  open();
  EXPECT_EQ(ask(kFilters[0]).ids, wanted);
  EXPECT_EQ(ask(kFilters[0]).work.rows_by_columns, 200U);
  EXPECT_FALSE(exists(std::string(kSegments) + "9.columns")) << "columns of no segment are left over";
}

TEST_F(ColumnsTest, a_later_version_is_left_to_sql_or_made_anew) {
  put(1, 50);
  must(collection_->seal());
  const Bytes whole = read(std::string(kSegments) + "1.columns");
  Bytes bytes = whole;
  bytes[8] = std::byte{2};
  const auto parsed = Columns::parse(nullptr, bytes);
  ASSERT_FALSE(parsed.is_ok());
  EXPECT_EQ(parsed.status().code(), Code::kMismatch);
  EXPECT_NE(parsed.status().message().find("version is 2, wanted 1"), std::string::npos);
}

TEST_F(ColumnsTest, what_passes_the_limits_is_left_to_sql) {
  Batch batch{"limits", {}, {}};
  const auto item_with = [&](std::uint64_t number, const std::string& metadata) {
    ItemWrite item = testing::item_of(collection_->spec(), number);
    item.metadata = metadata;
    batch.puts.push_back(std::move(item));
  };
  item_with(1, R"({"a": 1, "at": ")" + std::string(limits::kColumnTextBytesMax, 'x') + R"(", "past": ")" +
                   std::string(limits::kColumnTextBytesMax + 1, 'x') + R"("})");
  std::string many = R"({"a": 2, "past": 7)";
  for (std::uint32_t i = 0; i < limits::kColumnsMax; ++i) many += ", \"n" + std::to_string(i) + "\": 1";
  item_with(2, many + "}");
  must(collection_->commit(batch));
  must(collection_->seal());
  EXPECT_EQ(ask("a = 2").work.rows_by_sql, 0U);
  EXPECT_EQ(ask("at like 'x%'").work.rows_by_sql, 0U);
  EXPECT_EQ(ask("at like 'x%'").ids.size(), 1U);
  EXPECT_EQ(ask("past like 'x%'").work.rows_by_sql, 2U) << "a text that is too long";
  EXPECT_EQ(ask("past like 'x%' or past = 7").ids.size(), 2U);
  const std::string last = "n" + std::to_string(limits::kColumnsMax - 1);
  EXPECT_EQ(ask(last + " = 1").work.rows_by_sql, 2U) << "a path that is too many";
  EXPECT_EQ(ask(last + " = 1").ids.size(), 1U);
  EXPECT_EQ(ask("n1 = 1").work.rows_by_sql, 0U);
}

TEST_F(ColumnsTest, values_and_memory_are_bounded) {
  put(1, 3000);
  const auto database = must(Database::open(env_, "/data/collections/cats/collection.db"));
  const auto columns_with = [&](const ColumnsBounds& bounds) {
    const auto kept = std::make_shared<const Bytes>(must(make_columns(*database, {1, 1, 3000, 0}, bounds)));
    return must(Columns::parse(kept, *kept));
  };
  const auto knows = [](const Columns& columns, const char* path) {
    return columns.find(ColumnKind::kValue, path).column != nullptr;
  };
  ColumnsBounds bounds;
  bounds.values = 97;
  EXPECT_TRUE(knows(*columns_with(bounds), "price"));
  bounds.values = 96;
  EXPECT_FALSE(knows(*columns_with(bounds), "price"));
  EXPECT_FALSE(columns_with(bounds)->find(ColumnKind::kValue, "price").known) << "left to SQL";
  EXPECT_TRUE(knows(*columns_with(bounds), "brand"));
  bounds = {};
  bounds.making_bytes = 150'000;
  EXPECT_FALSE(knows(*columns_with(bounds), "sku")) << "the largest goes";
  EXPECT_TRUE(knows(*columns_with(bounds), "brand"));
  EXPECT_EQ(make_columns(*database, {1, 1, limits::kSegmentRowsMax + std::uint64_t{1}, 0}).status().code(),
            Code::kInvalid);
}

TEST_F(ColumnsTest, fresh_rows_get_columns_filter_by_filter) {
  put(1, 3000);
  put(3001, 2000);
  const std::string filter = kFilters[1];
  const auto old = must(collection_->snapshot());
  const auto wanted = ask(filter);
  EXPECT_EQ(wanted.work.rows_by_sql, 5000 - FreshColumns::kRows);
  EXPECT_EQ(ask(filter).work.rows_by_sql, 5000 - 2 * FreshColumns::kRows);
  EXPECT_EQ(ask(filter).work.rows_by_sql, 5000 - 2 * FreshColumns::kRows);
  EXPECT_EQ(ask(filter).ids, wanted.ids);
  erase(4);
  must(collection_->seal());
  put(6000, 100);
  EXPECT_EQ(must(old->matching(filter)).size(), wanted.ids.size());
  EXPECT_EQ(must(old->matching(filter)).work().rows_by_sql, 5000U - 2 * FreshColumns::kRows);
  auto now = ask(filter);
  EXPECT_EQ(now.work.rows_by_sql, 100U);
  EXPECT_EQ(must(old->matching(filter)).work().rows_by_sql, 5000U) << "columns of fresh rows go when they are sealed";
  now.ids.insert("item4");
  EXPECT_TRUE(std::includes(now.ids.begin(), now.ids.end(), wanted.ids.begin(), wanted.ids.end()));
}

TEST_F(ColumnsTest, many_values_take_wider_codes) {
  Batch batch{"wide", {}, {}};
  const CollectionSpec& spec = collection_->spec();
  for (std::uint64_t i = 0; i < 3 * limits::kBatchItemsMax; ++i) {
    ItemWrite item = testing::item_of(spec, i + 1);
    item.metadata = R"({"n": )" + std::to_string(i) + R"(, "t": "x)" + std::to_string(i % 300) + R"("})";
    item.vectors.assign(2, {});
    item.tokens.clear();
    item.blob.clear();
    batch.puts.push_back(std::move(item));
    if (batch.puts.size() < limits::kBatchItemsMax) continue;
    batch.id = std::to_string(i);
    must(collection_->commit(batch));
    batch.puts.clear();
  }
  must(collection_->seal());
  const auto snapshot = must(collection_->snapshot());
  const auto count = [&](const char* filter) {
    const auto rows = must(snapshot->matching(filter));
    EXPECT_EQ(rows.work().rows_by_sql, 0U) << filter;
    return rows.size();
  };
  EXPECT_EQ(count("n < 1000"), 1000U);
  EXPECT_EQ(count("n = 12287"), 1U);
  EXPECT_EQ(count("n != 5"), 12287U);
  EXPECT_EQ(count("n in (1, 3, 5, 7, 9, 11, 12287, 20000)"), 7U);
  EXPECT_EQ(count("t = 'x299'"), 40U);
  EXPECT_EQ(count("t contains 'X29' and n >= 300"), 430U);
}

}  // namespace
}  // namespace pictor
