// Which rows of a block go into a new segment, and how their deaths follow them there.
//
// Thread safety: pure functions over blocks, whose deaths may come meanwhile.
#pragma once

#include <span>
#include <vector>

#include "store/segment.h"
#include "store/state.h"

namespace pictor {

// What is left out: rows that died at or before `died_by`, and `doomed` ones, which ascend.
struct LeftOut {
  Sequence died_by = 0;
  std::span<const RowId> doomed = {};

  bool has(RowId row, Sequence died) const;
};

// Appends the runs of rows that are kept, as pieces that look into the block. Returns how many rows they have.
std::size_t add_pieces(const BlockView& view, const LeftOut& left_out, std::vector<SegmentPiece>& out);
std::size_t count_left_out(const BlockView& view, const LeftOut& left_out);
// Rows of `to` get the deaths that they have in `from`. Both ascend.
void copy_deaths(std::span<const BlockView> from, const BlockView& to);

}  // namespace pictor
