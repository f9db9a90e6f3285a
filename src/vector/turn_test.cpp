#include "vector/turn.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "vector/vector.h"

namespace pictor {
namespace {

std::vector<float> drawn(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> v(count);
  for (float& x : v) x = static_cast<float>(static_cast<std::int32_t>(random())) * 0x1p-31F;
  return v;
}

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

TEST(Turn, keeps_lengths_and_angles) {
  for (const std::size_t numbers : {3, 20, 129, 512}) {
    const std::size_t front = numbers / 3;
    const auto reflections = reflections_to_front(drawn(front * numbers, 3), numbers);
    const Turn turn(reflections, numbers, front);
    auto a = drawn(numbers, 1);
    auto b = drawn(numbers, 2);
    const double wanted = dot(a, b);
    const double length = dot(a, a);
    turn.apply(a);
    turn.apply(b);
    EXPECT_NEAR(dot(a, b), wanted, 2e-5 * static_cast<double>(numbers)) << numbers;
    EXPECT_NEAR(dot(a, a), length, 2e-5 * static_cast<double>(numbers)) << numbers;
  }
}

TEST(Turn, a_sum_of_the_directions_has_all_its_length_in_front) {
  constexpr std::size_t kNumbers = 200, kFront = 24;
  const auto directions = drawn(kFront * kNumbers, 4);
  const auto reflections = reflections_to_front(directions, kNumbers);
  const Turn turn(reflections, kNumbers, kFront);
  std::vector<float> sum(kNumbers, 0.0F);
  const auto weights = drawn(kFront, 5);
  for (std::size_t r = 0; r < kFront; ++r) {
    for (std::size_t j = 0; j < kNumbers; ++j) sum[j] += weights[r] * directions[r * kNumbers + j];
  }
  const double length = dot(sum, sum);
  turn.apply(sum);
  EXPECT_NEAR(dot(std::span(sum).first(kFront), std::span(sum).first(kFront)), length, 1e-4 * length);
  EXPECT_LT(dot(std::span(sum).subspan(kFront), std::span(sum).subspan(kFront)), 1e-8 * length);
}

TEST(Turn, directions_of_zeros_or_twice_the_same_still_give_a_turn) {
  constexpr std::size_t kNumbers = 40, kFront = 4;
  auto directions = drawn(kFront * kNumbers, 6);
  std::fill_n(directions.begin() + kNumbers, kNumbers, 0.0F);
  std::copy_n(directions.begin(), kNumbers, directions.begin() + 2 * kNumbers);
  const auto reflections = reflections_to_front(directions, kNumbers);
  auto a = drawn(kNumbers, 7);
  const double length = dot(a, a);
  Turn(reflections, kNumbers, kFront).apply(a);
  EXPECT_NEAR(dot(a, a), length, 1e-4);
}

TEST(Turn, without_reflections_it_rotates_alone) {
  auto a = drawn(50, 8);
  const auto before = a;
  Turn({}, 50, 50).apply(a);
  EXPECT_NE(a, before);
  EXPECT_NEAR(dot(a, a), dot(before, before), 1e-4);
}

// Run at every SIMD level (vector_test_plain): turned rows are in files.
TEST(Turn, its_numbers_are_the_recorded_ones) {
  constexpr std::size_t kNumbers = 77, kFront = 20;
  const auto reflections = reflections_to_front(drawn(kFront * kNumbers, 9), kNumbers);
  auto a = drawn(kNumbers, 10);
  Turn(reflections, kNumbers, kFront).apply(a);
  Sha256Stream hash;
  hash.add(std::as_bytes(std::span<const float>(reflections)));
  hash.add(std::as_bytes(std::span<const float>(a)));
  EXPECT_EQ(hash.finish().hex(), "1161843dceece59f58bc6339146d5f32e72d660f73a4bf8ae1adbbf6ed0a9a3e");
}

}  // namespace
}  // namespace pictor
