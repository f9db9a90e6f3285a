// Weights of convolutions and products become eight-bit numbers, and with them the tensors that go in. All else stays
// in float: normalisation, activation functions, softmax, and the products of attention, whose two sides both change
// (measured: they gain nothing, see docs/decisions/0011). A sum that ends a residual block of convolutions takes its
// shortcut in eight bits, and pooling comes after rounding, so that a run time keeps to eight bits between layers.
#include "infer/quantize_plan.h"

#include <algorithm>
#include <array>
#include <set>

namespace pictor {
namespace {

constexpr std::int64_t kOpsetMin = 13;  // from here on scales may differ by channel
constexpr std::array<std::string_view, 10> kQuantised = {
    "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger",         "ConvInteger",
    "QLinearConv",    "QLinearMatMul",    "MatMulNBits",           "DynamicQuantizeMatMul", "QGemm"};

class Planner {
 public:
  Planner(const OnnxNetwork& network, const OnnxConstants& constants) : network_(network), constants_(constants) {
    for (std::size_t i = 0; i < network.nodes.size(); ++i) {
      for (const auto name : network.nodes[i].outputs) made_by_.emplace(name, i);
      for (const auto name : network.nodes[i].inputs) read_by_[name].push_back(i);
    }
    for (const auto& port : network.outputs) outputs_.insert(port.name);
  }

  QuantizePlan plan() {
    for (std::size_t i = 0; i < network_.nodes.size(); ++i) add_layer(i);
    for (std::size_t i = 0; i < network_.nodes.size(); ++i) add_sum(i);
    for (auto& point : plan_.points) {
      find_norm(point);
      find_pooling(point);
    }
    return std::move(plan_);
  }

 private:
  const OnnxNode& node(std::size_t index) const { return network_.nodes[index]; }
  bool is(std::size_t index, std::string_view operation) const {
    return index != kNoNode && node(index).domain.empty() && node(index).operation == operation;
  }
  std::size_t maker_of(std::string_view name) const {
    const auto found = made_by_.find(name);
    return found == made_by_.end() ? kNoNode : found->second;
  }
  // The only node that reads it; kNoNode when there are several, or it is an output of the network.
  std::size_t only_reader(std::string_view name) const {
    const auto found = read_by_.find(name);
    if (found == read_by_.end() || found->second.size() != 1 || outputs_.contains(name)) return kNoNode;
    return found->second.front();
  }

  // Constant f32 numbers of one dimension.
  const OnnxTensor* row(std::string_view name, std::size_t size) const {
    const auto* tensor = constants_.find(name);
    const bool fits = tensor != nullptr && tensor->type == onnx_type::kF32 && tensor->shape.size() == 1 &&
                      tensor->shape[0] == static_cast<std::int64_t>(size);
    return fits ? tensor : nullptr;
  }

  // A step longer than the largest picture is none that a network was trained with.
  static bool set_steps(const std::vector<std::int64_t>& strides, QuantizedLayer& layer) {
    const auto known = [](auto step) { return step >= 1 && step <= std::int64_t{limits::kPrepareSideMax}; };
    if (strides.size() > 2 || !std::ranges::all_of(strides, known)) return false;
    for (const auto step : strides) layer.steps *= step;
    return true;
  }

  bool set_layout(const OnnxNode& node, QuantizedLayer& layer) const {
    const auto& shape = layer.weights->shape;
    if (std::ranges::any_of(shape, [](auto size) { return size <= 0; })) return false;
    const auto size = [&shape](std::size_t axis) { return static_cast<std::size_t>(shape[axis]); };
    auto& at = layer.layout;
    if (layer.convolution) {
      if (shape.size() != 4) return false;
      const auto groups = attribute_int(node, "group").value_or(1);
      if (groups < 1 || shape[0] % groups != 0) return false;
      const std::size_t window = size(2) * size(3);
      at = {size(0), size(1) * window, size(1) * window, 1, window, static_cast<std::size_t>(groups)};
      return set_steps(attribute_ints(node, "strides"), layer);
    }
    if (shape.size() != 2) return false;
    const bool gemm = node.operation == "Gemm";
    if (gemm && (attribute_int(node, "transA").value_or(0) != 0 || attribute_float(node, "alpha").value_or(1) != 1 ||
                 attribute_float(node, "beta").value_or(1) != 1)) {
      return false;
    }
    const bool turned = gemm && attribute_int(node, "transB").value_or(0) != 0;
    layer.weight_axis = turned ? 0 : 1;
    at = turned ? WeightLayout{size(0), size(1), size(1), 1} : WeightLayout{size(1), size(0), 1, size(1)};
    return true;
  }

