// Recall as it is: a share of the queries that an index answered is answered exactly as well, in the background, and
// compared.
//
// Thread safety: all calls from any thread.
#pragma once

#include <array>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/base.h"
#include "pictor/engine.h"
#include "vector/vector.h"

namespace pictor {

// Wilson's interval of 95 % around `sum` of `count` values between 0 and 1 (E. B. Wilson, "Probable inference, the law
// of succession, and statistical inference", JASA 1927). Values between count as a share of a yes: the interval is then
// wider than need be, never narrower.
struct Interval {
  double low = 0, high = 1;
};
Interval wilson_interval(double sum, std::uint64_t count);

// The share of the first `at` of `truth` that is among the first `at` of `found`. REQUIRES: truth.size() >= at.
double recall_at(std::size_t at, std::span<const Neighbor> found, std::span<const Neighbor> truth);

class LiveRecall {
 public:
  // `pool` runs the comparisons.
  LiveRecall(Env& env, ThreadPool& pool) : env_(env), pool_(pool), start_us_(env.monotonic_us()) {}
  ~LiveRecall();  // waits for those that run
  LiveRecall(const LiveRecall&) = delete;
  LiveRecall& operator=(const LiveRecall&) = delete;

  // To be called once for each query that an index answered. Of every limits::kLiveRecallOneOf, the last is compared:
  // `exact` is called on the pool, later, and must hold all that it needs; unless comparisons took more than
  // limits::kLiveRecallCpuShare of the time so far.
  void saw(const std::string& collection, std::vector<Neighbor> found,
           std::function<Result<std::vector<Neighbor>>()> exact);
  std::vector<MeasuredRecall> of(const std::string& collection) const;
  void wait() const;  // until no comparison runs

 private:
  static constexpr std::array<std::size_t, 3> kAt = {1, 10, 100};
  struct Sums {
    std::array<double, kAt.size()> recall{};
    std::array<std::uint64_t, kAt.size()> queries{};
  };

  bool may_run();  // the lock is held
  void compare(const std::string& collection, std::span<const Neighbor> found,
               const Result<std::vector<Neighbor>>& truth, std::int64_t took_us);

  Env& env_;
  ThreadPool& pool_;
  const std::int64_t start_us_;
  mutable std::mutex mutex_;
  mutable std::condition_variable idle_;
  std::uint64_t seen_ = 0;
  std::uint64_t running_ = 0;
  std::int64_t spent_us_ = 0;
  std::map<std::string, Sums> sums_;
};

}  // namespace pictor
