// Why another stack's pixels or input tensor are not ours: the ways in which stacks go apart, tried one by one and two
// by two, until one of them gives theirs.
//
// Thread safety: free functions.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "encode/card.h"
#include "image/image.h"

namespace pictor {

// Pictures as another stack might prepare them.
struct PictureVariant {
  DecodeSpec decode;
  PrepareSpec prepare;
  bool antialias = true;
  bool bgr = false;
  std::vector<std::string> changes;  // in words, against the card; empty: the card's own
};

// What is known of a picture: its file, or the pixels that another stack decoded.
struct PictureInput {
  ByteView file;
  const Image* pixels = nullptr;  // RGB; not null: the file is not looked at
};

// The card's way first, then those with one change, then (changes_max 2) with two. Changes of mean and deviation are
// among them only when `with_scales`: causes_of_tensor finds any by itself.
std::vector<PictureVariant> picture_variants(const EncoderCard& card, const PictureInput& input,
                                             std::size_t changes_max, bool with_scales);
// The last picture that was decoded: most variants decode alike.
struct DecodeMemo {
  std::optional<DecodeSpec> spec;
  Image image;
};
// The tensor of a variant. `memo` belongs to one input; it may be null.
Result<std::vector<float>> prepare_variant(const PictureInput& input, const PictureVariant& variant,
                                           DecodeMemo* memo = nullptr);

// Each channel of theirs is scale * pixel + offset of the variant's.
struct TensorCause {
  PictureVariant variant;
  std::array<double, 3> scale{}, offset{};
  std::vector<std::string> changes;  // of the variant, and of mean and deviation
};
// Nothing when no variant gives the tensor, up to one level of 255.
std::optional<TensorCause> cause_of_tensor(const EncoderCard& card, const PictureInput& input,
                                           std::span<const float> theirs);

// Why decoded pixels (height x width x 3) are others than ours; empty when it is not found.
std::vector<std::string> cause_of_pixels(const EncoderCard& card, ByteView file, std::span<const std::uint8_t> theirs);

}  // namespace pictor
