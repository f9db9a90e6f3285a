#include "store/compact_plan.h"

#include <algorithm>
#include <bit>

namespace pictor {
namespace {

// Segments of one tier differ by a factor of four at most.
int tier_of(std::uint64_t rows) { return (std::bit_width(rows) + 1) / 2; }

class Planner {
 public:
  Planner(std::span<const SegmentRows> segments, const CompactOptions& options, bool drop_all)
      : segments_(segments), options_(options), drop_all_(drop_all), taken_(segments.size(), false) {}

  std::vector<SegmentRun> plan() {
    if (options_.everything) {
      merge_all();
    } else {
      for (int tier = 0; tier <= tier_of(options_.rows_max); ++tier) merge_tier(tier);
    }
    for (std::size_t i = 0; i < segments_.size(); ++i) {
      if (!taken_[i] && is_worth_rewriting(segments_[i])) take(i, i + 1);
    }
    std::sort(runs_.begin(), runs_.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
    return std::move(runs_);
  }

 private:
  std::uint64_t kept(std::size_t i) const { return segments_[i].rows - segments_[i].left_out; }

  bool is_worth_rewriting(const SegmentRows& segment) const {
    // One without any vector is only forgotten, which costs nothing.
    if (segment.rows == 0) return drop_all_ || options_.everything;
    if (segment.left_out == 0) return false;
    if (drop_all_ || options_.everything) return true;
    return static_cast<double>(segment.left_out) >= options_.dropped_share_min * static_cast<double>(segment.rows);
  }

  void take(std::size_t begin, std::size_t end) {
    runs_.push_back({begin, end});
    std::fill(taken_.begin() + static_cast<std::ptrdiff_t>(begin), taken_.begin() + static_cast<std::ptrdiff_t>(end),
              true);
  }

  // The longest run from `begin` that fits, of segments that are free and pass.
  template <typename Passes>
  std::size_t end_of_run(std::size_t begin, const Passes& passes) const {
    std::uint64_t rows = 0;
    std::size_t end = begin;
    while (end < segments_.size() && !taken_[end] && passes(end) && rows + kept(end) <= options_.rows_max) {
      rows += kept(end++);
    }
    return end;
  }

  void merge_all() {
    for (std::size_t begin = 0; begin < segments_.size();) {
      const std::size_t end = end_of_run(begin, [](std::size_t) { return true; });
      if (end - begin >= 2) take(begin, end);
      begin = std::max(end, begin + 1);
    }
  }

  void merge_tier(int tier) {
    for (std::size_t begin = 0; begin < segments_.size();) {
      const std::size_t end = end_of_run(begin, [&](std::size_t i) { return tier_of(kept(i)) <= tier; });
      if (is_worth_merging(begin, end)) take(begin, end);
      begin = std::max(end, begin + 1);
    }
  }

  bool is_worth_merging(std::size_t begin, std::size_t end) const {
    if (end - begin < std::max<std::size_t>(options_.neighbours_min, 2)) return false;
    std::uint64_t rows = 0;
    std::uint64_t largest = 0;
    for (std::size_t i = begin; i < end; ++i) {
      rows += kept(i);
      largest = std::max(largest, kept(i));
    }
    return largest * 2 <= rows || rows == 0;
  }

  std::span<const SegmentRows> segments_;
  const CompactOptions& options_;
  const bool drop_all_;
  std::vector<bool> taken_;
  std::vector<SegmentRun> runs_;
};

}  // namespace

std::vector<SegmentRun> plan_compaction(std::span<const SegmentRows> segments, const CompactOptions& options,
                                        bool drop_all) {
  return Planner(segments, options, drop_all).plan();
}

}  // namespace pictor
