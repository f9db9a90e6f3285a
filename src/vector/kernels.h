// What every SIMD level implements, and the loops over rows that they share. Inside vector/ only.
//
// The meaning of a sum over i < dim, followed to the bit by every level:
//   1. 32 lanes start at +0. Lane j takes the terms i = j, j + 32, j + 64, ... in that order, each by one fused
//      multiply-add: dot: lane = fma(a[i], b[i], lane); L2: d = a[i] - b[i], lane = fma(d, d, lane).
//   2. When dim is no multiple of 32, both vectors are continued with zeros up to the next one.
//   3. The lanes are added as a tree: lane j + lane (j + 16) for j < 16, then 8 apart, 4, 2 and 1.
// 32 lanes are two AVX-512 registers, four of AVX2, eight of NEON: enough for the latency of the multiply-add to stay
// below the time that the loads take.
//
// Rows are walked one after the other, never side by side: from memory a block is then read as one stream, which the
// processor fetches twice as fast as four (docs/decisions/0007-distances.md has the figures).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "vector/vector.h"

namespace pictor::detail {

inline constexpr std::size_t kLanes = 32;

Kernels plain_kernels();
#if defined(__x86_64__)
Kernels avx2_kernels();
Kernels avx512_kernels();
#elif defined(__aarch64__)
Kernels neon_kernels();
#endif

// The level that PICTOR_SIMD chooses; `available` is not empty and slowest first.
SimdLevel chosen_simd(std::string_view setting, std::span<const SimdLevel> available);

using OneRow = float (*)(const float* a, const float* b, std::size_t dim);

// kGroup rows: out[j] is the sum of rows[j]; meanwhile `dim` numbers at ahead[j] are fetched into the second-level
// cache. Fetching never faults: `ahead` may point anywhere.
inline constexpr std::size_t kGroup = 4;
using RowGroup = void (*)(const float* query, const float* const* rows, const float* const* ahead, std::size_t dim,
                          float* out);

// How far ahead a block is fetched: over the end of the page, where the processor's own fetching stops.
inline constexpr std::uintptr_t kBytesAhead = 4096;

template <OneRow kOne, RowGroup kMany>
void sum_block(const float* query, const float* rows, std::size_t count, std::size_t dim, float* out) {
  std::size_t i = 0;
  for (; i + kGroup <= count; i += kGroup) {
    const float* current[kGroup];
    const float* ahead[kGroup];
    for (std::size_t j = 0; j < kGroup; ++j) {
      current[j] = rows + (i + j) * dim;
      // By way of an integer: a pointer past the end of the rows may not even be formed.
      const auto address = reinterpret_cast<std::uintptr_t>(current[j]) + kBytesAhead;
      ahead[j] = reinterpret_cast<const float*>(address);  // NOLINT(performance-no-int-to-ptr)
    }
    kMany(query, current, ahead, dim, out + i);
  }
  for (; i < count; ++i) out[i] = kOne(query, rows + i * dim, dim);
}

template <OneRow kOne, RowGroup kMany>
void sum_gather(const float* query, const float* const* rows, std::size_t count, std::size_t dim, float* out) {
  std::size_t i = 0;
  for (; i + kGroup <= count; i += kGroup) {
    const float* ahead[kGroup];
    for (std::size_t j = 0; j < kGroup; ++j) ahead[j] = rows[std::min(i + kGroup + j, count - 1)];
    kMany(query, rows + i, ahead, dim, out + i);
  }
  for (; i < count; ++i) out[i] = kOne(query, rows[i], dim);
}

template <OneRow kDot, RowGroup kDots, OneRow kL2, RowGroup kL2s>
Kernels make_kernels() {
  return {kDot, kL2, sum_block<kDot, kDots>, sum_block<kL2, kL2s>, sum_gather<kDot, kDots>, sum_gather<kL2, kL2s>};
}

}  // namespace pictor::detail
