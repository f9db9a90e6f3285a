// A turn of a space: lengths and angles stay, and the first numbers of a turned vector hold most of what tells vectors
// of a set apart, as those of a principal component analysis do.
//
// It is a product of reflections, which sends the span of given directions to the first numbers (Householder 1958),
// followed by a rotation that is drawn once (rotation.h) of the first numbers among themselves and of the others, so
// that no number is much larger than its neighbours. A vector costs 2 * directions * numbers multiplications. The same
// bits on every machine. Thread safety: const calls from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vector/rotation.h"

namespace pictor {

// Reflections I - v v' that bring the span of `directions`, rows of `numbers` each, to the first numbers: a v for each
// direction, of length sqrt(2), or of zeros when it adds nothing.
std::vector<float> reflections_to_front(std::vector<float> directions, std::size_t numbers);

class Turn {
 public:
  // `reflections`, of `numbers` each, must stay where they are; none: the rotations alone. REQUIRES: front <= numbers.
  Turn(std::span<const float> reflections, std::size_t numbers, std::size_t front);
  // In place. REQUIRES: vector.size() == numbers.
  void apply(std::span<float> vector) const;

 private:
  std::span<const float> reflections_;
  std::size_t numbers_;
  std::size_t front_;
  Rotation of_front_;
  Rotation of_rest_;
};

}  // namespace pictor
