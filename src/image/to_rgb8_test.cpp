#include "image/to_rgb8.h"

#include <gtest/gtest.h>

namespace pictor {
namespace {

// Rounded once, as Pillow's own (colour * alpha + background * (255 - alpha)) / 255.
int over_by_division(int colour, int alpha, int background) {
  return (2 * (colour * alpha + background * (255 - alpha)) + 255) / 510;
}

class RgbaOver : public testing::TestWithParam<ResizeSimd> {
 protected:
  void SetUp() override {
    if (!simd_level_available(GetParam())) GTEST_SKIP() << "not on this processor";
  }
};

TEST_P(RgbaOver, every_colour_and_opacity_over_several_backgrounds) {
  std::vector<std::uint8_t> rgba;
  for (int alpha = 0; alpha < 256; ++alpha) {
    for (int colour = 0; colour < 256; ++colour) {
      for (const int value : {colour, 255 - colour, colour ^ 85, alpha}) {
        rgba.push_back(static_cast<std::uint8_t>(value));
      }
    }
  }
  const std::size_t pixels = rgba.size() / 4;
  for (const std::array<std::uint8_t, 3>& background :
       {std::array<std::uint8_t, 3>{255, 255, 255}, {0, 0, 0}, {1, 128, 254}, {127, 63, 200}}) {
    std::vector<std::uint8_t> rgb(pixels * 3);
    rgba_over(rgba.data(), pixels, background, rgb.data(), GetParam());
    for (std::size_t i = 0; i < pixels; ++i) {
      for (std::size_t b = 0; b < 3; ++b) {
        ASSERT_EQ(rgb[i * 3 + b], over_by_division(rgba[i * 4 + b], rgba[i * 4 + 3], background[b])) << i << " " << b;
      }
    }
  }
}

TEST_P(RgbaOver, nothing_is_read_or_written_past_the_last_pixel) {
  for (std::size_t pixels = 0; pixels < 20; ++pixels) {
    // A vector of exactly the size, for the address sanitizer; a guard behind, for everybody else.
    const std::vector<std::uint8_t> rgba(pixels * 4, 200);
    std::vector<std::uint8_t> rgb(pixels * 3 + 16, 7);
    rgba_over(rgba.data(), pixels, {255, 255, 255}, rgb.data(), GetParam());
    for (std::size_t i = 0; i < rgb.size(); ++i) ASSERT_EQ(rgb[i], i < pixels * 3 ? 212 : 7) << pixels << " " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, RgbaOver, testing::Values(ResizeSimd::kPlain, ResizeSimd::kSse41, ResizeSimd::kAvx2),
                         [](const auto& level) { return "level" + std::to_string(static_cast<int>(level.param)); });

}  // namespace
}  // namespace pictor
