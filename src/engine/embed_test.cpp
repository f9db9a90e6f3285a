// What is asked with is embedded once, before bulk, in time or not at all, and with the same bits for every caller.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "engine/engine_testing.h"
#include "observe/observe.h"

namespace pictor {
namespace {

using EmbedTest = EngineTest;

double embedded() {
  return Metrics::global().value(MetricId::kEncodePictures) + Metrics::global().value(MetricId::kEncodeTexts);
}
double hits() { return Metrics::global().value(MetricId::kVectorCache, static_cast<std::size_t>(CacheResult::kHit)); }

TEST_F(EmbedTest, the_second_embedding_of_the_same_bytes_is_a_look_up_with_the_same_bits) {
  const auto file = picture(1);
  const auto first = engine_->embed_picture("", "visual", file).value();
  const double before = embedded(), hits_before = hits();
  EXPECT_EQ(engine_->embed_picture("", "visual", file).value(), first);
  EXPECT_EQ(embedded(), before);
  EXPECT_EQ(hits() - hits_before, 1);
  const auto joint = engine_->embed_picture("", "joint", file).value();
  EXPECT_EQ(embedded(), before) << "all heads came from one pass";
  EXPECT_NE(joint.size(), first.size());
  engine_->embed_picture("", "visual", picture(2)).value();
  EXPECT_EQ(embedded() - before, 1) << "another picture is not known";

  options_.vector_cache_bytes = 0;
  reopen();
  EXPECT_EQ(engine_->embed_picture("", "visual", file).value(), first);
  EXPECT_EQ(engine_->embed_picture("", "joint", file).value(), joint);
  EXPECT_EQ(embedded() - before, 3) << "nothing is remembered";
}

TEST_F(EmbedTest, of_several_texts_only_the_unknown_are_embedded) {
  const std::vector<std::string> some = {"a red car", "a dog"}, all = {"a dog", "two boats", "a red car", "two boats"};
  options_.vector_cache_bytes = 0;
  reopen();
  const auto wanted = engine_->embed_texts("", "joint", all).value();
  options_.vector_cache_bytes = limits::kMiB;
  reopen();
  engine_->embed_texts("", "joint", some).value();
  const double before = embedded();
  EXPECT_EQ(engine_->embed_texts("", "joint", all).value(), wanted);
  EXPECT_EQ(embedded() - before, 2);
  EXPECT_EQ(engine_->embed_texts("", "joint", all).value(), wanted);
  EXPECT_EQ(embedded() - before, 2);
  EXPECT_EQ(engine_->embed_texts("", "visual", all).status().code(), Code::kInvalid);
  EXPECT_EQ(engine_->embed_texts("", "nothing", all).status().code(), Code::kNotFound);
}

TEST_F(EmbedTest, a_query_asked_again_is_not_embedded_again) {
  ingest(pictures(4));
  const auto first = engine_->search(by_image(2));
  const double before = embedded();
  const auto second = engine_->search(by_image(2));
  ASSERT_TRUE(first.is_ok() && second.is_ok());
  EXPECT_EQ(embedded(), before);
  EXPECT_EQ(first->hits[0].id, second->hits[0].id);
  EXPECT_EQ(first->hits[0].score, second->hits[0].score);
}

TEST_F(EmbedTest, a_query_whose_deadline_has_passed_is_not_embedded) {
  ingest(pictures(2));
  auto query = by_image(1);
  query.deadline_us = Env::real().monotonic_us() - 1000;
  const double before = embedded();
  const auto status = engine_->search(query).status();
  EXPECT_EQ(status.code(), Code::kCancelled);
  EXPECT_NE(status.message().find("deadline passed"), std::string::npos) << status.message();
  EXPECT_EQ(embedded(), before);
  query.deadline_us = Env::real().monotonic_us() + 600'000'000;
  EXPECT_TRUE(engine_->search(query).is_ok());
}

TEST_F(EmbedTest, many_callers_at_once_get_the_bits_of_one) {
  options_.vector_cache_bytes = 0;
  reopen();
  std::vector<std::vector<float>> wanted;
  for (unsigned i = 0; i < 4; ++i) wanted.push_back(engine_->embed_picture("", "visual", picture(i)).value());
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 6; ++t) {
      threads.emplace_back([&, t] {
        for (unsigned i = 0; i < 4; ++i) {
          const unsigned number = (t + i) % 4;
          const auto seen = engine_->embed_picture("", "visual", picture(number));
          if (!seen.is_ok() || *seen != wanted[number]) ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace pictor
