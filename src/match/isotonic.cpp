#include "match/isotonic.h"

#include <algorithm>

namespace pictor {
namespace {

void add(IsotonicBlock& to, const IsotonicBlock& other) {
  to.right = (to.right * to.pairs + other.right * other.pairs) / (to.pairs + other.pairs);
  to.pairs += other.pairs;
  to.most = other.most;
}

}  // namespace

std::vector<IsotonicBlock> isotonic_blocks(std::vector<GradedPair> pairs) {
  std::ranges::sort(pairs, {}, &GradedPair::grade);
  std::vector<IsotonicBlock> blocks;
  for (std::size_t begin = 0, end = 0; begin < pairs.size(); begin = end) {
    IsotonicBlock block{pairs[begin].grade, pairs[begin].grade, 0, 0};
    for (end = begin; end < pairs.size() && pairs[end].grade == block.least; ++end) {
      block.right += pairs[end].right ? 1 : 0;
      block.pairs += 1;
    }
    block.right /= block.pairs;
    while (!blocks.empty() && blocks.back().right >= block.right) {
      IsotonicBlock before = blocks.back();
      blocks.pop_back();
      add(before, block);
      block = before;
    }
    blocks.push_back(block);
  }
  return blocks;
}

}  // namespace pictor
