#include "serve/work_queue.h"

#include <utility>

namespace pictor {

WorkQueue::WorkQueue(std::size_t threads, std::size_t waiting_max) : waiting_max_(waiting_max), bulk_max_(threads / 2) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

WorkQueue::~WorkQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& lane : lanes_) lane.clear();
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

bool WorkQueue::push(Lane lane, std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    auto& waiting = lanes_[static_cast<std::size_t>(lane)];
    if (stopping_ || waiting.size() >= waiting_max_) return false;
    waiting.push_back(std::move(work));
  }
  changed_.notify_one();
  return true;
}

std::size_t WorkQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return lanes_[0].size() + lanes_[1].size();
}

std::size_t WorkQueue::working() const {
  const std::lock_guard lock(mutex_);
  return working_[0] + working_[1];
}

std::optional<Lane> WorkQueue::next_lane() {
  const bool bulk = !lanes_[1].empty() && working_[1] < bulk_max_;
  if (lanes_[0].empty()) return bulk ? std::optional(Lane::kBulk) : std::nullopt;
  return bulk && turns_ % kBulkTurn == kBulkTurn - 1 ? Lane::kBulk : Lane::kInteractive;
}

void WorkQueue::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    std::optional<Lane> lane;
    changed_.wait(lock, [&] {
      lane = next_lane();
      return stopping_ || lane.has_value();
    });
    if (stopping_) return;
    const auto at = static_cast<std::size_t>(*lane);
    auto work = std::move(lanes_[at].front());
    lanes_[at].pop_front();
    ++working_[at];
    ++turns_;
    // The thread that was woken for one lane may have taken from the other.
    if (next_lane().has_value()) changed_.notify_one();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
    --working_[at];
  }
}

}  // namespace pictor
