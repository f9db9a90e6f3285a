#include "vector/codes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

#include "vector/vector.h"

namespace pictor {
namespace {

float number(std::mt19937& random) { return static_cast<float>(static_cast<std::int32_t>(random())) * 0x1p-31F; }

std::vector<float> drawn(std::size_t count, std::uint32_t seed, float size = 1) {
  std::mt19937 random(seed);
  std::vector<float> v(count);
  for (float& x : v) x = number(random) * size;
  return v;
}

class EveryCodeLevel : public ::testing::TestWithParam<SimdLevel> {};

TEST_P(EveryCodeLevel, sums_are_those_of_whole_numbers_also_at_the_extremes) {
  const CodeKernels& level = code_kernels(GetParam());
  std::mt19937 random(1);
  for (std::size_t bytes = 64; bytes <= 1344; bytes += 64) {
    for (int kind = 0; kind < 4; ++kind) {
      std::vector<std::int8_t> query(bytes);
      std::vector<std::uint8_t> rows(7 * bytes);
      for (auto& q : query) q = static_cast<std::int8_t>(kind < 2 ? (kind == 0 ? 127 : -127) : random());
      for (auto& r : rows) r = static_cast<std::uint8_t>(kind < 2 ? 255 : random());
      std::vector<const std::uint8_t*> pointers;
      std::vector<std::int32_t> wanted;
      for (std::size_t i = 0; i < 7; ++i) {
        pointers.push_back(rows.data() + i * bytes);
        std::int64_t sum = 0;
        for (std::size_t j = 0; j < bytes; ++j) sum += std::int64_t{query[j]} * rows[i * bytes + j];
        wanted.push_back(static_cast<std::int32_t>(sum));
        EXPECT_EQ(level.dot(query.data(), pointers[i], bytes), wanted[i]) << bytes << " bytes, kind " << kind;
      }
      for (std::size_t count = 0; count <= 7; ++count) {
        std::vector<std::int32_t> sums(7, -1);
        level.dot_gather(query.data(), pointers.data(), count, bytes, sums.data());
        for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(sums[i], i < count ? wanted[i] : -1) << count << " rows, " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Simd, EveryCodeLevel, ::testing::ValuesIn(available_simd()),
                         [](const auto& info) { return std::string(simd_name(info.param)); });

struct CodedRows {
  std::vector<float> vectors;
  std::vector<float> inverse_norms;
  std::vector<float> centre;
  CodeSpace space;
  std::vector<std::uint8_t> codes;
  std::vector<CodeTerms> terms;

  CodedRows(Metric metric, std::uint32_t dim, std::vector<float> rows) : vectors(std::move(rows)) {
    const std::size_t count = vectors.size() / dim;
    for (std::size_t i = 0; i < count; ++i) {
      inverse_norms.push_back(inverse_norm(std::span(vectors).subspan(i * dim, dim)));
    }
    space = fit_code_space(metric, dim, vectors.data(), inverse_norms.data(), count, centre);
    codes.resize(count * code_bytes(dim));
    for (std::size_t i = 0; i < count; ++i) {
      terms.push_back(encode_row(space, vectors.data() + i * dim, inverse_norms[i], row(i)));
    }
  }
  std::span<std::uint8_t> row(std::size_t i) {
    return std::span(codes).subspan(i * code_bytes(space.dim), code_bytes(space.dim));
  }
  float distance(const CodedQuery& query, std::size_t i) {
    return code_distance(code_kernels().dot(query.codes.data(), row(i).data(), row(i).size()), query, terms[i]);
  }
};

// Code distances are the true ones times a factor and plus a constant of the query: differences of pairs agree.
TEST(Codes, order_rows_as_their_vectors_do_for_every_metric) {
  const std::uint32_t dim = 70;
  for (const Metric metric : {Metric::kCosine, Metric::kInnerProduct, Metric::kL2}) {
    for (const float size : {1.0F, 1e-30F, 3e37F}) {
      CodedRows rows(metric, dim, drawn(200 * dim, 3, size));
      const auto query = drawn(dim, 4, size);
      CodedQuery coded;
      ASSERT_TRUE(encode_query(rows.space, query.data(), inverse_norm(query), coded));
      std::size_t agree = 0;
      std::size_t pairs = 0;
      for (std::size_t i = 0; i + 1 < 200; ++i) {
        double exact = 0;
        for (std::uint32_t j = 0; j < dim; ++j) {
          const double q = static_cast<double>(query[j]);
          const double a = static_cast<double>(rows.vectors[i * dim + j]);
          const double b = static_cast<double>(rows.vectors[(i + 1) * dim + j]);
          if (metric == Metric::kL2) {
            exact += (q - a) * (q - a) - (q - b) * (q - b);
          } else if (metric == Metric::kInnerProduct) {
            exact += q * b - q * a;
          } else {
            exact += q * b * static_cast<double>(rows.inverse_norms[i + 1]) -
                     q * a * static_cast<double>(rows.inverse_norms[i]);
          }
        }
        ++pairs;
        if ((exact < 0) == (rows.distance(coded, i) < rows.distance(coded, i + 1))) ++agree;
      }
      EXPECT_GE(agree, pairs - 4) << "metric " << static_cast<int>(metric) << ", size " << size;
    }
  }
}

TEST(Codes, a_row_that_is_a_query_is_nearest_to_itself_and_its_offset_takes_the_128_away) {
  CodedRows rows(Metric::kL2, 33, drawn(50 * 33, 5));
  for (std::size_t i = 0; i < 50; ++i) {
    CodedQuery query;
    query_of_row(rows.row(i), rows.terms[i].scale, query);
    for (std::size_t j = 0; j < 50; ++j) EXPECT_LE(rows.distance(query, i), rows.distance(query, j));
    EXPECT_NEAR(rows.distance(query, i) - rows.terms[i].bias, 0.0F, 0.05F);
  }
}

TEST(Codes, a_query_out_of_all_proportion_or_without_direction_is_not_coded) {
  CodedQuery coded;
  CodedRows small(Metric::kL2, 8, drawn(80, 6, 1e-30F));
  const std::vector<float> large(8, 1e30F);
  EXPECT_FALSE(encode_query(small.space, large.data(), inverse_norm(large), coded));
  CodedRows rows(Metric::kInnerProduct, 8, drawn(80, 6));
  const std::vector<float> zeros(8, 0.0F);
  EXPECT_FALSE(encode_query(rows.space, zeros.data(), 0, coded));
}

TEST(Codes, rows_of_zeros_and_sets_of_one_value_are_coded_without_a_number_that_is_none) {
  for (const Metric metric : {Metric::kCosine, Metric::kInnerProduct, Metric::kL2}) {
    for (const float value : {0.0F, 1.0F, 1e-44F}) {
      CodedRows rows(metric, 5, std::vector<float>(20, value));
      for (const CodeTerms terms : rows.terms) {
        EXPECT_TRUE(std::isfinite(terms.scale));
        EXPECT_TRUE(std::isfinite(terms.bias));
      }
    }
  }
}

}  // namespace
}  // namespace pictor
