// Which tensors of a network become eight-bit numbers, and what hangs on each of them.
//
// Thread safety: values. Lifetime: views are parts of the network's bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "infer/onnx_graph.h"

namespace pictor {

inline constexpr std::size_t kNoNode = static_cast<std::size_t>(-1);

// Where each weight of a layer lies: output channel `o`, then `inputs` numbers for each of them.
struct WeightLayout {
  std::size_t outputs = 0, inputs = 0;
  std::size_t output_step = 0, input_step = 0;  // between neighbours, in numbers
  std::size_t window = 1;                       // numbers of one input channel: the kernel's area
  std::size_t groups = 1;                       // of a convolution

  std::size_t at(std::size_t o, std::size_t i) const { return o * output_step + i * input_step; }
  // The input channel that weight `i` of output `o` is multiplied with.
  std::size_t channel(std::size_t o, std::size_t i) const {
    return o / (outputs / groups) * (inputs / window) + i / window;
  }
  std::size_t channels() const { return inputs / window * groups; }
};

// A convolution or a product with constant weights.
struct QuantizedLayer {
  std::string name;  // of what it gives
  std::size_t node = 0;
  bool convolution = false;
  const OnnxTensor* weights = nullptr;
  std::int64_t weight_axis = 0;  // of the output channels
  WeightLayout layout;
  std::int64_t steps = 1;  // of a convolution: product of its strides
  // What is added to the output: input `bias_input` of node `bias_node`. kNoNode: nothing can be added.
  std::size_t bias_node = kNoNode, bias_input = 0;
  const OnnxTensor* bias = nullptr;  // null: nothing is added yet, but a convolution has the place
};

// Scale and shift of a normalisation, by which channels can be scaled at no cost.
struct NormPlace {
  std::size_t scale_node = 0, scale_input = 0, shift_node = 0, shift_input = 0;
  const OnnxTensor* scale = nullptr;
  const OnnxTensor* shift = nullptr;
  bool alone = false;  // nobody else reads what it gives
};

// A tensor that is rounded to eight bits, once for all that read it so: layers, or no layer and one sum.
struct QuantizedPoint {
  std::string name;
  std::size_t producer = kNoNode;  // kNoNode: an input of the network
  std::size_t pooling = kNoNode;   // the largest of places: rounding comes before it, which gives the same numbers
  std::size_t channels = 0;
  bool planes = false;                                    // channels are the second dimension, not the last
  std::vector<std::size_t> layers;                        // that read it
  std::vector<std::pair<std::size_t, std::size_t>> sums;  // node and input: sums that read it and end in a convolution
  std::optional<NormPlace> norm;
};

struct QuantizePlan {
  std::vector<QuantizedLayer> layers;
  std::vector<QuantizedPoint> points;  // in the network's order
};

// kUnsupported: it is quantised already, is of an opset before 13, or has nothing to quantise.
Result<QuantizePlan> plan_quantization(const OnnxNetwork& network, const OnnxConstants& constants,
                                       const std::string& path);

}  // namespace pictor
