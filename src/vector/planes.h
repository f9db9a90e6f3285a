// Codes of rows in planes, so that a search reads few of them: the front of a turned row (turn.h), at a byte a number,
// is what is looked at often; the rest and what the front's codes leave over only for the nearest, which they put in
// order without the vectors.
//
// With x' = Turn(row scaled, less the centre), scaling and centre those of a CodeSpace, f numbers make the front:
//   number j < f    (code - 128 + (fine - 7.5) / 16) * front scale                 8 + 4 bits
//   number j >= f   (nibble - 7.5) * rest scale                                    4 bits
// and the bias is that of a CodeSpace. Nibbles lie as in nibbles.h. A query has 16 bits a number where rows are put in
// order, so that its own error does not count there. Sums are whole numbers and what is made of them is plain
// arithmetic: the same bits at every SIMD level. Thread safety: pure functions; const calls from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vector/codes.h"
#include "vector/turn.h"

namespace pictor {

struct PlaneShape {
  std::uint32_t dim = 0;
  std::uint32_t front = 0;  // numbers: at least 1, at most dim

  // Of one row; each a multiple of kCodeAlignment.
  std::size_t front_bytes() const { return code_bytes(front); }
  std::size_t rest_bytes() const;
  std::size_t fine_bytes() const;  // of the front
};

struct PlaneTerms {
  CodeTerms front;  // with the bias of the whole row
  float rest_scale = 0;
};

struct PlaneRow {
  const std::uint8_t* front = nullptr;
  const std::uint8_t* rest = nullptr;
  const std::uint8_t* fine = nullptr;
  PlaneTerms terms;
};

// Numbers of 16 bits as two bytes each.
struct FineNumbers {
  std::vector<std::int8_t> high;  // a number is 256 * high + low; zeros after the last
  std::vector<std::int8_t> low;
  std::int64_t sum = 0;  // of the numbers
  double scale = 0;
};

struct PlaneQuery {
  CodedQuery walked;  // the front alone, by bytes
  FineNumbers front;
  FineNumbers rest;
  double base = 0;  // distance = base - slope * likeness
  double slope = 1;
};

class Planes {
 public:
  // What `space` and `reflections` look at must stay where it is.
  Planes(const CodeSpace& space, const PlaneShape& shape, std::span<const float> reflections);

  const PlaneShape& shape() const { return shape_; }
  // `inverse_norm` is used for cosine alone. REQUIRES: the planes have as many bytes as the shape says.
  PlaneTerms encode_row(const float* vector, float inverse_norm, std::span<std::uint8_t> front,
                        std::span<std::uint8_t> rest, std::span<std::uint8_t> fine) const;
  // False when the query cannot be coded: it is out of all proportion to the rows, or zero.
  bool encode_query(const float* vector, float inverse_norm, PlaneQuery& out) const;
  // The distance of the metric, nearly.
  float distance(const PlaneQuery& query, const PlaneRow& row) const;

 private:
  void put_distance(std::span<const float> numbers, double factor, PlaneQuery& out) const;

  CodeSpace space_;
  PlaneShape shape_;
  Turn turn_;
};

}  // namespace pictor
