#include "db/vfs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include "db/db.h"

namespace pictor::db {
namespace {

class VfsTest : public ::testing::Test {
 protected:
  SimulatedEnv env_{1};
  std::shared_ptr<Vfs> vfs_ = Vfs::of(env_);
  sqlite3_vfs* raw_ = sqlite3_vfs_find(vfs_->name().c_str());
};

TEST_F(VfsTest, one_env_has_one_vfs_until_the_last_holder_lets_go) {
  EXPECT_EQ(Vfs::of(env_), vfs_);
  SimulatedEnv other(2);
  EXPECT_NE(Vfs::of(other)->name(), vfs_->name());
  const std::string name = vfs_->name();
  vfs_.reset();
  EXPECT_EQ(sqlite3_vfs_find(name.c_str()), nullptr);
}

TEST_F(VfsTest, a_path_has_one_spelling) {
  EXPECT_EQ(full_path("./a//b/./c"), "a/b/c");
  EXPECT_EQ(full_path("//a/"), "/a");
  EXPECT_EQ(full_path("../a"), "../a") << "a link may stand before it, so it is left alone";
}

TEST_F(VfsTest, reading_past_the_end_fills_with_zeros_and_says_so) {
  ASSERT_TRUE(write_file_atomic(env_, "a", as_bytes("xyz")).is_ok());
  const auto memory = std::make_unique<std::uint64_t[]>(static_cast<std::size_t>(raw_->szOsFile));
  auto* file = reinterpret_cast<sqlite3_file*>(memory.get());
  ASSERT_EQ(raw_->xOpen(raw_, "a", file, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, nullptr), SQLITE_OK);
  char out[5] = {1, 1, 1, 1, 1};
  EXPECT_EQ(file->pMethods->xRead(file, out, 3, 0), SQLITE_OK);
  EXPECT_EQ(file->pMethods->xRead(file, out, 5, 1), SQLITE_IOERR_SHORT_READ);
  EXPECT_EQ(std::string(out, 5), std::string("yz\0\0\0", 5));
  EXPECT_EQ(file->pMethods->xClose(file), SQLITE_OK);
}

TEST_F(VfsTest, an_empty_file_is_no_journal) {
  int found = 9;
  ASSERT_TRUE(env_.open("a-journal", OpenMode::kCreateNew).is_ok());
  EXPECT_EQ(raw_->xAccess(raw_, "a-journal", SQLITE_ACCESS_EXISTS, &found), SQLITE_OK);
  EXPECT_EQ(found, 0);
  ASSERT_TRUE(write_file_atomic(env_, "a-journal", as_bytes("x")).is_ok());
  EXPECT_EQ(raw_->xAccess(raw_, "a-journal", SQLITE_ACCESS_EXISTS, &found), SQLITE_OK);
  EXPECT_EQ(found, 1);
}

TEST_F(VfsTest, temporary_files_are_refused_and_missing_ones_named) {
  const auto memory = std::make_unique<std::uint64_t[]>(static_cast<std::size_t>(raw_->szOsFile));
  auto* file = reinterpret_cast<sqlite3_file*>(memory.get());
  EXPECT_EQ(raw_->xOpen(raw_, nullptr, file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_TEMP_DB, nullptr), SQLITE_CANTOPEN);
  EXPECT_EQ(raw_->xOpen(raw_, "none", file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MAIN_DB, nullptr), SQLITE_CANTOPEN);
  EXPECT_EQ(env_error().code(), Code::kNotFound);
  EXPECT_EQ(raw_->xDelete(raw_, "none", 0), SQLITE_IOERR_DELETE_NOENT);
}

TEST_F(VfsTest, time_is_the_env_s) {
  sqlite3_int64 before = 0;
  sqlite3_int64 after = 0;
  raw_->xCurrentTimeInt64(raw_, &before);
  env_.advance_us(3'600'000'000);
  raw_->xCurrentTimeInt64(raw_, &after);
  EXPECT_EQ(after - before, 3'600'000);
}

TEST_F(VfsTest, switching_a_file_to_the_log_waits_for_another_connection) {
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open_v2("a.db", &other, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs_->name().c_str()),
            SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "CREATE TABLE t(x); BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  std::atomic<bool> was_busy{false};
  std::thread opener([&] {
    EXPECT_EQ(Database::open(env_, "a.db", {.busy_wait_ms = 0}).status().code(), Code::kBusy);
    was_busy = true;
    const auto opened = Database::open(env_, "a.db");
    EXPECT_TRUE(opened.is_ok()) << opened.status().to_string();
  });
  while (!was_busy) std::this_thread::yield();
  int committed = SQLITE_BUSY;  // while the opener looks at the file
  while (committed == SQLITE_BUSY) committed = sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr);
  EXPECT_EQ(committed, SQLITE_OK);
  EXPECT_EQ(sqlite3_close(other), SQLITE_OK);
  opener.join();
}

}  // namespace
}  // namespace pictor::db
