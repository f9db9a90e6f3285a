// AVX-512 VNNI kernels of halves of bytes. Only called after cpuid said that they run here.
#include "vector/nibble_kernels.h"

#include "vector/code_kernels.h"

#if defined(__x86_64__)
#include "vector/vnni_sums.h"

namespace pictor::detail {
namespace {

PICTOR_VNNI_INLINE __m512i add_products(__m512i sum, const std::uint8_t* row, __m512i low, __m512i high) {
  const __m512i mask = _mm512_set1_epi32(0x0F0F0F0F);
  const __m512i bytes = load(row);
  sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(bytes, mask), low);
  return _mm512_dpbusd_epi32(sum, _mm512_and_si512(_mm512_srli_epi32(bytes, 4), mask), high);
}

PICTOR_VNNI std::int32_t one(const std::int8_t* query, const std::uint8_t* row, std::size_t bytes) {
  __m512i sum = _mm512_setzero_si512();
  for (std::size_t i = 0; i < bytes; i += kHalfGroup) {
    sum = add_products(sum, row + i, load(query + 2 * i), load(query + 2 * i + kHalfGroup));
  }
  return to_one(sum);
}

PICTOR_VNNI void four(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t bytes, std::int32_t* out) {
  __m512i sum0 = _mm512_setzero_si512();
  __m512i sum1 = sum0;
  __m512i sum2 = sum0;
  __m512i sum3 = sum0;
  for (std::size_t i = 0; i < bytes; i += kHalfGroup) {
    const __m512i low = load(query + 2 * i);
    const __m512i high = load(query + 2 * i + kHalfGroup);
    sum0 = add_products(sum0, rows[0] + i, low, high);
    sum1 = add_products(sum1, rows[1] + i, low, high);
    sum2 = add_products(sum2, rows[2] + i, low, high);
    sum3 = add_products(sum3, rows[3] + i, low, high);
  }
  // Sums of neighbours, twice: the four rows' last four numbers each become one.
  const __m128i first = _mm_hadd_epi32(to_four(sum0), to_four(sum1));
  const __m128i second = _mm_hadd_epi32(to_four(sum2), to_four(sum3));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_hadd_epi32(first, second));
}

}  // namespace

CodeKernels vnni_nibble_kernels() { return {one, dot_codes<one, four>}; }

}  // namespace pictor::detail
#endif
