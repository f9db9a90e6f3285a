#include "engine/merger.h"

#include "base/base.h"
#include "observe/observe.h"

namespace pictor {

Merger::~Merger() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    stop_one_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Merger::sealed(const std::string& collection) {
  if (mib_per_second_ == 0) return;
  const std::lock_guard lock(mutex_);
  if (stop_) return;
  waiting_.insert(collection);
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  changed_.notify_all();
}

void Merger::leave(const std::string& collection) {
  std::unique_lock lock(mutex_);
  waiting_.erase(collection);
  if (current_ == collection) stop_one_ = true;
  changed_.wait(lock, [&] { return current_ != collection; });
}

void Merger::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return waiting_.empty() && current_.empty(); });
}

void Merger::work() {
  take_lowest_priority();
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stop_ || !waiting_.empty(); });
    if (stop_) return;
    current_ = *waiting_.begin();
    waiting_.erase(waiting_.begin());
    stop_one_ = false;
    lock.unlock();
    const Status status = merge(current_);
    if (!status.is_ok() && status.code() != Code::kNotFound) {
      Metrics::global().add(metric::kStoreCompactionFailures);
      log(LogLevel::kWarning, "compaction_failed", {{"collection", current_}, {"cause", status.message()}});
    }
    lock.lock();
    current_.clear();
    changed_.notify_all();
  }
}

// One compaction makes others worth their while, until nothing is.
Status Merger::merge(const std::string& collection) {
  PICTOR_ASSIGN(const auto found, folder_.collection(collection));
  CompactOptions options;
  options.mib_per_second = mib_per_second_;
  if (rows_max_) options.rows_max = rows_max_(*found);
  options.progress = [this](std::uint64_t, std::uint64_t) { return !stop_one_; };
  while (true) {
    PICTOR_ASSIGN(const auto report, found->compact(options));
    if (report.stopped || stop_one_) return Status::ok();
    if (report.merged == 0) return after_ ? after_(*found, [this] { return stop_one_.load(); }) : Status::ok();
    log(LogLevel::kInfo, "compacted",
        {{"collection", collection},
         {"segments_before", report.segments_before},
         {"segments_after", report.segments_after},
         {"bytes_written", report.bytes_written}});
  }
}

}  // namespace pictor
