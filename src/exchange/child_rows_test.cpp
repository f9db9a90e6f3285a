#include "exchange/child_rows.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace pictor {
namespace {

// Rows of two numbers; what happens at row `fatal_at` is the test's.
class Counted : public Rows {
 public:
  Counted(std::uint64_t rows, std::uint64_t fatal_at, std::function<Status()> fatal)
      : fatal_at_(fatal_at), fatal_(std::move(fatal)) {
    dim = 2;
    total = rows;
    metric = Metric::kL2;
    format = "counted";
    notes = {"a note", ""};
  }
  Result<bool> next(VectorSource::Entry& out) override {
    if (row_ == *total) return false;
    if (row_ == fatal_at_) PICTOR_TRY(fatal_());
    out = {};
    out.vector.id = "id " + std::to_string(row_);
    out.vector.place = "row " + std::to_string(row_);
    out.vector.numbers = {static_cast<float>(row_), 0.5F};
    ++row_;
    return true;
  }

 private:
  const std::uint64_t fatal_at_;
  const std::function<Status()> fatal_;
  std::uint64_t row_ = 0;
};

Result<std::unique_ptr<Rows>> counted(std::uint64_t rows, std::uint64_t fatal_at = UINT64_MAX,
                                      std::function<Status()> fatal = nullptr) {
  return open_in_child("'file'", [=]() -> Result<std::unique_ptr<Rows>> {
    return std::unique_ptr<Rows>(std::make_unique<Counted>(rows, fatal_at, fatal));
  });
}

// How many came, and what ended them.
std::pair<std::uint64_t, Status> read(Rows& rows) {
  for (std::uint64_t count = 0;; ++count) {
    VectorSource::Entry entry;
    const auto more = rows.next(entry);
    if (!more.is_ok()) return {count, more.status()};
    if (!*more) return {count, Status::ok()};
    EXPECT_EQ(entry.vector.id, "id " + std::to_string(count));
    EXPECT_EQ(entry.vector.numbers[0], static_cast<float>(count));
  }
}

TEST(ChildRows, what_another_process_reads_comes_whole_and_in_order) {
  const auto rows = counted(50'000);
  ASSERT_TRUE(rows.is_ok()) << rows.status().to_string();
  EXPECT_EQ((*rows)->dim, 2U);
  EXPECT_EQ((*rows)->total, 50'000U);
  EXPECT_EQ((*rows)->metric, Metric::kL2);
  EXPECT_EQ((*rows)->format, "counted");
  EXPECT_EQ((*rows)->notes, (std::vector<std::string>{"a note", ""}));
  const auto [count, status] = read(**rows);
  EXPECT_EQ(count, 50'000U);
  EXPECT_TRUE(status.is_ok()) << status.to_string();
  VectorSource::Entry entry;
  EXPECT_FALSE(*(*rows)->next(entry));
}

TEST(ChildRows, rows_that_nobody_wants_any_more_end_with_their_process) {
  const auto rows = counted(UINT64_MAX - 1);
  ASSERT_TRUE(rows.is_ok());
  VectorSource::Entry entry;
  ASSERT_TRUE(*(*rows)->next(entry));
}

TEST(ChildRows, errors_come_as_they_were) {
  const auto opened =
      open_in_child("'file'", []() -> Result<std::unique_ptr<Rows>> { return Status(Code::kLimit, "too large"); });
  EXPECT_EQ(opened.status().code(), Code::kLimit);
  EXPECT_EQ(opened.status().message(), "too large");
  const auto rows = counted(10, 4, [] { return Status(Code::kIo, "gone"); });
  const auto [count, status] = read(**rows);
  EXPECT_EQ(count, 4U);
  EXPECT_EQ(status.to_string(), "io: gone");
}

TEST(ChildRows, a_process_that_is_brought_down_is_an_error_and_no_more) {
  const auto rows = counted(10, 4, []() -> Status { std::abort(); });
  ASSERT_TRUE(rows.is_ok()) << rows.status().to_string();
  const auto [count, status] = read(**rows);
  EXPECT_LE(count, 4U);
  EXPECT_EQ(status.code(), Code::kUnreadable);
  EXPECT_NE(status.message().find("'file' brought down the library that reads it (signal 6)"), std::string::npos)
      << status.message();
  const auto opened = open_in_child("'file'", []() -> Result<std::unique_ptr<Rows>> { std::_Exit(3); });
  EXPECT_EQ(opened.status().code(), Code::kUnreadable);
}

#if !defined(PICTOR_SANITIZED)  // which take address space without end
TEST(ChildRows, a_process_takes_no_more_memory_than_it_may) {
  const auto rows = counted(1, 0, []() -> Status {
    void* memory = std::malloc(2 * limits::kGiB);
    const bool got = memory != nullptr;
    std::free(memory);
    return got ? Status(Code::kInternal, "it could") : Status(Code::kLimit, "it could not");
  });
  EXPECT_EQ(read(**rows).second.message(), "it could not");
}
#endif

}  // namespace
}  // namespace pictor
