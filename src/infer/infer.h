// The door of infer: run a network file. Named tensors in, named tensors out; same input, same bits, whatever the batch
// and the number of threads.
//
// Thread safety: Runtime and Model are const-callable from any thread at once; a Model keeps its own pool of requests.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/base.h"

namespace pictor {

// What callers give and get. Networks in half precision take and give kF32 too: the run time converts.
enum class ElementType : std::uint8_t { kF32, kI64, kI32 };

// A view of numbers the caller owns. shape[0] is the batch.
struct TensorView {
  std::string name;
  ElementType type = ElementType::kF32;
  std::vector<std::int64_t> shape;
  const void* data = nullptr;
};

struct OutputTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

struct ModelPort {
  std::string name;
  ElementType type = ElementType::kF32;
  std::vector<std::int64_t> shape;  // -1 where any size is taken
};

struct ModelOptions {
  std::size_t threads = 1;            // threads of one forward pass
  std::size_t parallel_requests = 1;  // forward passes that may run at once
  std::string cache_folder;           // compiled models are kept here; empty: nowhere
  std::size_t batch = 0;  // fixes the first dimension of every input where it is open; 0: as the network has it
  // What is wanted of the network, in this order; the rest, and the inputs that only the rest needs, are cut away.
  // Empty: all.
  std::vector<std::string> outputs = {};
  // Sizes of inputs where the network takes any, by the input's name; -1 leaves one open. A network that is prepared
  // for one size is faster, and may have other bits than one that is open.
  std::map<std::string, std::vector<std::int64_t>> shapes = {};
};

class Model {
 public:
  virtual ~Model() = default;
  virtual const std::vector<ModelPort>& inputs() const = 0;
  virtual const std::vector<ModelPort>& outputs() const = 0;
  virtual Result<std::vector<OutputTensor>> run(std::span<const TensorView> inputs) const = 0;
};

class Runtime {
 public:
  virtual ~Runtime() = default;
  virtual std::string name() const = 0;  // "openvino 2026.4.1"
  // "x86-64/avx512_vnni", "x86-64/avx512_vnni/onnxruntime": bits are equal within one class.
  virtual std::string isa_class() const = 0;
  // The file is checked as describe_network does before the run time sees it.
  virtual Result<std::unique_ptr<Model>> load(const std::string& path, const ModelOptions& options) const = 0;
};

// The default run time. Never fails: problems show when a model is loaded.
std::unique_ptr<Runtime> make_openvino_runtime();

// Keeps OpenVINO in this process to an instruction-set class ("x86-64/avx2"), as a machine that has no more would run
// it. Sets ONEDNN_MAX_CPU_ISA, which Pictor itself reads once: to be called before a network is loaded, and while no
// other library reads the environment in another thread. kUnsupported: this machine cannot, or its environment forbids
// it. kMismatch: too late.
Status limit_isa_class(const std::string& isa_class);

enum class Device : std::uint8_t { kCpu, kCuda };

struct OnnxRuntimeOptions {
  std::string library;  // path of libonnxruntime.so; empty: where tools/setup put it, or beside the program
  Device device = Device::kCpu;
  int cuda_device = 0;
};
// ONNX Runtime, opened when this is called. kUnsupported says what was looked for, where, and what to install. A
// process opens one library: kMismatch for a second one. On a CPU each picture of a batch is a forward pass of one
// thread, and `threads` of them run at once; compiled models are not cached. On CUDA a forward pass takes
// ModelOptions::batch pictures, or one when that is 0.
Result<std::unique_ptr<Runtime>> make_onnxruntime_runtime(const OnnxRuntimeOptions& options);

struct DescribedPort {
  std::string name;
  std::string type;                 // "f32", "f16", "i64", ...
  std::vector<std::int64_t> shape;  // -1 where any size is taken
};

struct NetworkDescription {
  std::vector<DescribedPort> inputs, outputs;
  std::int64_t opset = 0;                   // of ONNX's own operations
  std::size_t operations = 0;               // how many
  std::uint64_t weight_bytes = 0;           // as the file keeps them
  std::vector<std::string> external_files;  // paths of files beside it that hold weights
};

// What a network file says of itself, without compiling it or reading its weights. kUnreadable: no ONNX, cut off, or
// its sizes do not fit. kNotFound: the file, or one that holds its weights, is missing. kInvalid: it names a file
// outside its folder. kLimit: it claims more than base/limits.h allows.
Result<NetworkDescription> describe_network(const std::string& path);

// kUnsupported names each operation of the network that OpenVINO does not know, with its domain and opset. Reads the
// file into OpenVINO's own form: about as long as loading without compiling.
Status check_operations(const std::string& path);

// Reads all weights once. kUnreadable names the first tensor with a NaN or an infinity; minus infinity is let through
// in a tensor whose other numbers are zero, which is how attention masks are kept.
Status check_weights_finite(const std::string& path);

// --- static int8 from f32 ---

// The forward passes by which a network's numbers are learnt. Each gives views of all inputs of one picture or text to
// `use`; every pass is asked for more than once, and gives the same each time.
class CalibrationPasses {
 public:
  virtual ~CalibrationPasses() = default;
  virtual std::size_t count() const = 0;
  virtual Status run(std::size_t pass, const std::function<Status(std::span<const TensorView>)>& use) const = 0;
};

// Layers that read one tensor: they are kept in float together or not at all. One without layers is the shortcut of a
// residual block, which only a sum reads.
struct QuantizedGroup {
  std::string name;  // of the first layer's output, or of the shortcut
  std::size_t layers = 0;
  std::uint64_t multiplications = 0;  // of one picture or text, about
  bool single = false;                // each works once a picture or text, not once a place or token of it
};

// Makes a static int8 network of an f32 one: u8 activations with one scale a tensor, chosen for the least squared error
// over the calibration; int8 weights with one scale an output channel; channels evened out before products that follow
// a normalisation (SmoothQuant, Xiao et al. 2022); biases corrected for what rounding the weights shifts. Written as
// QuantizeLinear and DequantizeLinear pairs, which every run time reads.
//
// Thread safety: const calls from any thread. Determinism: same network, passes and instruction-set class give the same
// bytes. Memory: the network, and one pass's activations; statistics are of fixed size.
class NetworkQuantizer {
 public:
  virtual ~NetworkQuantizer() = default;
  // In the network's order.
  virtual const std::vector<QuantizedGroup>& groups() const = 0;
  // Writes the network to `path`, with those groups in float. REQUIRES: in_float.size() == groups().size().
  virtual Status write(const std::string& path, const std::vector<bool>& in_float) const = 0;
};

struct CalibrateRequest {
  std::string path;       // of the f32 network
  ModelOptions options;   // `outputs` and what they need are what will be written; parallel_requests is 1
  std::string work_file;  // is written and removed; as large as the network
};
// Runs all passes twice. kUnsupported: the network is quantised already, or there is nothing to quantise. A pass's own
// error (an interruption, say) is given back as it is.
Result<std::unique_ptr<NetworkQuantizer>> calibrate_network(const Runtime& runtime, const CalibrateRequest& request,
                                                            const CalibrationPasses& passes);

}  // namespace pictor
