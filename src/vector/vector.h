// The door of vector: kernels over float32 vectors, chosen at run time, and a top-k that breaks ties by row.
//
// The plain kernel is the meaning. Every SIMD kernel returns a value within the bound stated at kernel_error_bound of
// the plain one, and the same bits whenever it is called with the same numbers (no dependence on alignment or
// position). Thread safety: pure functions; TopK belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/base.h"
#include "pictor/types.h"

namespace pictor {

enum class SimdLevel : std::uint8_t { kPlain, kAvx2, kAvx512, kNeon };
std::string_view simd_name(SimdLevel level);
SimdLevel best_simd();  // of this machine; PICTOR_SIMD=plain|avx2|avx512|neon lowers it
std::vector<SimdLevel> available_simd();

// Distances between a query and `count` rows of `dim` numbers that lie one after the other.
// Cosine assumes neither side to be normalised: inverse norms are passed for rows, or computed by inverse_norms.
struct Kernels {
  float (*dot)(const float* a, const float* b, std::size_t dim);
  float (*l2_squared)(const float* a, const float* b, std::size_t dim);
  // out[i] = dot(query, rows + i * dim): the same bits as `dot`.
  void (*dot_block)(const float* query, const float* rows, std::size_t count, std::size_t dim, float* out);
  void (*l2_squared_block)(const float* query, const float* rows, std::size_t count, std::size_t dim, float* out);
};
const Kernels& kernels(SimdLevel level);  // REQUIRES: level is in available_simd()
const Kernels& kernels();                 // of best_simd()

// |simd - plain| <= kernel_error_bound(dim) * sum_i |a_i * b_i| (for L2: of (a_i - b_i)^2).
float kernel_error_bound(std::size_t dim);

// 1 / |v| in double precision rounded once; 0 for a vector of zeros.
float inverse_norm(std::span<const float> v);
// Divides by the norm in place, computed in double in index order: the same bits on every machine. kInvalid for zeros
// or a number that is not finite.
Status normalize_l2(std::span<float> v);
// kInvalid, with the position and the value, when a number is NaN or infinite.
Status check_finite(std::span<const float> v);

struct Neighbor {
  Distance distance;
  RowId row = 0;
  friend bool operator==(const Neighbor&, const Neighbor&) = default;
  friend auto operator<=>(const Neighbor&, const Neighbor&) = default;  // nearer first, then the smaller row
};

// The k nearest of what was pushed, whatever the order of pushing.
class TopK {
 public:
  explicit TopK(std::size_t k);
  void push(Neighbor candidate);
  // What a new candidate must beat; +infinity while fewer than k are held.
  Distance worst() const;
  std::vector<Neighbor> take_sorted();

 private:
  std::size_t k_;
  std::vector<Neighbor> heap_;
};

}  // namespace pictor
