#include "vector/planes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "vector/vector.h"

namespace pictor {
namespace {

constexpr auto kAllMetrics = {Metric::kCosine, Metric::kInnerProduct, Metric::kL2};

std::vector<float> drawn(std::size_t count, std::uint32_t seed, float size = 1) {
  std::mt19937 random(seed);
  std::vector<float> v(count);
  for (float& x : v) x = (static_cast<float>(static_cast<std::int32_t>(random())) * 0x1p-31F + 0.3F) * size;
  return v;
}

struct PlaneRows {
  std::vector<float> vectors;
  std::vector<float> inverse_norms;
  std::vector<float> centre;
  CodeSpace space;
  std::vector<float> reflections;
  Planes planes;
  std::vector<std::uint8_t> front, rest, fine;
  std::vector<PlaneTerms> terms;

  PlaneRows(Metric metric, const PlaneShape& shape, std::vector<float> rows)
      : vectors(std::move(rows)),
        inverse_norms(norms(vectors, shape.dim)),
        space(fit_code_space(metric, shape.dim, vectors.data(), inverse_norms.data(), inverse_norms.size(), centre)),
        reflections(reflections_to_front(drawn(std::size_t{shape.front} * shape.dim, 9), shape.dim)),
        planes(space, shape, shape.front < shape.dim ? reflections : std::span<const float>()),
        front(count() * shape.front_bytes()),
        rest(count() * shape.rest_bytes()),
        fine(count() * shape.fine_bytes()) {
    for (std::size_t i = 0; i < count(); ++i) {
      terms.push_back(
          planes.encode_row(vectors.data() + i * shape.dim, inverse_norms[i], of(front, i), of(rest, i), of(fine, i)));
    }
  }
  static std::vector<float> norms(std::span<const float> vectors, std::size_t dim) {
    std::vector<float> found;
    for (std::size_t at = 0; at < vectors.size(); at += dim) found.push_back(inverse_norm(vectors.subspan(at, dim)));
    return found;
  }
  std::size_t count() const { return inverse_norms.size(); }
  std::span<std::uint8_t> of(std::vector<std::uint8_t>& plane, std::size_t i) const {
    const std::size_t bytes = plane.size() / count();
    return std::span(plane).subspan(i * bytes, bytes);
  }
  float distance(const PlaneQuery& query, std::size_t i) {
    return planes.distance(query, {of(front, i).data(), of(rest, i).data(), of(fine, i).data(), terms[i]});
  }
  double exact(std::span<const float> query, std::size_t i) const {
    double dots = 0, l2 = 0, own = 0, row = 0;
    for (std::size_t j = 0; j < query.size(); ++j) {
      const double x = query[j], y = vectors[i * query.size() + j];
      dots += x * y;
      l2 += (x - y) * (x - y);
      own += x * x;
      row += y * y;
    }
    if (space.metric == Metric::kL2) return l2;
    if (space.metric == Metric::kInnerProduct) return -dots;
    return row == 0 ? 1.0 : 1.0 - dots / std::sqrt(own * row);
  }
};

// The error of a distance is that of a product of the query with what codes leave out of a row.
TEST(Planes, distances_are_those_of_the_vectors_within_what_their_bits_leave_out) {
  struct Case {
    PlaneShape shape;
    double error;  // of the length of the query times that of the row
  };
  for (const Case& one : {Case{{300, 300}, 2e-4}, Case{{70, 64}, 1e-2}, Case{{300, 64}, 3e-2}, Case{{50, 50}, 2e-4},
                          Case{{1, 1}, 1e-3}}) {
    for (const Metric metric : kAllMetrics) {
      for (const float size : {1.0F, 1e-12F, 1e12F}) {
        PlaneRows rows(metric, one.shape, drawn(100 * one.shape.dim, 3, size));
        const auto query = drawn(one.shape.dim, 4, size);
        PlaneQuery coded;
        ASSERT_TRUE(rows.planes.encode_query(query.data(), inverse_norm(query), coded));
        const double unit = metric == Metric::kCosine ? 1.0 : double{size} * double{size} * one.shape.dim;
        for (std::size_t i = 0; i < rows.count(); ++i) {
          EXPECT_NEAR(static_cast<double>(rows.distance(coded, i)) / unit, rows.exact(query, i) / unit, one.error)
              << "dim " << one.shape.dim << " metric " << static_cast<int>(metric) << " size " << size;
        }
      }
    }
  }
}

TEST(Planes, walked_codes_are_those_of_the_front) {
  PlaneRows rows(Metric::kL2, {200, 64}, drawn(30 * 200, 5));
  const auto query = drawn(200, 6);
  PlaneQuery coded;
  ASSERT_TRUE(rows.planes.encode_query(query.data(), inverse_norm(query), coded));
  ASSERT_EQ(coded.walked.codes.size(), rows.planes.shape().front_bytes());
  for (std::size_t j = 0; j < 64; ++j) {
    const double walked = coded.walked.codes[j] * static_cast<double>(coded.walked.scale);
    const double fine = (256 * coded.front.high[j] + coded.front.low[j]) * coded.front.scale;
    EXPECT_NEAR(walked, fine, 0.51 * static_cast<double>(coded.walked.scale));
  }
}

TEST(Planes, rows_of_zeros_and_sets_of_one_value_are_coded_without_a_number_that_is_none) {
  for (const Metric metric : kAllMetrics) {
    for (const float value : {0.0F, 1.0F, 1e-44F}) {
      for (const std::uint32_t front : {64U, 150U}) {
        PlaneRows rows(metric, {150, front}, std::vector<float>(150 * 10, value));
        for (const PlaneTerms& terms : rows.terms) {
          EXPECT_TRUE(std::isfinite(terms.front.scale) && std::isfinite(terms.front.bias));
          EXPECT_TRUE(std::isfinite(terms.rest_scale));
        }
      }
    }
  }
}

TEST(Planes, a_query_that_cannot_be_coded_is_not) {
  PlaneQuery coded;
  PlaneRows small(Metric::kL2, {80, 64}, drawn(20 * 80, 6, 1e-30F));
  const std::vector<float> large(80, 1e30F);
  EXPECT_FALSE(small.planes.encode_query(large.data(), inverse_norm(large), coded));
  PlaneRows rows(Metric::kInnerProduct, {80, 64}, drawn(20 * 80, 6));
  const std::vector<float> zeros(80, 0.0F);
  EXPECT_FALSE(rows.planes.encode_query(zeros.data(), 0, coded));
  std::fill(rows.reflections.begin(), rows.reflections.end(), std::numeric_limits<float>::quiet_NaN());
  const auto query = drawn(80, 7);
  EXPECT_FALSE(rows.planes.encode_query(query.data(), inverse_norm(query), coded));
}

}  // namespace
}  // namespace pictor
