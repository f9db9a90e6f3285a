// Pictures and texts made by integers alone: the same bytes on every machine, so that vectors of them can be compared
// between machines that share no files.
#pragma once

#include <cstdint>
#include <string>

#include "image/image.h"

namespace pictor {

// Raised when any picture or text changes: fingerprints of different numbers are not compared.
inline constexpr int kGeneratedVersion = 1;

// 24 to 447 pixels a side, grey, RGB or RGBA: gradients, noise, blobs, blocks like lines of text, stripes, mixtures.
Image generated_image(std::uint64_t number);
// 1 to 60 words in several scripts, with numbers and punctuation.
std::string generated_text(std::uint64_t number);

}  // namespace pictor
