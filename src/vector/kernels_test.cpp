// Every SIMD level against the plain kernel: the same bits, whatever the numbers, the dimension and the alignment.
#include "vector/kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <numeric>
#include <random>
#include <string>

namespace pictor {
namespace {

using Draw = std::function<float(std::mt19937&)>;

float uniform(std::mt19937& random, float low, float high) {
  return std::uniform_real_distribution<float>(low, high)(random);
}

// Any finite float: the bits are drawn.
float any_finite(std::mt19937& random) {
  for (;;) {
    const float x = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isfinite(x)) return x;
  }
}

struct Kind {
  const char* name;
  Draw draw;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
      {"uniform", [](std::mt19937& r) { return uniform(r, -1, 1); }},
      {"denormal", [](std::mt19937& r) { return uniform(r, -1, 1) * 1e-39F; }},
      {"products denormal", [](std::mt19937& r) { return uniform(r, -1, 1) * 3e-20F; }},
      {"huge", [](std::mt19937& r) { return uniform(r, -1, 1) * 1e18F; }},
      {"any exponent", [](std::mt19937& r) { return std::ldexp(uniform(r, -1, 1), static_cast<int>(r() % 100) - 50); }},
      {"mostly signed zeros", [](std::mt19937& r) { return r() % 8 ? (r() % 2 ? 0.0F : -0.0F) : uniform(r, -1, 1); }},
  };
  return all;
}

std::vector<float> drawn(std::size_t count, const Draw& draw, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> v(count);
  for (float& x : v) x = draw(random);
  return v;
}

std::vector<std::size_t> dims() {
  std::vector<std::size_t> all(200);
  std::iota(all.begin(), all.end(), 1);
  all.insert(all.end(), {384, 512, 513, 767, 768, 1280});
  return all;
}

std::uint32_t bits(float x) { return std::isnan(x) ? 0x7FC00000U : std::bit_cast<std::uint32_t>(x); }

class EveryLevel : public ::testing::TestWithParam<SimdLevel> {
 protected:
  const Kernels& plain_ = kernels(SimdLevel::kPlain);
  const Kernels& level_ = kernels(GetParam());
};

TEST_P(EveryLevel, sums_have_the_bits_of_the_plain_kernel_for_every_dim_and_kind_of_number) {
  for (const auto& kind : kinds()) {
    for (const std::size_t dim : dims()) {
      const auto seed = static_cast<std::uint32_t>(dim);
      const auto a = drawn(dim, kind.draw, seed);
      const auto b = drawn(dim, kind.draw, seed + 1000);
      ASSERT_EQ(bits(level_.dot(a.data(), b.data(), dim)), bits(plain_.dot(a.data(), b.data(), dim)))
          << kind.name << ", dim " << dim;
      ASSERT_EQ(bits(level_.l2_squared(a.data(), b.data(), dim)), bits(plain_.l2_squared(a.data(), b.data(), dim)))
          << kind.name << ", dim " << dim;
    }
  }
}

// Overflow included: infinities must be the same, and a NaN must be a NaN at every level.
TEST_P(EveryLevel, sums_agree_on_floats_of_any_bits) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    const std::size_t dim = 1 + seed % 130;
    const auto a = drawn(dim, any_finite, seed);
    const auto b = drawn(dim, any_finite, seed + 1000);
    ASSERT_EQ(bits(level_.dot(a.data(), b.data(), dim)), bits(plain_.dot(a.data(), b.data(), dim))) << "seed " << seed;
    ASSERT_EQ(bits(level_.l2_squared(a.data(), b.data(), dim)), bits(plain_.l2_squared(a.data(), b.data(), dim)))
        << "seed " << seed;
  }
}

