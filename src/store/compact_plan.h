// Which neighbouring segments are made into one.
//
// Rows ascend over segments, so only neighbours can be merged. By default a run is merged when it has some segments of
// like size, and its largest is no more than half of it: then each row is written again only when its segment at least
// doubles, a number of times that grows with the logarithm of the collection. Pure.
#pragma once

#include <span>
#include <vector>

#include "store/store.h"

namespace pictor {

struct SegmentRows {
  std::uint64_t rows = 0;      // in the largest of its spaces
  std::uint64_t left_out = 0;  // of them, when it is written again
};

struct SegmentRun {
  std::size_t begin = 0;
  std::size_t end = 0;
  friend bool operator==(const SegmentRun&, const SegmentRun&) = default;
};

// Runs that do not overlap, in order. `drop_all`: every segment of which something is left out is rewritten.
std::vector<SegmentRun> plan_compaction(std::span<const SegmentRows> segments, const CompactOptions& options,
                                        bool drop_all);

}  // namespace pictor
