#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "db/db.h"

namespace pictor {
namespace {

constexpr int kCommits = 60;
constexpr Migration kMigrations[] = {{1, "CREATE TABLE pairs(a INTEGER, b INTEGER); INSERT INTO pairs VALUES(0, 0)"}};

class Concurrency : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!GetParam()) return;
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    env_ = &Env::real();
  }
  void TearDown() override {
    if (GetParam()) std::filesystem::remove_all(folder_);
  }
  std::unique_ptr<Database> open() {
    auto database = Database::open(*env_, join_path(folder_, "pairs.db"));
    if (!database.is_ok()) throw std::runtime_error(database.status().to_string());
    EXPECT_TRUE(database.value()->migrate(kMigrations).is_ok());
    return std::move(database).value();
  }
  static Status add_one(Database& database) {
    PICTOR_ASSIGN(auto transaction, Transaction::begin(database));
    PICTOR_TRY(database.exec("UPDATE pairs SET a = a + 1"));
    PICTOR_TRY(database.exec("UPDATE pairs SET b = b + 1"));
    return transaction.commit();
  }

  SimulatedEnv simulated_{1};
  Env* env_ = &simulated_;
  std::string folder_ = ".";
};

TEST_P(Concurrency, readers_see_only_whole_transactions_and_never_go_back_while_one_writes) {
  auto writer = open();
  std::atomic<bool> done{false};
  std::atomic<std::int64_t> reads{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      auto database = open();
      auto select = std::move(database->prepare("SELECT a, b FROM pairs")).value();
      std::int64_t last = 0;
      do {
        const auto row = select->step();
        ASSERT_TRUE(row.is_ok()) << row.status().to_string();
        ASSERT_EQ(select->integer(0), select->integer(1));
        ASSERT_GE(select->integer(0), last);
        last = select->integer(0);
        select->reset();
        ++reads;
      } while (!done);
    });
  }
  for (int i = 0; i < kCommits; ++i) {
    const auto status = add_one(*writer);
    EXPECT_TRUE(status.is_ok()) << status.to_string();
    if (i % 20 == 19) {
      const auto checkpointed = writer->checkpoint();
      EXPECT_TRUE(checkpointed.is_ok() || checkpointed.code() == Code::kBusy) << checkpointed.to_string();
    }
  }
  done = true;
  for (auto& reader : readers) reader.join();
  EXPECT_GE(reads.load(), 3);
  EXPECT_TRUE(writer->check().is_ok());
}

TEST_P(Concurrency, writers_wait_for_each_other_and_lose_no_update) {
  open();
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&] {
      auto database = open();
      for (int n = 0; n < kCommits / 3; ++n) {
        const auto status = add_one(*database);
        ASSERT_TRUE(status.is_ok()) << status.to_string();
      }
    });
  }
  for (auto& writer : writers) writer.join();
  auto database = open();
  auto select = std::move(database->prepare("SELECT a FROM pairs")).value();
  ASSERT_TRUE(select->step().value());
  EXPECT_EQ(select->integer(0), kCommits / 3 * 3);
}

TEST_P(Concurrency, opening_and_closing_at_once_makes_the_schema_once) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 5; ++n) {
        auto database = open();
        auto select = std::move(database->prepare("SELECT count(*) FROM pairs")).value();
        const auto row = select->step();
        ASSERT_TRUE(row.is_ok()) << row.status().to_string();
        ASSERT_EQ(select->integer(0), 1);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

INSTANTIATE_TEST_SUITE_P(Env, Concurrency, ::testing::Values(false, true),
                         [](const auto& info) { return info.param ? "real" : "simulated"; });

}  // namespace
}  // namespace pictor
