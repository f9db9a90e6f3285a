#include "vector/rotation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace pictor {
namespace {

std::vector<float> drawn(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> v(count);
  for (float& x : v) x = static_cast<float>(static_cast<std::int32_t>(random())) * 0x1p-31F;
  return v;
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

TEST(Rotation, keeps_lengths_and_angles) {
  for (const std::size_t count : {1, 2, 3, 7, 64, 100, 128, 384, 512, 640, 768, 1152}) {
    auto a = drawn(count, 1);
    auto b = drawn(count, 2);
    const double wanted = dot(a, b);
    const double length = dot(a, a);
    const Rotation rotation(count);
    rotation.apply(a);
    rotation.apply(b);
    EXPECT_NEAR(dot(a, b), wanted, 1e-5 * static_cast<double>(count)) << count;
    EXPECT_NEAR(dot(a, a), length, 1e-5 * static_cast<double>(count)) << count;
  }
}

TEST(Rotation, spreads_one_large_number_over_many) {
  for (const std::size_t count : {128, 512, 768}) {
    for (const std::size_t at : {std::size_t{0}, count / 2, count - 1}) {
      std::vector<float> v(count, 0.0F);
      v[at] = 1.0F;
      Rotation(count).apply(v);
      float most = 0;
      for (const float x : v) most = std::max(most, std::fabs(x));
      EXPECT_LT(most, 0.5F) << at << " of " << count;
    }
  }
}

TEST(Rotation, is_the_same_for_the_same_count) {
  auto a = drawn(300, 3);
  auto b = a;
  Rotation(300).apply(a);
  Rotation(300).apply(b);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, drawn(300, 3));
}

}  // namespace
}  // namespace pictor
