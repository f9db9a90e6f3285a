#include "vector/turn.h"

#include <algorithm>
#include <cmath>

#include "vector/vector.h"

namespace pictor {
namespace {

void subtract(float* __restrict out, const float* __restrict v, float factor, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] -= factor * v[i];
}

#if defined(__x86_64__)
// The same, and the compiler may use wider registers; no multiplication is fused with a subtraction.
__attribute__((target("avx2"))) void subtract_wide(float* __restrict out, const float* __restrict v, float factor,
                                                   std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] -= factor * v[i];
}
#endif

using Subtract = void (*)(float* out, const float* v, float factor, std::size_t count);

Subtract best_subtract() {
#if defined(__x86_64__)
  if (best_simd() != SimdLevel::kPlain) return subtract_wide;
#endif
  return subtract;
}

void reflect(std::span<const float> v, std::span<float> vector) {
  static const Subtract subtract_from = best_subtract();
  const float along = kernels().dot(v.data(), vector.data(), vector.size());
  subtract_from(vector.data(), v.data(), along, vector.size());
}

}  // namespace

std::vector<float> reflections_to_front(std::vector<float> directions, std::size_t numbers) {
  const std::size_t count = directions.size() / numbers;
  std::vector<float> reflections(directions.size(), 0.0F);
  for (std::size_t r = 0; r < count; ++r) {
    const auto direction = std::span(directions).subspan(r * numbers, numbers);
    const auto v = std::span(reflections).subspan(r * numbers, numbers);
    double square = 0;
    for (std::size_t i = r; i < numbers; ++i) {
      square += static_cast<double>(direction[i]) * static_cast<double>(direction[i]);
    }
    const double length = std::sqrt(square);
    const auto first = static_cast<double>(direction[r]);
    const double moved = first + (first < 0 ? -length : length);
    const double square_moved = square - first * first + moved * moved;
    if (!(square_moved > 1e-20) || !std::isfinite(square_moved)) continue;
    const double factor = std::sqrt(2.0 / square_moved);
    v[r] = static_cast<float>(moved * factor);
    for (std::size_t i = r + 1; i < numbers; ++i) v[i] = static_cast<float>(static_cast<double>(direction[i]) * factor);
    for (std::size_t other = r + 1; other < count; ++other) {
      reflect(v, std::span(directions).subspan(other * numbers, numbers));
    }
  }
  return reflections;
}

Turn::Turn(std::span<const float> reflections, std::size_t numbers, std::size_t front)
    : reflections_(reflections),
      numbers_(numbers),
      front_(front),
      of_front_(std::max<std::size_t>(front, 1)),
      of_rest_(std::max<std::size_t>(numbers - front, 1)) {}

void Turn::apply(std::span<float> vector) const {
  for (std::size_t at = 0; at + numbers_ <= reflections_.size(); at += numbers_) {
    reflect(reflections_.subspan(at, numbers_), vector);
  }
  if (front_ > 0) of_front_.apply(vector.first(front_));
  if (front_ < numbers_) of_rest_.apply(vector.subspan(front_));
}

}  // namespace pictor
