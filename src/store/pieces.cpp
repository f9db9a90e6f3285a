#include "store/pieces.h"

#include <algorithm>

namespace pictor {

bool LeftOut::has(RowId row, Sequence died) const {
  return died <= died_by || (!doomed.empty() && std::binary_search(doomed.begin(), doomed.end(), row));
}

std::size_t add_pieces(const BlockView& view, const LeftOut& left_out, std::vector<SegmentPiece>& out) {
  const RowBlock& block = *view.block;
  std::size_t kept = 0;
  for (std::size_t begin = 0; begin < view.count;) {
    if (left_out.has(block.rows()[begin], block.died(begin))) {
      ++begin;
      continue;
    }
    std::size_t end = begin + 1;
    while (end < view.count && !left_out.has(block.rows()[end], block.died(end))) ++end;
    out.push_back({block.rows() + begin, block.born() + begin, block.inverse_norms() + begin,
                   block.vectors() + begin * block.dim(), end - begin});
    kept += end - begin;
    begin = end;
  }
  return kept;
}

std::size_t count_left_out(const BlockView& view, const LeftOut& left_out) {
  if (view.block->first_death() > left_out.died_by && left_out.doomed.empty()) return 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < view.count; ++i) {
    count += left_out.has(view.block->rows()[i], view.block->died(i)) ? 1 : 0;
  }
  return count;
}

void copy_deaths(std::span<const BlockView> from, const BlockView& to) {
  std::size_t position = 0;
  for (const auto& view : from) {
    for (std::size_t i = 0; i < view.count; ++i) {
      const RowId row = view.block->rows()[i];
      while (position < to.count && to.block->rows()[position] < row) ++position;
      if (position == to.count) return;
      if (to.block->rows()[position] != row) continue;
      const Sequence died = view.block->died(i);
      if (died != kAlive) to.block->bury(position, died);
    }
  }
}

}  // namespace pictor
