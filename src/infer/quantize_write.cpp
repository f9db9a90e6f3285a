#include "infer/quantize_write.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace pictor {
namespace {

constexpr std::uint32_t kGraphNode = 1, kGraphInitializer = 5, kGraphInput = 11, kGraphOutput = 12;
constexpr std::uint64_t kFileBytesMax = 2 * limits::kGiB - limits::kMiB;  // protocol buffers carry no more
constexpr float kWeightLevels = 127;

// Made names end so; a network that has such names already is quantised, and is refused before.
std::string made(std::string_view name, const char* what) { return std::string(name) + "/pictor_" + what; }

Status too_large(std::uint64_t bytes) {
  return {Code::kLimit, "the network has " + std::to_string(bytes) + " bytes, at most " +
                            std::to_string(kFileBytesMax) + " can be written into one ONNX file"};
}

// The parts of a graph that are added or changed, and what they are written with.
class GraphWriter {
 public:
  GraphWriter(const OnnxNetwork& network, const OnnxConstants& constants) : network_(network), constants_(constants) {}

  void add_tensor(Bytes tensor) { tensors_.push_back(std::move(tensor)); }
  void add_node_after(std::size_t node, Bytes made_node, std::vector<std::string> reads) {
    after_[node].push_back({std::move(made_node), std::move(reads)});
  }
  void add_node_before(std::size_t node, Bytes made_node, std::vector<std::string> reads) {
    before_[node].push_back({std::move(made_node), std::move(reads)});
  }
  void rewire(std::size_t node, std::size_t input, std::string name) { inputs_[node][input] = std::move(name); }

  // `outputs` as the graph has them when empty.
  Result<Bytes> write(const std::vector<std::string>& outputs) {
    const auto used = used_names(outputs);
    ByteWriter out;
    put_all(out, kNoNode, after_);
    for (std::size_t i = 0; i < network_.nodes.size(); ++i) {
      const auto& node = network_.nodes[i];
      const bool constant = node.operation == "Constant" && node.domain.empty() && !node.outputs.empty();
      if (constant && !used.contains(node.outputs[0])) continue;
      put_all(out, i, before_);
      if (inputs_.contains(i)) {
        put_bytes_field(out, kGraphNode, make_rewired(node, inputs_of(i)));
      } else {
        out.put(node.whole);
      }
      put_all(out, i, after_);
    }
    PICTOR_TRY(put_rest(out, used, outputs));
    for (const auto& tensor : tensors_) put_bytes_field(out, kGraphInitializer, tensor);
    for (const auto& name : outputs) put_bytes_field(out, kGraphOutput, make_port(name));
    if (out.bytes().size() > kFileBytesMax) return too_large(out.bytes().size());
    return out.take();
  }

 private:
  struct Made {
    Bytes node;
    std::vector<std::string> reads;
  };
  using MadeNodes = std::map<std::size_t, std::vector<Made>>;

  static void put_all(ByteWriter& out, std::size_t place, const MadeNodes& nodes) {
    const auto found = nodes.find(place);
    if (found == nodes.end()) return;
    for (const auto& one : found->second) put_bytes_field(out, kGraphNode, one.node);
  }

  std::vector<std::string> inputs_of(std::size_t index) const {
    const auto& node = network_.nodes[index];
    std::vector<std::string> inputs(node.inputs.begin(),
                                    node.inputs.begin() + static_cast<std::ptrdiff_t>(own_inputs(node)));
    for (const auto& [place, name] : inputs_.at(index)) {
      if (inputs.size() <= place) inputs.resize(place + 1);
      inputs[place] = name;
    }
    return inputs;
  }

  std::set<std::string, std::less<>> used_names(const std::vector<std::string>& outputs) const {
    std::set<std::string, std::less<>> used(outputs.begin(), outputs.end());
    if (outputs.empty()) {
      for (const auto& port : network_.outputs) used.emplace(port.name);
    }
    for (std::size_t i = 0; i < network_.nodes.size(); ++i) {
      const auto& node = network_.nodes[i];
      std::size_t own = 0;
      if (inputs_.contains(i)) {
        for (auto& name : inputs_of(i)) used.insert(std::move(name));
        own = own_inputs(node);
      }
      for (std::size_t j = own; j < node.inputs.size(); ++j) used.emplace(node.inputs[j]);
    }
    for (const auto* made_nodes : {&before_, &after_}) {
      for (const auto& [place, nodes] : *made_nodes) {
        for (const auto& one : nodes) used.insert(one.reads.begin(), one.reads.end());
      }
    }
    return used;
  }

