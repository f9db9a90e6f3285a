// The door of vector: kernels over float32 vectors, chosen at run time, and a top-k that breaks ties by row.
//
// The plain kernel is the meaning: 32 lanes of fused multiply-add and one fixed tree of additions (kernels.h). Every
// other kernel does the same operations in the same order, so a distance has the same bits at every SIMD level, for
// any alignment, and alone or in a block. (Which NaN comes out of numbers that are not finite is left open, and the
// floating-point environment must be the default one: round to nearest, denormals kept.)
// Thread safety: pure functions; TopK belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/base.h"
#include "pictor/types.h"
#include "vector/codes.h"
#include "vector/max_sim.h"
#include "vector/nibbles.h"
#include "vector/planes.h"
#include "vector/rotation.h"
#include "vector/simd.h"
#include "vector/token_codes.h"
#include "vector/turn.h"

namespace pictor {

// Sums over vectors of `dim` numbers. No kernel reads past the end of a vector.
struct Kernels {
  // Sum of a[i] * b[i]; of (a[i] - b[i])^2. The same bits with a and b exchanged.
  float (*dot)(const float* a, const float* b, std::size_t dim);
  float (*l2_squared)(const float* a, const float* b, std::size_t dim);
  // `count` rows that lie one after the other: out[i] = dot(query, rows + i * dim).
  void (*dot_block)(const float* query, const float* rows, std::size_t count, std::size_t dim, float* out);
  void (*l2_squared_block)(const float* query, const float* rows, std::size_t count, std::size_t dim, float* out);
  // `count` rows anywhere: out[i] = dot(query, rows[i]).
  void (*dot_gather)(const float* query, const float* const* rows, std::size_t count, std::size_t dim, float* out);
  void (*l2_squared_gather)(const float* query, const float* const* rows, std::size_t count, std::size_t dim,
                            float* out);
};
const Kernels& kernels(SimdLevel level);  // REQUIRES: level is in available_simd()
const Kernels& kernels();                 // of best_simd()

// 1 / |v|, in double precision in index order and rounded once: the same bits on every machine. 0 for a vector of
// zeros, and for one so short (|v| < 2.94e-39) that the result is no float. REQUIRES: the numbers are finite.
float inverse_norm(std::span<const float> v);

// Cosine distance from a dot product of vectors of any length, in this order of float operations.
inline Distance cosine_distance(float dot, float inverse_norm_query, float inverse_norm_row) {
  return {1.0F - (dot * inverse_norm_query) * inverse_norm_row};
}

// Divides by the norm in place, computed in double in index order: the same bits on every machine. kInvalid for zeros
// or a number that is not finite; `v` is then unchanged.
Status normalize_l2(std::span<float> v);
// kInvalid, with the position and the value, when a number is NaN or infinite.
Status check_finite(std::span<const float> v);

struct Neighbor {
  Distance distance;
  RowId row = 0;
  friend bool operator==(const Neighbor&, const Neighbor&) = default;
  // Nearer first, then the smaller row. NOLINTNEXTLINE(modernize-use-nullptr): finds its own code
  friend auto operator<=>(const Neighbor&, const Neighbor&) = default;
};

// The k nearest of what was pushed, whatever the order of pushing. A distance that is not a number (numbers so large
// that their products overflow) counts as +infinity. Memory: what is held, at most k.
class TopK {
 public:
  explicit TopK(std::size_t k) : k_(k) {}
  void push(Neighbor candidate);
  // What a new candidate must reach: one with a larger distance need not be pushed, one of the same distance may still
  // win by its row. +infinity while fewer than k are held.
  Distance worst() const;
  // Nearest first; nothing is held afterwards.
  std::vector<Neighbor> take_sorted();

 private:
  std::size_t k_;
  std::vector<Neighbor> heap_;  // the worst in front
};

}  // namespace pictor
