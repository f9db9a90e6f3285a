#include "encode/batcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>
#include <random>
#include <stdexcept>
#include <thread>

#include "encode/encode.h"
#include "encode/test_support.h"
#include "observe/observe.h"

namespace pictor {
namespace {

using Vectors = std::vector<std::vector<float>>;

constexpr std::uint32_t kSeed = 8;
constexpr std::size_t kNumbers = 12;  // of a picture: 3 x 2 x 2
constexpr EncodeTerms kBulk{EncodePriority::kBulk, 0};

constexpr const char* kBreaks = "a text that breaks the network";

// Vectors that follow from the picture or text alone; says what was computed together, and stops while it is held.
// Throws for a picture that begins with an infinity, and for the text kBreaks.
class FakeEncoder final : public Encoder {
 public:
  explicit FakeEncoder(std::size_t pass) : pass_(pass) {
    card_.name = "fake";
    card_.prepare.width = card_.prepare.height = 2;
    card_.heads = {{"visual", 4, Metric::kCosine, true, false, "v"}, {"joint", 3, Metric::kCosine, true, true, "j"}};
  }
  const EncoderCard& card() const override { return card_; }
  std::string isa_class() const override { return "test"; }
  std::string runtime_name() const override { return "test"; }
  std::size_t pass_pictures() const override { return pass_; }

  Result<Vectors> encode_images(std::span<const float> tensors, std::size_t n) const override {
    enter(n);
    if (tensors.size() != n * kNumbers) return Status(Code::kInvalid, "wrong size");
    Vectors out(2);
    for (std::size_t i = 0; i < n; ++i) {
      const auto one = tensors.subspan(i * kNumbers, kNumbers);
      if (std::isinf(one[0])) throw std::bad_alloc();
      if (std::isnan(one[0])) return Status(Code::kInvalid, "picture " + std::to_string(i) + " gives no vector");
      for (int d = 0; d < 4; ++d) out[0].push_back(std::sin(one[0] + one[static_cast<std::size_t>(d)]));
      for (int d = 0; d < 3; ++d) out[1].push_back(std::cos(one[1] * one[static_cast<std::size_t>(d)]));
    }
    return out;
  }
  Result<EncodedImages> encode_images_with_tokens(std::span<const float>, std::size_t) const override {
    return Status(Code::kUnsupported, "no tokens");
  }
  Result<std::vector<float>> encode_texts(std::span<const std::string> texts, std::string_view head) const override {
    enter(texts.size());
    if (head != "joint") return Status(Code::kNotFound, "no such head");
    std::vector<float> out;
    for (const auto& text : texts) {
      if (text == kBreaks) throw std::runtime_error("the network broke");
      for (float d = 0; d < 3; ++d) out.push_back(std::sin(d + static_cast<float>(crc32c(as_bytes(text)) % 1000)));
    }
    return out;
  }
  Result<bool> text_is_cut(std::string_view) const override { return false; }

  void hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void release() {
    {
      const std::lock_guard lock(mutex_);
      held_ = false;
    }
    changed_.notify_all();
  }
  // The first so many calls go on though it is held.
  void let_go_on(std::size_t calls) {
    {
      const std::lock_guard lock(mutex_);
      going_on_ = calls;
    }
    changed_.notify_all();
  }
  // False: not within ten seconds.
  bool wait_until_inside(std::size_t calls) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return batches_.size() >= calls; });
  }
  std::vector<std::size_t> batches() const {
    const std::lock_guard lock(mutex_);
    return batches_;
  }

 private:
  void enter(std::size_t n) const {
    std::unique_lock lock(mutex_);
    batches_.push_back(n);
    changed_.notify_all();
    changed_.wait(lock, [this, call = batches_.size()] { return !held_ || call <= going_on_; });
  }

  EncoderCard card_;
  std::size_t pass_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable std::vector<std::size_t> batches_;
  bool held_ = false;
  std::size_t going_on_ = 0;
};

