#include "measure/paired.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace pictor {
namespace {

constexpr std::size_t kExactMax = 16;  // differences: 65,536 ways to give them signs
// Sums of the same numbers in another order differ in their last bits.
constexpr double kSlack = 1e-12;

double exact_p(const std::vector<double>& differences, double seen) {
  const std::uint32_t ways = std::uint32_t{1} << differences.size();
  std::uint32_t extreme = 0;
  for (std::uint32_t signs = 0; signs < ways; ++signs) {
    double sum = 0;
    for (std::size_t i = 0; i < differences.size(); ++i)
      sum += ((signs >> i) & 1) != 0 ? differences[i] : -differences[i];
    extreme += std::abs(sum) >= seen ? 1 : 0;
  }
  return static_cast<double>(extreme) / ways;
}

}  // namespace

double randomization_p(std::span<const double> differences, const SampleOptions& options) {
  std::vector<double> some;  // a difference of 0 is the same whatever its sign
  double total = 0, magnitude = 0;
  for (const double one : differences) {
    if (one == 0) continue;
    some.push_back(one);
    total += one;
    magnitude += std::abs(one);
  }
  const double seen = std::abs(total) - kSlack * magnitude;
  if (some.size() <= kExactMax) return exact_p(some, seen);
  Draws draws(options.seed);
  std::uint32_t extreme = 0;
  for (std::uint32_t sample = 0; sample < options.samples; ++sample) {
    double sum = 0;
    for (const double one : some) sum += draws.coin() ? one : -one;
    extreme += std::abs(sum) >= seen ? 1 : 0;
  }
  return (1.0 + extreme) / (1.0 + options.samples);
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> out(p.size());
  double least = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    least = std::max(least, std::min(1.0, static_cast<double>(p.size() - i) * p[order[i]]));
    out[order[i]] = least;
  }
  return out;
}

}  // namespace pictor
