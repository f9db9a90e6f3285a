// Bands and depth of a decoded picture settled to 8-bit RGB, and its inner loop by instruction set.
//
// Thread safety: free functions, callable from any thread at once.
#pragma once

#include <array>
#include <cstdint>

#include "image/image.h"
#include "image/resize.h"

namespace pictor {

// kInvalid unless the picture's memory is as large as its header says, and not empty.
Status check_pixels(const Image& image);

// `pixels` of RGBA over an opaque background, as Pillow's alpha_composite: 4 bytes a pixel in, 3 out. Every level gives
// the same bits.
// REQUIRES: simd_level_available(level).
void rgba_over(const std::uint8_t* rgba, std::size_t pixels, const std::array<std::uint8_t, 3>& background,
               std::uint8_t* rgb, ResizeSimd level);

}  // namespace pictor
