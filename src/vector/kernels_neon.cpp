// NEON kernels of aarch64, where NEON is always there: two rows at once, eight registers of lanes each.
#include "vector/kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#include <algorithm>

namespace pictor::detail {
namespace {

enum class Sum { kDot, kL2 };

inline constexpr std::size_t kParts = kLanes / 4;

struct Lanes {
  float32x4_t part[kParts];
};

inline Lanes zero_lanes() {
  Lanes lanes;
  for (auto& part : lanes.part) part = vdupq_n_f32(0.0F);
  return lanes;
}

inline Lanes load(const float* from) {
  Lanes lanes;
  for (std::size_t i = 0; i < kParts; ++i) lanes.part[i] = vld1q_f32(from + 4 * i);
  return lanes;
}

inline Lanes load_tail(const float* from, std::size_t rest) {
  float padded[kLanes] = {};
  std::copy_n(from, rest, padded);
  return load(padded);
}

template <Sum kSum>
inline void step(Lanes& sum, const Lanes& a, const Lanes& b) {
  for (std::size_t i = 0; i < kParts; ++i) {
    if constexpr (kSum == Sum::kDot) {
      sum.part[i] = vfmaq_f32(sum.part[i], a.part[i], b.part[i]);
    } else {
      const float32x4_t difference = vsubq_f32(a.part[i], b.part[i]);
      sum.part[i] = vfmaq_f32(sum.part[i], difference, difference);
    }
  }
}

inline float sum_tree(Lanes sum) {
  for (std::size_t half = kParts / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) sum.part[i] = vaddq_f32(sum.part[i], sum.part[i + half]);
  }
  const float32x2_t two = vadd_f32(vget_low_f32(sum.part[0]), vget_high_f32(sum.part[0]));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

template <Sum kSum>
float one(const float* a, const float* b, std::size_t dim) {
  Lanes sum = zero_lanes();
  std::size_t i = 0;
  for (; i + kLanes <= dim; i += kLanes) step<kSum>(sum, load(a + i), load(b + i));
  if (i < dim) step<kSum>(sum, load_tail(a + i, dim - i), load_tail(b + i, dim - i));
  return sum_tree(sum);
}

inline void fetch(const float* from) {
  __builtin_prefetch(from);
  __builtin_prefetch(from + 16);
}

template <Sum kSum>
void two(const float* query, const float* const* rows, const float* const* next, std::size_t dim, float* out) {
  Lanes sum0 = zero_lanes();
  Lanes sum1 = zero_lanes();
  const float *row0 = rows[0], *row1 = rows[1];
  const float *next0 = next[0], *next1 = next[1];
  std::size_t i = 0;
  for (; i + kLanes <= dim; i += kLanes) {
    fetch(next0 + i);
    fetch(next1 + i);
    const Lanes q = load(query + i);
    step<kSum>(sum0, q, load(row0 + i));
    step<kSum>(sum1, q, load(row1 + i));
  }
  if (i < dim) {
    const Lanes q = load_tail(query + i, dim - i);
    step<kSum>(sum0, q, load_tail(row0 + i, dim - i));
    step<kSum>(sum1, q, load_tail(row1 + i, dim - i));
  }
  out[0] = sum_tree(sum0);
  out[1] = sum_tree(sum1);
}

}  // namespace

Kernels neon_kernels() { return make_kernels<one<Sum::kDot>, two<Sum::kDot>, one<Sum::kL2>, two<Sum::kL2>, 2>(); }

}  // namespace pictor::detail
#endif
