#include "engine/vector_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "observe/observe.h"

namespace pictor {
namespace {

constexpr std::uint64_t kEntry = 700 + 4 * sizeof(float);

const VectorMaker kMaker{"a", "x86-64/avx2", "openvino 1"};

Hash256 hash(int number) { return sha256(as_bytes(std::to_string(number))); }
std::vector<float> vector_of(int number) { return std::vector<float>(4, static_cast<float>(number) / 3); }

double counted(CacheResult result) {
  return Metrics::global().value(MetricId::kVectorCache, static_cast<std::size_t>(result));
}

TEST(VectorCache, gives_back_the_same_bits_for_the_same_maker_kind_and_content_only) {
  VectorCache cache(10 * kEntry);
  const double hits = counted(CacheResult::kHit), misses = counted(CacheResult::kMiss);
  cache.add(kMaker, VectorOf::kPicture, hash(1), vector_of(1));
  EXPECT_EQ(cache.find(kMaker, VectorOf::kPicture, hash(1)), vector_of(1));
  EXPECT_FALSE(cache.find(kMaker, VectorOf::kText, hash(1)).has_value());
  for (const VectorMaker& other : {VectorMaker{"b", "x86-64/avx2", "openvino 1"},
                                   {"a", "x86-64/avx2/onnxruntime", "openvino 1"},
                                   {"a", "x86-64/avx2", "openvino 2"}}) {
    EXPECT_FALSE(cache.find(other, VectorOf::kPicture, hash(1)).has_value());
  }
  EXPECT_FALSE(cache.find(kMaker, VectorOf::kPicture, hash(2)).has_value());
  EXPECT_EQ(counted(CacheResult::kHit) - hits, 1);
  EXPECT_EQ(counted(CacheResult::kMiss) - misses, 5);
}

TEST(VectorCache, forgets_what_was_not_used_for_longest_at_its_limit_and_not_before) {
  const double before = Metrics::global().value(MetricId::kVectorCacheBytes);
  {
    VectorCache cache(3 * kEntry);
    for (int i = 0; i < 3; ++i) cache.add(kMaker, VectorOf::kText, hash(i), vector_of(i));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(cache.find(kMaker, VectorOf::kText, hash(i)).has_value()) << i;
    EXPECT_TRUE(cache.find(kMaker, VectorOf::kText, hash(0)).has_value());
    cache.add(kMaker, VectorOf::kText, hash(3), vector_of(3));
    EXPECT_FALSE(cache.find(kMaker, VectorOf::kText, hash(1)).has_value()) << "it was used longest ago";
    for (const int i : {0, 2, 3}) EXPECT_EQ(cache.find(kMaker, VectorOf::kText, hash(i)), vector_of(i));
    EXPECT_EQ(Metrics::global().value(MetricId::kVectorCacheBytes) - before, 3 * kEntry);
    cache.add(kMaker, VectorOf::kText, hash(9), std::vector<float>(1000));
    EXPECT_FALSE(cache.find(kMaker, VectorOf::kText, hash(9)).has_value()) << "larger than the whole cache";
    EXPECT_TRUE(cache.find(kMaker, VectorOf::kText, hash(3)).has_value());
  }
  EXPECT_EQ(Metrics::global().value(MetricId::kVectorCacheBytes), before);
  VectorCache off(0);
  off.add(kMaker, VectorOf::kText, hash(1), vector_of(1));
  EXPECT_FALSE(off.find(kMaker, VectorOf::kText, hash(1)).has_value());
}

TEST(VectorCache, many_threads_get_what_belongs_to_their_content) {
  VectorCache cache(20 * kEntry);
  std::atomic<int> wrong = 0, found = 0;
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t seed = 0; seed < 8; ++seed) {
      threads.emplace_back([&, seed] {
        std::mt19937 draw(seed);
        for (int i = 0; i < 2000; ++i) {
          const int number = static_cast<int>(draw() % 40);
          const auto seen = cache.find(kMaker, VectorOf::kPicture, hash(number));
          if (seen && *seen != vector_of(number)) ++wrong;
          if (seen) ++found;
          if (!seen) cache.add(kMaker, VectorOf::kPicture, hash(number), vector_of(number));
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(found, 1000);
}

}  // namespace
}  // namespace pictor
