// What a tensor's numbers were like, and the scale by which they are best kept in eight bits.
//
// Thread safety: values. Cost: constant memory a tensor, whatever the number of pictures. Sums are made in the order in
// which numbers are given: same numbers, same bits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pictor {

// number = (byte - zero) * scale
struct ByteScale {
  float scale = 1;
  std::uint8_t zero = 0;
};

class RangeHistogram {
 public:
  // Of numbers between these; 0 is made one of them, so that it can be kept exactly.
  RangeHistogram(float low, float high);
  void add(float value) { ++counts_[bin_of(value)]; }
  // The scale with the least squared error. A range that covers all numbers would be ruled by the largest few.
  ByteScale choose() const;

 private:
  std::size_t bin_of(float value) const;
  double squared_error(const ByteScale& scale) const;

  double low_, high_;
  double bins_per_unit_ = 0;
  std::vector<std::uint64_t> counts_;
};

// By channel, of a tensor of which several forward passes were seen.
struct ChannelRanges {
  std::vector<float> low, high;
  std::vector<double> sum;
  std::uint64_t positions = 0;  // numbers of each channel in all passes

  explicit ChannelRanges(std::size_t channels) : low(channels), high(channels), sum(channels) {}
  std::size_t channels() const { return low.size(); }
  // `values` is 1 x channels x ... when `planes`, ... x channels otherwise. REQUIRES: a multiple of channels().
  void add(std::span<const float> values, bool planes);
};

}  // namespace pictor
