// Keeps collections that are written to in shape: makes indexes of what was sealed, some time after the last write.
// Inside serve/ only. Thread safety: all calls from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "base/base.h"
#include "pictor/engine.h"

namespace pictor {

class Keeper {
 public:
  Keeper(Env& env, Engine& engine);
  ~Keeper();  // stops what it does; what was made stays
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  void written(const std::string& collection);

 private:
  struct Due {
    std::int64_t first_us = 0, last_us = 0;  // of the writes since indexes were made
  };

  void run();
  std::string next_due(std::int64_t now_us);  // empty: none is due. REQUIRES: the lock is held

  Env& env_;
  Engine& engine_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Due> due_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace pictor
