// How far two encoders' vectors of the same pictures and texts are from each other.
//
// Thread safety: free functions. Determinism: sums are made in a fixed order.
#pragma once

#include <functional>
#include <vector>

#include "encode/encode.h"

namespace pictor {

// Of one head; empty where it does not take pictures, or texts.
struct HeadVectors {
  std::vector<float> pictures, texts;
};

struct LossInputs {
  std::span<const float> pictures;  // prepared
  std::span<const std::string> texts;
};

// In every head of the encoder, as the card has them. `step` is called before each part, and may stop the work.
Result<std::vector<HeadVectors>> loss_vectors(const Encoder& encoder, const LossInputs& inputs,
                                              const std::function<Status(std::size_t, std::size_t)>& step);

// One entry a head for pictures, and one for texts: that look for pictures, or for texts in a head without pictures.
std::vector<QuantizationLoss> losses_of(const EncoderCard& card, const std::vector<HeadVectors>& before,
                                        const std::vector<HeadVectors>& after);

// The worst of all entries, as a share of what `loss_max` allows: at most 1 is within.
double share_of_bound(const std::vector<QuantizationLoss>& losses, double loss_max);

}  // namespace pictor
