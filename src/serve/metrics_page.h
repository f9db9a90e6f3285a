// What /metrics has beside what is counted: sizes of collections, and places of the HTTP server. Inside serve/ only.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "base/base.h"
#include "observe/observe.h"
#include "pictor/engine.h"
#include "serve/http.h"

namespace pictor {

void set_http_gauges(const HttpCounts& counts, const ServerOptions& options);

// The numbers of one engine's collections, kept for a while: to read them opens collections and counts files, which a
// scraper must not be able to ask for as often as it likes. Reading takes at most a share of 2 % of the time, and one
// thread. Thread safety: all calls from any thread.
class CollectionNumbers {
 public:
  explicit CollectionNumbers(Env& env) : env_(env) {}

  // Of the largest collections, as many as the table of metrics has room for; nothing when they cannot be read.
  void add(Engine& engine, MetricSamples& samples);

 private:
  void read(Engine& engine, std::unique_lock<std::mutex>& lock);  // unlocks meanwhile

  Env& env_;
  std::mutex mutex_;
  std::vector<CollectionInfo> all_;  // the largest first
  bool known_ = false, reading_ = false;
  std::int64_t read_us_ = 0;
  std::int64_t next_us_ = 0;  // not before
};

}  // namespace pictor
