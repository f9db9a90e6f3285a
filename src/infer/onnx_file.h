// What an ONNX file says of itself, read without a run time, and checked before a run time may have the file.
//
// A run time believes a file: it opens whatever files the weights are said to lie in, and takes memory for whatever
// size they are said to have. Here everything is looked at first: every claimed size against the bytes that are there
// and against base/limits.h, every outer file against the folder of the network. Links within the folder are followed,
// since caches of hubs are made of them.
//
// Thread safety: values. Lifetime: views are parts of the bytes that were parsed. Cost: the weights are skipped, not
// read.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base.h"

namespace pictor {

// Numbers as the format has them (TensorProto.DataType).
namespace onnx_type {
inline constexpr std::int32_t kF32 = 1;
inline constexpr std::int32_t kI32 = 6;
inline constexpr std::int32_t kI64 = 7;
inline constexpr std::int32_t kF16 = 10;
inline constexpr std::int32_t kF64 = 11;
inline constexpr std::int32_t kBf16 = 16;
}  // namespace onnx_type

// "f32", "bool", ...; "type 99" for one that is not known.
std::string onnx_type_name(std::int32_t type);

struct OnnxTensor {
  std::string_view name;
  std::int32_t type = 0;
  std::vector<std::int64_t> shape;
  ByteView body;  // the whole message
  ByteView raw;   // its numbers, when they are kept as bytes
  bool external = false;
  std::string_view location;  // of external numbers: relative to the network's folder
  std::uint64_t offset = 0;
  std::uint64_t length = 0;  // of external numbers; 0: to the end of the file
  std::uint64_t bytes = 0;   // what the shape claims
};

struct OnnxPort {
  std::string_view name;
  std::int32_t type = 0;  // 0: no tensor
  bool has_shape = false;
  std::vector<std::int64_t> shape;           // -1 where any size is taken
  std::vector<std::string_view> dimensions;  // names of open dimensions, empty where there is none
};

struct OnnxNode {
  std::string_view operation, domain;
  std::vector<std::string_view> inputs, outputs;  // inputs with those that inner networks take from around them
  ByteView whole;                                 // to be copied as it is
};

struct OnnxOpset {
  std::string domain;  // "" is ONNX's own
  std::int64_t version = 0;
};

struct OnnxNetwork {
  std::int64_t ir_version = 0;
  std::vector<OnnxOpset> opsets;
  std::vector<OnnxNode> nodes;            // of the outermost network
  std::vector<OnnxPort> inputs, outputs;  // inputs without those that are weights with a default
  std::vector<OnnxTensor> tensors;        // all, also those in attributes and inner networks
  std::set<std::pair<std::string_view, std::string_view>> operations;  // domain and name, also of inner networks
  ByteView graph;
};

// `path` is for messages only; outer files are not looked at. kUnreadable when it is not ONNX or does not hold
// together.
Result<OnnxNetwork> parse_onnx(ByteView bytes, const std::string& path);

// A file that was found in order: parsed, and every outer file present, within the folder and long enough.
class OnnxFile {
 public:
  static Result<OnnxFile> open(Env& env, const std::string& path);

  const OnnxNetwork& network() const { return network_; }
  ByteView bytes() const { return mapping_->bytes(); }
  // Paths of the files that hold weights, each once, sorted.
  const std::vector<std::string>& external_files() const { return external_files_; }

 private:
  Status check_external(Env& env, const std::string& path);

  std::unique_ptr<Mapping> mapping_;
  OnnxNetwork network_;
  std::vector<std::string> external_files_;
};

// kInvalid names an output that is not there and those that are, or one that is asked for twice.
Status check_outputs(const OnnxNetwork& network, std::span<const std::string> outputs, const std::string& path);

// The same network with only these outputs, in this order, and what they need.
Result<Bytes> cut_onnx(const OnnxNetwork& network, ByteView bytes, std::span<const std::string> outputs,
                       const std::string& path);

// Operations of the network that `cause`, a run time's complaint, names: "'X' of domain 'd' (opset 3)"; empty: none.
std::string named_operations(const OnnxNetwork& network, std::string_view cause);

// kUnreadable names the first tensor with a number that is not finite (a mask is let through: see the door).
Status check_tensors_finite(Env& env, const OnnxFile& file, const std::string& path);

// A name from a file, fit for a message.
std::string shown_name(std::string_view name);

}  // namespace pictor
