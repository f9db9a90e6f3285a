// Why another stack's tokens, outputs or vector are not ours: other poolings, heads, texts and preparations, tried one
// by one.
//
// Thread safety: free functions.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "encode/own_stages.h"
#include "encode/picture_causes.h"

namespace pictor {

// Vectors that point within rounding of the same way.
inline constexpr double kSameCosine = 0.99999;

// -2 when the lengths differ, or one of them has no direction.
double cosine_of(std::span<const float> a, std::span<const float> b);

// Of what the network gives for one input (`tokens` null: a picture), the output, pooling and head that are `theirs`.
std::vector<std::string> cause_in_network(const OwnStages& stages, const Outputs& outputs, const Tokens* tokens,
                                          std::size_t head, std::span<const float> theirs);

// The preparation of the picture that makes the head's vector `theirs`, or (output not empty) that output.
struct Wanted {
  std::size_t head = 0;
  std::string output;
  std::span<const float> numbers;
};
std::vector<std::string> cause_in_picture(const OwnStages& stages, const PictureInput& input, const Wanted& theirs);

// The treatment of the text, or of its ids, that makes them `theirs`.
std::vector<std::string> cause_of_tokens(const OwnStages& stages, std::string_view text,
                                         std::span<const std::int64_t> theirs);
// ... that makes the head's vector `theirs`, where their ids are not known.
std::vector<std::string> cause_in_text(const OwnStages& stages, std::string_view text, const Wanted& theirs);

}  // namespace pictor
