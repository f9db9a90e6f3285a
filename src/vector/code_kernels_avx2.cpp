// AVX2 kernels of codes. The bytes are widened to 16 bits first: the instruction that multiplies bytes saturates.
#include "vector/code_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define PICTOR_AVX2 __attribute__((target("avx2")))
#define PICTOR_AVX2_INLINE __attribute__((target("avx2"), always_inline)) inline

namespace pictor::detail {
namespace {

constexpr std::size_t kStep = 16;  // bytes

PICTOR_AVX2_INLINE __m256i query_at(const std::int8_t* from) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

PICTOR_AVX2_INLINE __m256i row_at(const std::uint8_t* from) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

PICTOR_AVX2_INLINE std::int32_t sum_of(__m256i eight) {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1)));
}

PICTOR_AVX2 std::int32_t one(const std::int8_t* query, const std::uint8_t* row, std::size_t bytes) {
  __m256i sum = _mm256_setzero_si256();
  for (std::size_t i = 0; i < bytes; i += kStep) {
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(query_at(query + i), row_at(row + i)));
  }
  return sum_of(sum);
}

PICTOR_AVX2 void four(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t bytes, std::int32_t* out) {
  __m256i sum0 = _mm256_setzero_si256();
  __m256i sum1 = sum0;
  __m256i sum2 = sum0;
  __m256i sum3 = sum0;
  for (std::size_t i = 0; i < bytes; i += kStep) {
    const __m256i q = query_at(query + i);
    sum0 = _mm256_add_epi32(sum0, _mm256_madd_epi16(q, row_at(rows[0] + i)));
    sum1 = _mm256_add_epi32(sum1, _mm256_madd_epi16(q, row_at(rows[1] + i)));
    sum2 = _mm256_add_epi32(sum2, _mm256_madd_epi16(q, row_at(rows[2] + i)));
    sum3 = _mm256_add_epi32(sum3, _mm256_madd_epi16(q, row_at(rows[3] + i)));
  }
  out[0] = sum_of(sum0);
  out[1] = sum_of(sum1);
  out[2] = sum_of(sum2);
  out[3] = sum_of(sum3);
}

}  // namespace

CodeKernels avx2_code_kernels() { return {one, dot_codes<one, four>}; }

}  // namespace pictor::detail
#endif
