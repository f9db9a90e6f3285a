#include "encode/word_cache.h"

#include <functional>

#include "base/base.h"

namespace pictor {
namespace {

struct Place {
  std::size_t shard = 0, slot = 0;
};

Place place_of(std::string_view word, std::size_t shards) {
  const std::size_t hash = std::hash<std::string_view>{}(word);
  return {hash % shards, hash / shards % (limits::kCachedWordsMax / shards)};
}

}  // namespace

bool WordCache::get(std::string_view word, std::vector<std::int64_t>& ids) {
  if (word.empty() || word.size() > limits::kCachedWordBytesMax) return false;
  const auto place = place_of(word, kShards);
  auto& shard = shards_[place.shard];
  const std::lock_guard lock(shard.mutex);
  if (shard.slots.empty() || shard.slots[place.slot].word != word) return false;
  const auto& found = shard.slots[place.slot].ids;
  ids.insert(ids.end(), found.begin(), found.end());
  return true;
}

void WordCache::put(std::string_view word, std::span<const std::int64_t> ids) {
  if (word.empty() || word.size() > limits::kCachedWordBytesMax) return;
  const auto place = place_of(word, kShards);
  auto& shard = shards_[place.shard];
  const std::lock_guard lock(shard.mutex);
  if (shard.slots.empty()) shard.slots.resize(limits::kCachedWordsMax / kShards);
  shard.slots[place.slot].word = word;
  shard.slots[place.slot].ids.assign(ids.begin(), ids.end());
}

}  // namespace pictor