  void find_bias(const OnnxNode& node, QuantizedLayer& layer) const {
    const std::size_t outputs = layer.layout.outputs;
    if (node.operation != "MatMul") {
      const bool has = node.inputs.size() > 2 && !node.inputs[2].empty();
      layer.bias = has ? row(node.inputs[2], outputs) : nullptr;
      if (has && layer.bias == nullptr) return;
      layer.bias_node = layer.node;
      layer.bias_input = 2;
      return;
    }
    const std::size_t reader = only_reader(layer.name);
    if (!is(reader, "Add") || this->node(reader).inputs.size() != 2) return;
    const auto& sum = this->node(reader);
    layer.bias_input = sum.inputs[0] == layer.name ? 1 : 0;
    layer.bias = row(sum.inputs[layer.bias_input], outputs);
    if (layer.bias != nullptr) layer.bias_node = reader;
  }

  void add_layer(std::size_t index) {
    const auto& node = this->node(index);
    QuantizedLayer layer;
    layer.convolution = is(index, "Conv");
    if (!layer.convolution && !is(index, "MatMul") && !is(index, "Gemm")) return;
    if (node.inputs.size() < 2 || node.outputs.size() != 1 || constants_.find(node.inputs[0]) != nullptr) return;
    layer.weights = constants_.find(node.inputs[1]);
    if (layer.weights == nullptr || layer.weights->type != onnx_type::kF32 || !set_layout(node, layer)) return;
    layer.name = node.outputs[0];
    layer.node = index;
    find_bias(node, layer);
    const auto found = point_of_.find(node.inputs[0]);
    if (found == point_of_.end()) {
      point_of_.emplace(node.inputs[0], plan_.points.size());
      QuantizedPoint point;
      point.name = node.inputs[0];
      point.producer = maker_of(node.inputs[0]);
      point.planes = layer.convolution;
      point.channels = layer.layout.channels();
      point.layers = {plan_.layers.size()};
      plan_.points.push_back(std::move(point));
    } else {
      auto& point = plan_.points[found->second];
      const bool same = point.planes == layer.convolution && point.channels == layer.layout.channels();
      if (!same) return;
      point.layers.push_back(plan_.layers.size());
    }
    plan_.layers.push_back(std::move(layer));
  }

  void add_sum(std::size_t index) {
    if (!is(index, "Add")) return;
    const auto& inputs = node(index).inputs;
    if (inputs.size() != 2) return;
    for (std::size_t side = 0; side < 2; ++side) {
      const auto point = point_of_.find(inputs[side]);
      if (point == point_of_.end() || !is(maker_of(inputs[1 - side]), "Conv")) continue;
      if (!plan_.points[point->second].planes) continue;
      plan_.points[point->second].sums.emplace_back(index, side);
      return;
    }
    // Both sides are convolutions that nobody else reads: the second one is taken for the shortcut.
    const auto* first = layer_of(inputs[0]);
    const auto* second = layer_of(inputs[1]);
    if (first == nullptr || second == nullptr || only_reader(inputs[0]) != index || only_reader(inputs[1]) != index) {
      return;
    }
    QuantizedPoint point;
    point.name = inputs[1];
    point.producer = second->node;
    point.planes = true;
    point.channels = second->layout.outputs;
    point.sums.emplace_back(index, 1);
    plan_.points.push_back(std::move(point));
  }

  const QuantizedLayer* layer_of(std::string_view name) const {
    const auto found = std::ranges::find(plan_.layers, name, &QuantizedLayer::name);
    return found != plan_.layers.end() && found->convolution ? &*found : nullptr;
  }

