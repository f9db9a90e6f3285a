// Vectors as one byte a number: a fourth of the memory, and sums of products that are whole numbers and so the same on
// every machine, whatever the order of adding.
//
// A set of rows has a space: the numbers are scaled by `unit` (cosine: each row by its inverse norm), `centre` is
// subtracted, and each row keeps a scale of its own, its largest magnitude / 127. A code is number / scale rounded to
// nearest, plus 128. How near a row is to a query is then, but for a constant of the query,
//   likeness = scale of query * scale of row * (sum of products of codes) + bias of row
// where the bias is centre . row for cosine and inner product and -|row - centre|^2 / 2 for L2.
// Thread safety: pure functions and values.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/base.h"
#include "pictor/types.h"
#include "vector/simd.h"

namespace pictor {

// REQUIRES: bytes is a multiple of kCodeAlignment, at most limits::kVectorDimMax (so no sum overflows).
struct CodeKernels {
  std::int32_t (*dot)(const std::int8_t* query, const std::uint8_t* row, std::size_t bytes);
  // `count` rows anywhere: out[i] = dot(query, rows[i]).
  void (*dot_gather)(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t count, std::size_t bytes,
                     std::int32_t* out);
};
const CodeKernels& code_kernels(SimdLevel level);  // REQUIRES: level is in available_simd()
const CodeKernels& code_kernels();                 // of best_simd()

inline constexpr std::size_t kCodeAlignment = 64;
// Bytes of a row's codes: dim, and zeros (code 128) up to a multiple of kCodeAlignment.
inline std::size_t code_bytes(std::uint32_t dim) {
  return (std::size_t{dim} + kCodeAlignment - 1) / kCodeAlignment * kCodeAlignment;
}

struct CodeTerms {
  float scale = 0;
  float bias = 0;
};

struct CodeSpace {
  Metric metric = Metric::kCosine;
  std::uint32_t dim = 0;
  double unit = 1;    // a power of two that brings every number into [-1, 1]; 1 for cosine
  double length = 1;  // the rows' root mean square length after scaling: queries of an inner product get it too
  std::span<const float> centre;  // dim
};

// A query, or a row that is compared with others.
struct CodedQuery {
  std::vector<std::int8_t> codes;
  std::int32_t offset = 0;  // what the 128 of every code of a row adds to a sum
  float scale = 0;
};

// The space of `count` rows that lie one after the other; its centre is put into `centre`. The same on any number of
// threads; `pool` may be null.
CodeSpace fit_code_space(Metric metric, std::uint32_t dim, const float* vectors, const float* inverse_norms,
                         std::size_t count, std::vector<float>& centre, ThreadPool* pool = nullptr);

// The numbers that a row's codes stand for: scaled, less the centre. Its bias. `inverse_norm` is used for cosine alone.
float row_numbers(const CodeSpace& space, const float* vector, float inverse_norm, std::vector<float>& numbers);
// Codes of one row; `inverse_norm` is used for cosine alone. REQUIRES: out has code_bytes(space.dim) bytes.
CodeTerms encode_row(const CodeSpace& space, const float* vector, float inverse_norm, std::span<std::uint8_t> out);

// False when the query cannot be coded: it is out of all proportion to the rows, or zero for an inner product.
bool encode_query(const CodeSpace& space, const float* vector, float inverse_norm, CodedQuery& out);
// A row as a query.
void query_of_row(std::span<const std::uint8_t> codes, float scale, CodedQuery& out);

// Smaller is nearer.
inline float code_distance(std::int32_t sum, const CodedQuery& query, CodeTerms row) {
  return -(static_cast<float>(sum - query.offset) * (query.scale * row.scale) + row.bias);
}

}  // namespace pictor