  // What of the graph is neither an operation nor a new tensor.
  Status put_rest(ByteWriter& out, const std::set<std::string, std::less<>>& used,
                  const std::vector<std::string>& outputs) const {
    std::set<std::string_view> dropped;
    WireReader reader(network_.graph);
    WireField field;
    while (reader.next(field)) {
      if (field.number != kGraphInitializer) continue;
      const auto* tensor = constants_.at(field.bytes);
      if (tensor == nullptr) continue;
      if (!used.contains(tensor->name)) {
        dropped.insert(tensor->name);
      } else if (tensor->external) {
        PICTOR_ASSIGN(const auto whole, constants_.whole(*tensor));
        put_bytes_field(out, kGraphInitializer, whole);
      } else {
        out.put(field.whole);
      }
      if (out.bytes().size() > kFileBytesMax) return too_large(out.bytes().size());
    }
    WireReader again(network_.graph);
    while (again.next(field)) {
      const bool done = field.number == kGraphNode || field.number == kGraphInitializer ||
                        (field.number == kGraphOutput && !outputs.empty());
      if (done || (field.number == kGraphInput && dropped.contains(port_name(field.bytes)))) continue;
      out.put(field.whole);
    }
    return Status::ok();
  }

  static std::string_view port_name(ByteView port) {
    WireReader reader(port);
    WireField field;
    while (reader.next(field)) {
      if (field.number == 1) return as_text(field.bytes);
    }
    return {};
  }

  const OnnxNetwork& network_;
  const OnnxConstants& constants_;
  std::vector<Bytes> tensors_;
  MadeNodes before_, after_;
  std::map<std::size_t, std::map<std::size_t, std::string>> inputs_;
};

class Quantised {
 public:
  explicit Quantised(const QuantizedNetwork& from) : from_(from), out_(from.network, from.constants) {}

  Result<Bytes> write(const std::vector<bool>& in_float) {
    for (std::size_t i = 0; i < from_.plan.points.size(); ++i) {
      if (in_float[i]) continue;
      PICTOR_TRY(add_point(from_.plan.points[i], from_.scales[i]));
    }
    PICTOR_ASSIGN(const auto graph, out_.write({}));
    return with_graph(from_.bytes, graph);
  }

 private:
  std::string_view name_of_input(std::size_t node, std::size_t input) const {
    return from_.network.nodes[node].inputs[input];
  }

  std::size_t maker_of(std::string_view name) const {
    const auto& nodes = from_.network.nodes;
    const auto makes = [name](const OnnxNode& node) {
      return std::ranges::find(node.outputs, name) != node.outputs.end();
    };
    const auto found = std::ranges::find_if(nodes, makes);
    return found == nodes.end() ? kNoNode : static_cast<std::size_t>(found - nodes.begin());
  }

  Status add_point(const QuantizedPoint& point, const PointScales& scales) {
    const bool pooled = point.pooling != kNoNode;
    std::string source(pooled ? name_of_input(point.pooling, 0) : point.name);
    const std::size_t place = pooled ? maker_of(source) : point.producer;
    if (!scales.smoothing.empty()) PICTOR_TRY(smooth(point, scales.smoothing, source));
    const auto scale = made(point.name, "scale");
    const auto zero = made(point.name, "zero");
    const auto bytes = made(point.name, "u8");
    const auto back = made(point.name, "f32");
    out_.add_tensor(make_f32_tensor(scale, {}, std::span(&scales.scale.scale, 1)));
    out_.add_tensor(make_tensor(zero, onnx_type::kU8, {}, std::as_bytes(std::span(&scales.scale.zero, 1))));
    out_.add_node_after(place, make_node("QuantizeLinear", {source, scale, zero}, bytes), {source, scale, zero});
    out_.add_node_after(place, make_node("DequantizeLinear", {bytes, scale, zero}, back), {bytes, scale, zero});
    if (pooled) {
      out_.rewire(point.pooling, 0, back);
    } else {
      for (const auto& [node, input] : point.sums) out_.rewire(node, input, back);
    }
    for (const auto layer : point.layers) {
      if (!pooled) out_.rewire(from_.plan.layers[layer].node, 0, back);
      PICTOR_TRY(add_weights(from_.plan.layers[layer], scales));
    }
    return Status::ok();
  }

