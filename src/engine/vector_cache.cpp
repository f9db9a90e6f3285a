#include "engine/vector_cache.h"

#include <algorithm>

#include "observe/observe.h"

namespace pictor {
namespace {

constexpr std::uint64_t kEntryBytes = 700;  // of a key, twice, and the nodes of list and map

}  // namespace

std::uint64_t VectorCache::Entry::bytes() const { return kEntryBytes + vector.size() * sizeof(float); }

VectorCache::~VectorCache() { count(-static_cast<std::int64_t>(bytes_)); }

void VectorCache::count(std::int64_t bytes) {
  bytes_ = static_cast<std::uint64_t>(static_cast<std::int64_t>(bytes_) + bytes);
  Metrics::global().add(metric::kVectorCacheBytes, static_cast<double>(bytes));
}

std::optional<std::vector<float>> VectorCache::find(const VectorMaker& maker, VectorOf of, const Hash256& content) {
  if (!is_on()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = places_.find({maker, of, content});
  Metrics::global().add(metric::kVectorCache, found == places_.end() ? CacheResult::kMiss : CacheResult::kHit);
  if (found == places_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->vector;
}

void VectorCache::add(const VectorMaker& maker, VectorOf of, const Hash256& content, std::vector<float> vector) {
  if (!is_on()) return;
  Entry entry{{maker, of, content}, std::move(vector)};
  const std::uint64_t bytes = entry.bytes();
  if (bytes > bytes_max_) return;
  const std::lock_guard lock(mutex_);
  if (places_.contains(entry.key)) return;
  while (bytes_ + bytes > bytes_max_) {
    count(-static_cast<std::int64_t>(entries_.back().bytes()));
    places_.erase(entries_.back().key);
    entries_.pop_back();
  }
  count(static_cast<std::int64_t>(bytes));
  entries_.push_front(std::move(entry));
  places_.emplace(entries_.front().key, entries_.begin());
}

void VectorCache::forget(std::span<const Hash256> contents) {
  const std::lock_guard lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (!std::binary_search(contents.begin(), contents.end(), entry->key.content)) {
      ++entry;
      continue;
    }
    count(-static_cast<std::int64_t>(entry->bytes()));
    places_.erase(entry->key);
    entry = entries_.erase(entry);
  }
}

}  // namespace pictor
