#include "infer/model_cache.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace pictor {
namespace {

class ModelCache : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-cache-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  static Hash256 key(int number) { return sha256(as_bytes(std::to_string(number))); }
  std::string folder() const { return root_ + "/deep/models"; }
  std::string only_entry() const { return std::filesystem::directory_iterator(folder())->path().string(); }

  Env& env_ = Env::real();
  std::string root_;
};

TEST_F(ModelCache, what_was_kept_is_found_under_its_own_key_only) {
  EXPECT_EQ(find_cached_model(env_, folder(), key(1)), nullptr);
  keep_cached_model(env_, folder(), key(1), "compiled");
  const auto found = find_cached_model(env_, folder(), key(1));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(as_text(found->bytes()), "compiled");
  EXPECT_EQ(find_cached_model(env_, folder(), key(2)), nullptr);
}

TEST_F(ModelCache, an_entry_with_any_byte_changed_or_missing_is_passed_over) {
  keep_cached_model(env_, folder(), key(1), "compiled");
  auto whole = read_file(env_, only_entry(), 1000);
  ASSERT_TRUE(whole.is_ok());
  for (std::size_t i = 0; i < whole->size(); ++i) {
    if (i >= 20 && i < 64) continue;  // the padding of the header says nothing
    auto damaged = *whole;
    damaged[i] ^= std::byte{0x10};
    ASSERT_TRUE(write_file_atomic(env_, only_entry(), damaged).is_ok());
    EXPECT_EQ(find_cached_model(env_, folder(), key(1)), nullptr) << "byte " << i;
  }
  for (std::size_t size = 0; size < whole->size(); ++size) {
    ASSERT_TRUE(write_file_atomic(env_, only_entry(), ByteView(*whole).first(size)).is_ok());
    EXPECT_EQ(find_cached_model(env_, folder(), key(1)), nullptr) << "size " << size;
  }
}

TEST_F(ModelCache, the_oldest_entries_go_when_there_are_too_many) {
  for (int i = 0; i < static_cast<int>(limits::kCompiledModelsMax) + 3; ++i) {
    keep_cached_model(env_, folder(), key(i), "x");
    const auto time = std::filesystem::file_time_type::clock::now() - std::chrono::hours(100 - i);
    if (find_cached_model(env_, folder(), key(i)) != nullptr) {
      std::filesystem::last_write_time(folder() + "/" + key(i).hex().substr(0, 32) + ".compiled", time);
    }
  }
  EXPECT_EQ(find_cached_model(env_, folder(), key(0)), nullptr);
  EXPECT_EQ(find_cached_model(env_, folder(), key(2)), nullptr);
  EXPECT_NE(find_cached_model(env_, folder(), key(3)), nullptr);
  EXPECT_NE(find_cached_model(env_, folder(), key(static_cast<int>(limits::kCompiledModelsMax) + 2)), nullptr);
}

TEST_F(ModelCache, the_sum_of_a_file_is_remembered_until_the_file_changes) {
  Bytes content(1 << 20, std::byte{7});
  const auto path = root_ + "/network";
  const auto name = [&] { return content_name(env_, folder(), path, content); };
  const auto write = [&] { ASSERT_TRUE(write_file_atomic(env_, path, content).is_ok()); };
  write();
  const auto time = std::filesystem::last_write_time(path);
  const auto first = name();
  EXPECT_EQ(first, std::to_string(content.size()) + " " + std::to_string(crc32c(content)));
  // Between samples, at the same time: only here the memory shows.
  content[5000] = std::byte{8};
  EXPECT_EQ(name(), first);
  write();
  std::filesystem::last_write_time(path, time + std::chrono::seconds(1));
  const auto second = name();
  EXPECT_NE(second, first);
  // In a sample, at the same time.
  content[100] = std::byte{9};
  EXPECT_NE(name(), second);
  // A damaged memory is none.
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    auto kept = read_file(env_, entry.path().string(), 1000);
    ASSERT_TRUE(kept.is_ok());
    for (auto& byte : *kept) {
      byte ^= std::byte{1};
      ASSERT_TRUE(write_file_atomic(env_, entry.path().string(), *kept).is_ok());
      EXPECT_EQ(name(), std::to_string(content.size()) + " " + std::to_string(crc32c(content)));
      byte ^= std::byte{1};
    }
  }
  content.resize(10);
  EXPECT_EQ(name(), "10 " + std::to_string(crc32c(content)));
  EXPECT_EQ(content_name(env_, folder(), root_ + "/missing", {}), "0 0");
}

TEST_F(ModelCache, a_folder_that_cannot_be_made_is_no_error) {
  ASSERT_TRUE(write_file_atomic(env_, root_ + "/file", as_bytes("x")).is_ok());
  keep_cached_model(env_, root_ + "/file/models", key(1), "x");
  EXPECT_EQ(find_cached_model(env_, root_ + "/file/models", key(1)), nullptr);
}

}  // namespace
}  // namespace pictor
