// AVX-512 VNNI kernels of codes: one instruction multiplies 64 pairs of bytes and adds without saturation. Only called
// after cpuid said that they run here.
#include "vector/code_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define PICTOR_VNNI __attribute__((target("avx512f,avx512vnni")))
#define PICTOR_VNNI_INLINE __attribute__((target("avx512f,avx512vnni"), always_inline)) inline

namespace pictor::detail {
namespace {

PICTOR_VNNI_INLINE __m512i load(const void* from) { return _mm512_loadu_si512(from); }

// The zero-masked extract for the reason in kernels_avx512.cpp.
template <int kHalf>
PICTOR_VNNI_INLINE __m256i half(__m512i sixteen) {
  return _mm512_maskz_extracti64x4_epi64(static_cast<__mmask8>(-1), sixteen, kHalf);
}

PICTOR_VNNI_INLINE __m128i to_four(__m512i sixteen) {
  const __m256i eight = _mm256_add_epi32(half<0>(sixteen), half<1>(sixteen));
  return _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
}

PICTOR_VNNI std::int32_t one(const std::int8_t* query, const std::uint8_t* row, std::size_t bytes) {
  __m512i sum = _mm512_setzero_si512();
  for (std::size_t i = 0; i < bytes; i += 64) sum = _mm512_dpbusd_epi32(sum, load(row + i), load(query + i));
  __m128i four = to_four(sum);
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1)));
}

PICTOR_VNNI void four(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t bytes, std::int32_t* out) {
  __m512i sum0 = _mm512_setzero_si512();
  __m512i sum1 = sum0;
  __m512i sum2 = sum0;
  __m512i sum3 = sum0;
  for (std::size_t i = 0; i < bytes; i += 64) {
    const __m512i q = load(query + i);
    sum0 = _mm512_dpbusd_epi32(sum0, load(rows[0] + i), q);
    sum1 = _mm512_dpbusd_epi32(sum1, load(rows[1] + i), q);
    sum2 = _mm512_dpbusd_epi32(sum2, load(rows[2] + i), q);
    sum3 = _mm512_dpbusd_epi32(sum3, load(rows[3] + i), q);
  }
  // Sums of neighbours, twice: the four rows' last four numbers each become one.
  const __m128i low = _mm_hadd_epi32(to_four(sum0), to_four(sum1));
  const __m128i high = _mm_hadd_epi32(to_four(sum2), to_four(sum3));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_hadd_epi32(low, high));
}

}  // namespace

CodeKernels vnni_code_kernels() { return {one, dot_codes<one, four>}; }

}  // namespace pictor::detail
#endif