TEST_P(EveryLevel, blocks_and_gathers_have_the_bits_of_single_sums) {
  const auto& draw = kinds()[4].draw;
  for (const std::size_t dim : {1, 7, 31, 32, 33, 64, 100, 512}) {
    for (std::size_t count = 0; count <= 11; ++count) {
      const auto query = drawn(dim, draw, 1);
      const auto rows = drawn(dim * count, draw, 2);
      std::vector<const float*> pointers;  // in reverse, to be no block
      for (std::size_t i = count; i-- > 0;) pointers.push_back(rows.data() + i * dim);
      std::vector<float> dots(count), l2s(count), dots_gathered(count), l2s_gathered(count);
      level_.dot_block(query.data(), rows.data(), count, dim, dots.data());
      level_.l2_squared_block(query.data(), rows.data(), count, dim, l2s.data());
      level_.dot_gather(query.data(), pointers.data(), count, dim, dots_gathered.data());
      level_.l2_squared_gather(query.data(), pointers.data(), count, dim, l2s_gathered.data());
      for (std::size_t i = 0; i < count; ++i) {
        const float* row = rows.data() + i * dim;
        ASSERT_EQ(bits(dots[i]), bits(plain_.dot(query.data(), row, dim))) << dim << " x " << count << ", row " << i;
        ASSERT_EQ(bits(l2s[i]), bits(plain_.l2_squared(query.data(), row, dim)));
        ASSERT_EQ(bits(dots_gathered[count - 1 - i]), bits(dots[i]));
        ASSERT_EQ(bits(l2s_gathered[count - 1 - i]), bits(l2s[i]));
      }
    }
  }
}

TEST_P(EveryLevel, alignment_does_not_change_the_bits) {
  const std::size_t dim = 77;
  const std::size_t count = 5;
  const auto query = drawn(dim, kinds()[0].draw, 1);
  const auto rows = drawn(dim * count, kinds()[0].draw, 2);
  std::vector<float> wanted(count), seen(count);
  plain_.dot_block(query.data(), rows.data(), count, dim, wanted.data());
  for (std::size_t shift = 0; shift < 17; ++shift) {
    std::vector<float> a(shift + dim), b(2 * shift + rows.size());
    std::copy(query.begin(), query.end(), a.begin() + static_cast<std::ptrdiff_t>(shift));
    std::copy(rows.begin(), rows.end(), b.begin() + static_cast<std::ptrdiff_t>(2 * shift));
    level_.dot_block(a.data() + shift, b.data() + 2 * shift, count, dim, seen.data());
    EXPECT_EQ(seen, wanted) << "shift " << shift;
  }
}

TEST_P(EveryLevel, exchanging_the_vectors_does_not_change_the_bits) {
  for (const std::size_t dim : {3, 40, 512}) {
    const auto a = drawn(dim, kinds()[4].draw, 1);
    const auto b = drawn(dim, kinds()[4].draw, 2);
    EXPECT_EQ(bits(level_.dot(a.data(), b.data(), dim)), bits(level_.dot(b.data(), a.data(), dim)));
    EXPECT_EQ(bits(level_.l2_squared(a.data(), b.data(), dim)), bits(level_.l2_squared(b.data(), a.data(), dim)));
  }
}

TEST_P(EveryLevel, a_nan_at_any_position_gives_nan_and_a_nan_past_the_end_does_not) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::size_t dim : {1, 16, 31, 32, 33, 63, 70}) {
    std::vector<float> a(dim + 40, nan), b(dim + 40, nan);
    std::fill_n(a.begin(), dim, 1.0F);
    std::fill_n(b.begin(), dim, 2.0F);
    EXPECT_EQ(level_.dot(a.data(), b.data(), dim), 2.0F * static_cast<float>(dim));
    EXPECT_EQ(level_.l2_squared(a.data(), b.data(), dim), static_cast<float>(dim));
    for (std::size_t i = 0; i < dim; ++i) {
      b[i] = nan;
      EXPECT_TRUE(std::isnan(level_.dot(a.data(), b.data(), dim))) << i;
      EXPECT_TRUE(std::isnan(level_.l2_squared(a.data(), b.data(), dim))) << i;
      b[i] = 2.0F;
    }
  }
}