std::vector<float> pictures(std::size_t n, std::uint32_t seed) {
  std::mt19937 draw(seed);
  std::uniform_real_distribution<float> level(-1.0F, 1.0F);
  std::vector<float> tensors(n * kNumbers);
  for (auto& number : tensors) number = level(draw);
  return tensors;
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return !a.empty() && a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

double refused(EncodeRefusal cause) {
  return Metrics::global().value(MetricId::kEncodeRefused, static_cast<std::size_t>(cause));
}

constexpr auto kUrgent = EncodePriority::kInteractive;
constexpr auto kLater = EncodePriority::kBulk;

// Counts how often it is asked for the time.
class CountingEnv final : public SimulatedEnv {
 public:
  CountingEnv() : SimulatedEnv(kSeed) {}
  std::int64_t monotonic_us() override {
    ++asked;
    return Env::real().monotonic_us();
  }
  std::atomic<int> asked = 0;
};

void wait_until_queued(std::size_t items) {
  const auto interactive = static_cast<std::size_t>(QueueKind::kInteractive);
  const auto wanted = static_cast<double>(items);
  while (Metrics::global().value(MetricId::kEncodeQueueItems, interactive) != wanted) std::this_thread::yield();
}

class BatcherTest : public testing::TestWithParam<std::size_t> {
 protected:
  BatcherOptions options() const {
    BatcherOptions made;
    made.streams = 2;
    return made;
  }
  std::shared_ptr<FakeEncoder> encoder_ = std::make_shared<FakeEncoder>(GetParam());
  Env& env_ = Env::real();
};

// Each of many threads asks for pictures and texts at random, waiting or not, and compares with a direct encode.
void load_at_random(const Encoder& direct, Batcher& batcher, std::size_t numbers, int rounds,
                    std::span<const std::string> words, std::span<const float> all, std::atomic<int>& wrong) {
  const std::size_t count = all.size() / numbers;
  const auto wanted_texts = direct.encode_texts(words, "joint").value();
  const auto wanted = direct.encode_images(all, count).value();
  const std::size_t text_dim = wanted_texts.size() / words.size();
  const auto one_thread = [&](std::uint32_t seed) {
    std::mt19937 draw(seed);
    for (int round = 0; round < rounds; ++round) {
      const EncodeTerms terms{draw() % 2 == 0 ? kUrgent : kLater, 0};
      const bool text = draw() % 3 == 0, waits = draw() % 2 == 0;
      const std::size_t whole = text ? words.size() : count;
      const std::size_t n = 1 + draw() % std::min<std::size_t>(whole, 7), first = draw() % (whole - n + 1);
      const auto tensors = text ? all.first(0) : all.subspan(first * numbers, n * numbers);
      const auto some = text ? words.subspan(first, n) : words.first(0);
      Result<Vectors> made = Vectors();
      if (waits && text) {
        auto vectors = batcher.encode_texts(some, "joint", terms);
        made = vectors.is_ok() ? Result<Vectors>(Vectors{*vectors}) : vectors.status();
      } else if (waits) {
        made = batcher.encode_images(tensors, n, terms);
      } else if (text) {
        made = batcher.submit_texts({some.begin(), some.end()}, "joint", terms).get();
      } else {
        made = batcher.submit_images({tensors.begin(), tensors.end()}, n, terms).get();
      }
      const auto& reference = text ? wanted_texts : wanted[0];
      const std::size_t dim = text ? text_dim : wanted[0].size() / count;
      const bool good = made.is_ok() && same_bits((*made)[0], std::span(reference).subspan(first * dim, n * dim));
      if (!good) ++wrong;
    }
  };
  std::vector<std::jthread> threads;
  for (std::uint32_t i = 0; i < 16; ++i) threads.emplace_back([&, i] { one_thread(kSeed + i); });
}

std::vector<std::string> words() {
  std::vector<std::string> all;
  for (int i = 0; i < 20; ++i) all.push_back("a photo of " + std::to_string(i * i) + " cats");
  return all;
}

TEST_P(BatcherTest, sixteen_callers_of_any_priority_get_the_bits_of_a_direct_encode) {
  Batcher batcher(env_, encoder_, options());
  std::atomic<int> wrong = 0;
  const auto texts = words();
  load_at_random(FakeEncoder(1), batcher, kNumbers, 100, texts, pictures(30, kSeed), wrong);
  EXPECT_EQ(wrong, 0);
}

TEST_P(BatcherTest, one_caller_computes_on_its_own_thread_and_nobody_waits) {
  Batcher batcher(env_, encoder_, options());
  const auto tensors = pictures(1, kSeed);
  const auto made = batcher.encode_images(tensors, 1, {});
  ASSERT_TRUE(made.is_ok()) << made.status().to_string();
  EXPECT_TRUE(same_bits((*made)[1], (*FakeEncoder(1).encode_images(tensors, 1))[1]));
  EXPECT_EQ(encoder_->batches(), (std::vector<std::size_t>{1}));
}

TEST_P(BatcherTest, a_wrong_request_spoils_its_own_answer_only) {
  auto one_stream = options();
  one_stream.streams = 1;
  Batcher batcher(env_, encoder_, one_stream);
  encoder_->hold();
  auto first = batcher.submit_images(pictures(1, 1), 1, {});
  encoder_->wait_until_inside(1);
  auto broken = pictures(1, 2);
  broken[0] = std::nanf("");
  auto wrong = batcher.submit_images(broken, 1, {});
  const auto tensors = pictures(2, 3);
  auto good = batcher.submit_images(tensors, 2, {});
  auto odd = batcher.submit_texts({"a"}, "nothing", {});
  auto many = pictures(9, 4);
  many[0] = std::nanf("");
  auto large = batcher.submit_images(many, 9, kBulk);  // more than a batch: what is left of it goes too
  encoder_->release();
  EXPECT_TRUE(first.get().is_ok());
  EXPECT_EQ(wrong.get().status().code(), Code::kInvalid);
  EXPECT_EQ(odd.get().status().code(), Code::kNotFound);
  EXPECT_EQ(large.get().status().code(), Code::kInvalid);
  const auto made = good.get();
  ASSERT_TRUE(made.is_ok()) << made.status().to_string();
  EXPECT_TRUE(same_bits((*made)[0], (*FakeEncoder(1).encode_images(tensors, 2))[0]));
  batcher.stop(Batcher::Stop::kDrain);
  const auto sizes = encoder_->batches();
  EXPECT_EQ(std::ranges::count(sizes, 0U), 0) << "nothing of it was left in the queue";
  EXPECT_EQ(batcher.encode_images(std::span(tensors).first(5), 1, {}).status().code(), Code::kInvalid);
  EXPECT_TRUE(batcher.encode_images({}, 0, {}).is_ok());
}

TEST_P(BatcherTest, what_is_cancelled_before_it_began_is_not_computed) {
  auto one_stream = options();
  one_stream.streams = 1;
  Batcher batcher(env_, encoder_, one_stream);
  encoder_->hold();
  auto first = batcher.submit_images(pictures(1, 1), 1, {});
  encoder_->wait_until_inside(1);
  auto second = batcher.submit_images(pictures(1, 2), 1, {});
  first.cancel();  // too late
  second.cancel();
  EXPECT_TRUE(second.ready()) << "at once, though the encoder is held";
  EXPECT_EQ(second.get().status().code(), Code::kCancelled);
  encoder_->release();
  EXPECT_TRUE(first.get().is_ok());
  batcher.stop(Batcher::Stop::kDrain);
  EXPECT_EQ(encoder_->batches().size(), 1U);
}

TEST_P(BatcherTest, a_caller_whose_deadline_passes_in_the_queue_goes_home_at_once) {
  auto one_stream = options();
  one_stream.streams = 1;
  Batcher batcher(env_, encoder_, one_stream);
  encoder_->hold();
  auto first = batcher.submit_images(pictures(1, 1), 1, {});
  encoder_->wait_until_inside(1);
  const double before = refused(EncodeRefusal::kLate);
  const auto made = batcher.encode_images(pictures(1, 2), 1, {kUrgent, env_.monotonic_us() + 3000});
  EXPECT_EQ(made.status().code(), Code::kCancelled) << "while the encoder is held";
  EXPECT_NE(made.status().message().find("deadline"), std::string::npos);
  EXPECT_EQ(refused(EncodeRefusal::kLate) - before, 1);
  auto late = batcher.submit_images(pictures(1, 3), 1, {kLater, env_.monotonic_us() - 1});
  EXPECT_TRUE(late.ready());
  encoder_->release();
  EXPECT_TRUE(first.get().is_ok());
}

TEST_P(BatcherTest, what_the_encoder_throws_is_the_answer_of_who_asked_and_of_nobody_else) {
  auto one_stream = options();
  one_stream.streams = 1;
  Batcher batcher(env_, encoder_, one_stream);
  auto broken = pictures(1, 1);
  broken[0] = std::numeric_limits<float>::infinity();
  const std::vector<std::string> breaks = {kBreaks};
  const auto thrown = batcher.encode_images(broken, 1, {});
  EXPECT_EQ(thrown.status().code(), Code::kLimit);
  EXPECT_NE(thrown.status().message().find("memory"), std::string::npos) << thrown.status().message();
  const auto text = batcher.encode_texts(breaks, "joint", {});
  EXPECT_EQ(text.status().code(), Code::kInternal);
  EXPECT_NE(text.status().message().find("the network broke"), std::string::npos) << text.status().message();
  EXPECT_EQ(batcher.submit_images(broken, 1, {}).get().status().code(), Code::kLimit) << "on the batcher's thread";
  EXPECT_TRUE(batcher.encode_images(pictures(1, 2), 1, {}).is_ok()) << "the stream is free again";

  const std::size_t calls = encoder_->batches().size();
  encoder_->hold();
  auto first = batcher.submit_images(pictures(1, 1), 1, {});
  encoder_->wait_until_inside(calls + 1);
  auto before = batcher.submit_images(pictures(1, 2), 1, {});
  auto bad = batcher.submit_images(broken, 1, {});
  auto after = batcher.submit_images(pictures(1, 3), 1, {});
  encoder_->release();
  EXPECT_TRUE(first.get().is_ok());
  EXPECT_TRUE(before.get().is_ok());
  EXPECT_EQ(bad.get().status().code(), Code::kLimit);
  EXPECT_TRUE(after.get().is_ok());
}

TEST_P(BatcherTest, who_waits_for_a_far_deadline_sleeps) {
  CountingEnv env;
  auto one_stream = options();
  one_stream.streams = 1;
  Batcher batcher(env, encoder_, one_stream);
  encoder_->hold();
  auto first = batcher.submit_images(pictures(1, 1), 1, {});
  encoder_->wait_until_inside(1);
  std::jthread waiting([&] { EXPECT_TRUE(batcher.encode_images(pictures(1, 2), 1, {kUrgent, INT64_MAX}).is_ok()); });
  wait_until_queued(1);
  constexpr int kFew = 100;
  for (int i = 0; i < 5'000 && env.asked < kFew; ++i) std::this_thread::yield();
  EXPECT_LT(env.asked, kFew) << "it spins";
  encoder_->release();
}

TEST_P(BatcherTest, more_than_the_queue_holds_goes_into_it_in_parts) {
  for (const bool by_bytes : {false, true}) {
    auto small = options();
    if (by_bytes) small.queue_bytes = 10 * kNumbers * sizeof(float);
    if (!by_bytes) small.queue_items = 10;
    small.batch_texts = 8;
    Batcher batcher(env_, encoder_, small);
    for (const std::size_t n : {10, 11, 25}) {
      const auto tensors = pictures(n, kSeed);
      const auto made = batcher.encode_images(tensors, n, kBulk);
      ASSERT_TRUE(made.is_ok()) << n << " " << made.status().to_string();
      const auto wanted = FakeEncoder(1).encode_images(tensors, n).value();
      ASSERT_EQ(made->size(), 2U);
      for (const std::size_t head : {0, 1}) EXPECT_TRUE(same_bits((*made)[head], wanted[head])) << n;
    }
    std::vector<std::string> texts;
    for (int i = 0; i < 25; ++i) texts.push_back("text " + std::to_string(i) + std::string(i % 3 == 0 ? 100 : 1, 'x'));
    const auto made = batcher.encode_texts(texts, "joint", {});
    ASSERT_TRUE(made.is_ok()) << made.status().to_string();
    EXPECT_TRUE(same_bits(*made, FakeEncoder(1).encode_texts(texts, "joint").value()));
    EXPECT_EQ(batcher.submit_images(pictures(11, kSeed), 11, {}).get().status().code(), Code::kLimit);
    const std::vector<std::string> long_text = {std::string(small.queue_bytes < 1000 ? 1000 : 1, 'x')};
    EXPECT_EQ(batcher.encode_texts(long_text, "joint", {}).is_ok(), !by_bytes) << "one that never fits";
  }
}

TEST_P(BatcherTest, stopping_drains_or_refuses_and_never_hangs) {
  for (const auto how : {Batcher::Stop::kDrain, Batcher::Stop::kRefuse}) {
    auto one_stream = options();
    one_stream.streams = 1;
    auto batcher = std::make_unique<Batcher>(env_, encoder_, one_stream);
    const std::size_t calls = encoder_->batches().size();
    encoder_->hold();
    std::vector<EncodeTicket> tickets;
    tickets.push_back(batcher->submit_images(pictures(1, 1), 1, {}));
    encoder_->wait_until_inside(calls + 1);
    for (std::uint32_t i = 0; i < 9; ++i) tickets.push_back(batcher->submit_images(pictures(2, i), 2, kBulk));
    std::jthread stopper([&] { batcher->stop(how); });
    // Stopping is seen when a new request is refused; one before that rides along, and is answered either way.
    for (bool seen = false; !seen; std::this_thread::yield()) {
      auto probe = batcher->submit_texts({"x"}, "joint", {});
      seen = probe.ready() && probe.get().status().code() == Code::kCancelled;
    }
    encoder_->release();
    stopper.join();
    batcher.reset();
    EXPECT_TRUE(tickets[0].get().is_ok());
    for (std::size_t i = 1; i < tickets.size(); ++i) {
      const auto made = tickets[i].get();
      EXPECT_EQ(made.is_ok(), how == Batcher::Stop::kDrain) << i << " " << made.status().to_string();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Pass, BatcherTest, testing::Values(1, 4),
                         [](const auto& info) { return std::to_string(info.param); });

TEST(BatcherTogether, what_waits_is_one_batch) {
  const auto encoder = std::make_shared<FakeEncoder>(4);
  Batcher batcher(Env::real(), encoder, {});
  encoder->hold();
  auto first = batcher.submit_images(pictures(1, 1), 1, {});
  encoder->wait_until_inside(1);
  std::vector<EncodeTicket> tickets;
  for (std::uint32_t i = 0; i < 6; ++i) tickets.push_back(batcher.submit_images(pictures(1, i), 1, {}));
  const auto interactive = static_cast<std::size_t>(QueueKind::kInteractive);
  EXPECT_EQ(Metrics::global().value(MetricId::kEncodeQueueItems, interactive), 6);
  encoder->release();
  for (auto& ticket : tickets) EXPECT_TRUE(ticket.get().is_ok());
  EXPECT_EQ(encoder->batches(), (std::vector<std::size_t>{1, 4, 2}));
  EXPECT_EQ(Metrics::global().value(MetricId::kEncodeQueueItems, interactive), 0);
}

TEST(BatcherTogether, a_free_stream_wakes_one_who_sleeps_and_not_one_who_computes) {
  const auto encoder = std::make_shared<FakeEncoder>(1);
  BatcherOptions two_streams;
  two_streams.streams = 2;
  Batcher batcher(Env::real(), encoder, two_streams);
  const auto ask = [&](std::size_t n) { EXPECT_TRUE(batcher.encode_images(pictures(n, kSeed), n, {}).is_ok()); };
  encoder->hold();
  std::jthread first([&] { ask(2); });
  EXPECT_TRUE(encoder->wait_until_inside(1));
  std::jthread second([&] { ask(1); });  // computes what is left of the first; its own waits, in front
  EXPECT_TRUE(encoder->wait_until_inside(2));
  std::jthread third([&] { ask(1); });
  wait_until_queued(2);
  encoder->let_go_on(1);  // the first is all taken: its thread waits, the second's is inside, the third's is there
  EXPECT_TRUE(encoder->wait_until_inside(3)) << "a stream is idle";
  encoder->release();
}

TEST(BatcherReal, shared_batches_of_the_default_encoder_change_no_bit) {
  for (const std::string name : {"lite2-minilm", "lite2-minilm-int8"}) {
    PICTOR_NEED(test::weights_folder() + "/" + name + "/image.onnx");
    const auto runtime = make_openvino_runtime();
    const EncoderPlaces places{test::cards_folder(), test::weights_folder()};
    auto opened = open_encoder(Env::real(), places, name, *runtime, {1, 2, "", true});
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    const std::shared_ptr<const Encoder> encoder = std::move(opened).value();
    const auto& prepare = encoder->card().prepare;
    const std::size_t numbers = std::size_t{3} * prepare.width * prepare.height;
    std::mt19937 draw(kSeed);
    std::uniform_real_distribution<float> level(-1.0F, 1.0F);
    std::vector<float> tensors(9 * numbers);
    for (std::size_t i = 0; i < tensors.size(); ++i) tensors[i] = level(draw) * static_cast<float>(i / numbers + 1) / 9;
    BatcherOptions options;
    options.streams = 2;
    Batcher batcher(Env::real(), encoder, options);
    std::atomic<int> wrong = 0;
    const auto texts = words();
    load_at_random(*encoder, batcher, numbers, 3, texts, tensors, wrong);
    EXPECT_EQ(wrong, 0) << name;
  }
}

}  // namespace
}  // namespace pictor