  void find_pooling(QuantizedPoint& point) const {
    if (!is(point.producer, "MaxPool") || node(point.producer).outputs.size() != 1) return;
    if (node(point.producer).inputs.empty()) return;
    const auto source = node(point.producer).inputs[0];
    const std::size_t maker = maker_of(source);
    if (maker == kNoNode || only_reader(source) != point.producer || outputs_.contains(point.name)) return;
    const bool all_round = std::ranges::all_of(read_by_.at(point.name), [&](std::size_t reader) {
      return std::ranges::any_of(point.layers, [&](auto layer) { return plan_.layers[layer].node == reader; }) ||
             std::ranges::any_of(point.sums, [&](const auto& sum) { return sum.first == reader; });
    });
    if (all_round) point.pooling = point.producer;
  }

  void find_norm(QuantizedPoint& point) const {
    if (point.planes || point.producer == kNoNode) return;
    const std::size_t channels = point.channels;
    const auto& last = node(point.producer);
    NormPlace norm;
    if (is(point.producer, "LayerNormalization")) {
      if (last.inputs.size() < 3 || attribute_int(last, "axis").value_or(-1) != -1) return;
      norm.scale_node = norm.shift_node = point.producer;
      norm.scale_input = 1;
      norm.shift_input = 2;
    } else if (is(point.producer, "Add") && last.inputs.size() == 2) {
      norm.shift_node = point.producer;
      norm.shift_input = constants_.find(last.inputs[0]) != nullptr ? 0 : 1;
      norm.scale_node = maker_of(last.inputs[1 - norm.shift_input]);
      if (!is(norm.scale_node, "Mul") || node(norm.scale_node).inputs.size() != 2 ||
          only_reader(node(norm.scale_node).outputs[0]) != point.producer)
        return;
      norm.scale_input = constants_.find(node(norm.scale_node).inputs[0]) != nullptr ? 0 : 1;
    } else {
      return;
    }
    norm.scale = row(node(norm.scale_node).inputs[norm.scale_input], channels);
    norm.shift = row(node(norm.shift_node).inputs[norm.shift_input], channels);
    if (norm.scale == nullptr || norm.shift == nullptr) return;
    norm.alone =
        !outputs_.contains(point.name) && std::ranges::all_of(read_by_.at(point.name), [&](std::size_t reader) {
          return is(reader, "Shape") || std::ranges::any_of(point.layers, [&](std::size_t layer) {
                   return plan_.layers[layer].node == reader;
                 });
        });
    point.norm = norm;
  }

  const OnnxNetwork& network_;
  const OnnxConstants& constants_;
  std::unordered_map<std::string_view, std::size_t> made_by_, point_of_;
  std::unordered_map<std::string_view, std::vector<std::size_t>> read_by_;
  std::set<std::string_view> outputs_;
  QuantizePlan plan_;
};

}  // namespace

Result<QuantizePlan> plan_quantization(const OnnxNetwork& network, const OnnxConstants& constants,
                                       const std::string& path) {
  for (const auto& [domain, operation] : network.operations) {
    if (std::ranges::find(kQuantised, operation) == kQuantised.end()) continue;
    return Status(Code::kUnsupported, "'" + path + "' is quantised already: it has the operation '" +
                                          std::string(operation) + "'; give the f32 network that it was made from");
  }
  std::int64_t opset = 0;
  for (const auto& entry : network.opsets) opset = entry.domain.empty() ? entry.version : opset;
  if (opset < kOpsetMin) {
    return Status(Code::kUnsupported, "'" + path + "' has ONNX opset " + std::to_string(opset) + ", " +
                                          std::to_string(kOpsetMin) +
                                          " or later is wanted to quantise it: export it again");
  }
  auto plan = Planner(network, constants).plan();
  if (!plan.layers.empty()) return plan;
  return Status(Code::kUnsupported, "'" + path +
                                        "' has no convolution and no product with constant f32 weights: there is "
                                        "nothing to quantise");
}

}  // namespace pictor
