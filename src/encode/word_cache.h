// Words that were taken apart lately, and their ids, so that a common word is a look-up.
//
// Bounded by limits::kCachedWordsMax and kCachedWordBytesMax: a new word takes the place of an old one that shares its
// slot. Thread safety: any thread; what is found is what the model gives, so that a race changes no id.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pictor {

class WordCache {
 public:
  // Appends the ids of the word; false when it is not here.
  bool get(std::string_view word, std::vector<std::int64_t>& ids);
  void put(std::string_view word, std::span<const std::int64_t> ids);

 private:
  struct Slot {
    std::string word;  // empty: nothing here
    std::vector<std::int64_t> ids;
  };
  struct Shard {
    std::mutex mutex;
    std::vector<Slot> slots;  // none until the first word comes
  };
  static constexpr std::size_t kShards = 64;

  std::array<Shard, kShards> shards_;
};

}  // namespace pictor
