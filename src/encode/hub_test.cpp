// Pulls that are broken off, and taken up again.
#include <gtest/gtest.h>

#include <map>

#include "encode/hub_testing.h"

namespace pictor {
namespace {

using test::kFolder;
using test::kVision;

class Hub : public test::HubTest {};

TEST_F(Hub, a_pull_brings_the_files_an_encoder_needs_each_once) {
  std::uint64_t last_bytes = 0;
  std::uint64_t total = 0;
  std::size_t done = 0;
  request_.progress = [&](const PullProgress& progress) {
    EXPECT_GE(progress.bytes, last_bytes);
    EXPECT_LE(progress.file_bytes, progress.file_bytes_total);
    last_bytes = progress.bytes;
    total = progress.bytes_total;
    done = progress.files_done;
    EXPECT_EQ(progress.files_total, 6U);
  };
  const auto pulled = pull();
  expect_whole(pulled);
  EXPECT_EQ(last_bytes, total);
  EXPECT_EQ(done, 6U);
  EXPECT_EQ(pulled->bytes_received, total);
  std::map<std::string, std::uint64_t> sent;
  for (const auto& one : server_->log()) sent[one.key] += one.sent;
  EXPECT_EQ(sent.size(), 7U);
  EXPECT_EQ(sent[kVision], 300'000U);
  // Again: only the listing is asked for.
  last_bytes = 0;
  const auto again = pull();
  expect_whole(again);
  EXPECT_EQ(again->bytes_received, 0U);
  const auto log = server_->log();
  ASSERT_EQ(log.size(), 1U);
  EXPECT_EQ(log[0].key, "listing");
}

TEST_F(Hub, a_variant_is_pulled_alone_and_one_that_is_not_there_is_named_with_those_that_are) {
  request_.variant = "int8";
  const auto pulled = pull();
  ASSERT_TRUE(pulled.is_ok()) << pulled.status().to_string();
  EXPECT_EQ(names_in(env_, std::string(kFolder) + "/onnx"),
            (std::set<std::string>{"vision_model_int8.onnx", "text_model_int8.onnx"}));
  request_.folder = "/encoders/other";
  request_.variant = "fp16";
  const auto refused = pull();
  EXPECT_EQ(refused.status().code(), Code::kNotFound);
  EXPECT_NE(refused.status().message().find("'fp16' of 'vision_model'; there is: the plain one, 'int8'"),
            std::string::npos)
      << refused.status().message();
}

TEST_F(Hub, a_connection_that_breaks_is_taken_up_where_it_broke) {
  for (const char* kind : {"drop", "close"}) {
    request_.folder = std::string("/encoders/") + kind;
    for (const long bytes : {0L, 1L, 5000L, 299'999L}) {
      SCOPED_TRACE(std::string(kind) + " after " + std::to_string(bytes));
      request_.folder += "x";
      server_->fault(kVision, kind, 1, bytes);
      expect_whole(pull());
      const auto served = requests_for(kVision);
      ASSERT_EQ(served.size(), 2U);
      EXPECT_EQ(served[0].sent, static_cast<std::uint64_t>(bytes));
      EXPECT_EQ(served[1].start, static_cast<std::uint64_t>(bytes));
      EXPECT_EQ(served[1].sent, 300'000U - static_cast<std::uint64_t>(bytes));
    }
  }
}

TEST_F(Hub, any_number_of_breaks_is_survived_as_long_as_each_try_brings_something) {
  server_->fault(kVision, "drop", 50, 5000);
  expect_whole(pull());
  std::uint64_t sent = 0;
  for (const auto& one : requests_for(kVision)) sent += one.sent;
  EXPECT_EQ(sent, 300'000U);
}

TEST_F(Hub, a_server_that_never_brings_anything_is_given_up_and_the_next_pull_goes_on) {
  server_->fault(kVision, "drop", 1, 100'000);
  server_->fault(kVision, "drop", 1000, 0);
  const auto before_us = env_.monotonic_us();
  expect_refused(pull(), Code::kIo, "given up after");
  EXPECT_GT(env_.monotonic_us() - before_us, 10'000'000) << "there was hardly a wait between tries";
  server_->clear();
  server_->log();
  expect_whole(pull());
  const auto served = requests_for(kVision);
  ASSERT_EQ(served.size(), 1U);
  EXPECT_EQ(served[0].start, 100'000U);
}

TEST_F(Hub, a_body_shorter_than_announced_in_the_listing_is_no_file) {
  server_->fault(kVision, "lie", 1, 1000);
  expect_whole(pull());
  request_.folder += "2";
  server_->fault(kVision, "lie", 1000, 1000);
  expect_refused(pull(), Code::kMismatch, "the server sends 1000 bytes, the file has 300000");
  server_->clear();
  server_->fault(kVision, "long", 1000, 10);
  expect_refused(pull(), Code::kMismatch, "the server sends 300010 bytes, the file has 300000");
}

TEST_F(Hub, bytes_that_are_not_those_of_the_listing_are_thrown_away) {
  server_->fault(kVision, "flip");
  expect_whole(pull());
  EXPECT_EQ(requests_for(kVision).size(), 2U);
  for (const std::string key : {kVision, "config.json"}) {
    request_.folder = kFolder + key.substr(0, 4);
    server_->fault(key, "flip", 1000);
    const auto pulled = pull();
    ASSERT_EQ(pulled.status().code(), Code::kCorrupt) << pulled.status().to_string();
    EXPECT_NE(pulled.status().message().find("the listing says"), std::string::npos);
    EXPECT_FALSE(exists(env_, request_.folder + "/pulled.json"));
    EXPECT_FALSE(exists(env_, request_.folder + "/" + key));
    EXPECT_FALSE(exists(env_, request_.folder + "/" + key + ".part"));
    server_->clear();
    expect_whole(pull());
  }
}

TEST_F(Hub, a_damaged_file_is_mended_by_another_pull) {
  expect_whole(pull());
  const auto path = std::string(kFolder) + "/" + kVision;
  ASSERT_TRUE(write_file_atomic(env_, path, as_bytes(test::random_bytes(300'000, 99))).is_ok());
  ASSERT_TRUE(env_.remove(std::string(kFolder) + "/config.json").is_ok());
  server_->log();
  expect_whole(pull());
  EXPECT_EQ(server_->log().size(), 4U) << "listing, config.json, and the network by way of the hub and the store";
}

TEST_F(Hub, a_server_that_fails_for_now_is_asked_again_after_a_wait) {
  for (const long status : {500L, 502L, 503L, 504L, 429L}) {
    request_.folder += "x";
    server_->fault("listing", "status", 2, status);
    server_->fault(kVision, "status", 2, status);
    expect_whole(pull());
  }
  request_.folder += "y";
  server_->fault(kVision, "after", 1, 60);
  const auto before_us = env_.monotonic_us();
  expect_whole(pull());
  EXPECT_GE(env_.monotonic_us() - before_us, 60'000'000) << "Retry-After was not waited for";
  request_.folder += "z";
  server_->fault(kVision, "after", 1, 3600);
  const auto busy = pull();
  EXPECT_EQ(busy.status().code(), Code::kBusy);
  EXPECT_NE(busy.status().message().find("asks to wait 3600 s"), std::string::npos) << busy.status().message();
  server_->fault("listing", "status", 1000, 503);
  const auto down = pull();
  EXPECT_EQ(down.status().code(), Code::kIo);
  EXPECT_NE(down.status().message().find("given up after 7 tries"), std::string::npos) << down.status().message();
}

TEST_F(Hub, a_server_without_ranges_sends_all_again_and_the_file_is_right) {
  server_->fault(kVision, "drop", 1, 5000);
  server_->fault(kVision, "norange");
  expect_whole(pull());
  const auto served = requests_for(kVision);
  ASSERT_EQ(served.size(), 2U);
  EXPECT_EQ(served[1].start, 0U);
}

TEST_F(Hub, a_file_that_changed_between_two_tries_is_begun_anew) {
  for (const char* kind : {"etag", "etag_only"}) {
    SCOPED_TRACE(kind);
    request_.folder += "x";
    server_->fault(kVision, "drop", 1, 5000);
    server_->fault(kVision, kind);
    expect_whole(pull());
    const auto served = requests_for(kVision);
    ASSERT_GE(served.size(), 2U);
    EXPECT_EQ(served.back().start, 0U);
  }
}

TEST_F(Hub, a_weak_etag_is_compared_but_not_asked_by) {
  server_->fault(kVision, "weak", 1, 5000);
  server_->fault(kVision, "weak");
  expect_whole(pull());
  EXPECT_EQ(requests_for(kVision).back().start, 5000U);
  request_.folder += "x";
  server_->fault(kVision, "weak", 1, 5000);
  expect_whole(pull());
  EXPECT_EQ(requests_for(kVision).back().start, 0U) << "the ETag is another one: nothing is continued";
}

TEST_F(Hub, a_range_that_is_not_the_one_asked_for_is_not_put_together) {
  server_->fault(kVision, "drop", 1, 5000);
  server_->fault(kVision, "shift", 1, 7);
  expect_whole(pull());
  EXPECT_EQ(requests_for(kVision).back().start, 0U);
}

TEST_F(Hub, a_folder_holds_one_commit_and_one_variant) {
  expect_whole(pull());
  request_.variant = "int8";
  const auto other = pull();
  EXPECT_EQ(other.status().code(), Code::kExists) << other.status().to_string();
  EXPECT_NE(other.status().message().find("pull into another folder"), std::string::npos);
  request_.variant = "";
  const auto lock = env_.lock(std::string(kFolder) + "/pull.lock");
  EXPECT_EQ(pull().status().code(), Code::kBusy);
}

TEST_F(Hub, a_disk_without_room_is_found_before_the_first_byte) {
  env_.set_free_bytes(100'000);
  expect_refused(pull(), Code::kLimit, "make room");
  for (const auto& one : server_->log()) EXPECT_EQ(one.key, "listing");
}

TEST_F(Hub, offline_asks_nothing_and_says_what_is_missing) {
  request_.offline = true;
  auto none = pull();
  EXPECT_EQ(none.status().code(), Code::kNotFound);
  EXPECT_NE(none.status().message().find("was never pulled"), std::string::npos) << none.status().message();

  request_.offline = false;
  options_.retries_max = 0;
  server_->fault(kVision, "drop", 1, 5000);
  ASSERT_FALSE(pull().is_ok());
  server_->log();
  request_.offline = true;
  none = pull();
  EXPECT_EQ(none.status().code(), Code::kNotFound);
  EXPECT_NE(none.status().message().find("'onnx/vision_model.onnx' (5000 of 300000 bytes are there)"),
            std::string::npos)
      << none.status().message();

  request_.offline = false;
  expect_whole(pull());
  server_->log();
  request_.offline = true;
  expect_whole(pull());
  request_.ref.revision = "v1";
  EXPECT_EQ(pull().status().code(), Code::kMismatch);
  request_.ref.revision = "0123456789abcdef0123456789abcdef01234567";
  EXPECT_TRUE(pull().is_ok());
  ASSERT_TRUE(env_.remove(std::string(kFolder) + "/config.json").is_ok());
  EXPECT_EQ(pull().status().code(), Code::kNotFound);
  ASSERT_TRUE(write_file_atomic(env_, std::string(kFolder) + "/config.json", as_bytes("{}")).is_ok());
  EXPECT_EQ(pull().status().code(), Code::kCorrupt);
  EXPECT_TRUE(server_->log().empty());
}

TEST_F(Hub, a_cancelled_pull_keeps_what_has_come) {
  std::atomic<bool> cancel{false};
  options_.cancel = &cancel;
  request_.progress = [&](const PullProgress& progress) {
    if (progress.files_done == 2) cancel = true;
  };
  const auto pulled = pull();
  EXPECT_EQ(pulled.status().code(), Code::kCancelled) << pulled.status().to_string();
  EXPECT_TRUE(exists(env_, std::string(kFolder) + "/config.json"));
  cancel = false;
  server_->log();
  request_.progress = nullptr;
  expect_whole(pull());
  EXPECT_TRUE(requests_for("config.json").empty());
}

// Power fails at one operation of the disk after the other; after it came back, the same pull makes the folder whole.
TEST_F(Hub, power_may_fail_at_any_operation) {
  wanted_ = {"config.json", kVision, "onnx/vision_model.onnx_data"};
  for (const char* name :
       {"preprocessor_config.json", "tokenizer.json", "onnx/text_model.onnx", "onnx/text_model_int8.onnx"}) {
    std::filesystem::remove(scratch_.path("root/" + std::string(name)));
  }
  put("onnx/vision_model.onnx_data", test::random_bytes(3000, 20));
  put(kVision, test::random_bytes(40'000, 21));
  server_->fault(kVision, "drop", 100'000, 15'000);
  int cut = 0;
  for (std::uint64_t n = 1;; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    SimulatedEnv env(n);
    env.set_fault_after(n);
    const auto first = pull_to(env);
    if (!env.power_is_out()) break;
    env.power_loss();
    const auto said = read_pulled(env, kFolder);
    if (said.is_ok()) {
      for (const auto& file : said->files) {
        const auto bytes = read_file(env, join_path(kFolder, file.path), 1 << 20);
        ASSERT_TRUE(bytes.is_ok() && sha256(*bytes) == file.sha256) << file.path << " is not what pulled.json says";
      }
    }
    const auto second = pull_to(env);
    expect_whole(second, env);
    if (HasFailure()) break;
    env.power_loss();
    expect_whole(second, env);
    if (HasFailure()) break;
    ++cut;
  }
  EXPECT_GT(cut, 50);
}

}  // namespace
}  // namespace pictor
