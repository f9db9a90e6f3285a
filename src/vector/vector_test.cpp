#include "vector/vector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace pictor {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Norm, the_inverse_norm_is_rounded_once_from_double) {
  const std::vector<float> v{3.0F, 4.0F};
  EXPECT_EQ(inverse_norm(v), 0.2F);
  const std::vector<float> third{1.0F, 1.0F, 1.0F};
  EXPECT_EQ(inverse_norm(third), static_cast<float>(1.0 / std::sqrt(3.0)));
}

TEST(Norm, the_inverse_norm_neither_overflows_nor_loses_small_numbers) {
  EXPECT_EQ(inverse_norm(std::vector<float>{3e38F, 0.0F}), static_cast<float>(1.0 / static_cast<double>(3e38F)));
  EXPECT_EQ(inverse_norm(std::vector<float>{1e-30F}), static_cast<float>(1.0 / static_cast<double>(1e-30F)));
  EXPECT_EQ(inverse_norm(std::vector<float>{1e-45F}), 0.0F);  // its inverse is no float
  EXPECT_EQ(inverse_norm(std::vector<float>{0.0F, -0.0F}), 0.0F);
  EXPECT_EQ(inverse_norm({}), 0.0F);
}

TEST(Norm, a_normalised_vector_has_length_one_and_its_direction) {
  for (const float scale : {1e-44F, 1e-20F, 1.0F, 1e37F}) {
    std::vector<float> v{3 * scale, -4 * scale};
    const double ratio = static_cast<double>(v[0]) / static_cast<double>(v[1]);
    ASSERT_TRUE(normalize_l2(v).is_ok());
    EXPECT_NEAR(std::hypot(v[0], v[1]), 1.0, 1e-7) << scale;
    EXPECT_NEAR(v[0] / v[1], ratio, 1e-6) << scale;
  }
}

TEST(Norm, what_has_no_direction_is_refused_and_left_as_it_was) {
  std::vector<float> zeros{0.0F, 0.0F};
  EXPECT_EQ(normalize_l2(zeros).code(), Code::kInvalid);
  std::vector<float> infinite{1.0F, kInfinity};
  EXPECT_EQ(normalize_l2(infinite).code(), Code::kInvalid);
  EXPECT_EQ(infinite[0], 1.0F);
}

TEST(Finite, the_first_number_that_is_not_finite_is_named_with_its_position) {
  std::vector<float> v(512, 0.5F);
  EXPECT_TRUE(check_finite(v).is_ok());
  v[17] = kNan;
  v[400] = kInfinity;
  const Status status = check_finite(v);
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_NE(status.message().find("number 17 of 512 (from 0) is nan"), std::string::npos) << status.message();
  v[17] = std::numeric_limits<float>::denorm_min();
  EXPECT_NE(check_finite(v).message().find("number 400 of 512 (from 0) is inf"), std::string::npos);
}

TEST(CosineDistance, is_zero_for_the_same_direction_one_across_and_two_against) {
  EXPECT_EQ(cosine_distance(8.0F, 0.5F, 0.25F).value, 0.0F);
  EXPECT_EQ(cosine_distance(0.0F, 0.5F, 0.25F).value, 1.0F);
  EXPECT_EQ(cosine_distance(-8.0F, 0.5F, 0.25F).value, 2.0F);
}

std::vector<Neighbor> top(std::size_t k, const std::vector<Neighbor>& pushed) {
  TopK top(k);
  for (const auto& neighbor : pushed) top.push(neighbor);
  return top.take_sorted();
}

// Few distinct distances, so that nearly every place is decided by the row.
TEST(TopKTest, equals_a_full_sort_for_any_k_and_any_order_of_pushing) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<Neighbor> all(random() % 60);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = {{static_cast<float>(random() % 4) - 1.5F}, i};
    auto sorted = all;
    std::sort(sorted.begin(), sorted.end());
    std::shuffle(all.begin(), all.end(), random);
    const std::size_t k = random() % 70;
    sorted.resize(std::min(k, sorted.size()));
    EXPECT_EQ(top(k, all), sorted) << "round " << round << ", k " << k;
  }
}

TEST(TopKTest, worst_is_infinite_until_full_and_then_the_kth_distance) {
  TopK top(2);
  EXPECT_EQ(top.worst().value, kInfinity);
  top.push({{1.0F}, 1});
  EXPECT_EQ(top.worst().value, kInfinity);
  top.push({{3.0F}, 2});
  EXPECT_EQ(top.worst().value, 3.0F);
  top.push({{2.0F}, 3});
  EXPECT_EQ(top.worst().value, 2.0F);
}

TEST(TopKTest, a_distance_that_is_no_number_counts_as_infinite) {
  const auto found = top(3, {{{kNan}, 1}, {{kInfinity}, 0}, {{kNan}, 2}, {{5.0F}, 9}, {{-kInfinity}, 8}});
  EXPECT_EQ(found, (std::vector<Neighbor>{{{-kInfinity}, 8}, {{5.0F}, 9}, {{kInfinity}, 0}}));
}

TEST(TopKTest, of_zero_holds_nothing_and_taking_empties_it) {
  EXPECT_TRUE(top(0, {{{1.0F}, 1}}).empty());
  TopK held(1);
  held.push({{1.0F}, 1});
  EXPECT_EQ(held.take_sorted().size(), 1U);
  EXPECT_TRUE(held.take_sorted().empty());
}

TEST(TopKTest, a_huge_k_takes_only_the_memory_of_what_is_held) {
  EXPECT_EQ(top(SIZE_MAX, {{{2.0F}, 1}, {{1.0F}, 2}}), (std::vector<Neighbor>{{{1.0F}, 2}, {{2.0F}, 1}}));
}

}  // namespace
}  // namespace pictor
