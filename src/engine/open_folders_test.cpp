#include "engine/open_folders.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

namespace pictor {
namespace {

class OpenFoldersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-folders-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  std::string path_;
};

TEST_F(OpenFoldersTest, whoever_asks_for_one_that_is_open_has_the_same) {
  OpenFolders folders(Env::real());
  EXPECT_EQ(folders.open(path_ + "/a", false).status().code(), Code::kNotFound);
  auto first = folders.open(path_ + "/a", true).value();
  auto second = folders.open(path_ + "/a", false).value();
  EXPECT_EQ(first, second);
  EXPECT_NE(folders.open(path_ + "/b", true).value(), first);
  first.reset();
  EXPECT_EQ(DataFolder::open(Env::real(), path_ + "/a").status().code(), Code::kBusy) << "somebody has it still";
  second.reset();
  EXPECT_TRUE(DataFolder::open(Env::real(), path_ + "/a").is_ok());
}

TEST_F(OpenFoldersTest, one_that_is_being_closed_is_waited_for) {
  OpenFolders folders(Env::real());
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 50; ++turn) failed += folders.open(path_ + "/a", true).is_ok() ? 0 : 1;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

}  // namespace
}  // namespace pictor
