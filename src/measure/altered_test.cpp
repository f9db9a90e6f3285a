// Altered pictures: what each way does to the pixels, and that a seed gives the same bytes again.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "image/image.h"
#include "measure/measure.h"

namespace pictor {
namespace {

// Coarse and fine structure, so that blurring is seen.
Bytes picture(std::uint32_t width, std::uint32_t height) {
  Image image;
  image.width = width;
  image.height = height;
  image.bands = 3;
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      image.u8.push_back(static_cast<std::uint8_t>(40 + 160 * x / width));
      image.u8.push_back(static_cast<std::uint8_t>(40 + 160 * y / height));
      image.u8.push_back((x / 4 + y / 4) % 2 == 0 ? 60 : 180);
    }
  }
  return *encode_png(image);
}

Image pixels(ByteView file) { return decode_image(file, DecodeSpec{})->image; }

double mean(const Image& image) {
  double sum = 0;
  for (const std::uint8_t one : image.u8) sum += one;
  return sum / static_cast<double>(image.u8.size());
}

// Of neighbours in a row.
double roughness(const Image& image) {
  double sum = 0;
  for (std::size_t i = 3; i < image.u8.size(); ++i) sum += std::abs(image.u8[i] - image.u8[i - 3]);
  return sum / static_cast<double>(image.u8.size());
}

TEST(AlteredPicture, a_seed_gives_the_same_bytes_and_another_seed_others) {
  const Bytes file = picture(320, 200);
  for (const Alteration how : kAlterations) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      const auto first = altered_picture(file, how, seed), again = altered_picture(file, how, seed);
      ASSERT_TRUE(first.is_ok()) << alteration_name(how) << first.status().message();
      EXPECT_EQ(*first, *again) << alteration_name(how);
      EXPECT_EQ(sniff_format(*first), ImageFormat::kJpeg);
      seen.emplace(as_text(*first));
    }
    EXPECT_GE(seen.size(), how == Alteration::kBlur ? 2U : 4U) << alteration_name(how);
  }
}

TEST(AlteredPicture, each_way_does_what_it_is_called_after) {
  const Bytes file = picture(400, 300);
  const Image before = pixels(file);
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Image cropped = pixels(*altered_picture(file, Alteration::kCrop, seed));
    EXPECT_GE(cropped.width, 240U);
    EXPECT_LE(cropped.width, 360U);
    EXPECT_GE(cropped.height, 180U);
    EXPECT_LE(cropped.height, 270U);
    const Image small = pixels(*altered_picture(file, Alteration::kResize, seed));
    EXPECT_GE(small.width, 96U);
    EXPECT_LE(small.width, 224U);
    EXPECT_NEAR(static_cast<double>(small.width) / small.height, 4.0 / 3, 0.03);
    const Bytes coarse = *altered_picture(file, Alteration::kJpeg, seed);
    EXPECT_EQ(pixels(coarse).width, 400U);
    EXPECT_LT(coarse.size(), encode_jpeg(before, 60)->size());
    const Image blurred = pixels(*altered_picture(file, Alteration::kBlur, seed));
    EXPECT_EQ(blurred.width, 400U);
    EXPECT_LT(roughness(blurred), 0.6 * roughness(before));
    EXPECT_NEAR(mean(blurred), mean(before), 2) << "no light is lost";
    const double share = mean(pixels(*altered_picture(file, Alteration::kBrightness, seed))) / mean(before);
    EXPECT_TRUE((share > 0.4 && share < 0.8) || (share > 1.2 && share < 1.75)) << share;
  }
}

TEST(AlteredPicture, one_pixel_and_long_strips_are_altered_and_no_picture_is_refused) {
  for (const auto& [width, height] :
       {std::pair(1U, 1U), std::pair(1U, 300U), std::pair(2000U, 3U), std::pair(1500U, 1200U)}) {
    const Bytes file = picture(width, height);
    for (const Alteration how : kAlterations) {
      const auto altered = altered_picture(file, how, 3);
      ASSERT_TRUE(altered.is_ok()) << alteration_name(how) << width << "x" << height << altered.status().message();
      EXPECT_LE(std::max(pixels(*altered).width, pixels(*altered).height), 1024U);
    }
  }
  const auto none = altered_picture(as_bytes("no picture"), Alteration::kCrop, 1);
  EXPECT_EQ(none.status().code(), Code::kUnreadable);
}

}  // namespace
}  // namespace pictor
