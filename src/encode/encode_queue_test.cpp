// The queue alone, without threads: what goes together, what goes first, what is refused.
#include "encode/encode_queue.h"

#include <gtest/gtest.h>

#include "observe/observe.h"

namespace pictor {
namespace {

constexpr std::size_t kNumbers = 12;  // of a picture: 3 x 2 x 2

double refused(EncodeRefusal cause) {
  return Metrics::global().value(MetricId::kEncodeRefused, static_cast<std::size_t>(cause));
}

EncodeRequestPtr request(std::size_t count, EncodePriority priority, const std::string& head = "",
                         std::int64_t deadline_us = 0, std::int64_t queued_us = 0) {
  auto made = std::make_shared<EncodeRequest>();
  made->count = count;
  made->terms = {priority, deadline_us};
  made->head = head;
  made->queued_us = queued_us;
  if (head.empty()) {
    made->own_tensors.resize(count * kNumbers);
    made->tensors = made->own_tensors;
  } else {
    made->own_texts.resize(count);
    made->texts = made->own_texts;
  }
  return made;
}

constexpr auto kUrgent = EncodePriority::kInteractive;
constexpr auto kLater = EncodePriority::kBulk;

std::size_t items_of(const std::vector<EncodeSlice>& batch) {
  std::size_t items = 0;
  for (const auto& slice : batch) items += slice.count;
  return items;
}

TEST(EncodeQueue, interactive_goes_first_and_bulk_still_has_its_turn) {
  BatcherOptions options;
  options.interactive_in_a_row = 3;
  EncodeQueue queue(options, 1);
  for (int i = 0; i < 3; ++i) queue.push(request(1, kLater));
  for (int i = 0; i < 8; ++i) queue.push(request(1, kUrgent));
  std::string order;
  std::vector<EncodeRequestPtr> late;
  while (!queue.empty()) {
    const auto batch = queue.take(0, late);
    order += batch.front().request->terms.priority == kUrgent ? 'i' : 'b';
  }
  EXPECT_EQ(order, "iiibiiibiib");
  EXPECT_TRUE(late.empty());
}

TEST(EncodeQueue, a_large_request_is_taken_in_parts_and_others_go_between) {
  EncodeQueue queue({}, 4);
  const auto large = request(10, kLater);
  queue.push(large);
  std::vector<EncodeRequestPtr> late;
  EXPECT_EQ(items_of(queue.take(0, late)), 4U);
  queue.push(request(1, kUrgent));
  const auto next = queue.take(0, late);
  ASSERT_EQ(next.size(), 2U);
  EXPECT_EQ(next[0].request->terms.priority, kUrgent);
  EXPECT_EQ(next[1].first, 4U) << "the room that is left is used";
  EXPECT_EQ(next[1].count, 3U);
  EXPECT_EQ(items_of(queue.take(0, late)), 3U);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(large->taken, 10U);
}

TEST(EncodeQueue, pictures_and_texts_and_heads_do_not_mix) {
  EncodeQueue queue({}, 8);
  queue.push(request(2, kUrgent));
  queue.push(request(2, kUrgent, "joint"));
  queue.push(request(3, kUrgent));
  queue.push(request(1, kUrgent, "words"));
  std::vector<EncodeRequestPtr> late;
  EXPECT_EQ(items_of(queue.take(0, late)), 5U);
  EXPECT_EQ(items_of(queue.take(0, late)), 2U);
  EXPECT_EQ(items_of(queue.take(0, late)), 1U);
}

TEST(EncodeQueue, a_full_queue_says_how_full_the_limit_and_when_to_come_again) {
  BatcherOptions options;
  options.queue_items = 6;
  options.queue_bytes = 10 * kNumbers * sizeof(float);
  EncodeQueue queue(options, 1);
  queue.time_of(true).add(2500);
  ASSERT_TRUE(queue.admit(*request(6, kLater), 0, 1).is_ok());
  queue.push(request(4, kLater));
  EXPECT_TRUE(queue.admit(*request(2, kLater), 0, 1).is_ok()) << "at the limit";
  const double before = refused(EncodeRefusal::kFull);
  const auto status = queue.admit(*request(3, kLater), 0, 1);
  EXPECT_EQ(status.code(), Code::kBusy);
  for (const char* word : {"bulk", "4 items", "at most 6 items", "480 bytes", "in about 12 ms"}) {
    EXPECT_NE(status.message().find(word), std::string::npos) << status.message();
  }
  EXPECT_EQ(refused(EncodeRefusal::kFull) - before, 1);
  EXPECT_TRUE(queue.admit(*request(6, kUrgent), 0, 1).is_ok()) << "bulk does not lock the urgent out";
  EXPECT_EQ(queue.admit(*request(7, kUrgent), 0, 0).code(), Code::kLimit) << "never fits";
  std::vector<EncodeRequestPtr> late;
  queue.take(0, late);
  EXPECT_TRUE(queue.admit(*request(3, kLater), 0, 1).is_ok());

  options.queue_items = 100;
  EncodeQueue by_bytes(options, 1);
  by_bytes.push(request(8, kLater));
  EXPECT_TRUE(by_bytes.admit(*request(2, kLater), 0, 0).is_ok());
  EXPECT_EQ(by_bytes.admit(*request(3, kLater), 0, 0).code(), Code::kBusy);
  EXPECT_EQ(by_bytes.admit(*request(11, kLater), 0, 0).code(), Code::kLimit);
}

TEST(EncodeQueue, what_cannot_be_done_in_time_is_refused_but_not_for_ever) {
  EncodeQueue queue({}, 1);
  queue.time_of(true).add(1000);
  queue.time_of(true).add(900);
  queue.push(request(4, kUrgent));
  EXPECT_TRUE(queue.admit(*request(1, kUrgent, "", 100'000), 95'000, 1).is_ok());
  const double before = refused(EncodeRefusal::kHopeless);
  const auto status = queue.admit(*request(1, kUrgent, "", 100'000), 97'000, 1);
  EXPECT_EQ(status.code(), Code::kCancelled);
  EXPECT_NE(status.message().find("about 5 ms are needed, the deadline is in 3 ms"), std::string::npos)
      << status.message();
  EXPECT_EQ(queue.admit(*request(1, kUrgent, "", 100'000), 97'000, 1).code(), Code::kCancelled);
  EXPECT_TRUE(queue.admit(*request(1, kUrgent, "", 100'000), 97'000, 1).is_ok()) << "both measurements are forgotten";
  EXPECT_EQ(refused(EncodeRefusal::kHopeless) - before, 2);
  EXPECT_EQ(queue.admit(*request(1, kUrgent, "", 100'000), 100'000, 0).code(), Code::kCancelled) << "passed";
}

TEST(EncodeQueue, what_waits_too_long_is_dropped) {
  EncodeQueue queue({}, 4);
  queue.push(request(1, kUrgent, "", 500));
  queue.push(request(1, kUrgent, "", 501));
  queue.push(request(1, kLater, "", 499));
  std::vector<EncodeRequestPtr> late;
  EXPECT_EQ(items_of(queue.take(500, late)), 1U);
  EXPECT_EQ(late.size(), 2U);
  EXPECT_TRUE(queue.empty());
}

TEST(EncodeQueue, a_deadline_may_be_as_far_away_as_a_number_goes) {
  EncodeQueue queue({}, 1);
  EXPECT_TRUE(queue.admit(*request(1, kUrgent, "", INT64_MAX), -5, 0).is_ok());
  const auto passed = queue.admit(*request(1, kUrgent, "", INT64_MIN), 5, 0);
  EXPECT_EQ(passed.code(), Code::kCancelled);
  EXPECT_NE(passed.message().find("9223372036854776 ms before"), std::string::npos) << passed.message();
}

TEST(EncodeQueue, bulk_waits_for_company_where_a_batch_is_more_than_one) {
  BatcherOptions options;
  options.bulk_wait_us = 2000;
  EncodeQueue queue(options, 4);
  EXPECT_FALSE(queue.due_in_us(0).has_value());
  queue.push(request(2, kLater, "", 0, 10'000));
  EXPECT_EQ(queue.due_in_us(10'500), 1500);
  EXPECT_EQ(queue.due_in_us(12'000), 0);
  queue.push(request(2, kLater, "", 0, 10'400));
  EXPECT_EQ(queue.due_in_us(10'500), 0) << "the batch is full";
  EncodeQueue single(options, 1);
  single.push(request(1, kLater, "", 0, 10'000));
  EXPECT_EQ(single.due_in_us(10'000), 0);
  EncodeQueue urgent(options, 4);
  urgent.push(request(1, kUrgent, "", 0, 10'000));
  EXPECT_EQ(urgent.due_in_us(10'000), 0);
}

TEST(EncodeQueue, bulk_waits_for_company_no_longer_than_its_deadline_allows) {
  BatcherOptions options;
  options.bulk_wait_us = 2000;
  EncodeQueue queue(options, 4);
  queue.push(request(2, kLater, "", INT64_MAX, 10'000));
  EXPECT_EQ(queue.due_in_us(10'000), 2000);
  queue.push(request(1, kLater, "joint", 11'500, 10'000));
  EXPECT_EQ(queue.due_in_us(10'000), 750) << "the first goes earlier for one that comes after it";
  queue.push(request(1, kLater, "", 11'000, 10'000));
  EXPECT_EQ(queue.due_in_us(10'000), 500);
  queue.time_of(true).add(100);
  EXPECT_EQ(queue.due_in_us(10'000), 450) << "it takes 100 us";
  queue.time_of(true).add(2000);
  EXPECT_EQ(queue.due_in_us(10'300), 150) << "the least is what counts";
  std::vector<EncodeRequestPtr> late;
  EXPECT_EQ(items_of(queue.take(10'450, late)), 3U);
  EXPECT_TRUE(late.empty());

  EncodeQueue hurried(options, 4);
  hurried.time_of(true).add(700);
  hurried.push(request(1, kLater, "", 10'600, 10'000));
  EXPECT_EQ(hurried.due_in_us(10'000), 0);
}

}  // namespace
}  // namespace pictor
