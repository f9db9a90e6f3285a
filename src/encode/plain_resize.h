// Resizing without antialias, as OpenCV and torch's `interpolate` do it by default: what other stacks do to pictures
// and encoders were not trained with. Only for finding out that they do.
#pragma once

#include "image/image.h"

namespace pictor {

// REQUIRES: image is 8-bit RGB. Bilinear, or bicubic with a = -0.75; half pixels at the centre, edges repeated.
Image plain_resize(const Image& image, std::uint32_t width, std::uint32_t height, bool cubic);

// As prepare_image for RGB pixels, with plain_resize for its resize. kUnsupported for Fit::kPad.
Result<std::vector<float>> prepare_plain(const Image& image, const DecodeSpec& decode, const PrepareSpec& prepare);

}  // namespace pictor
