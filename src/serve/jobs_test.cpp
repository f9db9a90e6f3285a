// Jobs with work that waits until it is told to end.
#include "serve/jobs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "serve/serve_testing.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

Json verify_of(const std::string& collection) { return {{"kind", "verify"}, {"collection", collection}}; }
Json compact_of(const std::string& collection) { return {{"kind", "compact"}, {"collection", collection}}; }

class JobsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "jobs-" + std::to_string(::getpid());
    std::filesystem::create_directories(folder_);
    reopen();
  }
  void TearDown() override {
    jobs_.reset();
    std::filesystem::remove_all(folder_);
  }
  void reopen() {
    jobs_.reset();
    jobs_ = std::make_unique<Jobs>(
        Env::real(), folder_, [this](const JobSpec& spec, const JobControl& control) { return work(spec, control); });
  }

  // Goes on until somebody lets it end, or stops it.
  Result<std::string> work(const JobSpec& spec, const JobControl& control) {
    std::unique_lock lock(mutex_);
    ran_.push_back(spec.collection);
    control.progress(1, 4);
    changed_.notify_all();
    while (allowed_ == 0) {
      if (control.cancel) return Status(Code::kCancelled, "stopped");
      changed_.wait_for(lock, std::chrono::milliseconds(5));
    }
    --allowed_;
    if (spec.collection == "broken") return Status(Code::kCorrupt, "it is broken");
    return std::string(R"({"ok": true})");
  }
  void let(int count) {
    const std::lock_guard lock(mutex_);
    allowed_ += count;
    changed_.notify_all();
  }
  void wait_for_runs(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ran_.size() >= count; });
  }
  Job wait_for(std::uint64_t id, JobState state) {
    while (true) {
      const auto job = jobs_->find(id);
      if (!job.is_ok() || job->state == state) return job.is_ok() ? *job : Job();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  Job start(const Json& request) {
    const auto job = jobs_->start(request, "key1");
    EXPECT_TRUE(job.is_ok()) << job.status().to_string();
    return job.is_ok() ? *job : Job();
  }
  std::string problem(const Json& request) {
    const auto job = jobs_->start(request, "");
    return job.is_ok() ? "none" : job.status().message();
  }

  std::string folder_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int allowed_ = 0;
  std::vector<std::string> ran_;
  std::unique_ptr<Jobs> jobs_;
};

TEST_F(JobsTest, one_runs_at_a_time_in_order_and_tells_how_far_it_is) {
  EXPECT_FALSE(jobs_->busy());
  const Job first = start(verify_of("a"));
  const Job second = start(verify_of("broken"));
  EXPECT_EQ(first.id, 1U);
  EXPECT_EQ(second.state, JobState::kWaiting);
  wait_for_runs(1);
  EXPECT_TRUE(jobs_->busy());
  const Json running = Json::parse(job_json(wait_for(1, JobState::kRunning)));
  EXPECT_EQ(running["total"], 4);
  EXPECT_EQ(running["unit"], "steps");
  EXPECT_EQ(running["key"], "key1");
  EXPECT_TRUE(running["ended_us"].is_null());
  let(2);
  const Json done = Json::parse(job_json(wait_for(1, JobState::kDone)));
  EXPECT_EQ(done["result"], Json::parse(R"({"ok": true})"));
  EXPECT_EQ(done["done"], 4);
  const Json failed = Json::parse(job_json(wait_for(2, JobState::kFailed)));
  EXPECT_EQ(failed["problem"], Json::parse(R"({"code": "corrupt", "detail": "it is broken"})"));
  EXPECT_EQ(ran_, (std::vector<std::string>{"a", "broken"}));
  const auto all = jobs_->list();
  ASSERT_EQ(all->size(), 2U);
  EXPECT_EQ(all->front().id, 2U);
  EXPECT_FALSE(jobs_->busy());
}

TEST_F(JobsTest, what_waits_or_runs_is_cancelled_and_resumed) {
  start(compact_of("a"));
  start(compact_of("b"));
  wait_for_runs(1);
  EXPECT_EQ(jobs_->cancel(2)->state, JobState::kCancelled);
  EXPECT_EQ(jobs_->cancel(2).status().code(), Code::kMismatch);
  EXPECT_EQ(jobs_->resume(1).status().code(), Code::kMismatch);
  ASSERT_TRUE(jobs_->cancel(1).is_ok());
  wait_for(1, JobState::kCancelled);
  EXPECT_EQ(ran_.size(), 1U);
  EXPECT_EQ(jobs_->resume(1)->state, JobState::kWaiting);
  let(1);
  wait_for(1, JobState::kDone);
  EXPECT_EQ(jobs_->resume(1).status().code(), Code::kMismatch);
  EXPECT_EQ(jobs_->find(9).status().code(), Code::kNotFound);
  EXPECT_EQ(jobs_->cancel(9).status().code(), Code::kNotFound);
}

TEST_F(JobsTest, a_kind_that_cannot_be_stopped_is_cancelled_while_it_waits_alone) {
  start(verify_of("a"));
  start(verify_of("b"));
  wait_for_runs(1);
  EXPECT_EQ(jobs_->cancel(1).status().message(), "a job of kind 'verify' cannot be stopped once it runs");
  EXPECT_TRUE(jobs_->cancel(2).is_ok());
  let(1);
  wait_for(1, JobState::kDone);
}

TEST_F(JobsTest, jobs_outlive_the_server_and_what_ran_is_interrupted) {
  start(verify_of("a"));
  let(1);
  wait_for(1, JobState::kDone);
  start(compact_of("b"));
  wait_for_runs(2);
  start(compact_of("c"));
  reopen();
  EXPECT_EQ(jobs_->find(1)->state, JobState::kDone);
  EXPECT_EQ(jobs_->find(1)->result, R"({"ok":true})");
  EXPECT_EQ(jobs_->find(2)->state, JobState::kInterrupted);
  EXPECT_EQ(jobs_->find(3)->state, JobState::kInterrupted);
  EXPECT_EQ(start(verify_of("d")).id, 4U);
  let(2);
  EXPECT_TRUE(jobs_->resume(2).is_ok());
  wait_for(2, JobState::kDone);
}

TEST_F(JobsTest, a_file_that_is_none_is_no_end_of_all_jobs) {
  for (const char* text :
       {"", "[]", "{\"jobs\": 7}", "{\"jobs\": [7, {\"id\": \"x\"}, {\"id\": \"5\", \"state\": \"odd\"}]}"}) {
    ASSERT_TRUE(write_file_atomic(Env::real(), folder_ + "/jobs.json", as_bytes(std::string_view(text))).is_ok());
    reopen();
    ASSERT_TRUE(jobs_->list().is_ok()) << text;
  }
  EXPECT_EQ(jobs_->find(5)->state, JobState::kInterrupted);
}

TEST_F(JobsTest, so_many_wait_and_no_more) {
  start(verify_of("a"));
  wait_for_runs(1);
  for (std::uint32_t i = 0; i < limits::kJobsWaitingMax; ++i) start(verify_of("b"));
  const auto more = jobs_->start(verify_of("c"), "");
  EXPECT_EQ(more.status().code(), Code::kBusy);
  EXPECT_EQ(jobs_->list()->size(), limits::kJobsWaitingMax + 1);
  let(1000);
  wait_for(limits::kJobsWaitingMax + 1, JobState::kDone);
}

TEST_F(JobsTest, requests_that_are_wrong_are_told_why) {
  EXPECT_EQ(problem({{"kind", "sing"}}), "'kind' is 'sing', wanted backup, calibrate, compact, rebuild or verify");
  EXPECT_EQ(problem(Json::array()), "the request is an array, wanted an object");
  EXPECT_NE(problem({{"kind", "verify"}}).find("'collection' is missing"), std::string::npos);
  EXPECT_NE(problem({{"kind", "verify"}, {"collection", "a"}, {"again", true}}).find("'again' is no field"),
            std::string::npos);
  EXPECT_NE(
      problem({{"kind", "rebuild"}, {"collection", "a"}, {"index_type", "tree"}}).find("wanted auto, graph or lists"),
      std::string::npos);
  EXPECT_NE(problem({{"kind", "compact"}, {"collection", "a"}, {"older_than_days", 3U}}).find("'drop_history'"),
            std::string::npos);
  EXPECT_NE(problem({{"kind", "backup"}}).find("'path' is missing"), std::string::npos);
  EXPECT_TRUE(jobs_->list()->empty());
}

}  // namespace
}  // namespace pictor
