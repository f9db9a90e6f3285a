#include "serve/work_queue.h"

#include <algorithm>
#include <utility>

namespace pictor {

WorkQueue::WorkQueue(std::size_t threads, std::size_t waiting_max) : bulk_max_(threads / 2), waiting_max_(waiting_max) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

WorkQueue::~WorkQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& lane : lanes_) lane = {};
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void WorkQueue::Waiting::push(const std::string& tenant, Work work) {
  auto& own = of[tenant];
  if (own.empty()) turns.push_back(tenant);
  own.push_back(std::move(work));
  ++count;
}

WorkQueue::Work WorkQueue::Waiting::pop() {
  const auto own = of.find(turns.front());
  Work work = std::move(own->second.front());
  own->second.pop_front();
  --count;
  if (own->second.empty()) {
    of.erase(own);
  } else {
    turns.push_back(turns.front());
  }
  turns.pop_front();
  return work;
}

bool WorkQueue::push(Lane lane, const std::string& tenant, std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    several_ = several_ || !tenant.empty();
    Waiting& waiting = lanes_[static_cast<std::size_t>(lane)];
    const auto own = waiting.of.find(tenant);
    // One share stays for a tenant that has nothing here yet.
    const std::size_t tenants = waiting.of.size() + (own == waiting.of.end() ? 1 : 0);
    const std::size_t share = several_ ? std::max<std::size_t>(1, waiting_max_ / (tenants + 1)) : waiting_max_;
    const std::size_t waits = own == waiting.of.end() ? 0 : own->second.size();
    if (stopping_ || waiting.count >= waiting_max_ || waits >= share) return false;
    waiting.push(tenant, std::move(work));
  }
  changed_.notify_one();
  return true;
}

void WorkQueue::set_waiting_max(std::size_t waiting_max) {
  const std::lock_guard lock(mutex_);
  waiting_max_ = waiting_max;
}

std::size_t WorkQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return lanes_[0].count + lanes_[1].count;
}

std::size_t WorkQueue::working() const {
  const std::lock_guard lock(mutex_);
  return working_[0] + working_[1];
}

std::optional<Lane> WorkQueue::next_lane() {
  const bool bulk = lanes_[1].count > 0 && working_[1] < bulk_max_;
  if (lanes_[0].count == 0) return bulk ? std::optional(Lane::kBulk) : std::nullopt;
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
    Work work = lanes_[at].pop();
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
