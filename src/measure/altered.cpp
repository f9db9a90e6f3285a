#include "measure/altered.h"

#include <algorithm>
#include <cmath>

#include "image/image.h"
#include "measure/samples.h"

namespace pictor {
namespace {

constexpr std::uint32_t kSideMax = 1024;  // of what is altered: encoders take less, and blurring takes time
constexpr std::uint32_t kCopySideMin = 8;
constexpr int kQuality = 90;

double between(Draws& draws, double low, double high) {
  constexpr std::uint64_t kSteps = 1'000'000;
  return low + (high - low) * static_cast<double>(draws.below(kSteps)) / static_cast<double>(kSteps);
}

std::uint32_t side_of(double side) { return static_cast<std::uint32_t>(std::max(1.0, std::round(side))); }

Result<Image> with_longer_side(const Image& image, double longer) {
  const double scale = longer / static_cast<double>(std::max(image.width, image.height));
  return resize_image(image, side_of(image.width * scale), side_of(image.height * scale), Filter::kBicubic);
}

Result<Image> crop(const Image& image, Draws& draws) {
  const double width = std::max(1.0, std::floor(image.width * between(draws, 0.6, 0.9)));
  const double height = std::max(1.0, std::floor(image.height * between(draws, 0.6, 0.9)));
  const double left = std::floor((image.width - width) * between(draws, 0, 1));
  const double top = std::floor((image.height - height) * between(draws, 0, 1));
  const Box box{left, top, left + width, top + height};
  return resize_image(image, side_of(width), side_of(height), Filter::kBicubic, &box);
}

// One line of pixels, `step` apart, becomes means over `radius` on both sides; past an end the last pixel goes on.
void blur_line(std::uint8_t* first, std::size_t count, std::size_t step, std::size_t radius,
               std::vector<std::uint8_t>& copy) {
  copy.resize(count);
  for (std::size_t i = 0; i < count; ++i) copy[i] = first[i * step];
  const auto at = [&](std::size_t i) { return copy[std::min(i < radius ? 0 : i - radius, count - 1)]; };
  const std::size_t window = 2 * radius + 1;
  std::size_t sum = 0;
  for (std::size_t i = 0; i < window; ++i) sum += at(i);
  for (std::size_t i = 0; i < count; ++i) {
    first[i * step] = static_cast<std::uint8_t>((sum + radius) / window);
    sum += at(i + window);
    sum -= at(i);
  }
}

Image blur(Image image, std::size_t radius, int passes) {
  const std::size_t bands = image.bands, row = bands * image.width;
  std::vector<std::uint8_t> copy;
  for (int pass = 0; pass < passes; ++pass) {
    for (std::size_t y = 0; y < image.height; ++y) {
      for (std::size_t b = 0; b < bands; ++b) blur_line(&image.u8[y * row + b], image.width, bands, radius, copy);
    }
    for (std::size_t x = 0; x < row; ++x) blur_line(&image.u8[x], image.height, row, radius, copy);
  }
  return image;
}

Image brighter(Image image, double factor) {
  for (std::uint8_t& number : image.u8) {
    number = static_cast<std::uint8_t>(std::min(255.0, std::round(number * factor)));
  }
  return image;
}

}  // namespace

std::string_view alteration_name(Alteration how) {
  switch (how) {
    case Alteration::kCrop: return "crop";
    case Alteration::kResize: return "resize";
    case Alteration::kJpeg: return "jpeg";
    case Alteration::kBlur: return "blur";
    case Alteration::kBrightness: return "brightness";
  }
  return "";
}

Result<Bytes> altered_picture(ByteView file, Alteration how, std::uint64_t seed) {
  PICTOR_ASSIGN(const DecodedImage decoded, decode_image(file, DecodeSpec{}));
  PICTOR_ASSIGN(Image image, to_rgb8(decoded.image, DecodeSpec{}));
  if (std::max(image.width, image.height) > kSideMax) {
    PICTOR_ASSIGN(image, with_longer_side(image, kSideMax));
  }
  Draws draws(seed);
  switch (how) {
    case Alteration::kCrop: {
      PICTOR_ASSIGN(const Image cropped, crop(image, draws));
      return encode_jpeg(cropped, kQuality);
    }
    case Alteration::kResize: {
      PICTOR_ASSIGN(const Image small, with_longer_side(image, between(draws, 96, 224)));
      return encode_jpeg(small, kQuality);
    }
    case Alteration::kJpeg: return encode_jpeg(image, static_cast<int>(10 + draws.below(21)));
    case Alteration::kBlur: {
      const double longer = std::max(image.width, image.height);
      return encode_jpeg(blur(std::move(image), side_of(longer * between(draws, 0.005, 0.015)), 3), kQuality);
    }
    case Alteration::kBrightness: {
      const double factor = draws.coin() ? between(draws, 0.45, 0.75) : between(draws, 1.3, 1.7);
      return encode_jpeg(brighter(std::move(image), factor), kQuality);
    }
  }
  return Status(Code::kInternal, "an alteration that is none");
}

Result<Bytes> altered_copy(const Image& rgb8, std::uint64_t seed) {
  Draws draws(seed);
  const double share = between(draws, 0.85, 1);
  const double width = share * rgb8.width, height = share * rgb8.height;
  Box box;
  box.left = between(draws, 0, rgb8.width - width);
  box.top = between(draws, 0, rgb8.height - height);
  box.right = box.left + width;
  box.bottom = box.top + height;
  const double size = between(draws, 0.6, 1);
  const auto side = [size](double whole) { return std::max(kCopySideMin, static_cast<std::uint32_t>(size * whole)); };
  PICTOR_ASSIGN(Image image, resize_image(rgb8, side(width), side(height), Filter::kBilinear, &box));
  if (draws.coin()) image = blur(std::move(image), 1, 1);
  image = brighter(std::move(image), between(draws, 0.85, 1.15));
  return encode_jpeg(image, static_cast<int>(40 + draws.below(51)));
}

}  // namespace pictor
