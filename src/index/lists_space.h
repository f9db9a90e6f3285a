// The space that rows are clustered and coded in: scaled, less their mean, rotated. Inside index/ only.
//
// A row x has the numbers x' = R(f x - m), continued with zeros before R to a multiple of 128: f is its inverse norm
// for cosine and else one power of two for all rows, m their mean, R the fixed rotation. A list has a centre c among
// such rows, a row the rest r = x' - c, and its code stands for r^, which is nearly r. Larger is nearer, and but for a
// constant of the query q' = R(f q - m) the likeness of a row is
//   L2:     <q', x'> - |x'|^2 / 2        cosine, inner product:  <q', x'> + <R m, x'>
// where <q', x'> = <q', c> + <q', r^> + <q', e>. The error e = r - r^ is not kept but for what it means along c, which
// is most of <q', e> for a query near the list: bias = what depends on x' alone + <c, e>.
// Thread safety: const calls from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "index/index.h"
#include "vector/vector.h"

namespace pictor {

inline std::size_t list_width(std::uint32_t dim) {
  return (std::size_t{dim} + kNibbleGroup - 1) / kNibbleGroup * kNibbleGroup;
}
inline std::size_t list_row_bytes(std::uint32_t dim, std::uint32_t bits) { return list_width(dim) * bits / 8; }

// A query by codes: whole numbers times one scale.
struct ListQuery {
  std::vector<float> numbers;      // q'
  std::vector<std::int8_t> codes;  // of them
  float scale = 0;
  std::int32_t sum = 0;  // of the codes
  float square = 0;      // |q'|^2
};

class ListSpace {
 public:
  ListSpace(Metric metric, std::uint32_t dim, double unit, double length, std::vector<float> mean);

  Metric metric() const { return metric_; }
  std::size_t width() const { return width_; }
  double unit() const { return unit_; }
  double length() const { return length_; }
  std::span<const float> mean() const { return mean_; }

  // x' of a row; `inverse_norm` is used for cosine alone. REQUIRES: out has width() numbers.
  void place_row(const float* vector, float inverse_norm, std::span<float> out) const;
  // What depends on a row alone in its likeness.
  float bias_of(std::span<const float> placed) const;
  // False when the query cannot be coded: it is out of all proportion to the rows, or zero for an inner product.
  bool place_query(std::span<const float> vector, ListQuery& out) const;
  // |q' - c|, or for an inner product |q' + R m|: times the length of a rest, the most that it adds to a likeness.
  double lever(const ListQuery& query, float dot, float square) const;

 private:
  bool place(const float* vector, double factor, std::span<float> out) const;

  Metric metric_;
  std::uint32_t dim_;
  std::size_t width_;
  double unit_;
  double length_;
  std::vector<float> mean_;
  std::vector<float> turned_mean_;  // R m
  Rotation rotation_;
};

// Codes of `numbers`, -127 to 127, and their scale: the largest magnitude / 127.
float code_numbers(std::span<const float> numbers, std::int8_t* out);

struct ListRow {
  float scale = 0;
  float error_along = 0;  // <c, e>
};
// Codes of a rest of `bits` each. REQUIRES: out has list_row_bytes bytes; centre as many numbers as the rest.
ListRow code_rest(std::span<const float> rest, std::span<const float> centre, std::uint32_t bits,
                  std::span<std::uint8_t> out);

// Likenesses of `count` rows of one list, out[i] of rows[i]. `base` is <q', c>.
void list_likenesses(const ListQuery& query, std::uint32_t bits, float base, const std::uint8_t* const* rows,
                     const CodeTerms* const* terms, std::size_t count, float* out);
inline constexpr std::size_t kListRowsAtOnce = 64;  // the largest count

}  // namespace pictor
