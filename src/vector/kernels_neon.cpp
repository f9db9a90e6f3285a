// NEON kernels of aarch64, where NEON is always there: eight registers of lanes.
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

template <Sum kSum>
void four(const float* query, const float* const* rows, const float* const* ahead, std::size_t dim, float* out) {
  for (std::size_t j = 0; j < kGroup; ++j) {
    const char* const fetched = reinterpret_cast<const char*>(ahead[j]);
    for (std::size_t byte = 0; byte < dim * sizeof(float); byte += 64) __builtin_prefetch(fetched + byte, 0, 2);
    out[j] = one<kSum>(query, rows[j], dim);
  }
}

}  // namespace

Kernels neon_kernels() { return make_kernels<one<Sum::kDot>, four<Sum::kDot>, one<Sum::kL2>, four<Sum::kL2>>(); }

}  // namespace pictor::detail
#endif
