// Reading a block front to back with two promises: a disk is asked for rows before they are needed, and for few rows
// more than that, so that a control group of next to no memory does not lose them before they are read. Inside index/
// only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "index/index.h"

namespace pictor {

// Thread safety: any thread, as will_read.
class RowsAhead {
 public:
  RowsAhead(const VectorBlock& block, const WillRead& will_read) : block_(block), will_read_(will_read) {}

  // A pass in parts of `count` rows starts with row `begin`: the first parts are asked for.
  void starting(std::size_t begin, std::size_t count) const { tell(begin, kAhead * count); }
  // The part that begins there is read now, and those after it by this thread or others: the first that was not asked
  // for is.
  void reading(std::size_t begin, std::size_t count) const { tell(begin + kAhead * count, count); }
  // One row here and one there.
  void soon(std::span<const std::uint32_t> positions) const {
    for (const std::uint32_t position : positions) tell(position, 1);
  }

 private:
  static constexpr std::size_t kAhead = 4;  // parts that are asked for and not read yet

  void tell(std::size_t begin, std::size_t count) const {
    if (!will_read_ || begin >= block_.count) return;
    count = std::min(count, block_.count - begin);
    will_read_(std::as_bytes(std::span(block_.vectors + begin * block_.dim, count * block_.dim)));
    if (block_.inverse_norms != nullptr) will_read_(std::as_bytes(std::span(block_.inverse_norms + begin, count)));
  }

  const VectorBlock& block_;
  const WillRead& will_read_;
};

}  // namespace pictor
