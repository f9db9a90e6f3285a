// How long decode, resize and prepare take, a picture at a time, on one thread.
#include <benchmark/benchmark.h>

#include <cmath>

#include "image/resize.h"

namespace pictor {
namespace {

// Waves and a little grain: it compresses like a photo.
Image photo(std::uint32_t width, std::uint32_t height, std::uint32_t bands) {
  Image image;
  image.width = width;
  image.height = height;
  image.bands = bands;
  std::uint32_t state = 1;
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      for (std::uint32_t b = 0; b < bands; ++b) {
        state = state * 1664525u + 1013904223u;
        const double wave = std::sin(x * 0.013 + b) + std::cos(y * 0.017) + std::sin((x + y) * 0.11);
        image.u8.push_back(static_cast<std::uint8_t>(128 + 36 * wave + state % 9));
      }
    }
  }
  return image;
}

PrepareSpec lite_spec() {
  PrepareSpec spec;
  spec.width = spec.height = 260;
  spec.fit = Fit::kCropThenResize;
  spec.crop_fraction = 260.0 / 292;
  spec.mean = {127, 127, 127};
  spec.std = {128, 128, 128};
  return spec;
}

void decode_file(benchmark::State& state, const Bytes& file, std::uint32_t dct_min_side) {
  const PrepareSpec prepare = lite_spec();
  DecodeSpec spec;
  spec.dct_min_side = dct_min_side;
  for (auto _ : state) benchmark::DoNotOptimize(decode_image(file, spec, &prepare));
}

void decode_jpeg_12mp(benchmark::State& state) {
  decode_file(state, encode_jpeg(photo(4000, 3000, 3), 90).value(), static_cast<std::uint32_t>(state.range(0)));
}
BENCHMARK(decode_jpeg_12mp)->Arg(0)->Arg(260)->Arg(520)->Unit(benchmark::kMillisecond);

void decode_jpeg_vga(benchmark::State& state) { decode_file(state, encode_jpeg(photo(640, 480, 3), 90).value(), 0); }
BENCHMARK(decode_jpeg_vga)->Unit(benchmark::kMillisecond);

void decode_png_vga(benchmark::State& state) { decode_file(state, encode_png(photo(640, 480, 4)).value(), 0); }
BENCHMARK(decode_png_vga)->Unit(benchmark::kMillisecond);

void resize_to_260(benchmark::State& state) {
  const Image image = photo(static_cast<std::uint32_t>(state.range(0)), static_cast<std::uint32_t>(state.range(1)), 3);
  const PixelView view = {image.u8.data(), image.width, image.height, image.bands, std::size_t{image.width} * 3,
                          image.u8.size()};
  const Box box = {0, 0, static_cast<double>(image.width), static_cast<double>(image.height)};
  const auto level = static_cast<ResizeSimd>(state.range(2));
  if (!simd_level_available(level)) return state.SkipWithError("this processor lacks the instructions");
  for (auto _ : state) {
    benchmark::DoNotOptimize(resize_window(view, 260, 260, Filter::kBicubic, box, {0, 0, 260, 260}, level));
  }
}
BENCHMARK(resize_to_260)
    ->ArgsProduct({{4000}, {3000}, {0, 1, 2}})
    ->ArgsProduct({{640}, {480}, {0, 1, 2}})
    ->Unit(benchmark::kMillisecond);

void prepare_lite(benchmark::State& state) {
  const Image image = photo(static_cast<std::uint32_t>(state.range(0)), static_cast<std::uint32_t>(state.range(1)),
                            static_cast<std::uint32_t>(state.range(2)));
  const PrepareSpec spec = lite_spec();
  std::vector<float> out(prepared_size(spec));
  for (auto _ : state) benchmark::DoNotOptimize(prepare_image(image, DecodeSpec{}, spec, out));
}
BENCHMARK(prepare_lite)->Args({4000, 3000, 3})->Args({640, 480, 3})->Args({640, 480, 4})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pictor
