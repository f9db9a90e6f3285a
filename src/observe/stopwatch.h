// How long something took: by the clock on the wall, and of this thread's processor time.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/base.h"

namespace pictor {

// Processor time this thread has used, in nanoseconds. The machine's, also under a SimulatedEnv.
std::int64_t thread_cpu_ns();
// The machine's clock, also under a SimulatedEnv: for rooms that are given none.
std::int64_t machine_ns();

// Belongs to the thread that made it: processor time is counted there only.
class Stopwatch {
 public:
  explicit Stopwatch(Env& env) : env_(env), wall_us_(env.monotonic_us()), cpu_ns_(thread_cpu_ns()) {}

  double wall_seconds() const { return static_cast<double>(env_.monotonic_us() - wall_us_) * 1e-6; }
  double cpu_seconds() const { return static_cast<double>(thread_cpu_ns() - cpu_ns_) * 1e-9; }

 private:
  Env& env_;
  std::int64_t wall_us_;
  std::int64_t cpu_ns_;
};

// Sums of one stage over all threads. Thread safety: all calls from any thread.
class StageTimes {
 public:
  void add(double wall_seconds, double cpu_seconds) {
    wall_.fetch_add(wall_seconds, std::memory_order_relaxed);
    cpu_.fetch_add(cpu_seconds, std::memory_order_relaxed);
    count_.fetch_add(1, std::memory_order_relaxed);
  }
  double wall_seconds() const { return wall_.load(std::memory_order_relaxed); }
  double cpu_seconds() const { return cpu_.load(std::memory_order_relaxed); }
  std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> wall_{0};
  std::atomic<double> cpu_{0};
  std::atomic<std::uint64_t> count_{0};
};

// Adds the time from here to the end of its scope to a stage.
class StageTimer {
 public:
  StageTimer(Env& env, StageTimes& into) : stopwatch_(env), into_(into) {}
  ~StageTimer() { into_.add(stopwatch_.wall_seconds(), stopwatch_.cpu_seconds()); }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  Stopwatch stopwatch_;
  StageTimes& into_;
};

}  // namespace pictor
