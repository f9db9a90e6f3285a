// What the quantiser needs to read and write of an ONNX graph beside what onnx_file.h gives: constants with their
// numbers, attributes, and messages made anew.
//
// Thread safety: values and free functions. Lifetime: views are parts of the bytes that were parsed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "infer/onnx_file.h"
#include "infer/protobuf.h"

namespace pictor {

namespace onnx_type {
inline constexpr std::int32_t kU8 = 2;
inline constexpr std::int32_t kI8 = 3;
}  // namespace onnx_type

// Numbers that do not change: initializers of the outermost network, and the values of its Constant operations.
class OnnxConstants {
 public:
  // `folder` is where external numbers lie. REQUIRES: the file was checked (OnnxFile::open).
  OnnxConstants(const OnnxNetwork& network, std::string folder);

  // Null when `name` is none.
  const OnnxTensor* find(std::string_view name) const;
  // The initializer with this body; null when it is none.
  const OnnxTensor* at(ByteView body) const;
  // kUnsupported when they are no f32.
  Result<std::vector<float>> floats(const OnnxTensor& tensor) const;
  // The whole message with its numbers in itself.
  Result<Bytes> whole(const OnnxTensor& tensor) const;

 private:
  Result<Bytes> external(const OnnxTensor& tensor) const;

  std::string folder_;
  std::unordered_map<std::string_view, const OnnxTensor*> by_name_;
  std::unordered_map<const std::byte*, const OnnxTensor*> by_place_;
};

std::optional<std::int64_t> attribute_int(const OnnxNode& node, std::string_view name);
std::optional<float> attribute_float(const OnnxNode& node, std::string_view name);
std::vector<std::int64_t> attribute_ints(const OnnxNode& node, std::string_view name);

// --- messages made anew; each is the body of a field ---

struct MadeAttribute {
  std::string name;
  std::int64_t value = 0;
};
Bytes make_node(std::string_view operation, const std::vector<std::string>& inputs, const std::string& output,
                const std::vector<MadeAttribute>& attributes = {});
// The same node with other inputs. REQUIRES: inputs.size() is not less than the node has outside of inner networks.
Bytes make_rewired(const OnnxNode& node, const std::vector<std::string>& inputs);
Bytes make_tensor(const std::string& name, std::int32_t type, std::span<const std::int64_t> shape, ByteView numbers);
Bytes make_f32_tensor(const std::string& name, std::span<const std::int64_t> shape, std::span<const float> numbers);
// An f32 output of any shape.
Bytes make_port(std::string_view name);

// How many of node.inputs are its own; the rest are taken by inner networks.
std::size_t own_inputs(const OnnxNode& node);

// The file's message with another graph in it.
Bytes with_graph(ByteView file, ByteView graph);

}  // namespace pictor
