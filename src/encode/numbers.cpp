#include "encode/numbers.h"

#include <algorithm>
#include <cmath>

namespace pictor {
namespace {

// Four rows at once read and write the sum a quarter as often; each number still adds them in order, without fused
// multiply-add, so the bits are those of the plain double loop, whatever the width of the registers.
[[gnu::always_inline]] inline void add_rows(std::span<const double> weights, const float* matrix,
                                            std::span<double> sum) {
  const std::size_t dim = sum.size();
  std::size_t r = 0;
  for (; r + 4 <= weights.size(); r += 4) {
    const float* row = matrix + r * dim;
    const double w0 = weights[r], w1 = weights[r + 1], w2 = weights[r + 2], w3 = weights[r + 3];
    for (std::size_t d = 0; d < dim; ++d) {
      double number = sum[d] + w0 * static_cast<double>(row[d]);
      number += w1 * static_cast<double>(row[dim + d]);
      number += w2 * static_cast<double>(row[2 * dim + d]);
      sum[d] = number + w3 * static_cast<double>(row[3 * dim + d]);
    }
  }
  for (; r < weights.size(); ++r) {
    const float* row = matrix + r * dim;
    for (std::size_t d = 0; d < dim; ++d) sum[d] += weights[r] * static_cast<double>(row[d]);
  }
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] void add_rows_avx2(std::span<const double> weights, const float* matrix,
                                           std::span<double> sum) {
  add_rows(weights, matrix, sum);
}
#endif

}  // namespace

double exp_of_negative(double x) {
  constexpr double kLog2E = 1.4426950408889634;
  constexpr double kLn2High = 6.93147180369123816490e-01;  // 33 bits: k * kLn2High is exact
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  constexpr int kTerms = 14;
  if (!(x > -700.0)) return 0.0;
  const double k = std::floor(x * kLog2E + 0.5);
  const double r = (x - k * kLn2High) - k * kLn2Low;  // |r| <= ln 2 / 2
  double sum = 1.0;
  for (int i = kTerms; i > 0; --i) sum = 1.0 + sum * r / i;
  return std::ldexp(sum, static_cast<int>(k));
}

void softmax(std::span<double> scores) {
  const double highest = *std::ranges::max_element(scores);
  double sum = 0;
  for (auto& score : scores) {
    score = exp_of_negative(score - highest);
    sum += score;
  }
  for (auto& score : scores) score /= sum;
}

void weighted_sum(std::span<const double> weights, std::span<const float> matrix, std::vector<double>& sum) {
  sum.assign(matrix.size() / weights.size(), 0.0);
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0) return add_rows_avx2(weights, matrix.data(), sum);
#endif
  add_rows(weights, matrix.data(), sum);
}

void mean_of_rows(std::span<const float> rows, std::size_t count, std::vector<double>& mean) {
  const std::size_t dim = mean.size();
  std::ranges::fill(mean, 0.0);
  for (std::size_t row = 0; row < count; ++row) {
    for (std::size_t d = 0; d < dim; ++d) mean[d] += static_cast<double>(rows[row * dim + d]);
  }
  for (auto& value : mean) value /= static_cast<double>(count);
}

double length_of(std::span<const double> numbers) {
  double squares = 0;
  for (const double number : numbers) squares += number * number;
  return std::sqrt(squares);
}

bool normalise(std::span<const double> numbers, std::span<float> out) {
  const double length = length_of(numbers);
  if (!std::isfinite(length) || length <= 0) return false;
  for (std::size_t i = 0; i < numbers.size(); ++i) out[i] = static_cast<float>(numbers[i] / length);
  return true;
}

}  // namespace pictor
