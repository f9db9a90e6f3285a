// Altered copies of pictures, as people have them of a picture that is in a collection. Thread safety: pure functions.
#pragma once

#include <cstdint>

#include "image/image.h"

namespace pictor {

// A JPEG of a crop of 85 to 100 % of each side, at 60 to 100 % of its size, half of them blurred, 15 % darker to 15 %
// brighter, at quality 40 to 90: all drawn by the seed.
Result<Bytes> altered_copy(const Image& rgb8, std::uint64_t seed);

}  // namespace pictor
