// One fixed set of threads for all of Pictor's own work.
//
// Tasks must not throw and must not wait for other tasks of the same pool (parallel_for may be called from a task: the
// caller works along, so it always ends). Thread safety: all calls from any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace pictor {

// kLowest: for what nobody waits for; where the system can tell threads apart they get what the others leave.
enum class ThreadPriority { kNormal, kLowest };

// Of the calling thread, for good.
void take_lowest_priority();

class ThreadPool {
 public:
  // REQUIRES: 1 <= threads <= limits::kThreadsMax.
  explicit ThreadPool(std::size_t threads, ThreadPriority priority = ThreadPriority::kNormal);
  ~ThreadPool();  // runs what is queued, then joins
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  std::size_t threads() const;
  void submit(std::function<void()> task);
  // Calls body(i) for every i < count, on the caller and the pool's threads; returns when all are done.
  void parallel_for(std::size_t count, const std::function<void(std::size_t)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Processors this process may use (affinity and cgroup quota respected), at least 1.
std::size_t available_processors();

}  // namespace pictor
