// AVX2 and FMA kernels: four registers of lanes. Only called after cpuid said that they run
// here.
#include "vector/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

#define PICTOR_AVX2 __attribute__((target("avx2,fma")))
#define PICTOR_AVX2_INLINE __attribute__((target("avx2,fma"), always_inline)) inline

namespace pictor::detail {
namespace {

enum class Sum { kDot, kL2 };

struct Lanes {  // lanes 0 to 7, 8 to 15, 16 to 23, 24 to 31
  __m256 part0, part1, part2, part3;
};

struct Tail {  // all bits set where a lane of the last group is inside the vector
  __m256i part0, part1, part2, part3;
};

PICTOR_AVX2_INLINE __m256i mask_of(std::size_t rest, std::size_t first) {
  alignas(32) static const std::int32_t window[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
  const std::size_t inside = rest <= first ? 0 : std::min<std::size_t>(rest - first, 8);
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(window + (8 - inside)));
}

PICTOR_AVX2_INLINE Tail tail_of(std::size_t rest) {
  return {mask_of(rest, 0), mask_of(rest, 8), mask_of(rest, 16), mask_of(rest, 24)};
}

PICTOR_AVX2_INLINE Lanes zero_lanes() {
  return {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
}

PICTOR_AVX2_INLINE Lanes load(const float* from) {
  return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8), _mm256_loadu_ps(from + 16), _mm256_loadu_ps(from + 24)};
}

PICTOR_AVX2_INLINE Lanes load(const float* from, const Tail& tail) {
  return {_mm256_maskload_ps(from, tail.part0), _mm256_maskload_ps(from + 8, tail.part1),
          _mm256_maskload_ps(from + 16, tail.part2), _mm256_maskload_ps(from + 24, tail.part3)};
}

template <Sum kSum>
PICTOR_AVX2_INLINE __m256 add_term(__m256 a, __m256 b, __m256 sum) {
  if constexpr (kSum == Sum::kDot) return _mm256_fmadd_ps(a, b, sum);
  const __m256 difference = _mm256_sub_ps(a, b);
  return _mm256_fmadd_ps(difference, difference, sum);
}

template <Sum kSum>
PICTOR_AVX2_INLINE void step(Lanes& sum, const Lanes& a, const Lanes& b) {
  sum.part0 = add_term<kSum>(a.part0, b.part0, sum.part0);
  sum.part1 = add_term<kSum>(a.part1, b.part1, sum.part1);
  sum.part2 = add_term<kSum>(a.part2, b.part2, sum.part2);
  sum.part3 = add_term<kSum>(a.part3, b.part3, sum.part3);
}

// The tree down to four lanes.
PICTOR_AVX2_INLINE __m128 to_four(const Lanes& sum) {
  const __m256 eight = _mm256_add_ps(_mm256_add_ps(sum.part0, sum.part2), _mm256_add_ps(sum.part1, sum.part3));
  return _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
}

struct NoFetch {
  PICTOR_AVX2_INLINE void operator()(std::size_t /*i*/) const {}
};

// Two cache lines a step, into the second level: into the first they would drive out what is being summed.
struct Fetch {
  const char* from;
  PICTOR_AVX2_INLINE void operator()(std::size_t i) const {
    _mm_prefetch(from + i * sizeof(float), _MM_HINT_T1);
    _mm_prefetch(from + i * sizeof(float) + 64, _MM_HINT_T1);
  }
};

// The sum of one row, but for the last two steps of the tree.
template <Sum kSum, typename Fetching>
PICTOR_AVX2_INLINE __m128 sum_row(const float* a, const float* b, std::size_t dim, Fetching fetch) {
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
PICTOR_AVX2 float one(const float* a, const float* b, std::size_t dim) {
  const __m128 four = sum_row<kSum>(a, b, dim, NoFetch{});
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// The last two steps of the four trees are done together: after the transpose t<j> holds lane j of every row.
template <Sum kSum>
PICTOR_AVX2 void four(const float* query, const float* const* rows, const float* const* ahead, std::size_t dim,
                      float* out) {
  __m128 t0 = sum_row<kSum>(query, rows[0], dim, Fetch{reinterpret_cast<const char*>(ahead[0])});
  __m128 t1 = sum_row<kSum>(query, rows[1], dim, Fetch{reinterpret_cast<const char*>(ahead[1])});
  __m128 t2 = sum_row<kSum>(query, rows[2], dim, Fetch{reinterpret_cast<const char*>(ahead[2])});
  __m128 t3 = sum_row<kSum>(query, rows[3], dim, Fetch{reinterpret_cast<const char*>(ahead[3])});
  _MM_TRANSPOSE4_PS(t0, t1, t2, t3);
  _mm_storeu_ps(out, _mm_add_ps(_mm_add_ps(t0, t2), _mm_add_ps(t1, t3)));
}

}  // namespace

Kernels avx2_kernels() { return make_kernels<one<Sum::kDot>, four<Sum::kDot>, one<Sum::kL2>, four<Sum::kL2>>(); }

}  // namespace pictor::detail
#endif
