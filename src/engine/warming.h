// Which collection is being read into memory, so that who wants it for itself need not wait for the end of that.
//
// Thread safety: all calls from any thread; one reads at a time. Inside engine/ only.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

namespace pictor {

class Warming {
 public:
  // False: somebody wants it for himself.
  bool begin(const std::string& collection) {
    const std::lock_guard lock(mutex_);
    if (wanted_.contains(collection)) return false;
    current_ = collection;
    return true;
  }
  bool is_wanted(const std::string& collection) const {
    const std::lock_guard lock(mutex_);
    return wanted_.contains(collection);
  }
  // REQUIRES: the reader holds the collection no more.
  void end() {
    const std::lock_guard lock(mutex_);
    current_.clear();
    changed_.notify_all();
  }
  // When this returns nobody reads it; until `give_back` nobody begins to.
  void leave(const std::string& collection) {
    std::unique_lock lock(mutex_);
    wanted_.insert(collection);
    changed_.wait(lock, [&] { return current_ != collection; });
  }
  void give_back(const std::string& collection) {
    const std::lock_guard lock(mutex_);
    wanted_.erase(collection);
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> wanted_;
  std::string current_;
};

}  // namespace pictor
