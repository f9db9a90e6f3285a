#include "db/shared_file.h"

#include <gtest/gtest.h>

namespace pictor::db {
namespace {

constexpr int kShare = SQLITE_SHM_LOCK | SQLITE_SHM_SHARED;
constexpr int kExclude = SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE;
constexpr int kUnlock = SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED;

class SharedFileTest : public ::testing::Test {
 protected:
  SharedFile file_;
  ConnectionLocks a_, b_, c_;
};

TEST_F(SharedFileTest, many_share_and_one_reserves_beside_them) {
  EXPECT_EQ(file_.lock(a_, SQLITE_LOCK_SHARED), SQLITE_OK);
  EXPECT_EQ(file_.lock(b_, SQLITE_LOCK_SHARED), SQLITE_OK);
  EXPECT_FALSE(file_.is_reserved());
  EXPECT_EQ(file_.lock(a_, SQLITE_LOCK_RESERVED), SQLITE_OK);
  EXPECT_TRUE(file_.is_reserved());
  EXPECT_EQ(file_.lock(b_, SQLITE_LOCK_RESERVED), SQLITE_BUSY);
  EXPECT_EQ(file_.lock(c_, SQLITE_LOCK_SHARED), SQLITE_OK) << "reserved still lets readers in";
}

TEST_F(SharedFileTest, a_pending_lock_keeps_new_readers_out_until_the_last_reader_left) {
  file_.lock(a_, SQLITE_LOCK_SHARED);
  file_.lock(b_, SQLITE_LOCK_SHARED);
  file_.lock(a_, SQLITE_LOCK_RESERVED);
  EXPECT_EQ(file_.lock(a_, SQLITE_LOCK_EXCLUSIVE), SQLITE_BUSY);
  EXPECT_EQ(a_.level, SQLITE_LOCK_PENDING);
  EXPECT_EQ(file_.lock(c_, SQLITE_LOCK_SHARED), SQLITE_BUSY);
  EXPECT_EQ(file_.unlock(b_, SQLITE_LOCK_NONE), SQLITE_OK);
  EXPECT_EQ(file_.lock(a_, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
  EXPECT_EQ(file_.lock(c_, SQLITE_LOCK_SHARED), SQLITE_BUSY);
  EXPECT_EQ(file_.unlock(a_, SQLITE_LOCK_SHARED), SQLITE_OK);
  EXPECT_EQ(file_.lock(c_, SQLITE_LOCK_SHARED), SQLITE_OK);
  EXPECT_EQ(file_.lock(c_, SQLITE_LOCK_EXCLUSIVE), SQLITE_BUSY) << "a still shares";
  EXPECT_EQ(file_.unlock(a_, SQLITE_LOCK_NONE), SQLITE_OK);
  EXPECT_EQ(file_.lock(c_, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
}

TEST_F(SharedFileTest, slots_are_shared_by_many_or_held_by_one) {
  EXPECT_EQ(file_.lock_slots(a_, 3, 1, kShare), SQLITE_OK);
  EXPECT_EQ(file_.lock_slots(b_, 3, 1, kShare), SQLITE_OK);
  EXPECT_EQ(file_.lock_slots(c_, 2, 3, kExclude), SQLITE_BUSY);
  EXPECT_EQ(c_.exclusive_slots, 0U) << "all or none";
  EXPECT_EQ(file_.lock_slots(c_, 4, 4, kExclude), SQLITE_OK);
  EXPECT_EQ(file_.lock_slots(a_, 5, 1, kShare), SQLITE_BUSY);
  EXPECT_EQ(file_.lock_slots(a_, 3, 1, kUnlock), SQLITE_OK);
  EXPECT_EQ(file_.lock_slots(b_, 3, 1, kExclude), SQLITE_OK) << "its own share does not stand in the way";
  EXPECT_EQ(file_.lock_slots(c_, 7, 2, kExclude), SQLITE_MISUSE);
}

TEST_F(SharedFileTest, memory_is_one_for_all_and_goes_with_the_last) {
  EXPECT_EQ(file_.map(a_, 0, 32768, false), nullptr);
  auto* first = static_cast<char*>(file_.map(a_, 1, 32768, true));
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(file_.map(b_, 1, 32768, false), first);
  first[32767] = 'x';
  file_.lock_slots(a_, 0, 1, kExclude);
  file_.unmap(a_);
  EXPECT_EQ(file_.lock_slots(b_, 0, 1, kExclude), SQLITE_OK) << "unmapping gives locks up";
  EXPECT_EQ(static_cast<char*>(file_.map(b_, 1, 32768, false))[32767], 'x');
  file_.unmap(b_);
  auto* fresh = static_cast<char*>(file_.map(b_, 1, 32768, true));
  EXPECT_EQ(fresh[32767], 0);
}

}  // namespace
}  // namespace pictor::db
