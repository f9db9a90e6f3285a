// Compaction in the background: after a seal it looks whether segments of the collection are worth merging, and has
// made what is derived from those that are new.
//
// One thread, of the lowest priority, that starts when it is first needed; it writes at a bounded pace and stops within
// one step of a write when the merger ends or the collection is wanted for itself. A failure is logged and counted; the
// next seal tries again. Thread safety: all calls from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "store/store.h"

namespace pictor {

class Merger {
 public:
  // Called on the merger's thread when a collection's segments are as they should be; ends soon when `stop` says true.
  using After = std::function<Status(Collection& collection, const std::function<bool()>& stop)>;

  // How many rows a segment of the collection is merged to.
  using RowsMax = std::function<std::uint64_t(const Collection& collection)>;

  // 0 MiB a second: does nothing. `folder` must outlive it. `after` and `rows_max` may be null.
  Merger(DataFolder& folder, std::uint32_t mib_per_second, After after = nullptr, RowsMax rows_max = nullptr)
      : folder_(folder), mib_per_second_(mib_per_second), after_(std::move(after)), rows_max_(std::move(rows_max)) {}
  ~Merger();
  Merger(const Merger&) = delete;
  Merger& operator=(const Merger&) = delete;

  void sealed(const std::string& collection);
  // When this returns nothing is being merged there, and nobody here holds the collection.
  void leave(const std::string& collection);
  // Waits until all that was asked for is done.
  void drain();

 private:
  void work();
  Status merge(const std::string& collection);

  DataFolder& folder_;
  const std::uint32_t mib_per_second_;
  const After after_;
  const RowsMax rows_max_;
  std::atomic<bool> stop_one_ = false;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::set<std::string> waiting_;
  std::string current_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace pictor
