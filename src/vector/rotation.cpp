#include "vector/rotation.h"

#include <bit>
#include <cmath>

namespace pictor {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014): the same on every machine.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

void transform_of_four(float* v) {
  const float a = v[0] + v[1];
  const float b = v[0] - v[1];
  const float c = v[2] + v[3];
  const float d = v[2] - v[3];
  v[0] = a + c;
  v[1] = b + d;
  v[2] = a - c;
  v[3] = b - d;
}

void hadamard(float* v, std::size_t count) {
  std::size_t half = 1;
  if (count >= 4) {
    for (std::size_t i = 0; i < count; i += 4) transform_of_four(v + i);
    half = 4;
  }
  for (; half < count; half *= 2) {
    for (std::size_t i = 0; i < count; i += 2 * half) {
      float* __restrict low = v + i;
      float* __restrict high = low + half;
      for (std::size_t j = 0; j < half; ++j) {
        const float sum = low[j] + high[j];
        high[j] = low[j] - high[j];
        low[j] = sum;
      }
    }
  }
}

}  // namespace

Rotation::Rotation(std::size_t numbers) : window_(std::bit_floor(numbers)), signs_(2 * numbers) {
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(window_)));
  for (std::size_t i = 0; i < signs_.size(); ++i) signs_[i] = (mixed(i) >> 63) != 0 ? scale : -scale;
}

void Rotation::apply(std::span<float> vector) const {
  mix(vector, 0);
  mix(vector, 1);
}

void Rotation::mix(std::span<float> vector, std::size_t round) const {
  const std::size_t begin = round == 0 ? 0 : vector.size() - window_;
  const float* signs = signs_.data() + round * vector.size() + begin;
  float* window = vector.data() + begin;
  for (std::size_t i = 0; i < window_; ++i) window[i] *= signs[i];
  hadamard(window, window_);
}

}  // namespace pictor