TEST_P(EveryLevel, no_numbers_sum_to_zero) {
  EXPECT_EQ(bits(level_.dot(nullptr, nullptr, 0)), 0U);
  EXPECT_EQ(bits(level_.l2_squared(nullptr, nullptr, 0)), 0U);
}

INSTANTIATE_TEST_SUITE_P(Simd, EveryLevel, ::testing::ValuesIn(available_simd()),
                         [](const auto& info) { return std::string(simd_name(info.param)); });

// The meaning itself, written a second time from its description in kernels.h.
TEST(PlainKernel, is_32_lanes_of_fused_multiply_add_and_a_tree) {
  const std::size_t dim = 70;
  const auto a = drawn(dim, kinds()[4].draw, 5);
  const auto b = drawn(dim, kinds()[4].draw, 6);
  std::vector<float> sums(32, 0.0F);
  for (std::size_t i = 0; i < dim; ++i) sums[i % 32] = std::fma(a[i], b[i], sums[i % 32]);
  while (sums.size() > 1) {
    std::vector<float> half(sums.size() / 2);
    for (std::size_t j = 0; j < half.size(); ++j) half[j] = sums[j] + sums[j + half.size()];
    sums = half;
  }
  EXPECT_EQ(bits(kernels(SimdLevel::kPlain).dot(a.data(), b.data(), dim)), bits(sums[0]));
}

// A sum of n terms in 32 lanes is off by at most (ceil(n / 32) + 5 + 1) roundings of the sum of the terms' sizes.
TEST(PlainKernel, is_near_the_sum_in_double) {
  for (const std::size_t dim : dims()) {
    const auto a = drawn(dim, kinds()[0].draw, 7);
    const auto b = drawn(dim, kinds()[0].draw, 8);
    double dot = 0, dot_size = 0, l2 = 0;
    for (std::size_t i = 0; i < dim; ++i) {
      const double x = a[i], y = b[i];
      dot += x * y;
      dot_size += std::abs(x * y);
      l2 += (x - y) * (x - y);
    }
    const std::size_t roundings = (dim + 31) / 32 + 6;
    const double bound = static_cast<double>(roundings) * std::ldexp(1.0, -24);
    EXPECT_NEAR(kernels(SimdLevel::kPlain).dot(a.data(), b.data(), dim), dot, bound * dot_size) << dim;
    EXPECT_NEAR(kernels(SimdLevel::kPlain).l2_squared(a.data(), b.data(), dim), l2, (bound + 3e-7) * l2) << dim;
  }
}

TEST(Simd, a_setting_lowers_the_level_and_one_that_cannot_be_followed_changes_nothing) {
  const std::vector<SimdLevel> both{SimdLevel::kPlain, SimdLevel::kAvx2};
  EXPECT_EQ(detail::chosen_simd("", both), SimdLevel::kAvx2);
  EXPECT_EQ(detail::chosen_simd("plain", both), SimdLevel::kPlain);
  EXPECT_EQ(detail::chosen_simd("avx2", both), SimdLevel::kAvx2);
  EXPECT_EQ(detail::chosen_simd("avx512", both), SimdLevel::kAvx2);
  EXPECT_EQ(detail::chosen_simd("fastest", both), SimdLevel::kAvx2);
}

TEST(Simd, the_plain_level_is_always_there_and_the_best_is_one_of_the_available) {
  const auto levels = available_simd();
  EXPECT_EQ(levels.front(), SimdLevel::kPlain);
  EXPECT_NE(std::find(levels.begin(), levels.end(), best_simd()), levels.end());
  EXPECT_EQ(&kernels(), &kernels(best_simd()));
  for (const auto level : levels) {
    if (level != SimdLevel::kPlain) {
      EXPECT_NE(kernels(level).dot, kernels(SimdLevel::kPlain).dot) << simd_name(level);
    }
  }
}

}  // namespace
}  // namespace pictor
