// AVX2 kernels of halves of bytes. A number is at most 15, so a sum of two products is at most 3810 and the
// instruction that multiplies bytes never saturates; eight such sums fit into 16 bits before they are widened.
#include "vector/nibble_kernels.h"

#include "vector/code_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define PICTOR_AVX2 __attribute__((target("avx2")))
#define PICTOR_AVX2_INLINE __attribute__((target("avx2"), always_inline)) inline

namespace pictor::detail {
namespace {

PICTOR_AVX2_INLINE __m256i load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }

// Of 64 bytes of a row: 128 products in 16 sums of eight.
PICTOR_AVX2_INLINE __m256i sum_of_group(const std::int8_t* query, const std::uint8_t* row) {
  const __m256i mask = _mm256_set1_epi8(15);
  const __m256i first = load(row);
  const __m256i second = load(row + 32);
  __m256i sum = _mm256_maddubs_epi16(_mm256_and_si256(first, mask), load(query));
  sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(_mm256_and_si256(second, mask), load(query + 32)));
  const __m256i first_high = _mm256_and_si256(_mm256_srli_epi16(first, 4), mask);
  const __m256i second_high = _mm256_and_si256(_mm256_srli_epi16(second, 4), mask);
  sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(first_high, load(query + 64)));
  sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(second_high, load(query + 96)));
  return _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
}

PICTOR_AVX2 std::int32_t one(const std::int8_t* query, const std::uint8_t* row, std::size_t bytes) {
  __m256i sum = _mm256_setzero_si256();
  for (std::size_t i = 0; i < bytes; i += kHalfGroup) {
    sum = _mm256_add_epi32(sum, sum_of_group(query + 2 * i, row + i));
  }
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1)));
}

PICTOR_AVX2 void four(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t bytes, std::int32_t* out) {
  for (std::size_t j = 0; j < kCodeGroup; ++j) out[j] = one(query, rows[j], bytes);
}

}  // namespace

CodeKernels avx2_nibble_kernels() { return {one, dot_codes<one, four>}; }

}  // namespace pictor::detail
#endif
