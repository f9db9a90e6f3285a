#include "encode/numbers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace pictor {
namespace {

TEST(Numbers, exp_is_within_a_few_units_in_the_last_place) {
  std::mt19937 draw(3);
  std::uniform_real_distribution<double> exponent(-700.0, 0.0);
  for (int i = 0; i < 100'000; ++i) {
    const double x = i % 2 == 0 ? exponent(draw) : exponent(draw) / 100;
    const double wanted = std::exp(x);
    ASSERT_NEAR(exp_of_negative(x) / wanted, 1.0, 1e-15) << x;
  }
  EXPECT_EQ(exp_of_negative(0.0), 1.0);
  EXPECT_EQ(exp_of_negative(-701.0), 0.0);
  EXPECT_EQ(exp_of_negative(-std::numeric_limits<double>::infinity()), 0.0);
}

TEST(Numbers, softmax_sums_to_one_and_takes_any_size_of_score) {
  std::vector<double> probabilities = {1e30, -1e30, 1e30, 3.0};
  softmax(probabilities);
  EXPECT_EQ(probabilities, (std::vector<double>{0.5, 0.0, 0.5, 0.0}));
  probabilities = {1.0, 2.0, 3.0};
  softmax(probabilities);
  EXPECT_NEAR(probabilities[0] + probabilities[1] + probabilities[2], 1.0, 1e-15);
  EXPECT_NEAR(probabilities[2] / probabilities[1], std::exp(1.0), 1e-14);
}

TEST(Numbers, a_weighted_sum_adds_rows_in_order_whatever_their_number) {
  std::mt19937 draw(5);
  std::uniform_real_distribution<float> number(-1.0F, 1.0F);
  for (std::size_t rows = 1; rows < 12; ++rows) {
    constexpr std::size_t kDim = 37;
    std::vector<double> weights(rows), wanted(kDim, 0.0), sum;
    std::vector<float> matrix(rows * kDim);
    for (auto& weight : weights) weight = static_cast<double>(number(draw));
    for (auto& value : matrix) value = number(draw);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t d = 0; d < kDim; ++d) wanted[d] += weights[r] * static_cast<double>(matrix[r * kDim + d]);
    }
    weighted_sum(weights, matrix, sum);
    ASSERT_EQ(sum, wanted) << rows << " rows";
  }
}

TEST(Numbers, a_weighted_sum_adds_rows) {
  std::vector<double> sum;
  weighted_sum(std::vector<double>{0.25, 0.75}, std::vector<float>{4, 8, 12, 16, 20, 24}, sum);
  EXPECT_EQ(sum, (std::vector<double>{13, 17, 21}));
  std::vector<double> mean(2);
  mean_of_rows(std::vector<float>{1, 2, 3, 4, 100, 100}, 2, mean);
  EXPECT_EQ(mean, (std::vector<double>{2, 3}));
}

TEST(Numbers, what_has_no_direction_is_not_normalised) {
  std::vector<float> out(2);
  EXPECT_EQ(length_of(std::vector<double>{3, 4}), 5);
  EXPECT_TRUE(normalise(std::vector<double>{3, 4}, out));
  EXPECT_EQ(out, (std::vector<float>{0.6F, 0.8F}));
  EXPECT_FALSE(normalise(std::vector<double>{0, 0}, out));
  EXPECT_FALSE(normalise(std::vector<double>{1, std::nan("")}, out));
  EXPECT_FALSE(normalise(std::vector<double>{1, std::numeric_limits<double>::infinity()}, out));
}

}  // namespace
}  // namespace pictor
