// A collector of traces for tests of this room. For tests only.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "net/net_testing.h"

namespace pictor {

inline const std::string kTestTraceId = "0af7651916cd43dd8448eb211c80319c";
inline const std::string kTestParentId = "b7ad6b7169203331";

// Answers as it is told, and keeps what it is sent.
class Collector {
 public:
  Collector() : server_([this](const TinyRequest& request) { return take(request); }) {}
  std::string url() const { return server_.url(); }
  void answer_with(TinyAnswer answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  std::vector<TinyRequest> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  // All requests so far, once there are as many; after ten seconds those that there are.
  std::vector<TinyRequest> requests(std::size_t wanted) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return requests_.size() >= wanted; });
    return requests_;
  }

 private:
  TinyAnswer take(const TinyRequest& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    changed_.notify_all();
    return answer_;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  TinyAnswer answer_{200, "{}"};
  std::vector<TinyRequest> requests_;
  TinyServer server_;  // the last: its thread uses the others
};

}  // namespace pictor
