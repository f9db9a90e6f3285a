// The resampling under resize_image and prepare_image, and its inner loops by instruction set.
//
// Every level gives the same bits: the arithmetic is on integers modulo 2^32, where the order of sums does not matter.
// Thread safety: free functions, callable from any thread at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "image/image.h"

namespace pictor {

enum class ResizeSimd : std::uint8_t { kPlain, kSse41, kAvx2 };

// The best level that this processor has.
ResizeSimd simd_level();
bool simd_level_available(ResizeSimd level);

// Which part of the full result is wanted: columns [left, left + width), rows [top, top + height).
struct Window {
  std::uint32_t left = 0;
  std::uint32_t top = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

// Interleaved 8-bit pixels that somebody else owns.
struct PixelView {
  const std::uint8_t* data = nullptr;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t bands = 0;
  std::size_t stride = 0;  // bytes from row to row
  std::size_t bytes = 0;   // readable bytes from `data` on
};

// One direction's filter: output i is the sum over t < count[i] of source[first[i] + t] * weights[i * taps + t].
struct FilterBank {
  std::uint32_t taps = 0;  // a multiple of 4; weights past count[i] are 0
  std::vector<std::uint32_t> first;
  std::vector<std::uint32_t> count;
  std::vector<std::int32_t> weights;    // 22 bits after the point
  std::vector<std::int16_t> high, low;  // weights split: weight == high * 2^15 + low, 0 <= low < 2^15
};

// The inner loops. Rows are `stride` bytes apart; outputs are packed.
struct ResizeKernels {
  // One output row for each of `rows` source rows that start at source.data.
  void (*horizontal)(const PixelView& source, const FilterBank& bank, std::uint32_t rows, std::uint8_t* out);
  // One output row: sum over t < count of the row `data + t * stride` * weight[t], `bytes` bytes long.
  void (*vertical)(const std::uint8_t* data, std::size_t stride, const FilterBank& bank, std::uint32_t index,
                   std::size_t bytes, std::uint8_t* out);
};
const ResizeKernels& resize_kernels(ResizeSimd level);

// The plain loops are the meaning; the others fall back to them at the edges of the picture's memory.
void resize_horizontal_plain(const PixelView& source, const FilterBank& bank, std::uint32_t rows, std::uint8_t* out);
void resize_horizontal_pixel_plain(const std::uint8_t* row, const FilterBank& bank, std::uint32_t index,
                                   std::uint32_t bands, std::uint8_t* out);
void resize_vertical_plain(const std::uint8_t* data, std::size_t stride, const FilterBank& bank, std::uint32_t index,
                           std::size_t bytes, std::uint8_t* out);

#if defined(__x86_64__)
extern const ResizeKernels kResizeSse41;
extern const ResizeKernels kResizeAvx2;
#endif

// The `window` of what Pillow's Image.resize((width, height), filter, box) would give, as packed pixels of the same
// bands. Bands 2 and 4 end in alpha: they are resized premultiplied, as Pillow does it.
// REQUIRES: a non-empty picture, box and window inside their bounds, 1 <= bands <= 4.
std::vector<std::uint8_t> resize_window(const PixelView& source, std::uint32_t width, std::uint32_t height,
                                        Filter filter, const Box& box, const Window& window, ResizeSimd level);

}  // namespace pictor
