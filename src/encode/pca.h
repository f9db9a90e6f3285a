// Principal components of many vectors: the orthonormal directions in which they spread most.
//
// Deterministic: sums in double in the order of the vectors, one thread, the sign of each direction fixed, so that the
// same program gives the same bits. Cost: vectors x dim^2 / 2 for the sums, some 10 dim^3 for the directions.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/base.h"

namespace pictor {

struct Components {
  std::vector<double> directions;  // dim x count: a row for each number that comes in, a column for each direction
  std::vector<double> mean;        // dim; zeros when not centred
  double kept = 0;                 // share of the spread that the directions hold
};

class Pca {
 public:
  // `centred`: directions of what is left when the mean is taken away; else of the vectors as they are.
  Pca(std::size_t dim, bool centred);
  ~Pca();
  Pca(const Pca&) = delete;
  Pca& operator=(const Pca&) = delete;

  void add(std::span<const float> vector);
  std::size_t vectors() const;
  // kInvalid when more directions are asked for than the vectors have, or than `vectors` can tell.
  Result<Components> solve(std::size_t count) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pictor
