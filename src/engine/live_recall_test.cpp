#include "engine/live_recall.h"

#include <gtest/gtest.h>

namespace pictor {
namespace {

std::vector<Neighbor> rows(RowId first, std::size_t count) {
  std::vector<Neighbor> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back({{static_cast<float>(i)}, first + i});
  return all;
}

TEST(LiveRecallTest, wilsons_interval_is_that_of_the_paper) {
  // 9 of 10: 0.5958 to 0.9821, as printed in every table of it.
  const auto nine = wilson_interval(9, 10);
  EXPECT_NEAR(nine.low, 0.5958, 1e-4);
  EXPECT_NEAR(nine.high, 0.9821, 1e-4);
  const auto all = wilson_interval(10, 10);
  EXPECT_NEAR(all.low, 0.7225, 1e-4);
  EXPECT_DOUBLE_EQ(all.high, 1.0);
  EXPECT_EQ(wilson_interval(0, 0).low, 0.0);
  EXPECT_EQ(wilson_interval(0, 0).high, 1.0);
}

TEST(LiveRecallTest, recall_counts_rows_among_the_first) {
  EXPECT_DOUBLE_EQ(recall_at(10, rows(1, 10), rows(1, 10)), 1.0);
  EXPECT_DOUBLE_EQ(recall_at(10, rows(4, 10), rows(1, 10)), 0.7);
  EXPECT_DOUBLE_EQ(recall_at(1, rows(2, 10), rows(1, 10)), 0.0);
  EXPECT_DOUBLE_EQ(recall_at(10, rows(1, 4), rows(1, 10)), 0.4);
}

TEST(LiveRecallTest, one_query_of_a_hundred_is_compared_and_collections_are_apart) {
  ThreadPool pool(2);
  LiveRecall live(Env::real(), pool);
  std::atomic<int> asked = 0;
  for (int i = 0; i < 3 * static_cast<int>(limits::kLiveRecallOneOf); ++i) {
    live.saw("shop", rows(2, 10), [&asked]() -> Result<std::vector<Neighbor>> {
      ++asked;
      return rows(1, 10);
    });
    live.wait();
  }
  EXPECT_EQ(asked, 3);
  const auto measured = live.of("shop");
  ASSERT_EQ(measured.size(), 2U) << "recall@100 of ten neighbours is not known";
  EXPECT_EQ(measured[0].at, 1U);
  EXPECT_DOUBLE_EQ(measured[0].recall, 0.0);
  EXPECT_EQ(measured[1].at, 10U);
  EXPECT_EQ(measured[1].queries, 3U);
  EXPECT_DOUBLE_EQ(measured[1].recall, 0.9);
  EXPECT_LT(measured[1].low, 0.9);
  EXPECT_GT(measured[1].high, 0.9);
  EXPECT_TRUE(live.of("other").empty());
}

TEST(LiveRecallTest, comparisons_stop_when_they_took_their_share_of_the_time) {
  ThreadPool pool(2);
  LiveRecall live(Env::real(), pool);
  std::atomic<int> asked = 0;
  for (int i = 0; i < 20 * static_cast<int>(limits::kLiveRecallOneOf); ++i) {
    live.saw("shop", rows(1, 1), [&asked]() -> Result<std::vector<Neighbor>> {
      ++asked;
      Env::real().wait_us(50'000);
      return rows(1, 1);
    });
    live.wait();
  }
  EXPECT_GE(asked, 1);
  EXPECT_LE(asked, 3) << "a share of a twentieth: the next one is due a second after the first";
}

TEST(LiveRecallTest, an_exact_answer_that_fails_is_not_counted) {
  ThreadPool pool(2);
  LiveRecall live(Env::real(), pool);
  for (std::uint32_t i = 0; i < limits::kLiveRecallOneOf; ++i) {
    live.saw("shop", rows(1, 10),
             []() -> Result<std::vector<Neighbor>> { return Status(Code::kIo, "the disk went away"); });
  }
  live.wait();
  EXPECT_TRUE(live.of("shop").empty());
}

}  // namespace
}  // namespace pictor
