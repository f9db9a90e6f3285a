// Pillow's resampling (libImaging/Resample.c), bit for bit: weights computed in double, rounded to 22 bits after the
// point, applied along rows and columns, one after the other, with a rounding to 8 bits between.
//
// Differences: only the wanted window is computed, and weights are kept once for both bounds and sums. Each output
// depends on its own weights alone, so neither changes a bit.
#include "image/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <string>

#include "image/words.h"

namespace pictor {
namespace {

constexpr int kPrecisionBits = 32 - 8 - 2;

double bilinear_weight(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double bicubic_weight(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x = x * std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos_weight(double x) { return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

// Half open, as Pillow's: a pixel on the border of two outputs belongs to one.
double box_weight(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double hamming_weight(double x) {
  x = std::fabs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x = x * std::numbers::pi;
  return std::sin(x) / x * (static_cast<double>(0.54F) + static_cast<double>(0.46F) * std::cos(x));  // float, as there
}

struct FilterShape {
  double (*weight)(double);
  double support;
};

FilterShape shape_of(Filter filter) {
  switch (filter) {
    case Filter::kBilinear: return {bilinear_weight, 1.0};
    case Filter::kBicubic: return {bicubic_weight, 2.0};
    case Filter::kLanczos: return {lanczos_weight, 3.0};
    case Filter::kBox: return {box_weight, 0.5};
    case Filter::kHamming: return {hamming_weight, 1.0};
    case Filter::kNearest: break;  // has no weights: see resize_nearest
  }
  return {bicubic_weight, 2.0};
}

std::int32_t to_fixed(double weight) {
  const double scaled = weight * (1 << kPrecisionBits);
  return static_cast<std::int32_t>(weight < 0 ? -0.5 + scaled : 0.5 + scaled);
}

// One axis of the resize: how many source pixels, the part of them that is used, how many results, and which of those
// are wanted. The box is float because Pillow hands it on as float; the difference is taken in float too.
struct Axis {
  std::uint32_t source = 0;
  float begin = 0;
  float end = 0;
  std::uint32_t results = 0;
  std::uint32_t first = 0;
  std::uint32_t wanted = 0;
};

FilterBank make_bank(const Axis& axis, Filter filter) {
  const FilterShape shape = shape_of(filter);
  const double scale = static_cast<double>(axis.end - axis.begin) / axis.results;
  const double filter_scale = std::max(scale, 1.0);
  const double support = shape.support * filter_scale;
  const auto most = std::min<std::uint32_t>(static_cast<std::uint32_t>(std::ceil(support)) * 2 + 1, axis.source);

  FilterBank bank;
  bank.taps = (most + 3) / 4 * 4;
  bank.first.resize(axis.wanted);
  bank.count.resize(axis.wanted);
  bank.weights.assign(static_cast<std::size_t>(axis.wanted) * bank.taps, 0);
  std::vector<double> exact(most);
  const double step = 1.0 / filter_scale;
  for (std::uint32_t i = 0; i < axis.wanted; ++i) {
    const double center = axis.begin + (axis.first + i + 0.5) * scale;
    // Rounded as Pillow does. NOLINTBEGIN(bugprone-incorrect-roundings)
    const int low = std::max(static_cast<int>(center - support + 0.5), 0);
    const int high = std::min(static_cast<int>(center + support + 0.5), static_cast<int>(axis.source));
    // NOLINTEND(bugprone-incorrect-roundings)
    const auto count = static_cast<std::uint32_t>(std::clamp(high - low, 0, static_cast<int>(most)));
    double sum = 0.0;
    for (std::uint32_t t = 0; t < count; ++t) {
      exact[t] = shape.weight((static_cast<int>(t) + low - center + 0.5) * step);
      sum += exact[t];
    }
    std::int32_t* weights = &bank.weights[static_cast<std::size_t>(i) * bank.taps];
    for (std::uint32_t t = 0; t < count; ++t) weights[t] = to_fixed(sum != 0.0 ? exact[t] / sum : exact[t]);
    bank.first[i] = static_cast<std::uint32_t>(low);
    bank.count[i] = count;
  }
  bank.high.resize(bank.weights.size());
  bank.low.resize(bank.weights.size());
  for (std::size_t i = 0; i < bank.weights.size(); ++i) {
    bank.high[i] = static_cast<std::int16_t>(bank.weights[i] >> 15);
    bank.low[i] = static_cast<std::int16_t>(bank.weights[i] & 0x7fff);
  }
  return bank;
}

// Rounds, drops the fraction and clips. The sum is carried unsigned: it may wrap on the way, never in the end.
std::uint8_t settle(std::uint32_t sum) {
  const std::int32_t value = static_cast<std::int32_t>(sum + (1u << (kPrecisionBits - 1))) >> kPrecisionBits;
  return static_cast<std::uint8_t>(std::clamp(value, 0, 255));
}

std::uint8_t multiply_255(std::uint32_t a, std::uint32_t b) {
  const std::uint32_t product = a * b + 128;
  return static_cast<std::uint8_t>(((product >> 8) + product) >> 8);
}

// Colour times alpha, as Pillow's RGBA -> RGBa and LA -> La.
std::vector<std::uint8_t> premultiply(const PixelView& source) {
  const std::uint32_t bands = source.bands;
  std::vector<std::uint8_t> out(static_cast<std::size_t>(source.width) * source.height * bands);
  std::uint8_t* to = out.data();
  for (std::uint32_t y = 0; y < source.height; ++y) {
    const std::uint8_t* from = source.data + y * source.stride;
    for (std::uint32_t x = 0; x < source.width; ++x, from += bands, to += bands) {
      const std::uint8_t alpha = from[bands - 1];
      for (std::uint32_t b = 0; b + 1 < bands; ++b) to[b] = multiply_255(from[b], alpha);
      to[bands - 1] = alpha;
    }
  }
  return out;
}

void unpremultiply(std::vector<std::uint8_t>& pixels, std::uint32_t bands) {
  for (std::size_t at = 0; at < pixels.size(); at += bands) {
    const std::uint32_t alpha = pixels[at + bands - 1];
    if (alpha == 0 || alpha == 255) continue;
    for (std::uint32_t b = 0; b + 1 < bands; ++b) {
      pixels[at + b] = static_cast<std::uint8_t>(std::min<std::uint32_t>(255, 255u * pixels[at + b] / alpha));
    }
  }
}

std::vector<std::uint8_t> crop(const PixelView& source, std::uint32_t left, std::uint32_t top, const Window& window) {
  const std::size_t row_bytes = static_cast<std::size_t>(window.width) * source.bands;
  std::vector<std::uint8_t> out(row_bytes * window.height);
  const std::uint8_t* from =
      source.data + (top + window.top) * source.stride + static_cast<std::size_t>(left + window.left) * source.bands;
  for (std::uint32_t y = 0; y < window.height; ++y)
    std::memcpy(&out[y * row_bytes], from + y * source.stride, row_bytes);
  return out;
}

struct FloatBox {
  float left, top, right, bottom;
};

// Which source pixel each of `wanted` results takes along one axis. Pillow adds up the step in double, so that is done
// here too (libImaging/Geometry.c, ImagingScaleAffine).
std::vector<std::uint32_t> nearest_positions(const Axis& axis) {
  const double step = static_cast<double>(axis.end - axis.begin) / axis.results;
  double at = static_cast<double>(axis.begin) + step * 0.5;
  std::vector<std::uint32_t> positions;
  for (std::uint32_t i = 0; i < axis.first + axis.wanted; ++i, at += step) {
    if (i >= axis.first) positions.push_back(std::min(static_cast<std::uint32_t>(at), axis.source - 1));
  }
  return positions;
}

std::vector<std::uint8_t> resize_nearest(const PixelView& source, std::uint32_t width, std::uint32_t height,
                                         const FloatBox& box, const Window& window) {
  const auto columns = nearest_positions({source.width, box.left, box.right, width, window.left, window.width});
  const auto rows = nearest_positions({source.height, box.top, box.bottom, height, window.top, window.height});
  std::vector<std::uint8_t> out(columns.size() * rows.size() * source.bands);
  std::uint8_t* to = out.data();
  for (const std::uint32_t row : rows) {
    for (const std::uint32_t column : columns) {
      std::memcpy(to, source.data + row * source.stride + std::size_t{column} * source.bands, source.bands);
      to += source.bands;
    }
  }
  return out;
}

// A resize with both its filters made: which passes there are, in which order.
struct Plan {
  bool across = false;
  bool down = false;
  bool down_first = false;
  FilterBank columns, rows;
};

Plan make_plan(const PixelView& source, std::uint32_t width, std::uint32_t height, Filter filter, const FloatBox& box,
               const Window& window) {
  Plan plan;
  plan.across = width != source.width || box.left != 0 || box.right != static_cast<float>(width);
  plan.down = height != source.height || box.top != 0 || box.bottom != static_cast<float>(height);
  // The order decides which values are rounded to 8 bits on the way. Pillow 13 goes down first when the height falls by
  // more than twice what the width falls by (its pull request 9549; before 13, rows were always first).
  const std::int64_t narrower = std::max<std::int64_t>(0, std::int64_t{source.width} - width);
  plan.down_first = std::int64_t{source.height} - height > 2 * narrower;
  if (plan.across) {
    plan.columns = make_bank({source.width, box.left, box.right, width, window.left, window.width}, filter);
  }
  if (plan.down) plan.rows = make_bank({source.height, box.top, box.bottom, height, window.top, window.height}, filter);
  return plan;
}

// Rows [first, first + count) of the source, resized along each row.
std::vector<std::uint8_t> pass_across(const PixelView& source, const FilterBank& columns, std::uint32_t first,
                                      std::uint32_t count, const ResizeKernels& kernels) {
  std::vector<std::uint8_t> out(columns.first.size() * source.bands * count);
  PixelView used = source;
  used.data += first * source.stride;
  used.bytes -= first * source.stride;
  kernels.horizontal(used, columns, count, out.data());
  return out;
}

// Columns [first, first + count) of the source, resized along each column. Row numbers of the filter count from
// `row_zero`.
std::vector<std::uint8_t> pass_down(const PixelView& source, const FilterBank& rows, std::uint32_t row_zero,
                                    std::uint32_t first, std::uint32_t count, const ResizeKernels& kernels) {
  const std::size_t row_bytes = std::size_t{count} * source.bands;
  std::vector<std::uint8_t> out(row_bytes * rows.first.size());
  const std::uint8_t* data = source.data + std::size_t{first} * source.bands;
  for (std::uint32_t y = 0; y < rows.first.size(); ++y) {
    kernels.vertical(data + (rows.first[y] - row_zero) * source.stride, source.stride, rows, y, row_bytes,
                     &out[y * row_bytes]);
  }
  return out;
}

PixelView view_of(const std::vector<std::uint8_t>& pixels, std::uint32_t width, std::uint32_t height,
                  std::uint32_t bands) {
  return {pixels.data(), width, height, bands, std::size_t{width} * bands, pixels.size()};
}

// The passes, on pixels whose alpha (if any) is already multiplied in.
std::vector<std::uint8_t> resample(const PixelView& source, std::uint32_t width, std::uint32_t height, Filter filter,
                                   const FloatBox& box, const Window& window, ResizeSimd level) {
  Plan plan = make_plan(source, width, height, filter, box, window);
  const ResizeKernels& kernels = resize_kernels(level);
  if (!plan.across && !plan.down) return crop(source, 0, 0, window);
  if (!plan.across) return pass_down(source, plan.rows, 0, window.left, window.width, kernels);
  if (!plan.down) return pass_across(source, plan.columns, window.top, window.height, kernels);
  if (plan.down_first) {
    const std::uint32_t first = plan.columns.first.front();
    const std::uint32_t count = plan.columns.first.back() + plan.columns.count.back() - first;
    const auto between = pass_down(source, plan.rows, 0, first, count, kernels);
    for (std::uint32_t& column : plan.columns.first) column -= first;
    return pass_across(view_of(between, count, window.height, source.bands), plan.columns, 0, window.height, kernels);
  }
  const std::uint32_t first = plan.rows.first.front();
  const std::uint32_t count = plan.rows.first.back() + plan.rows.count.back() - first;
  const auto between = pass_across(source, plan.columns, first, count, kernels);
  return pass_down(view_of(between, window.width, count, source.bands), plan.rows, first, 0, window.width, kernels);
}

Status check_resize(const Image& image, std::uint32_t width, std::uint32_t height, const Box& box) {
  if (image.bits != 8 || image.bands < 1 || image.bands > 4) {
    return {Code::kInvalid, "resize takes 8-bit pictures of 1 to 4 bands, this one has " + words::count(image.bands) +
                                " bands of " + words::count(image.bits) + " bits"};
  }
  if (image.u8.size() != static_cast<std::size_t>(image.width) * image.height * image.bands || image.u8.empty()) {
    return {Code::kInvalid, "the picture's memory has " + words::count(image.u8.size()) + " bytes, its header says " +
                                words::size(image.width, image.height) + " with " + words::count(image.bands) +
                                " bands"};
  }
  if (width < 1 || height < 1 || width > limits::kImageSideMax || height > limits::kImageSideMax ||
      std::uint64_t{width} * height > limits::kImagePixelsMax) {
    return {Code::kLimit, "a picture cannot be resized to " + words::size(width, height) + ": sides go from 1 to " +
                              words::count(limits::kImageSideMax) + ", at most " +
                              words::count(limits::kImagePixelsMax) + " pixels"};
  }
  const bool inside = box.left >= 0 && box.top >= 0 && box.right <= image.width && box.bottom <= image.height &&
                      box.left < box.right && box.top < box.bottom;
  if (!inside) {
    return {Code::kInvalid, "the box to resize is empty or not inside the picture of " +
                                words::size(image.width, image.height) + " pixels"};
  }
  return Status::ok();
}

}  // namespace

ResizeSimd simd_level() {
  static const ResizeSimd level = simd_level_available(ResizeSimd::kAvx2)    ? ResizeSimd::kAvx2
                                  : simd_level_available(ResizeSimd::kSse41) ? ResizeSimd::kSse41
                                                                             : ResizeSimd::kPlain;
  return level;
}

bool simd_level_available(ResizeSimd level) {
#if defined(__x86_64__)
  if (level == ResizeSimd::kAvx2) return __builtin_cpu_supports("avx2") != 0;
  if (level == ResizeSimd::kSse41) return __builtin_cpu_supports("sse4.1") != 0;
#endif
  return level == ResizeSimd::kPlain;
}

const ResizeKernels& resize_kernels(ResizeSimd level) {
  static const ResizeKernels plain = {resize_horizontal_plain, resize_vertical_plain};
#if defined(__x86_64__)
  if (level == ResizeSimd::kAvx2) return kResizeAvx2;
  if (level == ResizeSimd::kSse41) return kResizeSse41;
#endif
  (void)level;
  return plain;
}

void resize_horizontal_pixel_plain(const std::uint8_t* row, const FilterBank& bank, std::uint32_t index,
                                   std::uint32_t bands, std::uint8_t* out) {
  const std::int32_t* weights = &bank.weights[static_cast<std::size_t>(index) * bank.taps];
  const std::uint8_t* first = row + static_cast<std::size_t>(bank.first[index]) * bands;
  for (std::uint32_t b = 0; b < bands; ++b) {
    std::uint32_t sum = 0;
    for (std::uint32_t t = 0; t < bank.count[index]; ++t) {
      sum += first[static_cast<std::size_t>(t) * bands + b] * static_cast<std::uint32_t>(weights[t]);
    }
    out[b] = settle(sum);
  }
}

void resize_horizontal_plain(const PixelView& source, const FilterBank& bank, std::uint32_t rows, std::uint8_t* out) {
  const auto results = static_cast<std::uint32_t>(bank.first.size());
  for (std::uint32_t y = 0; y < rows; ++y) {
    const std::uint8_t* row = source.data + y * source.stride;
    for (std::uint32_t x = 0; x < results; ++x, out += source.bands) {
      resize_horizontal_pixel_plain(row, bank, x, source.bands, out);
    }
  }
}

void resize_vertical_plain(const std::uint8_t* data, std::size_t stride, const FilterBank& bank, std::uint32_t index,
                           std::size_t bytes, std::uint8_t* out) {
  const std::int32_t* weights = &bank.weights[static_cast<std::size_t>(index) * bank.taps];
  for (std::size_t x = 0; x < bytes; ++x) {
    std::uint32_t sum = 0;
    for (std::uint32_t t = 0; t < bank.count[index]; ++t) {
      sum += data[t * stride + x] * static_cast<std::uint32_t>(weights[t]);
    }
    out[x] = settle(sum);
  }
}

std::vector<std::uint8_t> resize_window(const PixelView& source, std::uint32_t width, std::uint32_t height,
                                        Filter filter, const Box& box, const Window& window, ResizeSimd level) {
  const FloatBox exact = {static_cast<float>(box.left), static_cast<float>(box.top), static_cast<float>(box.right),
                          static_cast<float>(box.bottom)};
  if (filter == Filter::kNearest) return resize_nearest(source, width, height, exact, window);
  const bool whole_pixels = exact.left == std::floor(exact.left) && exact.top == std::floor(exact.top);
  const bool same_size =
      exact.right - exact.left == static_cast<float>(width) && exact.bottom - exact.top == static_cast<float>(height);
  if (whole_pixels && same_size && (source.bands == 1 || source.bands == 3)) {
    return crop(source, static_cast<std::uint32_t>(exact.left), static_cast<std::uint32_t>(exact.top), window);
  }
  if (source.bands == 1 || source.bands == 3) {
    return resample(source, width, height, filter, exact, window, level);
  }
  // The same size and the whole picture is a plain copy, without the loss of multiplying alpha in and out again.
  if (whole_pixels && same_size && width == source.width && height == source.height) return crop(source, 0, 0, window);
  const std::vector<std::uint8_t> multiplied = premultiply(source);
  const PixelView view = view_of(multiplied, source.width, source.height, source.bands);
  std::vector<std::uint8_t> out =
      whole_pixels && same_size
          ? crop(view, static_cast<std::uint32_t>(exact.left), static_cast<std::uint32_t>(exact.top), window)
          : resample(view, width, height, filter, exact, window, level);
  unpremultiply(out, source.bands);
  return out;
}

Result<Image> resize_image(const Image& image, std::uint32_t width, std::uint32_t height, Filter filter,
                           const Box* box) {
  const Box all = {0, 0, static_cast<double>(image.width), static_cast<double>(image.height)};
  const Box& used = box != nullptr ? *box : all;
  PICTOR_TRY(check_resize(image, width, height, used));
  const PixelView view = {
      image.u8.data(), image.width, image.height, image.bands, std::size_t{image.width} * image.bands, image.u8.size()};
  Image out;
  out.width = width;
  out.height = height;
  out.bands = image.bands;
  out.u8 = resize_window(view, width, height, filter, used, {0, 0, width, height}, simd_level());
  return out;
}

}  // namespace pictor
