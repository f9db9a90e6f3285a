// A rotation that is drawn once and for all: afterwards no number of a vector is much larger than the others, which is
// what codes with one scale a row want. Lengths and angles stay what they were.
//
// Signs are flipped at random and a Hadamard transform mixes the first power of two of the numbers; then the same with
// the last (Ailon and Chazelle 2009; as a step before scalar codes: Gao and Long, "RaBitQ", SIGMOD 2024). The same bits
// on every machine. Thread safety: const calls from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pictor {

class Rotation {
 public:
  explicit Rotation(std::size_t numbers);     // REQUIRES: numbers >= 1
  void apply(std::span<float> vector) const;  // in place. REQUIRES: vector.size() == numbers

 private:
  void mix(std::span<float> vector, std::size_t round) const;

  std::size_t window_;        // the largest power of two that is not above the numbers
  std::vector<float> signs_;  // two rounds; +-1 / sqrt(window) within the window
};

}  // namespace pictor