  // Divides the channels: in the normalisation itself when nobody else reads what it gives, else in a product of its
  // own.
  Status smooth(const QuantizedPoint& point, const std::vector<float>& smoothing, std::string& source) {
    const auto shape = {static_cast<std::int64_t>(smoothing.size())};
    if (!point.norm || !point.norm->alone) {
      std::vector<float> inverse(smoothing.size());
      std::ranges::transform(smoothing, inverse.begin(), [](float value) { return 1 / value; });
      const auto factor = made(point.name, "even");
      out_.add_tensor(make_f32_tensor(factor, shape, inverse));
      const auto evened = made(point.name, "evened");
      out_.add_node_after(point.producer, make_node("Mul", {source, factor}, evened), {source, factor});
      source = evened;
      return Status::ok();
    }
    const auto divide = [&](const OnnxTensor& tensor, const char* what, std::size_t node, std::size_t input) -> Status {
      PICTOR_ASSIGN(auto values, from_.constants.floats(tensor));
      for (std::size_t c = 0; c < values.size(); ++c) values[c] /= smoothing[c];
      const auto name = made(point.name, what);
      out_.add_tensor(make_f32_tensor(name, shape, values));
      out_.rewire(node, input, name);
      return Status::ok();
    };
    const auto& norm = *point.norm;
    PICTOR_TRY(divide(*norm.scale, "norm_scale", norm.scale_node, norm.scale_input));
    return divide(*norm.shift, "norm_shift", norm.shift_node, norm.shift_input);
  }

  Status add_weights(const QuantizedLayer& layer, const PointScales& scales) {
    const auto& at = layer.layout;
    PICTOR_ASSIGN(const auto weights, from_.constants.floats(*layer.weights));
    std::vector<std::int8_t> rounded(weights.size());
    std::vector<float> steps(at.outputs, 1);
    std::vector<float> shift(at.outputs);
    for (std::size_t o = 0; o < at.outputs; ++o) {
      const auto factor = [&](std::size_t i) {
        return scales.smoothing.empty() ? 1.0F : scales.smoothing[at.channel(o, i)];
      };
      float largest = 0;
      for (std::size_t i = 0; i < at.inputs; ++i)
        largest = std::max(largest, std::abs(weights[at.at(o, i)] * factor(i)));
      if (largest > 0) steps[o] = largest / kWeightLevels;
      double lost = 0;
      for (std::size_t i = 0; i < at.inputs; ++i) {
        const float wanted = weights[at.at(o, i)] * factor(i);
        const float level = std::clamp(std::nearbyint(wanted / steps[o]), -kWeightLevels, kWeightLevels);
        rounded[at.at(o, i)] = static_cast<std::int8_t>(level);
        lost += (static_cast<double>(wanted) - static_cast<double>(level) * static_cast<double>(steps[o])) *
                scales.mean[at.channel(o, i)] / static_cast<double>(factor(i));
      }
      shift[o] = static_cast<float>(lost);
    }
    const auto bytes = made(layer.name, "i8");
    const auto scale = made(layer.name, "i8_scale");
    const auto back = made(layer.name, "weights");
    const auto outputs = {static_cast<std::int64_t>(at.outputs)};
    out_.add_tensor(make_tensor(bytes, onnx_type::kI8, layer.weights->shape, std::as_bytes(std::span(rounded))));
    out_.add_tensor(make_f32_tensor(scale, outputs, steps));
    out_.add_node_before(layer.node, make_node("DequantizeLinear", {bytes, scale}, back, {{"axis", layer.weight_axis}}),
                         {bytes, scale});
    out_.rewire(layer.node, 1, back);
    return correct_bias(layer, shift);
  }

  Status correct_bias(const QuantizedLayer& layer, std::vector<float>& shift) {
    if (layer.bias_node == kNoNode) return Status::ok();
    if (layer.bias != nullptr) {
      PICTOR_ASSIGN(const auto bias, from_.constants.floats(*layer.bias));
      for (std::size_t o = 0; o < shift.size(); ++o) shift[o] += bias[o];
    }
    const auto name = made(layer.name, "bias");
    out_.add_tensor(make_f32_tensor(name, {{static_cast<std::int64_t>(shift.size())}}, shift));
    out_.rewire(layer.bias_node, layer.bias_input, name);
    return Status::ok();
  }

  const QuantizedNetwork& from_;
  GraphWriter out_;
};

}  // namespace

Result<Bytes> write_quantized(const QuantizedNetwork& from, const std::vector<bool>& in_float) {
  return Quantised(from).write(in_float);
}

Result<Bytes> write_tapped(const OnnxNetwork& network, ByteView bytes, const OnnxConstants& constants,
                           const std::vector<std::string>& taps) {
  PICTOR_ASSIGN(const auto graph, GraphWriter(network, constants).write(taps));
  return with_graph(bytes, graph);
}

}  // namespace pictor
