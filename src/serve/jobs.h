// Long work that a request begins and does not wait for: one at a time, remembered in DATA/jobs.json. Inside serve/
// only.
//
// What runs when the server ends is found as "interrupted" by the next one, and can be resumed: work that was done is
// not done again. Thread safety: all calls from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/base.h"
#include "serve/job_kinds.h"

namespace pictor {

// Names are those of JSON.
enum class JobState : std::uint8_t { kWaiting, kRunning, kDone, kFailed, kCancelled, kInterrupted };
std::string_view job_state_name(JobState state);

struct Job {
  std::uint64_t id = 0;  // from 1
  std::string kind, collection;
  std::string request;  // as it came: a JSON object
  std::string key;      // of who began it; empty: nobody needed one
  JobState state = JobState::kWaiting;
  std::int64_t created_us = 0, started_us = 0, ended_us = 0;  // since 1970; 0: not yet
  std::uint64_t done = 0, total = 0;                          // in job_unit(kind); total 0: not known
  std::string result;                                         // JSON; empty: none
  std::string code, cause;                                    // of what failed
};
std::string job_json(const Job& job);

class Jobs {
 public:
  Jobs(Env& env, const std::string& data_folder, JobRunner runner);
  ~Jobs();  // stops what runs
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  // kBusy: limits::kJobsWaitingMax wait already.
  Result<Job> start(const nlohmann::json& request, const std::string& key);
  Result<std::vector<Job>> list();  // newest first
  // kNotFound for all of these: no such job, or it is forgotten.
  Result<Job> find(std::uint64_t id);
  // kMismatch: it has ended, or is of a kind that cannot be stopped once it runs.
  Result<Job> cancel(std::uint64_t id);
  // Waits again; kMismatch unless it was cancelled, interrupted or failed.
  Result<Job> resume(std::uint64_t id);
  bool busy();  // something runs or waits

 private:
  Status load();                  // REQUIRES: the lock is held
  Status save();                  // likewise
  Job* known(std::uint64_t id);   // likewise
  Result<Job> enqueue(Job& job);  // likewise
  void forget_oldest();           // likewise
  void run();
  void run_one(std::unique_lock<std::mutex>& lock, std::uint64_t id);

  Env& env_;
  const JobRunner runner_;
  const std::string path_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool loaded_ = false;
  std::deque<Job> jobs_;  // by id
  std::uint64_t next_ = 1;
  std::atomic<bool> cancel_{false};
  bool stopping_ = false;
  std::thread thread_;  // from the first job on
};

}  // namespace pictor
