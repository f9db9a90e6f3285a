#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "vector/vector.h"

namespace pictor {
namespace {

std::vector<float> drawn(const TokenGrid& grid, unsigned seed) {
  std::mt19937 draw(seed);
  std::normal_distribution<float> level(0, 2);
  std::vector<float> out(grid.numbers());
  for (auto& number : out) number = level(draw);
  return out;
}

ItemTokens tokens_of(TokenCodec codec, const TokenGrid& grid, const std::vector<float>& numbers) {
  ItemTokens out;
  const auto packed = pack_tokens(codec, grid, numbers, grid.dim);
  EXPECT_TRUE(packed.is_ok() && item_tokens(codec, grid, *packed, out).is_ok());
  return out;
}

// As the words say it, in double, from the numbers that the codes stand for.
double by_definition(const TokenGrid& grid, const std::vector<float>& query, const std::vector<float>& item) {
  const auto cosine = [&](std::size_t a, std::size_t b) {
    double dot = 0, of_a = 0, of_b = 0;
    for (std::size_t i = 0; i < grid.dim; ++i) {
      const double x = query[a * grid.dim + i], y = item[b * grid.dim + i];
      dot += x * y;
      of_a += x * x;
      of_b += y * y;
    }
    return of_a == 0 || of_b == 0 ? 0 : dot / std::sqrt(of_a * of_b);
  };
  double sum = 0;
  for (std::size_t a = 0; a < grid.places(); ++a) {
    double most = -2;
    for (std::size_t b = 0; b < grid.places(); ++b) most = std::max(most, cosine(a, b));
    sum += most;
  }
  return sum / static_cast<double>(grid.places());
}

TEST(MaxSim, every_simd_level_gives_the_bits_of_the_plain_one) {
  for (const std::uint32_t dim : {1U, 7U, 63U, 64U, 65U, 128U, 384U, 769U}) {
    for (const TokenGrid& grid : {TokenGrid{1, 1, dim}, TokenGrid{3, 5, dim}, TokenGrid{14, 14, dim}}) {
      const auto query = query_tokens(tokens_of(TokenCodec::kInt8, grid, drawn(grid, dim)));
      const auto item = tokens_of(TokenCodec::kInt8, grid, drawn(grid, dim + 1));
      std::vector<std::uint32_t> plain_best, best;
      const double plain = max_sim(query, item, SimdLevel::kPlain, &plain_best);
      EXPECT_EQ(plain_best.size(), grid.places());
      for (const SimdLevel level : available_simd()) {
        EXPECT_EQ(max_sim(query, item, level, &best), plain) << simd_name(level) << " " << dim;
        EXPECT_EQ(best, plain_best) << simd_name(level) << " " << dim;
      }
    }
  }
}

TEST(MaxSim, is_what_its_words_say) {
  const TokenGrid grid{4, 6, 48};
  auto a = drawn(grid, 1), b = drawn(grid, 2);
  std::fill_n(b.begin(), grid.dim, 0.0F);  // a token of zeros is like nothing
  for (const auto codec : {TokenCodec::kInt8, TokenCodec::kF16}) {
    const auto of_a = tokens_of(codec, grid, a), of_b = tokens_of(codec, grid, b);
    EXPECT_NEAR(max_sim(query_tokens(of_a), of_b), by_definition(grid, a, b), 0.01);
    EXPECT_NEAR(max_sim(query_tokens(of_b), of_a), by_definition(grid, b, a), 0.01);
    EXPECT_NEAR(max_sim(query_tokens(of_a), of_a), 1.0, 1e-6);
  }
}

TEST(MaxSim, the_extreme_codes_do_not_overflow_and_the_order_of_places_is_of_no_account) {
  const TokenGrid grid{1, 3, limits::kVectorDimMax};
  std::vector<float> numbers(grid.numbers(), 1.0F);
  for (std::size_t i = 0; i < grid.dim; ++i) numbers[grid.dim + i] = -1.0F;
  const auto item = tokens_of(TokenCodec::kInt8, grid, numbers);
  std::vector<std::uint32_t> best;
  for (const SimdLevel level : available_simd()) {
    EXPECT_NEAR(max_sim(query_tokens(item), item, level, &best), 1.0, 1e-6);
    EXPECT_EQ(best, (std::vector<std::uint32_t>{0, 1, 0}));
  }
}

TEST(MaxSim, tokens_of_another_size_are_refused) {
  ItemTokens out;
  EXPECT_EQ(item_tokens(TokenCodec::kInt8, {2, 2, 3}, Bytes(27), out).code(), Code::kCorrupt);
  EXPECT_TRUE(item_tokens(TokenCodec::kInt8, {2, 2, 3}, Bytes(28), out).is_ok());
  EXPECT_EQ(max_sim(query_tokens(out), out), 0.0) << "zeros are like nothing";
}

}  // namespace
}  // namespace pictor
