#include "base/base.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <random>

namespace pictor {
namespace {

TEST(Hash, sha256_of_abc_is_the_published_one) {
  EXPECT_EQ(sha256(as_bytes("abc")).hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Hash, sha1_of_a_git_blob_is_the_name_that_git_gives_it) {
  Sha1Stream stream;
  stream.add(as_bytes(std::string_view("blob 6\0", 7)));
  stream.add(as_bytes("hello\n"));
  EXPECT_EQ(stream.finish(), "ce013625030ba8dba906f756967f9e9ca394464a");
}

TEST(Hash, crc32c_of_the_check_string_is_the_published_one) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283U);
  EXPECT_EQ(crc32c(as_bytes("6789"), crc32c(as_bytes("12345"))), 0xE3069283U);
}

// The definition, a bit at a time (RFC 3720, appendix B.4).
std::uint32_t crc32c_by_definition(ByteView bytes) {
  std::uint32_t sum = ~0U;
  for (const std::byte byte : bytes) {
    sum ^= static_cast<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0x82F63B78U : 0U);
  }
  return ~sum;
}

TEST(Hash, crc32c_of_any_length_is_as_defined_and_goes_on_from_any_place) {
  std::mt19937 random(20260921);
  Bytes bytes(40'000);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  const ByteView all(bytes);
  for (const std::size_t size : {0UL, 1UL, 7UL, 8UL, 12'287UL, 12'288UL, 12'289UL, 24'575UL, 24'576UL, 39'999UL}) {
    const auto wanted = crc32c_by_definition(all.first(size));
    EXPECT_EQ(crc32c(all.first(size)), wanted) << size << " bytes";
    const std::size_t cut = size == 0 ? 0 : random() % size;
    EXPECT_EQ(crc32c(all.subspan(cut, size - cut), crc32c(all.first(cut))), wanted) << size << " bytes cut at " << cut;
  }
}

// Test case 2 of RFC 4231.
TEST(Hash, hmac_is_the_published_one) {
  EXPECT_EQ(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?")).hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Hash, bytes_are_equal_in_constant_time_when_they_are_equal) {
  EXPECT_TRUE(equal_in_constant_time(as_bytes("secret"), as_bytes("secret")));
  EXPECT_TRUE(equal_in_constant_time({}, {}));
  for (const char* other : {"Secret", "secreT", "secre", "secrets", ""}) {
    EXPECT_FALSE(equal_in_constant_time(as_bytes("secret"), as_bytes(other))) << other;
  }
}

TEST(Hash, a_hash_reads_back_what_it_prints_and_refuses_other_text) {
  const auto hash = sha256(as_bytes("pictor"));
  EXPECT_EQ(Hash256::from_hex(hash.hex()).value(), hash);
  EXPECT_EQ(Hash256::from_hex("12").status().code(), Code::kInvalid);
  EXPECT_EQ(Hash256::from_hex(std::string(64, 'g')).status().code(), Code::kInvalid);
}

TEST(ThreadPool, parallel_for_visits_every_index_once_also_from_within_a_task) {
  ThreadPool pool(2);
  std::vector<std::atomic<int>> visits(100);
  pool.parallel_for(
      10, [&](std::size_t outer) { pool.parallel_for(10, [&](std::size_t inner) { ++visits[outer * 10 + inner]; }); });
  for (const auto& count : visits) EXPECT_EQ(count.load(), 1);
}

TEST(ThreadPool, threads_that_nobody_waits_for_have_the_lowest_priority) {
  const auto priority = [] { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())); };
  const int mine = priority();
  ThreadPool pool(1, ThreadPriority::kLowest);
  std::promise<int> its;
  pool.submit([&] { its.set_value(priority()); });
  EXPECT_EQ(its.get_future().get(), 19);
  EXPECT_EQ(priority(), mine) << "of the pool's threads alone";
}

class RealEnv : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
  Env& env_ = Env::real();
};

TEST_F(RealEnv, a_file_written_atomically_reads_back) {
  const auto path = join_path(folder_, "a");
  ASSERT_TRUE(write_file_atomic(env_, path, as_bytes("hello")).is_ok());
  EXPECT_EQ(as_text(read_file(env_, path, 100).value()), "hello");
  EXPECT_EQ(read_file(env_, path, 4).status().code(), Code::kLimit);
}

TEST_F(RealEnv, a_file_has_the_same_bytes_however_it_is_mapped_and_told_of) {
  Bytes bytes(3 * 4096 + 5);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  const auto path = join_path(folder_, "mapped");
  ASSERT_TRUE(write_file_atomic(env_, path, bytes).is_ok());
  const auto file = env_.open(path, OpenMode::kRead).value();
  for (const Access access : {Access::kInOrder, Access::kScattered}) {
    const auto mapping = file->map(access).value();
    const ByteView view = mapping->bytes();
    for (const auto part : {view, view.subspan(5000, 10), view.last(1), view.first(0)}) env_.will_read(part);
    EXPECT_TRUE(std::equal(view.begin(), view.end(), bytes.begin(), bytes.end()));
  }
}

TEST_F(RealEnv, a_private_file_is_read_by_its_owner_alone_and_is_never_another) {
  const auto path = join_path(folder_, "key");
  ASSERT_TRUE(env_.open(path, OpenMode::kCreatePrivate).is_ok());
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(env_.open(path, OpenMode::kCreatePrivate).status().code(), Code::kExists);
}

TEST_F(RealEnv, a_lock_excludes_another_until_it_is_released) {
  const auto path = join_path(folder_, "LOCK");
  auto first = env_.lock(path);
  ASSERT_TRUE(first.is_ok());
  EXPECT_EQ(env_.lock(path).status().code(), Code::kBusy);
  first.value().reset();
  EXPECT_TRUE(env_.lock(path).is_ok());
}

TEST_F(RealEnv, what_is_missing_or_not_a_file_is_named) {
  EXPECT_EQ(env_.open(join_path(folder_, "none"), OpenMode::kRead).status().code(), Code::kNotFound);
  EXPECT_EQ(env_.open(folder_, OpenMode::kRead).status().code(), Code::kInvalid);
}

}  // namespace
}  // namespace pictor
