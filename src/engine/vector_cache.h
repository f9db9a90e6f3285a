// Vectors of pictures and texts that were embedded lately, by the hash of what they were made from.
//
// A vector follows from its space, what computes it and the bytes alone (encode.h), so what is remembered has the bits
// of what would be computed. Least recently used go first. Thread safety: all calls from any thread.
#pragma once

#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/base.h"
#include "pictor/types.h"

namespace pictor {

// One space may have pictures and texts.
enum class VectorOf : std::uint8_t { kPicture, kText };

// What makes a vector. The space says what of the encoder decides its bits; cards of one space may run differently.
struct VectorMaker {
  SpaceId space;
  std::string isa_class, runtime;
  auto operator<=>(const VectorMaker&) const = default;  // NOLINT(modernize-use-nullptr): finds its own code
};

class VectorCache {
 public:
  // 0: remembers nothing.
  explicit VectorCache(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
  ~VectorCache();
  VectorCache(const VectorCache&) = delete;
  VectorCache& operator=(const VectorCache&) = delete;

  bool is_on() const { return bytes_max_ != 0; }
  // Counted as a hit or a miss.
  std::optional<std::vector<float>> find(const VectorMaker& maker, VectorOf of, const Hash256& content);
  void add(const VectorMaker& maker, VectorOf of, const Hash256& content, std::vector<float> vector);
  // What was made from any of these, which ascend.
  void forget(std::span<const Hash256> contents);

 private:
  struct Key {
    VectorMaker maker;
    VectorOf of;
    Hash256 content;
    auto operator<=>(const Key&) const = default;  // NOLINT(modernize-use-nullptr): finds its own code
  };
  struct Entry {
    Key key;
    std::vector<float> vector;
    std::uint64_t bytes() const;
  };
  void count(std::int64_t bytes);

  const std::uint64_t bytes_max_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // the latest first
  std::map<Key, std::list<Entry>::iterator> places_;
  std::uint64_t bytes_ = 0;
};

}  // namespace pictor
