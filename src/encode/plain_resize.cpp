#include "encode/plain_resize.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace pictor {
namespace {

// Where one number of the result comes from along one side, and how much of each.
struct Taps {
  std::array<std::uint32_t, 4> at{};
  std::array<double, 4> weight{};
};

double cubic_weight(double x) {
  constexpr double a = -0.75;
  x = std::fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

std::vector<Taps> taps_of(std::uint32_t from, std::uint32_t to, bool cubic) {
  std::vector<Taps> out(to);
  for (std::uint32_t i = 0; i < to; ++i) {
    double place = (i + 0.5) * from / to - 0.5;
    if (!cubic) place = std::max(place, 0.0);
    const double whole = std::floor(place);
    for (int tap = 0; tap < 4; ++tap) {
      const double at = whole + tap - 1;
      out[i].at[static_cast<std::size_t>(tap)] = static_cast<std::uint32_t>(std::clamp(at, 0.0, from - 1.0));
      const double distance = place - at;
      out[i].weight[static_cast<std::size_t>(tap)] =
          cubic ? cubic_weight(distance) : std::max(0.0, 1 - std::fabs(distance));
    }
  }
  return out;
}

Image crop_square(const Image& image, double fraction) {
  const std::uint32_t shorter = std::min(image.width, image.height);
  const auto side = std::clamp<std::uint32_t>(static_cast<std::uint32_t>(shorter * fraction + 1e-6), 1, shorter);
  const std::uint32_t left = (image.width - side + 1) / 2, top = (image.height - side + 1) / 2;
  Image out;
  out.width = out.height = side;
  out.bands = 3;
  for (std::uint32_t y = 0; y < side; ++y) {
    const auto* row = image.u8.data() + (std::size_t{top + y} * image.width + left) * 3;
    out.u8.insert(out.u8.end(), row, row + std::size_t{side} * 3);
  }
  return out;
}

}  // namespace

Image plain_resize(const Image& image, std::uint32_t width, std::uint32_t height, bool cubic) {
  const auto across = taps_of(image.width, width, cubic), down = taps_of(image.height, height, cubic);
  Image out;
  out.width = width;
  out.height = height;
  out.bands = 3;
  out.u8.resize(std::size_t{width} * height * 3);
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      for (std::size_t band = 0; band < 3; ++band) {
        double sum = 0;
        for (std::size_t j = 0; j < 4; ++j) {
          if (down[y].weight[j] == 0) continue;
          double row = 0;
          for (std::size_t i = 0; i < 4; ++i) {
            row +=
                across[x].weight[i] * image.u8[(std::size_t{down[y].at[j]} * image.width + across[x].at[i]) * 3 + band];
          }
          sum += down[y].weight[j] * row;
        }
        out.u8[(std::size_t{y} * width + x) * 3 + band] =
            static_cast<std::uint8_t>(std::clamp(std::nearbyint(sum), 0.0, 255.0));
      }
    }
  }
  return out;
}

Result<std::vector<float>> prepare_plain(const Image& image, const DecodeSpec& decode, const PrepareSpec& prepare) {
  const bool cubic = prepare.filter == Filter::kBicubic;
  auto then = prepare;
  Image resized;
  if (prepare.fit == Fit::kShortestEdgeCrop) {
    const std::uint64_t size = prepare.resize;
    const bool upright = image.width <= image.height;
    const auto longer =
        static_cast<std::uint32_t>(size * std::max(image.width, image.height) / std::min(image.width, image.height));
    if (longer > limits::kImageSideMax) return Status(Code::kLimit, "the picture is too oblong");
    resized = plain_resize(image, upright ? prepare.resize : longer, upright ? longer : prepare.resize, cubic);
  } else if (prepare.fit == Fit::kSquash || prepare.fit == Fit::kCropThenResize) {
    const bool square = prepare.fit == Fit::kCropThenResize;
    resized =
        plain_resize(square ? crop_square(image, prepare.crop_fraction) : image, prepare.width, prepare.height, cubic);
    then.fit = Fit::kSquash;
  } else {
    return Status(Code::kUnsupported, "a padded picture is not tried without antialias");
  }
  // It has its size already: this resize changes nothing.
  std::vector<float> out(prepared_size(then));
  PICTOR_TRY(prepare_image(resized, decode, then, out));
  return out;
}

}  // namespace pictor
