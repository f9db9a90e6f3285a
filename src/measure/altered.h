// Pictures altered as the world alters them, so that the right answer is known without judgements: the original.
//
// Deterministic: the same file, way and seed give the same bytes with the same build of the JPEG library.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/base.h"
#include "image/image.h"

namespace pictor {

enum class Alteration : std::uint8_t { kCrop, kResize, kJpeg, kBlur, kBrightness };
inline constexpr Alteration kAlterations[] = {Alteration::kCrop, Alteration::kResize, Alteration::kJpeg,
                                              Alteration::kBlur, Alteration::kBrightness};

std::string_view alteration_name(Alteration how);  // "crop", ...

// A picture file altered, as JPEG. By the seed: crop keeps 60 to 90 % of each side; resize makes the longer side 96 to
// 224 pixels; jpeg has a quality of 10 to 30; blur is a box of 1 to 3 % of the longer side, three times; brightness is
// 0.45 to 0.75 or 1.3 to 1.7 times as much.
Result<Bytes> altered_picture(ByteView file, Alteration how, std::uint64_t seed);

// Several at once and gently, as people have copies of a picture that is in a collection. `rgb8` as JPEG: a crop of 85
// to 100 % of each side, at 60 to 100 % of its size, half of them blurred, 15 % darker to 15 % brighter, at quality 40
// to 90.
Result<Bytes> altered_copy(const Image& rgb8, std::uint64_t seed);

}  // namespace pictor
