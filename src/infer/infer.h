// The door of infer: run a network file. Named tensors in, named tensors out; same input, same bits, whatever the batch
// and the number of threads.
//
// Thread safety: Runtime and Model are const-callable from any thread at once; a Model keeps its own pool of requests.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/base.h"

namespace pictor {

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
  std::size_t batch = 0;              // fixes the first dimension of every input; 0: as the network has it
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
  virtual std::string name() const = 0;       // "openvino 2026.4.1"
  virtual std::string isa_class() const = 0;  // "x86-64/avx512_vnni": bits are equal within one class
  virtual Result<std::unique_ptr<Model>> load(const std::string& path, const ModelOptions& options) const = 0;
};

// The default run time. Never fails: problems show when a model is loaded.
std::unique_ptr<Runtime> make_openvino_runtime();

}  // namespace pictor
