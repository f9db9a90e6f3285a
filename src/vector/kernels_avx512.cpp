// AVX-512F kernels: four rows at once, two registers of lanes each. Only called after cpuid said that they run here.
#include "vector/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define PICTOR_AVX512 __attribute__((target("avx512f")))
#define PICTOR_AVX512_INLINE __attribute__((target("avx512f"), always_inline)) inline

namespace pictor::detail {
namespace {

enum class Sum { kDot, kL2 };

struct Lanes {  // lanes 0 to 15 and 16 to 31
  __m512 low;
  __m512 high;
};

struct Tail {  // which lanes of the last group are inside the vector
  __mmask16 low;
  __mmask16 high;
};

inline Tail tail_of(std::size_t rest) {
  const std::uint32_t bits = (std::uint32_t{1} << rest) - 1;
  return {static_cast<__mmask16>(bits & 0xFFFFU), static_cast<__mmask16>(bits >> 16)};
}

PICTOR_AVX512_INLINE Lanes zero_lanes() { return {_mm512_setzero_ps(), _mm512_setzero_ps()}; }

PICTOR_AVX512_INLINE Lanes load(const float* from) { return {_mm512_loadu_ps(from), _mm512_loadu_ps(from + 16)}; }

PICTOR_AVX512_INLINE Lanes load(const float* from, Tail tail) {
  return {_mm512_maskz_loadu_ps(tail.low, from), _mm512_maskz_loadu_ps(tail.high, from + 16)};
}

template <Sum kSum>
PICTOR_AVX512_INLINE void step(Lanes& sum, const Lanes& a, const Lanes& b) {
  if constexpr (kSum == Sum::kDot) {
    sum.low = _mm512_fmadd_ps(a.low, b.low, sum.low);
    sum.high = _mm512_fmadd_ps(a.high, b.high, sum.high);
  } else {
    const __m512 low = _mm512_sub_ps(a.low, b.low);
    const __m512 high = _mm512_sub_ps(a.high, b.high);
    sum.low = _mm512_fmadd_ps(low, low, sum.low);
    sum.high = _mm512_fmadd_ps(high, high, sum.high);
  }
}

// The tree down to four lanes.
PICTOR_AVX512_INLINE __m128 to_four(const Lanes& sum) {
  const __m512 sixteen = _mm512_add_ps(sum.low, sum.high);
  const __m256 upper = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(sixteen), 1));
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(sixteen), upper);
  return _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
}

template <Sum kSum>
PICTOR_AVX512 float one(const float* a, const float* b, std::size_t dim) {
  Lanes sum = zero_lanes();
  std::size_t i = 0;
  for (; i + kLanes <= dim; i += kLanes) step<kSum>(sum, load(a + i), load(b + i));
  if (i < dim) {
    const Tail tail = tail_of(dim - i);
    step<kSum>(sum, load(a + i, tail), load(b + i, tail));
  }
  const __m128 four = to_four(sum);
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

PICTOR_AVX512_INLINE void fetch(const float* from) {
  _mm_prefetch(reinterpret_cast<const char*>(from), _MM_HINT_T0);
  _mm_prefetch(reinterpret_cast<const char*>(from + 16), _MM_HINT_T0);
}

template <Sum kSum>
PICTOR_AVX512 void four(const float* query, const float* const* rows, const float* const* next, std::size_t dim,
                        float* out) {
  Lanes sum0 = zero_lanes();
  Lanes sum1 = zero_lanes();
  Lanes sum2 = zero_lanes();
  Lanes sum3 = zero_lanes();
  const float *row0 = rows[0], *row1 = rows[1], *row2 = rows[2], *row3 = rows[3];
  const float *next0 = next[0], *next1 = next[1], *next2 = next[2], *next3 = next[3];
  std::size_t i = 0;
  for (; i + kLanes <= dim; i += kLanes) {
    fetch(next0 + i);
    fetch(next1 + i);
    fetch(next2 + i);
    fetch(next3 + i);
    const Lanes q = load(query + i);
    step<kSum>(sum0, q, load(row0 + i));
    step<kSum>(sum1, q, load(row1 + i));
    step<kSum>(sum2, q, load(row2 + i));
    step<kSum>(sum3, q, load(row3 + i));
  }
  if (i < dim) {
    const Tail tail = tail_of(dim - i);
    const Lanes q = load(query + i, tail);
    step<kSum>(sum0, q, load(row0 + i, tail));
    step<kSum>(sum1, q, load(row1 + i, tail));
    step<kSum>(sum2, q, load(row2 + i, tail));
    step<kSum>(sum3, q, load(row3 + i, tail));
  }
  // The last two steps of the four trees together: after the transpose t<j> holds lane j of every row.
  __m128 t0 = to_four(sum0);
  __m128 t1 = to_four(sum1);
  __m128 t2 = to_four(sum2);
  __m128 t3 = to_four(sum3);
  _MM_TRANSPOSE4_PS(t0, t1, t2, t3);
  _mm_storeu_ps(out, _mm_add_ps(_mm_add_ps(t0, t2), _mm_add_ps(t1, t3)));
}

}  // namespace

Kernels avx512_kernels() { return make_kernels<one<Sum::kDot>, four<Sum::kDot>, one<Sum::kL2>, four<Sum::kL2>, 4>(); }

}  // namespace pictor::detail
#endif
