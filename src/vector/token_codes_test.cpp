#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "vector/vector.h"

namespace pictor {
namespace {

TEST(F16, every_half_comes_back_as_itself) {
  for (std::uint32_t half = 0; half < 0x10000; ++half) {
    const float number = f32_of_f16(static_cast<std::uint16_t>(half));
    if (std::isnan(number)) continue;
    ASSERT_EQ(f16_of(number), half) << number;
  }
}

TEST(F16, is_the_nearest_half_and_ties_go_to_even) {
  std::mt19937 draw(5);
  for (int i = 0; i < 2'000'000; ++i) {
    // All magnitudes that f16 has, and those between two of its smallest.
    const std::uint32_t bits = (draw() & 0x807fffffU) | (100 + draw() % 43) << 23;
    const auto number = std::bit_cast<float>(bits);
    if (std::fabs(number) >= 65504.0F) continue;
    const auto half = f16_of(number);
    const double seen = f32_of_f16(half), error = std::fabs(seen - static_cast<double>(number));
    for (const int step : {-1, 1}) {
      const double other = f32_of_f16(static_cast<std::uint16_t>(half + step));
      if (std::isnan(other) || (half == 0 && step < 0)) continue;
      const double away = std::fabs(other - static_cast<double>(number));
      ASSERT_TRUE(error < away || (error == away && half % 2 == 0)) << number << " " << seen << " " << other;
    }
  }
  EXPECT_EQ(f16_of(1.0F + 0x1p-11F), 0x3c00) << "a tie, to even";
  EXPECT_EQ(f16_of(1.0F + 3 * 0x1p-11F), 0x3c02) << "a tie, to even";
  EXPECT_EQ(f16_of(0x1p-25F), 0) << "a tie with zero";
  EXPECT_EQ(f16_of(-0.0F), 0x8000);
  EXPECT_EQ(f16_of(65519.0F), 0x7bff);
  EXPECT_EQ(f16_of(65520.0F), 0x7c00);
  EXPECT_EQ(f16_of(std::numeric_limits<float>::infinity()), 0x7c00);
}

std::vector<float> tokens(const TokenGrid& grid, std::size_t row) {
  std::mt19937 draw(6);
  std::normal_distribution<float> level(0, 3);
  std::vector<float> out(grid.places() * row);
  for (auto& number : out) number = level(draw);
  return out;
}

TEST(TokenCodes, come_back_within_the_stated_bound) {
  const TokenGrid grid{3, 4, 50};
  constexpr std::size_t kRow = 64;
  auto numbers = tokens(grid, kRow);
  std::fill_n(numbers.begin(), kRow, 0.0F);
  for (const auto codec : {TokenCodec::kF16, TokenCodec::kInt8}) {
    const auto packed = pack_tokens(codec, grid, numbers, kRow);
    ASSERT_TRUE(packed.is_ok()) << packed.status().to_string();
    EXPECT_EQ(packed->size(), codec == TokenCodec::kF16 ? 12U * 50 * 2 : 12U * 4 + 12 * 50);
    EXPECT_EQ(packed->size(), packed_tokens_bytes(codec, grid));
    const auto back = unpack_tokens(codec, grid, *packed);
    ASSERT_TRUE(back.is_ok() && back->size() == grid.numbers());
    for (std::size_t place = 0; place < grid.places(); ++place) {
      float most = 0;
      for (std::size_t d = 0; d < grid.dim; ++d) most = std::max(most, std::fabs(numbers[place * kRow + d]));
      for (std::size_t d = 0; d < grid.dim; ++d) {
        const double wanted = numbers[place * kRow + d], seen = (*back)[place * grid.dim + d];
        const double bound =
            codec == TokenCodec::kF16 ? std::fabs(wanted) / 2048 + 0x1p-25 : static_cast<double>(most) / 254 * 1.000001;
        ASSERT_LE(std::fabs(seen - wanted), bound) << place << " " << d;
      }
    }
    // What came back is packed to the same bytes: nothing is lost twice.
    EXPECT_EQ(pack_tokens(codec, grid, *back, grid.dim).value(), *packed);
  }
}

TEST(TokenCodes, what_cannot_be_kept_is_refused) {
  const TokenGrid grid{2, 2, 3};
  auto numbers = tokens(grid, 3);
  numbers[7] = 70000.0F;
  EXPECT_EQ(pack_tokens(TokenCodec::kF16, grid, numbers, 3).status().code(), Code::kLimit);
  EXPECT_TRUE(pack_tokens(TokenCodec::kInt8, grid, numbers, 3).is_ok());
  numbers[7] = std::nanf("");
  const auto status = pack_tokens(TokenCodec::kInt8, grid, numbers, 3).status();
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_NE(status.message().find("token 2"), std::string::npos);
  EXPECT_EQ(unpack_tokens(TokenCodec::kF16, grid, Bytes(23)).status().code(), Code::kCorrupt);
}

}  // namespace
}  // namespace pictor
