// AVX-512 VNNI kernels of codes: one instruction multiplies 64 pairs of bytes and adds without saturation. Only called
// after cpuid said that they run here.
#include "vector/code_kernels.h"

#if defined(__x86_64__)
#include "vector/vnni_sums.h"

namespace pictor::detail {
namespace {

PICTOR_VNNI std::int32_t one(const std::int8_t* query, const std::uint8_t* row, std::size_t bytes) {
  __m512i sum = _mm512_setzero_si512();
  for (std::size_t i = 0; i < bytes; i += 64) sum = _mm512_dpbusd_epi32(sum, load(row + i), load(query + i));
  return to_one(sum);
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
