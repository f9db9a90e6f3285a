// An int8 network's bytes from a plan and the scales that were chosen.
#pragma once

#include <vector>

#include "infer/quantize_plan.h"
#include "infer/quantize_ranges.h"

namespace pictor {

// What calibration found of one point.
struct PointScales {
  ByteScale scale;
  std::vector<float> smoothing;  // channels are divided by it before they are rounded; empty: as they are
  std::vector<double> mean;      // by channel, as the network gives them
};

struct QuantizedNetwork {
  const OnnxNetwork& network;
  ByteView bytes;  // the file's
  const OnnxConstants& constants;
  const QuantizePlan& plan;
  const std::vector<PointScales>& scales;  // as plan.points
};

Result<Bytes> write_quantized(const QuantizedNetwork& from, const std::vector<bool>& in_float);

// The network with these tensors as its only outputs, and all its numbers in itself.
Result<Bytes> write_tapped(const OnnxNetwork& network, ByteView bytes, const OnnxConstants& constants,
                           const std::vector<std::string>& taps);

}  // namespace pictor
