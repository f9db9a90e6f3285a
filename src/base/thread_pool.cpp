#include "base/thread_pool.h"

#include <sched.h>
#ifdef __linux__
#include <sys/resource.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace pictor {

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> queue;
  bool stopping = false;
  std::vector<std::thread> threads;

  void run() {
    for (;;) {
      std::function<void()> task;
      {
        std::unique_lock lock(mutex);
        wake.wait(lock, [this] { return stopping || !queue.empty(); });
        if (queue.empty()) return;
        task = std::move(queue.front());
        queue.pop_front();
      }
      task();
    }
  }
};

void take_lowest_priority() {
#ifdef __linux__
  static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 19));
#endif
}

ThreadPool::ThreadPool(std::size_t threads, ThreadPriority priority) : state_(std::make_unique<State>()) {
  for (std::size_t i = 0; i < threads; ++i) {
    state_->threads.emplace_back([this, priority] {
      if (priority == ThreadPriority::kLowest) take_lowest_priority();
      state_->run();
    });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
  for (auto& thread : state_->threads) thread.join();
}

std::size_t ThreadPool::threads() const { return state_->threads.size(); }

void ThreadPool::submit(std::function<void()> task) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->queue.push_back(std::move(task));
  }
  state_->wake.notify_one();
}

void ThreadPool::parallel_for(std::size_t count, const std::function<void(std::size_t)>& body) {
  struct Shared {
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::condition_variable done;
    std::size_t finished = 0;
  };
  const auto shared = std::make_shared<Shared>();
  // A helper that starts after the last index was taken touches nothing of the caller's.
  const auto work = [shared, count, &body] {
    std::size_t finished = 0;
    for (std::size_t i = shared->next++; i < count; i = shared->next++) {
      body(i);
      ++finished;
    }
    if (finished == 0) return;
    const std::lock_guard lock(shared->mutex);
    shared->finished += finished;
    if (shared->finished == count) shared->done.notify_all();
  };
  const std::size_t helpers = count < 2 ? 0 : std::min(count - 1, threads());
  for (std::size_t i = 0; i < helpers; ++i) submit(work);
  work();
  std::unique_lock lock(shared->mutex);
  shared->done.wait(lock, [&] { return shared->finished == count; });
}

std::size_t available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::size_t count = std::thread::hardware_concurrency();
  if (sched_getaffinity(0, sizeof(set), &set) == 0) count = static_cast<std::size_t>(CPU_COUNT(&set));
  if (FILE* quota_file = std::fopen("/sys/fs/cgroup/cpu.max", "re"); quota_file != nullptr) {
    long quota = 0;
    long period = 0;
    if (std::fscanf(quota_file, "%ld %ld", &quota, &period) == 2 && quota > 0 && period > 0) {
      count = std::min(count, static_cast<std::size_t>((quota + period - 1) / period));
    }
    std::fclose(quota_file);
  }
  return std::max<std::size_t>(count, 1);
}

}  // namespace pictor
