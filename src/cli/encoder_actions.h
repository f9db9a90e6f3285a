// Actions of `pictor encoder` that have files of their own.
#pragma once

#include <optional>
#include <string>

#include "cli/session.h"

namespace pictor {

struct QuantizeChoices {
  std::string name, calibration, evaluation, texts;
  std::string tower = "both";  // "image", "text"
  std::string loss_max = "0.2";
  std::size_t images = 256;
  std::optional<std::size_t> keep_float;
};
Status quantize_encoder_action(Session& session, const std::string& target, const QuantizeChoices& choices);

// What an encoder lost by being quantised; nothing of one that was not.
void print_losses(Session& session, const EncoderInfo& info);

}  // namespace pictor
