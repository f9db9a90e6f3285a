#include "engine/live_recall.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "observe/observe.h"

namespace pictor {
namespace {

constexpr double kFreeUs =
    10'000;  // that comparisons may take beside their share, so that the first ones need not wait

}  // namespace

Interval wilson_interval(double sum, std::uint64_t count) {
  if (count == 0) return {};
  constexpr double kZ = 1.959963984540054;  // of the normal distribution, 97.5 %
  const auto n = static_cast<double>(count);
  const double mean = sum / n;
  const double middle = (mean + kZ * kZ / (2 * n)) / (1 + kZ * kZ / n);
  const double half = kZ / (1 + kZ * kZ / n) * std::sqrt(mean * (1 - mean) / n + kZ * kZ / (4 * n * n));
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

double recall_at(std::size_t at, std::span<const Neighbor> found, std::span<const Neighbor> truth) {
  const auto first = found.first(std::min(at, found.size()));
  std::size_t same = 0;
  for (const auto& wanted : truth.first(at)) {
    same += std::any_of(first.begin(), first.end(), [&](const Neighbor& n) { return n.row == wanted.row; }) ? 1U : 0U;
  }
  return static_cast<double>(same) / static_cast<double>(at);
}

LiveRecall::~LiveRecall() { wait(); }

void LiveRecall::wait() const {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return running_ == 0; });
}

bool LiveRecall::may_run() {
  if (++seen_ % limits::kLiveRecallOneOf != 0 || running_ > 0) return false;
  const auto passed = static_cast<double>(env_.monotonic_us() - start_us_);
  return static_cast<double>(spent_us_) <= limits::kLiveRecallCpuShare * passed + kFreeUs;
}

void LiveRecall::saw(const std::string& collection, std::vector<Neighbor> found,
                     std::function<Result<std::vector<Neighbor>>()> exact) {
  {
    const std::lock_guard lock(mutex_);
    if (!may_run()) return;
    ++running_;
  }
  pool_.submit([this, collection, found = std::move(found), exact = std::move(exact)]() mutable {
    const std::int64_t begin = env_.monotonic_us();
    const auto truth = exact();
    exact = nullptr;  // lets go of the snapshot before anybody who waits goes on
    compare(collection, found, truth, env_.monotonic_us() - begin);
  });
}

void LiveRecall::compare(const std::string& collection, std::span<const Neighbor> found,
                         const Result<std::vector<Neighbor>>& truth, std::int64_t took_us) {
  const std::lock_guard lock(mutex_);
  spent_us_ += took_us;
  if (truth.is_ok()) {
    Metrics::global().add(metric::kSearchCompared);
    Sums& sums = sums_[collection];
    for (std::size_t i = 0; i < kAt.size(); ++i) {
      if (truth->size() < kAt[i]) continue;
      sums.recall[i] += recall_at(kAt[i], found, *truth);
      ++sums.queries[i];
    }
  }
  --running_;
  idle_.notify_all();
}

std::vector<MeasuredRecall> LiveRecall::of(const std::string& collection) const {
  const std::lock_guard lock(mutex_);
  std::vector<MeasuredRecall> all;
  const auto sums = sums_.find(collection);
  if (sums == sums_.end()) return all;
  for (std::size_t i = 0; i < kAt.size(); ++i) {
    const auto queries = sums->second.queries[i];
    if (queries == 0) continue;
    const auto interval = wilson_interval(sums->second.recall[i], queries);
    all.push_back(
        {kAt[i], queries, sums->second.recall[i] / static_cast<double>(queries), interval.low, interval.high});
  }
  return all;
}

}  // namespace pictor
