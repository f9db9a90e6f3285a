// Sums of halves of bytes: every SIMD level against the meaning, written a second time.
#include "vector/nibbles.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/base.h"
#include "vector/vector.h"

namespace pictor {
namespace {

struct Rows {
  std::size_t numbers;
  std::vector<std::int8_t> query;
  std::vector<std::vector<std::uint8_t>> codes;
  std::vector<std::vector<std::uint8_t>> packed;
  std::vector<const std::uint8_t*> pointers;

  Rows(std::size_t groups, std::size_t count, std::uint32_t seed) : numbers(groups * kNibbleGroup), query(numbers) {
    std::mt19937 random(seed);
    for (auto& x : query) x = static_cast<std::int8_t>(random());
    for (std::size_t i = 0; i < count; ++i) {
      codes.emplace_back(numbers);
      for (auto& code : codes.back()) code = static_cast<std::uint8_t>(random() % 16);
      packed.emplace_back(numbers / 2);
      pack_nibbles(codes.back(), packed.back());
    }
    for (const auto& row : packed) pointers.push_back(row.data());
  }

  std::int32_t sum(std::size_t row) const {
    std::int32_t sum = 0;
    for (std::size_t j = 0; j < numbers; ++j) sum += std::int32_t{query[j]} * codes[row][j];
    return sum;
  }
};

class NibbleKernels : public ::testing::TestWithParam<SimdLevel> {};

TEST_P(NibbleKernels, give_the_sums_of_products_for_every_length_and_count) {
  const CodeKernels& kernels = nibble_kernels(GetParam());
  for (const std::size_t groups : {1, 2, 3, 4, 6, 9}) {
    for (const std::size_t count : {1, 3, 4, 5, 11}) {
      const Rows rows(groups, count, static_cast<std::uint32_t>(groups * 100 + count));
      std::vector<std::int32_t> out(count);
      kernels.dot_gather(rows.query.data(), rows.pointers.data(), count, rows.numbers / 2, out.data());
      for (std::size_t i = 0; i < count; ++i) {
        EXPECT_EQ(out[i], rows.sum(i)) << groups << " groups, row " << i << " of " << count;
        EXPECT_EQ(kernels.dot(rows.query.data(), rows.pointers[i], rows.numbers / 2), rows.sum(i));
      }
    }
  }
}

TEST_P(NibbleKernels, the_largest_sums_do_not_overflow) {
  for (const int number : {-128, 127}) {
    Rows rows(limits::kVectorDimMax / kNibbleGroup, 1, 1);
    std::fill(rows.query.begin(), rows.query.end(), static_cast<std::int8_t>(number));
    std::fill(rows.packed[0].begin(), rows.packed[0].end(), std::uint8_t{0xFF});
    EXPECT_EQ(nibble_kernels(GetParam()).dot(rows.query.data(), rows.pointers[0], rows.numbers / 2),
              number * 15 * static_cast<std::int32_t>(limits::kVectorDimMax));
  }
}

INSTANTIATE_TEST_SUITE_P(Simd, NibbleKernels, ::testing::ValuesIn(available_simd()),
                         [](const auto& info) { return std::string(simd_name(info.param)); });

}  // namespace
}  // namespace pictor
