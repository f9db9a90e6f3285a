// Isotonic regression and how good probabilities are. Inside match/ only. Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace pictor {

struct GradedPair {
  double grade = 0;  // larger: more likely right
  bool right = false;
};

struct IsotonicBlock {
  double least = 0, most = 0;  // grades of the block
  double right = 0;            // share of its pairs that are right
  double pairs = 0;
};

// Pool-adjacent-violators (Ayer et al. 1955; for probabilities Zadrozny and Elkan 2002): the shares that never fall as
// grades rise and come nearest in least squares. Pairs of one grade are in one block. Neighbours of one share are one.
std::vector<IsotonicBlock> isotonic_blocks(std::vector<GradedPair> pairs);

}  // namespace pictor
