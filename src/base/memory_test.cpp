#include "base/memory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace pictor {
namespace {

class MemoryTest : public ::testing::Test {
 protected:
  MemoryTest() {
    std::string name = (std::filesystem::temp_directory_path() / "pictor-memory-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  ~MemoryTest() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& content) {
    const std::filesystem::path file = root_ + "/" + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << content;
  }
  std::string root_;
};

TEST_F(MemoryTest, a_machine_has_some) { EXPECT_GT(machine_memory_bytes(), std::uint64_t{1} << 20); }

TEST_F(MemoryTest, the_smallest_limit_of_a_group_and_those_above_holds) {
  write("a/b/memory.max", "4096000\n");
  EXPECT_EQ(group_memory_bytes("0::/a/b\n", root_), 4096000U);
  write("a/memory.max", "2048000\n");
  EXPECT_EQ(group_memory_bytes("0::/a/b\n", root_), 2048000U);
  write("a/memory.max", "max\n");
  EXPECT_EQ(group_memory_bytes("0::/a/b\n", root_), 4096000U);
  EXPECT_EQ(group_memory_bytes("0::/a\n", root_), UINT64_MAX);
}

TEST_F(MemoryTest, groups_of_version_1_are_read_too) {
  write("memory/jobs/7/memory.limit_in_bytes", "9223372036854771712\n");
  write("memory/jobs/memory.limit_in_bytes", "1000000\n");
  EXPECT_EQ(group_memory_bytes("9:cpu:/x\n4:memory:/jobs/7\n0::/\n", root_), 1000000U);
  EXPECT_EQ(group_memory_bytes("4:hugetlb,memory:/jobs/7\n", root_), 1000000U);
}

TEST_F(MemoryTest, what_cannot_be_read_is_no_limit) {
  for (const char* members : {"", "nonsense", "0:", "0::", "::::", "4:memory:relative", "0::/not/there\n\n"}) {
    EXPECT_EQ(group_memory_bytes(members, root_), UINT64_MAX) << members;
  }
  write("memory.max", "many");
  EXPECT_EQ(group_memory_bytes("0::/\n", root_), UINT64_MAX);
}

}  // namespace
}  // namespace pictor
