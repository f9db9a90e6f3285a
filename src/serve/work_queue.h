// Requests that wait for a thread: two lanes of bounded length. Inside serve/ only.
//
// What somebody waits for goes first; bulk work never takes all threads, and is never left out altogether: it gets one
// of eight turns. Thread safety: all calls from any thread.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace pictor {

enum class Lane : std::uint8_t { kInteractive, kBulk };

class WorkQueue {
 public:
  // REQUIRES: threads >= 2. `waiting_max`: of each lane.
  WorkQueue(std::size_t threads, std::size_t waiting_max);
  ~WorkQueue();  // what waits is dropped, what runs is waited for
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // False: too many wait. Work must not throw.
  bool push(Lane lane, std::function<void()> work);
  std::size_t waiting() const;
  std::size_t working() const;

 private:
  static constexpr std::size_t kLanes = 2;
  static constexpr std::size_t kBulkTurn = 8;

  void run();
  std::optional<Lane> next_lane();  // REQUIRES: the lock is held

  const std::size_t waiting_max_;
  const std::size_t bulk_max_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::array<std::deque<std::function<void()>>, kLanes> lanes_;
  std::array<std::size_t, kLanes> working_{};
  std::size_t turns_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace pictor
