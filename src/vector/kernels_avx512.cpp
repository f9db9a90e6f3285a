// AVX-512F kernels: two registers of lanes. Only called after cpuid said that they run here.
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

// Eight of sixteen lanes. The zero-masked extract, since g++ 12 warns of the undefined operand in its own plain one;
// with all bits set in the mask it is the same instruction.
template <int kHalf>
PICTOR_AVX512_INLINE __m256 half(__m512 sixteen) {
  constexpr auto kAll = static_cast<__mmask8>(-1);
  return _mm256_castpd_ps(_mm512_maskz_extractf64x4_pd(kAll, _mm512_castps_pd(sixteen), kHalf));
}

// The tree down to four lanes.
PICTOR_AVX512_INLINE __m128 to_four(const Lanes& sum) {
  const __m512 sixteen = _mm512_add_ps(sum.low, sum.high);
  const __m256 eight = _mm256_add_ps(half<0>(sixteen), half<1>(sixteen));
  return _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
}

struct NoFetch {
  PICTOR_AVX512_INLINE void operator()(std::size_t /*i*/) const {}
};

// Two cache lines a step, into the second level: into the first they would drive out what is being summed.
struct Fetch {
  const char* from;
  PICTOR_AVX512_INLINE void operator()(std::size_t i) const {
    _mm_prefetch(from + i * sizeof(float), _MM_HINT_T1);
    _mm_prefetch(from + i * sizeof(float) + 64, _MM_HINT_T1);
  }
};

// The sum of one row, but for the last two steps of the tree.
template <Sum kSum, typename Fetching>
PICTOR_AVX512_INLINE __m128 sum_row(const float* a, const float* b, std::size_t dim, Fetching fetch) {
  Lanes sum = zero_lanes();
  std::size_t i = 0;
  for (; i + kLanes <= dim; i += kLanes) {
    fetch(i);
    step<kSum>(sum, load(a + i), load(b + i));
  }
  if (i < dim) {
    const Tail tail = tail_of(dim - i);
    step<kSum>(sum, load(a + i, tail), load(b + i, tail));
  }
  return to_four(sum);
}

template <Sum kSum>
PICTOR_AVX512 float one(const float* a, const float* b, std::size_t dim) {
  const __m128 four = sum_row<kSum>(a, b, dim, NoFetch{});
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// The last two steps of the four trees are done together: after the transpose t<j> holds lane j of every row.
template <Sum kSum>
PICTOR_AVX512 void four(const float* query, const float* const* rows, const float* const* ahead, std::size_t dim,
                        float* out) {
  __m128 t0 = sum_row<kSum>(query, rows[0], dim, Fetch{reinterpret_cast<const char*>(ahead[0])});
  __m128 t1 = sum_row<kSum>(query, rows[1], dim, Fetch{reinterpret_cast<const char*>(ahead[1])});
  __m128 t2 = sum_row<kSum>(query, rows[2], dim, Fetch{reinterpret_cast<const char*>(ahead[2])});
  __m128 t3 = sum_row<kSum>(query, rows[3], dim, Fetch{reinterpret_cast<const char*>(ahead[3])});
  _MM_TRANSPOSE4_PS(t0, t1, t2, t3);
  _mm_storeu_ps(out, _mm_add_ps(_mm_add_ps(t0, t2), _mm_add_ps(t1, t3)));
}

}  // namespace

Kernels avx512_kernels() { return make_kernels<one<Sum::kDot>, four<Sum::kDot>, one<Sum::kL2>, four<Sum::kL2>>(); }

}  // namespace pictor::detail
#endif
