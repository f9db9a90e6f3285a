#include "rank/rank.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>
#include <thread>

namespace pictor {
namespace {

using Rows = std::vector<ScoredRow>;

// Does what it is told, so that each way to break the contract is one line.
class Told final : public Reranker {
 public:
  using What = std::function<Result<Rows>(Rows, std::int64_t)>;
  explicit Told(What what) : what_(std::move(what)) {}
  std::string name() const override { return "told"; }
  Result<Rows> rank(std::span<const ScoredRow> candidates, std::int64_t deadline_us) const override {
    return what_({candidates.begin(), candidates.end()}, deadline_us);
  }

 private:
  What what_;
};

Rows three() { return {{7, 0.9}, {3, 0.8}, {5, 0.7}}; }

class RankTest : public ::testing::Test {
 protected:
  RerankOutcome run(Told::What what, std::int64_t ms = 10'000) {
    return runner_.run(std::make_shared<Told>(std::move(what)), three(), Env::real().monotonic_us() + ms * 1000);
  }
  void expect_first_order(const RerankOutcome& outcome, const std::string& why) {
    EXPECT_FALSE(outcome.applied);
    EXPECT_EQ(outcome.rows, three());
    EXPECT_EQ(outcome.warning, "re-ranking by told " + why + ": the order is that of the first stage");
  }

