// What every SIMD level implements, and the loops over rows that they share. Inside vector/ only.
//
// The meaning of a sum over i < dim, followed to the bit by every level:
//   1. 32 lanes start at +0. Lane j takes the terms i = j, j + 32, j + 64, ... in that order, each by one fused
//      multiply-add: dot: lane = fma(a[i], b[i], lane); L2: d = a[i] - b[i], lane = fma(d, d, lane).
//   2. When dim is no multiple of 32, both vectors are continued with zeros up to the next one.
//   3. The lanes are added as a tree: lane j + lane (j + 16) for j < 16, then 8 apart, 4, 2 and 1.
// 32 lanes are two AVX-512 registers, four of AVX2, eight of NEON: with two to four rows at once this hides the latency
// of the multiply-add on all of them, and leaves registers for the query.
#pragma once

#include <cstddef>

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
// `count` rows at once (a constant of the level): out[i] of rows[i]; meanwhile memory at next[i] is fetched.
using RowGroup = void (*)(const float* query, const float* const* rows, const float* const* next, std::size_t dim,
                          float* out);

// out[i] = the sum of `query` and row i, kGroup rows at a time, fetching the next group ahead.
template <OneRow kOne, RowGroup kMany, std::size_t kGroup>
void sum_block(const float* query, const float* rows, std::size_t count, std::size_t dim, float* out) {
  std::size_t i = 0;
  for (; i + kGroup <= count; i += kGroup) {
    const float* current[kGroup];
    const float* next[kGroup];
    const std::size_t ahead = i + 2 * kGroup <= count ? i + kGroup : i;
    for (std::size_t j = 0; j < kGroup; ++j) {
      current[j] = rows + (i + j) * dim;
      next[j] = rows + (ahead + j) * dim;
    }
    kMany(query, current, next, dim, out + i);
  }
  for (; i < count; ++i) out[i] = kOne(query, rows + i * dim, dim);
}

template <OneRow kOne, RowGroup kMany, std::size_t kGroup>
void sum_gather(const float* query, const float* const* rows, std::size_t count, std::size_t dim, float* out) {
  std::size_t i = 0;
  for (; i + kGroup <= count; i += kGroup) {
    const std::size_t ahead = i + 2 * kGroup <= count ? i + kGroup : i;
    kMany(query, rows + i, rows + ahead, dim, out + i);
  }
  for (; i < count; ++i) out[i] = kOne(query, rows[i], dim);
}

template <OneRow kDot, RowGroup kDots, OneRow kL2, RowGroup kL2s, std::size_t kGroup>
Kernels make_kernels() {
  return {kDot,
          kL2,
          sum_block<kDot, kDots, kGroup>,
          sum_block<kL2, kL2s, kGroup>,
          sum_gather<kDot, kDots, kGroup>,
          sum_gather<kL2, kL2s, kGroup>};
}

}  // namespace pictor::detail
