// Pixels to an encoder's input: bands and depth settled, resized as Pillow does it, cropped, normalised by table.
//
// Every rounding rule of geometry stands in this file, in `place_picture`; docs/decisions/0004-pixels.md says whose
// rule each is.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "image/resize.h"
#include "image/to_rgb8.h"
#include "image/words.h"

namespace pictor {
namespace {

constexpr std::uint32_t kThumbnailQuality = 85;

Status check_spec(const PrepareSpec& spec) {
  if (spec.width < 1 || spec.height < 1 || spec.width > limits::kPrepareSideMax ||
      spec.height > limits::kPrepareSideMax) {
    return {Code::kInvalid, "an encoder's input of " + words::size(spec.width, spec.height) +
                                " pixels cannot be made: sides go from 1 to " + words::count(limits::kPrepareSideMax)};
  }
  if (spec.fit == Fit::kShortestEdgeCrop &&
      (spec.resize < std::max(spec.width, spec.height) || spec.resize > limits::kPrepareSideMax)) {
    return {Code::kInvalid, "resize " + words::count(spec.resize) + " does not fit a crop of " +
                                words::size(spec.width, spec.height) + ": it goes from the crop's longer side to " +
                                words::count(limits::kPrepareSideMax)};
  }
  if (spec.fit == Fit::kCropThenResize && !(spec.crop_fraction > 0 && spec.crop_fraction <= 1)) {
    return {Code::kInvalid, "crop_fraction is " + std::to_string(spec.crop_fraction) + "; it is above 0 and at most 1"};
  }
  if (!std::isfinite(spec.rescale) || spec.rescale < 0) {
    return {Code::kInvalid, "rescale is " + std::to_string(spec.rescale) + "; it is 0 (not used) or above"};
  }
  for (std::size_t b = 0; b < 3; ++b) {
    if (!std::isfinite(spec.mean[b]) || !std::isfinite(spec.std[b]) || spec.std[b] == 0) {
      return {Code::kInvalid, "mean and std must be finite and std not 0"};
    }
  }
  return Status::ok();
}

// The source box that is resized to `width` x `height`, the part of that result that is wanted, and where in the
// encoder's input it is put.
struct Placement {
  Box box;
  std::uint32_t width = 0, height = 0;
  Window window;
  std::uint32_t left = 0, top = 0;
};

// Half to even, as Python's round.
std::uint32_t round_half_even(double value) { return static_cast<std::uint32_t>(std::nearbyint(value)); }

// torchvision's Resize(int) and transformers' shortest_edge: the longer edge is size * long / short, truncated. Their
// crops begin at half the difference, each rounded in its own way.
void place_shortest_edge(const PrepareSpec& spec, std::uint32_t width, std::uint32_t height, Placement& place) {
  const std::uint64_t size = spec.resize;
  place.width = width <= height ? spec.resize : static_cast<std::uint32_t>(size * width / height);
  place.height = width <= height ? static_cast<std::uint32_t>(size * height / width) : spec.resize;
  const auto half = [&spec](std::uint32_t rest) {
    return spec.crop_offset == CropOffset::kFloor ? rest / 2 : round_half_even(rest / 2.0);
  };
  place.window = {half(place.width - spec.width), half(place.height - spec.height), spec.width, spec.height};
}

// EfficientNet's evaluation crop: a square of whole pixels, its side truncated, its offset rounded up. The millionth
// keeps a product that is a whole number whole (292 * (260.0 / 292) must not become 259).
void place_crop_then_resize(const PrepareSpec& spec, std::uint32_t width, std::uint32_t height, Placement& place) {
  const std::uint32_t shorter = std::min(width, height);
  const auto product = static_cast<std::uint32_t>(shorter * spec.crop_fraction + 1e-6);
  const std::uint32_t side = std::clamp<std::uint32_t>(product, 1, shorter);
  const std::uint32_t left = (width - side + 1) / 2, top = (height - side + 1) / 2;
  place.box = {static_cast<double>(left), static_cast<double>(top), static_cast<double>(left + side),
               static_cast<double>(top + side)};
}

// Pillow's ImageOps.pad: the side that falls short is rounded half to even, and so is its offset. A side is never 0.
void place_padded(const PrepareSpec& spec, std::uint32_t width, std::uint32_t height, Placement& place) {
  const double ratio = static_cast<double>(width) / height, wanted = static_cast<double>(spec.width) / spec.height;
  if (ratio > wanted) {
    place.height = std::max(1u, round_half_even(static_cast<double>(height) / width * spec.width));
  } else if (ratio < wanted) {
    place.width = std::max(1u, round_half_even(static_cast<double>(width) / height * spec.height));
  }
  place.width = std::min(place.width, spec.width);
  place.height = std::min(place.height, spec.height);
  place.window = {0, 0, place.width, place.height};
  place.left = place.width == spec.width ? 0 : round_half_even((spec.width - place.width) * 0.5);
  place.top = place.width == spec.width ? round_half_even((spec.height - place.height) * 0.5) : 0;
}

Placement place_picture(const PrepareSpec& spec, std::uint32_t width, std::uint32_t height) {
  Placement place;
  place.box = {0, 0, static_cast<double>(width), static_cast<double>(height)};
  place.width = spec.width;
  place.height = spec.height;
  place.window = {0, 0, spec.width, spec.height};
  switch (spec.fit) {
    case Fit::kShortestEdgeCrop: place_shortest_edge(spec, width, height, place); break;
    case Fit::kCropThenResize: place_crop_then_resize(spec, width, height, place); break;
    case Fit::kSquash: break;
    case Fit::kPad: place_padded(spec, width, height, place); break;
  }
  return place;
}

using Table = std::array<float, 256>;

// One number for each pixel value: each step is rounded as IEEE 754 says, so it is the same on every machine.
Table make_table(double rescale, float mean, float std) {
  Table table;
  for (std::size_t value = 0; value < table.size(); ++value) {
    const auto pixel = static_cast<double>(value);
    if (rescale > 0) {
      const float scaled = static_cast<float>(pixel * rescale) - mean;
      table[value] = scaled / std;
    } else {
      table[value] = static_cast<float>((pixel - static_cast<double>(mean)) / static_cast<double>(std));
    }
  }
  return table;
}

void normalise(const std::vector<std::uint8_t>& pixels, std::uint32_t bands, const Placement& place,
               const PrepareSpec& spec, std::span<float> out) {
  const std::size_t plane = std::size_t{spec.width} * spec.height;
  for (std::size_t b = 0; b < 3; ++b) {
    const Table table = make_table(spec.rescale, spec.mean[b], spec.std[b]);
    float* to = out.data() + b * plane;
    if (place.window.width != spec.width || place.window.height != spec.height) {
      std::fill(to, to + plane, table[spec.background[b]]);
    }
    const std::uint8_t* from = pixels.data() + (bands == 1 ? 0 : b);
    for (std::uint32_t y = 0; y < place.window.height; ++y) {
      float* row = to + std::size_t{place.top + y} * spec.width + place.left;
      for (std::uint32_t x = 0; x < place.window.width; ++x, from += bands) row[x] = table[*from];
    }
  }
}

}  // namespace

std::size_t prepared_size(const PrepareSpec& spec) { return std::size_t{3} * spec.width * spec.height; }

Status prepare_image(const Image& image, const DecodeSpec& decode, const PrepareSpec& spec, std::span<float> out) {
  PICTOR_TRY(check_spec(spec));
  PICTOR_TRY(check_pixels(image));
  if (out.size() != prepared_size(spec)) {
    return {Code::kInternal, "room for " + words::count(out.size()) + " numbers was given, the encoder's input has " +
                                 words::count(prepared_size(spec))};
  }
  const double longer = std::max(image.width, image.height), shorter = std::min(image.width, image.height);
  if (longer > shorter * limits::kImageAspectMax) {
    return {Code::kLimit, "the picture is " + words::size(image.width, image.height) +
                              " pixels: one side is more than " +
                              words::count(static_cast<std::uint64_t>(limits::kImageAspectMax)) +
                              " times the other, nothing would be seen in it"};
  }
  // Grey needs no three equal bands before the resize: each would come out the same.
  const bool ready = image.bits == 8 && (image.bands == 3 || image.bands == 1);
  Image settled;
  if (!ready) {
    PICTOR_ASSIGN(settled, to_rgb8(image, decode));
  }
  const Image& used = ready ? image : settled;
  const PixelView view = {used.u8.data(), used.width, used.height, used.bands, std::size_t{used.width} * used.bands,
                          used.u8.size()};
  const Placement place = place_picture(spec, used.width, used.height);
  if (spec.fit == Fit::kCropThenResize) {
    // Crop first and resize the crop: the filter must not see pixels outside it, as it would with a box.
    const auto left = static_cast<std::size_t>(place.box.left), top = static_cast<std::size_t>(place.box.top);
    const auto side = static_cast<std::uint32_t>(place.box.right - place.box.left);
    const std::size_t skipped = top * view.stride + left * view.bands;
    const PixelView square = {view.data + skipped, side, side, view.bands, view.stride, view.bytes - skipped};
    const Box all = {0, 0, static_cast<double>(side), static_cast<double>(side)};
    normalise(resize_window(square, place.width, place.height, spec.filter, all, place.window, simd_level()),
              used.bands, place, spec, out);
    return Status::ok();
  }
  normalise(resize_window(view, place.width, place.height, spec.filter, place.box, place.window, simd_level()),
            used.bands, place, spec, out);
  return Status::ok();
}

Result<Bytes> make_thumbnail(const Image& image, std::uint32_t side) {
  if (side < 1 || side > limits::kPrepareSideMax) {
    return Status{Code::kInvalid, "a thumbnail's side is " + words::count(side) + "; it goes from 1 to " +
                                      words::count(limits::kPrepareSideMax)};
  }
  PICTOR_ASSIGN(Image rgb, to_rgb8(image, DecodeSpec{}));
  const std::uint32_t longer = std::max(rgb.width, rgb.height);
  if (longer > side) {
    const auto scaled = [&](std::uint32_t length) {
      return std::max(1u, static_cast<std::uint32_t>((std::uint64_t{length} * side + longer / 2) / longer));
    };
    PICTOR_ASSIGN(rgb, resize_image(rgb, scaled(rgb.width), scaled(rgb.height), Filter::kBicubic));
  }
  return encode_jpeg(rgb, static_cast<int>(kThumbnailQuality));
}

}  // namespace pictor
