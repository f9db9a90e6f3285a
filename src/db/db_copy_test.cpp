// A copy of a database while others write to it is what its transaction saw.
#include <gtest/gtest.h>

#include "base/base.h"
#include "db/db.h"

namespace pictor {
namespace {

template <typename T>
T must(Result<T> result) {
  EXPECT_TRUE(result.is_ok()) << result.status().to_string();
  return std::move(result).value();
}
void must(const Status& status) { ASSERT_TRUE(status.is_ok()) << status.to_string(); }

class DatabaseCopyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    must(env_.make_dirs("/d"));
    writer_ = must(Database::open(env_, "/d/a.db"));
    must(writer_->exec("CREATE TABLE t(n INTEGER PRIMARY KEY, text TEXT)"));
    fill(1);
  }
  // 1000 rows that each say `version`, some of them longer than a page.
  void fill(int version) {
    must(
        writer_->exec("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000) "
                      "INSERT OR REPLACE INTO t SELECT n, " +
                      std::to_string(version) + " || printf('%.*c', n * 7, 'x') FROM c"));
  }
  std::unique_ptr<Database> reading(const std::string& path) {
    DatabaseOptions options;
    options.read_only = true;
    return must(Database::open(env_, path, options));
  }
  // The version that all rows say; 0 when they differ.
  std::int64_t version_of(Database& database) {
    const auto select =
        must(database.prepare("SELECT min(substr(text, 1, 1)), max(substr(text, 1, 1)), count(*) FROM t"));
    must(select->step().status());
    if (select->text(0) != select->text(1) || select->integer(2) != 1000) return 0;
    return std::stoi(std::string(select->text(0)));
  }

  SimulatedEnv env_{3};
  std::unique_ptr<Database> writer_;
};

TEST_F(DatabaseCopyTest, is_what_the_transaction_saw_though_others_write_on) {
  const auto reader = reading("/d/a.db");
  must(reader->exec("BEGIN"));
  must(reader->exec("SELECT count(*) FROM t"));
  std::uint64_t steps = 0, last_total = 0;
  must(reader->copy_to("/d/b.db", [&](std::uint64_t done, std::uint64_t total) {
    if (++steps % 5 == 1) fill(2 + static_cast<int>(steps % 7));
    EXPECT_LE(done, total);
    last_total = total;
    return Status::ok();
  }));
  must(reader->exec("ROLLBACK"));
  EXPECT_GT(steps, 5U);
  EXPECT_GT(last_total, 500U);
  must(must(env_.open("/d/b.db", OpenMode::kReadWrite))->sync());
  must(env_.sync_dir("/d"));
  writer_.reset();
  EXPECT_NE(version_of(*reader), 1);
  const auto copy = reading("/d/b.db");
  EXPECT_EQ(version_of(*copy), 1);
  must(copy->check());
  EXPECT_FALSE(exists(env_, "/d/b.db-wal"));
  EXPECT_FALSE(exists(env_, "/d/b.db-journal"));
}

TEST_F(DatabaseCopyTest, ends_where_a_step_says_so_and_hands_its_cause_on) {
  const auto status = writer_->copy_to(
      "/d/b.db", [](std::uint64_t, std::uint64_t) { return Status(Code::kCancelled, "enough of it"); });
  EXPECT_EQ(status.code(), Code::kCancelled);
  EXPECT_NE(status.message().find("enough of it"), std::string::npos);
  fill(3);
  EXPECT_EQ(version_of(*writer_), 3);
}

TEST_F(DatabaseCopyTest, a_full_disk_is_told) {
  env_.set_free_bytes(100'000);
  const auto status = writer_->copy_to("/d/b.db", [](std::uint64_t, std::uint64_t) { return Status::ok(); });
  EXPECT_EQ(status.code(), Code::kLimit) << status.to_string();
}

}  // namespace
}  // namespace pictor