  RerankRunner runner_{Env::real()};
};

TEST_F(RankTest, an_honest_one_reorders_and_may_drop) {
  const auto outcome = run([](const Rows&, std::int64_t) { return Rows{{5, 2}, {7, 1}}; });
  EXPECT_TRUE(outcome.applied);
  EXPECT_EQ(outcome.warning, "");
  EXPECT_EQ(outcome.rows, (Rows{{5, 2}, {7, 1}}));
}

TEST_F(RankTest, one_that_lies_costs_only_itself) {
  expect_first_order(run([](const Rows&, std::int64_t) {
                       return Rows{{5, 2}, {8, 1}};
                     }),
                     "gave an item that was no candidate");
  expect_first_order(run([](const Rows&, std::int64_t) { return Rows{{5, 2}, {7, 1}, {5, 0}}; }), "gave an item twice");
  expect_first_order(run([](const Rows&, std::int64_t) {
                       return Rows{{5, std::nan("")}};
                     }),
                     "gave a score that is no number");
}

TEST_F(RankTest, one_that_fails_or_throws_costs_only_itself) {
  expect_first_order(run([](const Rows&, std::int64_t) { return Status(Code::kIo, "no disk"); }), "failed (no disk)");
  expect_first_order(run([](const Rows&, std::int64_t) -> Result<Rows> { throw std::runtime_error("ouch"); }),
                     "failed (it threw: ouch)");
  expect_first_order(run([](const Rows&, std::int64_t) -> Result<Rows> { throw 7; }), "failed (it threw)");
}

TEST_F(RankTest, one_that_hangs_costs_its_time_and_so_many_of_them_are_borne) {
  std::atomic<bool> free = false;
  const auto hang = [&](const Rows& rows, std::int64_t) -> Result<Rows> {
    while (!free) std::this_thread::yield();
    return rows;
  };
  const auto before = Env::real().monotonic_us();
  for (std::uint32_t i = 0; i < limits::kRerankersLateMax; ++i)
    expect_first_order(run(hang, 10), "took longer than it had");
  EXPECT_LT(Env::real().monotonic_us() - before, 5'000'000);
  EXPECT_EQ(runner_.late(), limits::kRerankersLateMax);
  bool begun = false;
  expect_first_order(run([&](const Rows& rows, std::int64_t) {
                       begun = true;
                       return rows;
                     }),
                     "was not begun, as 4 that are late still work");
  EXPECT_FALSE(begun);
  free = true;
  while (runner_.late() != 0) std::this_thread::yield();
  EXPECT_TRUE(run([](const Rows& rows, std::int64_t) { return rows; }).applied);
}

TEST_F(RankTest, the_end_of_a_runner_waits_for_those_that_are_late) {
  std::atomic<bool> ended = false, begun = false;
  {
    RerankRunner runner(Env::real());
    const auto slow = [&](const Rows& rows, std::int64_t) -> Result<Rows> {
      begun = true;
      Env::real().wait_us(50'000);
      ended = true;
      return rows;
    };
    const auto outcome = runner.run(std::make_shared<Told>(slow), three(), Env::real().monotonic_us() + 1000);
    EXPECT_FALSE(outcome.applied);
  }
  EXPECT_TRUE(!begun || ended);
}

// Tokens of rows 1 to 4: row r is made of ones in number r % 2 and of noughts else; row 3 has none, row 4 is damaged.
class TokenRankTest : public ::testing::Test {
 protected:
  static constexpr TokenGrid kGrid{2, 2, 2};
  static Bytes packed(RowId row) {
    std::vector<float> numbers(kGrid.numbers());
    for (std::size_t i = row % 2; i < numbers.size(); i += 2) numbers[i] = 1;
    return pack_tokens(TokenCodec::kInt8, kGrid, numbers, kGrid.dim).value();
  }
  static QueryTokens like(RowId row) {
    ItemTokens item;
    EXPECT_TRUE(item_tokens(TokenCodec::kInt8, kGrid, packed(row), item).is_ok());
    return query_tokens(item);
  }
  TokenSource source_{TokenCodec::kInt8, kGrid, [](RowId row) -> Result<std::optional<Bytes>> {
                        if (row == 3) return std::optional<Bytes>();
                        if (row == 4) return Status(Code::kCorrupt, "damaged");
                        return std::optional(packed(row));
                      }};
  const Rows candidates_{{4, 0.9}, {2, 0.8}, {3, 0.7}, {1, 0.6}};
};

TEST_F(TokenRankTest, the_likest_come_first_and_what_has_no_tokens_follows_in_the_first_order) {
  RerankRunner runner(Env::real());
  ThreadPool pool(2);
  for (ThreadPool* threads : {static_cast<ThreadPool*>(nullptr), &pool}) {
    const auto reranker = make_token_reranker(Env::real(), {{like(1), 1.0}}, source_, threads);
    const auto outcome = runner.run(reranker, candidates_, Env::real().monotonic_us() + 60'000'000);
    EXPECT_TRUE(outcome.applied);
    ASSERT_EQ(outcome.rows.size(), 4U);
    EXPECT_EQ(outcome.rows[0].row, 1U);
    EXPECT_NEAR(outcome.rows[0].score, 1, 1e-6);
    EXPECT_EQ(outcome.rows[1], (ScoredRow{2, 0.0}));
    EXPECT_EQ(outcome.rows[2], (ScoredRow{4, 0.9, false}));
    EXPECT_EQ(outcome.rows[3], (ScoredRow{3, 0.7, false}));
    EXPECT_EQ(outcome.warning, "re-ranking by tokens knows nothing of 2 candidates: they follow the others");
  }
}

TEST_F(TokenRankTest, parts_are_weighted_and_a_negative_weight_leads_away) {
  const auto ranked = make_token_reranker(Env::real(), {{like(1), 1.0}, {like(2), -3.0}}, source_, nullptr)
                          ->rank(candidates_, std::numeric_limits<std::int64_t>::max());
  ASSERT_TRUE(ranked.is_ok());
  EXPECT_EQ((*ranked)[0].row, 1U);
  EXPECT_NEAR((*ranked)[0].score, 0.25, 1e-6);
  EXPECT_EQ((*ranked)[1].row, 2U);
  EXPECT_NEAR((*ranked)[1].score, -0.75, 1e-6);
}

TEST_F(TokenRankTest, a_deadline_that_has_passed_is_said) {
  const auto reranker = make_token_reranker(Env::real(), {{like(1), 1.0}}, source_, nullptr);
  EXPECT_EQ(reranker->rank(candidates_, 0).status().code(), Code::kCancelled);
}

TEST(Fuse, ranks_add_up_by_their_reciprocals_and_equal_ones_go_by_age) {
  const std::vector<WeightedRows> lists{{0.5, {{9, 0.9}, {4, 0.8}, {6, 0.1}}}, {0.5, {{6, 12}, {9, 3}, {2, 1}}}};
  const auto fused = fuse_ranks(lists);
  ASSERT_EQ(fused.size(), 4U);
  EXPECT_EQ(fused[0], (ScoredRow{9, 0.5 / 61 + 0.5 / 62}));
  EXPECT_EQ(fused[1], (ScoredRow{6, 0.5 / 63 + 0.5 / 61}));
  EXPECT_EQ(fused[2], (ScoredRow{4, 0.5 / 62}));
  EXPECT_EQ(fused[3], (ScoredRow{2, 0.5 / 63}));
  const std::vector<WeightedRows> even{{1, {{9, 0}}}, {1, {{4, 0}}}};
  EXPECT_EQ(fuse_ranks(even).front().row, 4U);
}

TEST(Fuse, scores_add_up_by_their_weights) {
  const std::vector<WeightedRows> lists{{0.25, {{9, 0.8}, {4, 0.4}}}, {0.75, {{4, 1.0}, {2, 0.5}}}};
  const auto fused = fuse_scores(lists);
  EXPECT_EQ(fused, (Rows{{4, 0.25 * 0.4 + 0.75}, {2, 0.375}, {9, 0.2}}));
  EXPECT_TRUE(fuse_scores({}).empty());
}

}  // namespace
}  // namespace pictor
