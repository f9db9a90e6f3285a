#include "measure/samples.h"

#include <algorithm>
#include <cmath>

namespace pictor {
namespace {

// By linear interpolation between the two nearest, as numpy does.
double quantile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

std::uint64_t Draws::below(std::uint64_t bound) {
  // The numbers past the last multiple of the bound are thrown away, so that no remainder is likelier.
  const std::uint64_t rest = (UINT64_MAX % bound + 1) % bound;
  for (;;) {
    const std::uint64_t drawn = engine_();
    if (drawn <= UINT64_MAX - rest) return drawn % bound;
  }
}

bool Draws::coin() {
  if (coins_left_ == 0) {
    coins_ = engine_();
    coins_left_ = 64;
  }
  const bool heads = (coins_ & 1) != 0;
  coins_ >>= 1;
  --coins_left_;
  return heads;
}

Status check_samples(const SampleOptions& options, std::uint64_t queries) {
  if (options.samples < limits::kBootstrapSamplesMin || options.samples > limits::kBootstrapSamplesMax) {
    return {Code::kInvalid, "samples is " + std::to_string(options.samples) + ", wanted a number from " +
                                std::to_string(limits::kBootstrapSamplesMin) + " to " +
                                std::to_string(limits::kBootstrapSamplesMax)};
  }
  if (!(options.confidence >= 0.5 && options.confidence < 1)) {
    return {Code::kInvalid, "confidence is " + std::to_string(options.confidence) + ", wanted 0.5 or more, below 1"};
  }
  if (queries > limits::kBootstrapDrawsMax / options.samples) {
    return {Code::kLimit, std::to_string(options.samples) + " samples of " + std::to_string(queries) +
                              " queries are too many; ask for at most " +
                              std::to_string(limits::kBootstrapDrawsMax / queries)};
  }
  return Status::ok();
}

std::vector<Estimate> estimates(std::span<const double> table, std::size_t columns, const SampleOptions& options) {
  const std::size_t rows = table.size() / columns;
  const auto count = static_cast<double>(rows);
  std::vector<Estimate> out(columns);
  for (std::size_t i = 0; i < table.size(); ++i) out[i % columns].mean += table[i] / count;
  std::vector<std::vector<double>> means(columns, std::vector<double>(options.samples));
  Draws draws(options.seed);
  std::vector<double> sums(columns);
  for (std::uint32_t sample = 0; sample < options.samples; ++sample) {
    std::fill(sums.begin(), sums.end(), 0);
    for (std::size_t i = 0; i < rows; ++i) {
      const double* row = table.data() + draws.below(rows) * columns;
      for (std::size_t column = 0; column < columns; ++column) sums[column] += row[column];
    }
    for (std::size_t column = 0; column < columns; ++column) means[column][sample] = sums[column] / count;
  }
  const double tail = (1 - options.confidence) / 2;
  for (std::size_t column = 0; column < columns; ++column) {
    std::sort(means[column].begin(), means[column].end());
    out[column].low = quantile(means[column], tail);
    out[column].high = quantile(means[column], 1 - tail);
  }
  return out;
}

}  // namespace pictor
