// Requests that wait for a thread: two lanes of bounded length. Inside serve/ only.
//
// What somebody waits for goes first; bulk work never takes all threads, and is never left out altogether: it gets one
// of eight turns. Within a lane tenants take turns, and each has a share of the places to wait, so that one who sends
// much neither delays nor shuts out another. Thread safety: all calls from any thread.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
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

  // False: too many wait, or too many of this tenant. Work must not throw.
  bool push(Lane lane, const std::string& tenant, std::function<void()> work);
  void set_waiting_max(std::size_t waiting_max);  // what waits already stays
  std::size_t waiting() const;
  std::size_t working() const;

 private:
  using Work = std::function<void()>;
  static constexpr std::size_t kLanes = 2;
  static constexpr std::size_t kBulkTurn = 8;

  // What waits: in the order of each tenant, and the tenants in the order of their turns.
  struct Waiting {
    std::map<std::string, std::deque<Work>> of;  // none is empty
    std::deque<std::string> turns;               // the same tenants
    std::size_t count = 0;

    void push(const std::string& tenant, Work work);
    Work pop();
  };

  void run();
  std::optional<Lane> next_lane();  // REQUIRES: the lock is held

  const std::size_t bulk_max_;
  mutable std::mutex mutex_;
  std::size_t waiting_max_;  // of each lane
  std::condition_variable changed_;
  std::array<Waiting, kLanes> lanes_;
  bool several_ = false;  // tenants were seen
  std::array<std::size_t, kLanes> working_{};
  std::size_t turns_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace pictor
