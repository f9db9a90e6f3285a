#include "infer/onnx_graph.h"

#include <algorithm>
#include <cstring>

namespace pictor {
namespace {

// Numbers of the fields, as onnx.proto3 has them.
constexpr std::uint32_t kGraphInitializer = 5;
constexpr std::uint32_t kNodeInput = 1, kNodeOutput = 2, kNodeName = 3, kNodeOperation = 4, kNodeAttribute = 5;
constexpr std::uint32_t kTensorDims = 1, kTensorType = 2, kTensorFloats = 4, kTensorName = 8, kTensorRaw = 9;
constexpr std::uint32_t kTensorExternal = 13, kTensorLocation = 14;
constexpr std::uint32_t kAttributeName = 1, kAttributeFloat = 2, kAttributeInt = 3, kAttributeTensor = 5;
constexpr std::uint32_t kAttributeInts = 8, kAttributeType = 20;
constexpr std::uint64_t kTypeInt = 2;

void put_text_field(ByteWriter& out, std::uint32_t number, std::string_view text) {
  put_bytes_field(out, number, as_bytes(text));
}

void put_number_field(ByteWriter& out, std::uint32_t number, std::uint64_t value) {
  put_varint(out, std::uint64_t{number} << 3 | WireField::kVarint);
  put_varint(out, value);
}

ByteView body_of(const OnnxNode& node) {
  WireReader reader(node.whole);
  WireField field;
  return reader.next(field) ? field.bytes : ByteView();
}

// The fields of the node's attribute of that name; empty when it has none.
std::vector<WireField> attribute(const OnnxNode& node, std::string_view name) {
  WireReader reader(body_of(node));
  WireField field;
  while (reader.next(field)) {
    if (field.number != kNodeAttribute) continue;
    std::vector<WireField> parts;
    WireReader inner(field.bytes);
    WireField part;
    bool found = false;
    while (inner.next(part)) {
      found = found || (part.number == kAttributeName && as_text(part.bytes) == name);
      parts.push_back(part);
    }
    if (found) return parts;
  }
  return {};
}

ByteView constant_value(const OnnxNode& node) {
  for (const auto& part : attribute(node, "value")) {
    if (part.number == kAttributeTensor) return part.bytes;
  }
  return {};
}

}  // namespace

OnnxConstants::OnnxConstants(const OnnxNetwork& network, std::string folder) : folder_(std::move(folder)) {
  for (const auto& tensor : network.tensors) by_place_.emplace(tensor.body.data(), &tensor);
  WireReader reader(network.graph);
  WireField field;
  while (reader.next(field)) {
    if (field.number != kGraphInitializer) continue;
    const auto found = by_place_.find(field.bytes.data());
    if (found != by_place_.end()) by_name_.emplace(found->second->name, found->second);
  }
  for (const auto& node : network.nodes) {
    if (node.operation != "Constant" || !node.domain.empty() || node.outputs.empty()) continue;
    const auto value = constant_value(node);
    const auto found = value.empty() ? by_place_.end() : by_place_.find(value.data());
    if (found != by_place_.end()) by_name_.emplace(node.outputs.front(), found->second);
  }
}

const OnnxTensor* OnnxConstants::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

const OnnxTensor* OnnxConstants::at(ByteView body) const {
  const auto found = by_place_.find(body.data());
  return found == by_place_.end() ? nullptr : found->second;
}

Result<Bytes> OnnxConstants::external(const OnnxTensor& tensor) const {
  PICTOR_ASSIGN(const auto file, Env::real().open(join_path(folder_, tensor.location), OpenMode::kRead));
  Bytes bytes(tensor.bytes);
  PICTOR_ASSIGN(const auto count, file->read_at(tensor.offset, bytes));
  if (count == bytes.size()) return bytes;
  return Status(Code::kIo, "'" + shown_name(tensor.location) + "' became shorter while it was read");
}

Result<std::vector<float>> OnnxConstants::floats(const OnnxTensor& tensor) const {
  if (tensor.type != onnx_type::kF32) {
    return Status(Code::kUnsupported, "tensor '" + shown_name(tensor.name) + "' has numbers of type " +
                                          onnx_type_name(tensor.type) + ", f32 is wanted");
  }
  std::vector<float> out(tensor.bytes / sizeof(float));
  if (tensor.external) {
    PICTOR_ASSIGN(const auto bytes, external(tensor));
    std::memcpy(out.data(), bytes.data(), bytes.size());
  } else if (!tensor.raw.empty()) {
    std::memcpy(out.data(), tensor.raw.data(), tensor.raw.size());
  } else {
    std::size_t at = 0;
    WireReader reader(tensor.body);
    WireField field;
    while (reader.next(field)) {
      if (field.number != kTensorFloats || at + field.bytes.size() / sizeof(float) > out.size()) continue;
      std::memcpy(out.data() + at, field.bytes.data(), field.bytes.size() / sizeof(float) * sizeof(float));
      at += field.bytes.size() / sizeof(float);
    }
  }
  return out;
}

Result<Bytes> OnnxConstants::whole(const OnnxTensor& tensor) const {
  if (!tensor.external) return Bytes(tensor.body.begin(), tensor.body.end());
  PICTOR_ASSIGN(const auto numbers, external(tensor));
  ByteWriter out;
  WireReader reader(tensor.body);
  WireField field;
  while (reader.next(field)) {
    if (field.number != kTensorExternal && field.number != kTensorLocation) out.put(field.whole);
  }
  put_bytes_field(out, kTensorRaw, numbers);
  return out.take();
}

std::optional<std::int64_t> attribute_int(const OnnxNode& node, std::string_view name) {
  for (const auto& part : attribute(node, name)) {
    if (part.number == kAttributeInt) return static_cast<std::int64_t>(part.value);
  }
  return std::nullopt;
}

std::optional<float> attribute_float(const OnnxNode& node, std::string_view name) {
  for (const auto& part : attribute(node, name)) {
    if (part.number != kAttributeFloat || part.bytes.size() != sizeof(float)) continue;
    float value = 0;
    std::memcpy(&value, part.bytes.data(), sizeof(value));
    return value;
  }
  return std::nullopt;
}

std::vector<std::int64_t> attribute_ints(const OnnxNode& node, std::string_view name) {
  std::vector<std::int64_t> out;
  for (const auto& part : attribute(node, name)) {
    if (part.number != kAttributeInts) continue;
    if (part.type == WireField::kVarint) {
      out.push_back(static_cast<std::int64_t>(part.value));
      continue;
    }
    ByteView packed = part.bytes;
    std::uint64_t value = 0;
    while (!packed.empty() && take_packed_varint(packed, value)) out.push_back(static_cast<std::int64_t>(value));
  }
  return out;
}

Bytes make_node(std::string_view operation, const std::vector<std::string>& inputs, const std::string& output,
                const std::vector<MadeAttribute>& attributes) {
  ByteWriter out;
  for (const auto& input : inputs) put_text_field(out, kNodeInput, input);
  put_text_field(out, kNodeOutput, output);
  put_text_field(out, kNodeName, output);
  put_text_field(out, kNodeOperation, operation);
  for (const auto& [name, value] : attributes) {
    ByteWriter one;
    put_text_field(one, kAttributeName, name);
    put_number_field(one, kAttributeInt, static_cast<std::uint64_t>(value));
    put_number_field(one, kAttributeType, kTypeInt);
    put_bytes_field(out, kNodeAttribute, one.bytes());
  }
  return out.take();
}

std::size_t own_inputs(const OnnxNode& node) {
  std::size_t count = 0;
  WireReader reader(body_of(node));
  WireField field;
  while (reader.next(field)) count += field.number == kNodeInput ? 1 : 0;
  return count;
}

Bytes make_rewired(const OnnxNode& node, const std::vector<std::string>& inputs) {
  ByteWriter out;
  for (const auto& input : inputs) put_text_field(out, kNodeInput, input);
  WireReader reader(body_of(node));
  WireField field;
  while (reader.next(field)) {
    if (field.number != kNodeInput) out.put(field.whole);
  }
  return out.take();
}

Bytes make_tensor(const std::string& name, std::int32_t type, std::span<const std::int64_t> shape, ByteView numbers) {
  ByteWriter out;
  for (const auto size : shape) put_number_field(out, kTensorDims, static_cast<std::uint64_t>(size));
  put_number_field(out, kTensorType, static_cast<std::uint64_t>(type));
  put_text_field(out, kTensorName, name);
  put_bytes_field(out, kTensorRaw, numbers);
  return out.take();
}

Bytes make_f32_tensor(const std::string& name, std::span<const std::int64_t> shape, std::span<const float> numbers) {
  return make_tensor(name, onnx_type::kF32, shape, std::as_bytes(numbers));
}

Bytes make_port(std::string_view name) {
  ByteWriter tensor;
  put_number_field(tensor, 1, static_cast<std::uint64_t>(onnx_type::kF32));
  ByteWriter type;
  put_bytes_field(type, 1, tensor.bytes());
  ByteWriter out;
  put_text_field(out, 1, name);
  put_bytes_field(out, 2, type.bytes());
  return out.take();
}

Bytes with_graph(ByteView file, ByteView graph) {
  ByteWriter out;
  WireReader reader(file);
  WireField field;
  while (reader.next(field)) {
    if (field.number != 7) {
      out.put(field.whole);
    } else {
      put_bytes_field(out, 7, graph);
    }
  }
  return out.take();
}

}  // namespace pictor
