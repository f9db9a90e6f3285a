// What the AVX-512 VNNI kernels of bytes and of halves of bytes share. Only called after cpuid said that they run here.
// Inside vector/ only.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>

#define PICTOR_VNNI __attribute__((target("avx512f,avx512vnni")))
#define PICTOR_VNNI_INLINE __attribute__((target("avx512f,avx512vnni"), always_inline)) inline

namespace pictor::detail {

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

PICTOR_VNNI_INLINE std::int32_t to_one(__m512i sixteen) {
  __m128i four = to_four(sixteen);
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xB1)));
}

}  // namespace pictor::detail
#endif
