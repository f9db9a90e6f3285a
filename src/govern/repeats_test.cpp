// Answers that are kept for requests that come again: whose they are, how long, how many, and what a crash leaves.
#include "govern/repeats.h"

#include <gtest/gtest.h>

namespace pictor {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

Hash256 request(std::string_view text) { return sha256(as_bytes(text)); }

class RepeatsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(env_.make_dirs("data").is_ok());
    ASSERT_TRUE(env_.sync_dir(".").is_ok());
    reopen();
  }
  void reopen() {
    repeats_.reset();
    auto opened = Repeats::open(env_, "data");
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    repeats_ = std::move(opened).value();
  }
  // "none", "other", or the answer.
  std::string found(const RepeatName& name, std::string_view what) {
    const auto kept = repeats_->find(name, request(what));
    EXPECT_TRUE(kept.is_ok()) << kept.status().to_string();
    const bool has = repeats_->has(name).value();
    if (!kept.is_ok() || !*kept) return has ? "has, but none" : "none";
    return (*kept)->same ? (*kept)->answer : "other";
  }

  SimulatedEnv env_{1};
  std::unique_ptr<Repeats> repeats_;
};

TEST_F(RepeatsTest, an_answer_is_that_of_one_caller_one_key_and_one_request) {
  const RepeatName name{"acme", "k1", "a"};
  EXPECT_EQ(found(name, "put 1"), "none");
  ASSERT_TRUE(repeats_->keep(name, request("put 1"), "201 added").is_ok());
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_EQ(found(name, "put 1"), "201 added");
    EXPECT_EQ(found(name, "put 2"), "other");
    for (const RepeatName& other : {RepeatName{"acme", "k2", "a"}, RepeatName{"", "k1", "a"},
                                    RepeatName{"acme", "k1", "b"}, RepeatName{"acm", "ek1", "a"}}) {
      EXPECT_EQ(found(other, "put 1"), "none");
    }
    reopen();
  }
}

TEST_F(RepeatsTest, a_name_is_of_one_at_a_time_and_of_none_after_a_restart) {
  const RepeatName name{"acme", "k1", "a"};
  EXPECT_TRUE(repeats_->enter(name));
  EXPECT_FALSE(repeats_->enter(name));
  EXPECT_TRUE(repeats_->enter({"", "k1", "a"}));
  repeats_->leave(name);
  EXPECT_TRUE(repeats_->enter(name));
  reopen();
  EXPECT_TRUE(repeats_->enter(name));
  EXPECT_EQ(found(name, "put 1"), "none") << "what was begun is not what was done";
}

TEST_F(RepeatsTest, an_answer_is_kept_for_a_day_and_then_its_name_is_free) {
  const RepeatName name{"", "", "a"};
  ASSERT_TRUE(repeats_->keep(name, request("one"), "first").is_ok());
  env_.advance_us((limits::kRepeatSeconds - 1) * kSecond);
  EXPECT_EQ(found(name, "one"), "first");
  env_.advance_us(2 * kSecond);
  EXPECT_EQ(found(name, "one"), "none");
  ASSERT_TRUE(repeats_->keep(name, request("two"), "second").is_ok());
  EXPECT_EQ(found(name, "two"), "second");
  EXPECT_EQ(found(name, "one"), "other");
}

TEST_F(RepeatsTest, an_answer_has_so_many_bytes_and_a_tenant_so_many_answers) {
  const std::string most(limits::kRepeatAnswerBytesMax, 'x');
  EXPECT_EQ(repeats_->keep({"acme", "", "l"}, request("l"), most + "x").code(), Code::kLimit);
  EXPECT_EQ(found({"acme", "", "l"}, "l"), "none");
  ASSERT_TRUE(repeats_->keep({"other", "", "o"}, request("o"), "stays").is_ok());
  const std::uint64_t fit = limits::kRepeatBytesMax / (most.size() + 256);
  for (std::uint64_t i = 0; i < fit + 2; ++i) {
    const std::string number = std::to_string(i);
    ASSERT_TRUE(repeats_->keep({"acme", "", number}, request(number), most).is_ok()) << i;
    if (i == fit - 1) {
      EXPECT_NE(found({"acme", "", "0"}, "0"), "none") << "as many as there may be";
    }
    if (i == fit) reopen();  // what there is is counted anew
  }
  EXPECT_EQ(found({"acme", "", "0"}, "0"), "none");
  EXPECT_EQ(found({"acme", "", std::to_string(fit + 1)}, std::to_string(fit + 1)), most);
  EXPECT_EQ(found({"other", "", "o"}, "o"), "stays") << "what one tenant keeps costs no other";
}

TEST_F(RepeatsTest, the_file_tells_no_name_no_request_and_no_answer) {
  ASSERT_TRUE(repeats_->keep({"acme", "k1", "my-own-name"}, request("my request"), "my answer").is_ok());
  for (const char* file : {"data/repeats.db", "data/repeats.db-wal"}) {
    const auto bytes = read_file(env_, file, 10 << 20);
    ASSERT_TRUE(bytes.is_ok()) << file;
    for (const std::string_view secret : {std::string_view("my-own-name"), std::string_view("my answer")}) {
      EXPECT_EQ(as_text(*bytes).find(secret), std::string_view::npos) << file;
    }
    const Hash256 whole = request("my request");
    EXPECT_EQ(as_text(*bytes).find(as_text(std::as_bytes(std::span(whole.bytes)))), std::string_view::npos) << file;
  }
}

// Power fails at every operation: an answer that was kept is there, another is there as it was given or not at all.
TEST(RepeatsCrash, what_was_kept_is_kept) {
  std::uint64_t failures = 0;
  for (std::uint64_t n = 1;; ++n) {
    SimulatedEnv env(n);
    ASSERT_TRUE(env.make_dirs("data").is_ok());
    ASSERT_TRUE(env.sync_dir(".").is_ok());
    env.set_fault_after(n);
    int kept = 0;
    {
      const auto repeats = Repeats::open(env, "data");
      for (int i = 0; repeats.is_ok() && i < 3; ++i) {
        const std::string name = std::to_string(i);
        if (!(*repeats)->keep({"", "", name}, request(name), "answer " + name).is_ok()) break;
        ++kept;
      }
    }
    if (!env.power_is_out()) break;
    ++failures;
    env.power_loss();
    const auto repeats = Repeats::open(env, "data");
    ASSERT_TRUE(repeats.is_ok()) << n << ": " << repeats.status().to_string();
    for (int i = 0; i < 3; ++i) {
      const std::string name = std::to_string(i);
      const auto found = (*repeats)->find({"", "", name}, request(name));
      ASSERT_TRUE(found.is_ok()) << n;
      if (i < kept) {
        EXPECT_TRUE(*found) << n;
      }
      if (*found) {
        EXPECT_EQ((*found)->answer, "answer " + name) << n;
      }
    }
  }
  EXPECT_GT(failures, 10U);
}

}  // namespace
}  // namespace pictor
