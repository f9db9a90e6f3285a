#include "infer/quantize_ranges.h"

#include <algorithm>
#include <cmath>

namespace pictor {
namespace {

constexpr std::size_t kBins = 4096;
constexpr int kShrinkSteps = 90;      // ranges tried for one end
constexpr double kShrinkLeast = 0.1;  // of the whole range
constexpr double kLevels = 255;
constexpr double kScaleLeast = 1e-8;

ByteScale scale_of(double low, double high) {
  const double scale = std::max((high - low) / kLevels, kScaleLeast);
  return {static_cast<float>(scale), static_cast<std::uint8_t>(std::clamp(std::nearbyint(-low / scale), 0.0, kLevels))};
}

}  // namespace

RangeHistogram::RangeHistogram(float low, float high)
    : low_(std::min(low, 0.0F)), high_(std::max(high, 0.0F)), counts_(kBins) {
  if (high_ > low_) bins_per_unit_ = static_cast<double>(kBins) / (high_ - low_);
}

std::size_t RangeHistogram::bin_of(float value) const {
  const double at = (static_cast<double>(value) - low_) * bins_per_unit_;
  if (!(at > 0)) return 0;  // not a number, too
  return static_cast<std::size_t>(std::min(at, static_cast<double>(kBins - 1)));
}

double RangeHistogram::squared_error(const ByteScale& chosen) const {
  const double scale = chosen.scale;
  const double zero = chosen.zero;
  double sum = 0;
  for (std::size_t i = 0; i < kBins; ++i) {
    if (counts_[i] == 0) continue;
    const double value = low_ + (static_cast<double>(i) + 0.5) / bins_per_unit_;
    const double kept = (std::clamp(std::nearbyint(value / scale) + zero, 0.0, kLevels) - zero) * scale;
    sum += static_cast<double>(counts_[i]) * (kept - value) * (kept - value);
  }
  return sum;
}

ByteScale RangeHistogram::choose() const {
  if (bins_per_unit_ == 0) return {};
  double low = low_;
  double high = high_;
  double least = squared_error(scale_of(low, high));
  // One end after the other, twice: the best of one depends little on the other.
  for (int round = 0; round < 2; ++round) {
    for (double* end : {&high, &low}) {
      const double whole = end == &high ? high_ : low_;
      if (whole == 0) continue;
      double best = *end;
      for (int step = 0; step <= kShrinkSteps; ++step) {
        *end = whole * (1 - (1 - kShrinkLeast) * step / kShrinkSteps);
        const double error = squared_error(scale_of(low, high));
        if (error >= least) continue;
        least = error;
        best = *end;
      }
      *end = best;
    }
  }
  return scale_of(low, high);
}

void ChannelRanges::add(std::span<const float> values, bool planes) {
  const std::size_t count = values.size() / channels();
  const std::size_t channel_step = planes ? count : 1;
  const std::size_t step = planes ? 1 : channels();
  for (std::size_t c = 0; c < channels(); ++c) {
    double total = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const float value = values[c * channel_step + i * step];
      low[c] = std::min(low[c], value);
      high[c] = std::max(high[c], value);
      total += static_cast<double>(value);
    }
    sum[c] += total;
  }
  positions += count;
}

}  // namespace pictor
