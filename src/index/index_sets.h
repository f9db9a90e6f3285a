// Vectors and filters for tests of indexes. For tests only.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "index/index.h"

namespace pictor {

// Vectors for an index, owned: random ones, every fifth a copy of another, one of zeros; rows shuffled.
struct IndexTestSet {
  std::vector<float> vectors;
  std::vector<RowId> rows;
  std::vector<float> inverse_norms;
  std::uint32_t dim;

  IndexTestSet(std::size_t count, std::uint32_t dim, std::uint32_t seed) : rows(count), dim(dim) {
    std::mt19937 random(seed);
    for (std::size_t i = 0; i < count; ++i) {
      rows[i] = 1000 + 3 * i;
      if (i % 5 == 4) {
        const std::size_t original = random() % i;
        for (std::uint32_t j = 0; j < dim; ++j) vectors.push_back(vectors[original * dim + j]);
      } else {
        for (std::uint32_t j = 0; j < dim; ++j) vectors.push_back(i == 7 ? 0.0F : number(random));
      }
    }
    for (std::size_t i = 1; i < count; ++i)
      std::swap(rows[i], rows[random() % (i + 1)]);  // std::shuffle is free to differ
    for (std::size_t i = 0; i < count; ++i) inverse_norms.push_back(inverse_norm(vector(i)));
  }

  // In [-1, 1), the same on every machine.
  static float number(std::mt19937& random) {
    return static_cast<float>(static_cast<std::int32_t>(random())) * 0x1p-31F;
  }
  std::span<const float> vector(std::size_t i) const { return std::span(vectors).subspan(i * dim, dim); }
  VectorBlock block() const { return {vectors.data(), rows.data(), inverse_norms.data(), rows.size(), dim}; }

  std::vector<float> query(std::uint32_t seed) const {
    std::mt19937 random(seed);
    std::vector<float> q(dim);
    for (float& x : q) x = number(random);
    return q;
  }

  double distance(std::span<const float> query, std::size_t position, Metric metric) const {
    double dot = 0, l2 = 0, query_norm = 0, row_norm = 0;
    for (std::uint32_t j = 0; j < dim; ++j) {
      const double x = query[j], y = vector(position)[j];
      dot += x * y;
      l2 += (x - y) * (x - y);
      query_norm += x * x;
      row_norm += y * y;
    }
    if (metric == Metric::kL2) return l2;
    if (metric == Metric::kInnerProduct) return -dot;
    return row_norm == 0 ? 1.0 : 1.0 - dot / std::sqrt(query_norm * row_norm);
  }
};

class EveryNth final : public RowFilter {
 public:
  explicit EveryNth(std::size_t n, std::size_t from = 0) : n_(n), from_(from) {}
  void allowed(std::size_t begin, std::span<std::uint8_t> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = passes(begin + i) ? 1 : 0;
  }
  bool passes(std::size_t position) const { return position >= from_ && position % n_ == 0; }

 private:
  std::size_t n_;
  std::size_t from_;
};

}  // namespace pictor
