#include "engine/altered.h"

#include <algorithm>
#include <random>

namespace pictor {
namespace {

constexpr std::uint32_t kSideMin = 8;

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  // The same number on every machine, which the standard's distributions do not promise.
  double between(double least, double most) {
    return least + (most - least) * static_cast<double>(random_() >> 11U) * 0x1p-53;
  }

 private:
  std::mt19937_64 random_;
};

// (1 2 1) / 4 along one axis: `step` numbers from one pixel to the next, `count` pixels a line.
void blur_line(std::vector<std::uint8_t>& numbers, std::size_t begin, std::size_t step, std::size_t count) {
  unsigned before = numbers[begin];
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned here = numbers[begin + i * step];
    const unsigned after = i + 1 < count ? numbers[begin + (i + 1) * step] : here;
    numbers[begin + i * step] = static_cast<std::uint8_t>((before + 2 * here + after + 2) / 4);
    before = here;
  }
}

void blur(Image& image) {
  const std::size_t row = std::size_t{image.width} * image.bands;
  for (std::size_t y = 0; y < image.height; ++y) {
    for (std::size_t band = 0; band < image.bands; ++band)
      blur_line(image.u8, y * row + band, image.bands, image.width);
  }
  for (std::size_t x = 0; x < row; ++x) blur_line(image.u8, x, row, image.height);
}

}  // namespace

Result<Bytes> altered_copy(const Image& rgb8, std::uint64_t seed) {
  Draw draw(seed);
  const double share = draw.between(0.85, 1);
  const double width = share * rgb8.width, height = share * rgb8.height;
  Box box;
  box.left = draw.between(0, rgb8.width - width);
  box.top = draw.between(0, rgb8.height - height);
  box.right = box.left + width;
  box.bottom = box.top + height;
  const double size = draw.between(0.6, 1);
  const auto side = [size](double whole) { return std::max(kSideMin, static_cast<std::uint32_t>(size * whole)); };
  PICTOR_ASSIGN(auto image, resize_image(rgb8, side(width), side(height), Filter::kBilinear, &box));
  for (auto passes = static_cast<int>(draw.between(0, 4)) - 1; passes > 0; --passes) blur(image);
  const double light = draw.between(0.85, 1.15);
  for (auto& number : image.u8) number = static_cast<std::uint8_t>(std::min(255.0, number * light + 0.5));
  return encode_jpeg(image, static_cast<int>(draw.between(40, 91)));
}

}  // namespace pictor
