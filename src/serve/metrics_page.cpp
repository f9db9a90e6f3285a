#include "serve/metrics_page.h"

#include <algorithm>
#include <string>

namespace pictor {
namespace {

constexpr std::int64_t kKeptUs = 15'000'000;  // a scraper's usual interval
constexpr std::int64_t kCostTimes = 50;       // of what reading took, before it is read again

void add_one(const CollectionInfo& info, MetricSamples& samples) {
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
  samples.add(metric::kCollectionItems, info.name, number(info.items));
  samples.add(metric::kCollectionFreshRows, info.name, number(info.rows_fresh));
  samples.add(metric::kCollectionDeadRows, info.name, number(info.rows_dead));
  samples.add(metric::kCollectionSegments, info.name, number(info.segments));
  samples.add(metric::kCollectionDamagedSegments, info.name, number(info.segments_damaged));
  samples.add(metric::kCollectionBytes, info.name, "database", number(info.database_bytes));
  samples.add(metric::kCollectionBytes, info.name, "segments", number(info.segment_bytes));
  samples.add(metric::kCollectionBytes, info.name, "graphs", number(info.graph_bytes));
  samples.add(metric::kCollectionBytes, info.name, "lists", number(info.list_bytes));
  samples.add(metric::kCollectionBytes, info.name, "pictures", number(info.blob_bytes));
  samples.add(metric::kCollectionResidentBytes, info.name, number(info.resident_bytes));
  for (const MeasuredRecall& measured : info.recall) {
    const std::string at = std::to_string(measured.at);
    samples.add(metric::kCollectionRecall, info.name, at, measured.recall);
    samples.add(metric::kCollectionRecallLow, info.name, at, measured.low);
    samples.add(metric::kCollectionRecallQueries, info.name, at, number(measured.queries));
  }
}

}  // namespace

void set_http_gauges(const HttpCounts& counts, const ServerOptions& options) {
  Metrics& metrics = Metrics::global();
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
  metrics.set(metric::kHttpConnections, number(counts.connections));
  metrics.set(metric::kHttpWaiting, number(counts.waiting));
  metrics.set(metric::kHttpWorking, number(counts.working));
  metrics.set(metric::kHttpBodyBytes, number(counts.body_bytes));
  metrics.set(metric::kHttpLimit, HttpPlace::kWorking, number(options.workers));
  metrics.set(metric::kHttpLimit, HttpPlace::kWaiting, number(options.queue_max));
  metrics.set(metric::kHttpLimit, HttpPlace::kConnections, number(options.connections_max));
  metrics.set(metric::kHttpLimit, HttpPlace::kBodyBytes, number(options.bodies_bytes_max));
}

void CollectionNumbers::read(Engine& engine, std::unique_lock<std::mutex>& lock) {
  reading_ = true;
  lock.unlock();
  const std::int64_t begin = env_.monotonic_us();
  auto all = engine.collections();
  const std::int64_t end = env_.monotonic_us();
  lock.lock();
  reading_ = false;
  next_us_ = end + std::max(kKeptUs, kCostTimes * (end - begin));
  if (!all.is_ok()) {
    log(LogLevel::kWarning, "collections_not_read", {{"cause", all.status().message()}});
    return;
  }
  all_ = std::move(all).value();
  std::sort(all_.begin(), all_.end(), [](const CollectionInfo& a, const CollectionInfo& b) {
    return a.items != b.items ? a.items > b.items : a.name < b.name;
  });
  known_ = true;
  read_us_ = end;
}

void CollectionNumbers::add(Engine& engine, MetricSamples& samples) {
  std::unique_lock lock(mutex_);
  if (!reading_ && env_.monotonic_us() >= next_us_) read(engine, lock);
  if (!known_) return;
  samples.add(metric::kCollections, static_cast<double>(all_.size()));
  samples.add(metric::kCollectionsAgeSeconds, static_cast<double>(env_.monotonic_us() - read_us_) * 1e-6);
  for (const CollectionInfo& info : all_) add_one(info, samples);
}

}  // namespace pictor
