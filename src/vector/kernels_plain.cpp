// The meaning of the kernels, in standard C++. On a machine without fused multiply-add std::fma is computed in
// software: slow, and still the same bits.
#include <array>
#include <cmath>

#include "vector/kernels.h"

namespace pictor::detail {
namespace {

enum class Sum { kDot, kL2 };

float sum_tree(std::array<float, kLanes>& lanes) {
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::size_t j = 0; j < half; ++j) lanes[j] += lanes[j + half];
  }
  return lanes[0];
}

template <Sum kSum>
float sum(const float* a, const float* b, std::size_t dim) {
  std::array<float, kLanes> lanes{};
  const std::size_t padded = (dim + kLanes - 1) / kLanes * kLanes;
  for (std::size_t i = 0; i < padded; ++i) {
    const float x = i < dim ? a[i] : 0.0F;
    const float y = i < dim ? b[i] : 0.0F;
    float& lane = lanes[i % kLanes];
    lane = kSum == Sum::kDot ? std::fma(x, y, lane) : std::fma(x - y, x - y, lane);
  }
  return sum_tree(lanes);
}

template <Sum kSum>
void four(const float* query, const float* const* rows, const float* const* /*ahead*/, std::size_t dim, float* out) {
  for (std::size_t j = 0; j < kGroup; ++j) out[j] = sum<kSum>(query, rows[j], dim);
}

}  // namespace

Kernels plain_kernels() { return make_kernels<sum<Sum::kDot>, four<Sum::kDot>, sum<Sum::kL2>, four<Sum::kL2>>(); }

}  // namespace pictor::detail
