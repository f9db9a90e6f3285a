// OpenVINO behind the door of infer. Exceptions of OpenVINO stop in this file.

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <openvino/openvino.hpp>
#include <sstream>
#include <thread>

#include "infer/infer.h"
#include "infer/isa.h"
#include "infer/model_cache.h"
#include "infer/onnx_file.h"
#include "infer/openvino_read.h"
#include "infer/ports.h"

namespace pictor {
namespace {

constexpr const char* kDevice = "CPU";

class OpenVinoModel final : public Model {
 public:
  // `cached` is what `compiled` was read from, or null: it must live as long. `requests` are shared out evenly.
  OpenVinoModel(std::unique_ptr<CachedModel> cached, std::vector<ov::CompiledModel> compiled, std::string path,
                std::size_t requests)
      : cached_(std::move(cached)), compiled_(std::move(compiled)), path_(std::move(path)), requests_max_(requests) {}

  Status describe() {
    for (const auto& port : compiled_[0].inputs()) {
      PICTOR_ASSIGN(auto described, port_of(port, path_));
      inputs_.push_back(std::move(described));
    }
    for (const auto& port : compiled_[0].outputs()) {
      PICTOR_ASSIGN(auto described, port_of(port, path_));
      if (described.type != ElementType::kF32) {
        return {Code::kUnsupported, "'" + path_ + "': output '" + described.name + "' is " + type_text(described.type) +
                                        ", f32 is wanted: name the outputs that you want"};
      }
      outputs_.push_back(std::move(described));
    }
    if (inputs_.empty() || outputs_.empty()) {
      return {Code::kUnreadable, "'" + path_ + "' is no network: it has no inputs or no outputs"};
    }
    return Status::ok();
  }

  const std::vector<ModelPort>& inputs() const override { return inputs_; }
  const std::vector<ModelPort>& outputs() const override { return outputs_; }

  Result<std::vector<OutputTensor>> run(std::span<const TensorView> inputs) const override {
    PICTOR_TRY(check_inputs(inputs_, inputs, path_));
    try {
      Lease lease(*this);
      auto& request = lease.request();
      for (const auto& input : inputs) {
        ov::Shape shape(input.shape.begin(), input.shape.end());
        const auto type = element_of(input.type);
        // OpenVINO takes no const pointer for inputs; it does not write to them.
        request.set_tensor(input.name, ov::Tensor(type, shape, const_cast<void*>(input.data)));
      }
      request.infer();
      return collect(request);
    } catch (const std::exception& error) {
      return Status(Code::kInternal, "'" + path_ + "' cannot be run: " + short_cause(error));
    }
  }

 private:
  struct Free {
    ov::InferRequest request;
    std::thread::id last;  // who gave it back
  };

  // A request taken from the pool; waits while all are out.
  class Lease {
   public:
    explicit Lease(const OpenVinoModel& model) : model_(model), request_(model.take()) {}
    ~Lease() { model_.put_back(std::move(request_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ov::InferRequest& request() { return request_; }

   private:
    const OpenVinoModel& model_;
    ov::InferRequest request_;
  };

  ov::InferRequest take() const {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [this] { return !free_.empty() || requests_made_ < requests_max_; });
    if (free_.empty()) {
      auto request = compiled_[requests_made_ % compiled_.size()].create_infer_request();
      ++requests_made_;
      return request;
    }
    // The one this thread had last, whose numbers are still in its core's cache.
    auto found = std::ranges::find(free_, std::this_thread::get_id(), &Free::last);
    if (found == free_.end()) found = free_.end() - 1;
    auto request = std::move(found->request);
    free_.erase(found);
    return request;
  }

  void put_back(ov::InferRequest request) const {
    {
      const std::lock_guard lock(mutex_);
      free_.push_back({std::move(request), std::this_thread::get_id()});
    }
    returned_.notify_one();
  }

  Result<std::vector<OutputTensor>> collect(ov::InferRequest& request) const {
    std::vector<OutputTensor> outputs;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const auto tensor = request.get_output_tensor(i);
      OutputTensor output;
      output.name = outputs_[i].name;
      for (const auto size : tensor.get_shape()) output.shape.push_back(static_cast<std::int64_t>(size));
      const auto* numbers = tensor.data<const float>();
      output.values.assign(numbers, numbers + tensor.get_size());
      outputs.push_back(std::move(output));
    }
    return outputs;
  }

  std::unique_ptr<CachedModel> cached_;
  mutable std::vector<ov::CompiledModel> compiled_;
  std::string path_;
  std::vector<ModelPort> inputs_, outputs_;
  std::size_t requests_max_;
  mutable std::mutex mutex_;
  mutable std::condition_variable returned_;
  mutable std::vector<Free> free_;
  mutable std::size_t requests_made_ = 0;
};

// OpenVINO has no public names for these two: whether it makes integer products of a quantised network, and whether it
// generates kernels for chains of small operations.
constexpr const char* kLowPrecision = "LP_TRANSFORMS_MODE";
constexpr const char* kGeneratedChains = "SNIPPETS_MODE";

// Everything that OpenVINO would else choose by the machine it finds is said here.
ov::AnyMap settings(const ModelOptions& options) {
  ov::AnyMap map;
  map.insert(ov::hint::inference_precision(ov::element::f32));
  map.insert(ov::hint::execution_mode(ov::hint::ExecutionMode::ACCURACY));
  map.insert(ov::hint::dynamic_quantization_group_size(0));
  // Rounded as the network says, multiplied in f32: slower, and right.
  if (!has_exact_int8(isa_class_of_process())) map.insert({kLowPrecision, "NO"});
  // The chains take residual sums away from the convolutions before them, which add for nothing.
  map.insert({kGeneratedChains, "DISABLE"});
  map.insert(ov::inference_num_threads(static_cast<int>(options.threads)));
  map.insert(ov::num_streams(ov::streams::Num(1)));
  map.insert(ov::hint::enable_cpu_pinning(false));
  return map;
}

class OpenVinoRuntime final : public Runtime {
 public:
  std::string name() const override {
    return "openvino " + std::to_string(OPENVINO_VERSION_MAJOR) + "." + std::to_string(OPENVINO_VERSION_MINOR) + "." +
           std::to_string(OPENVINO_VERSION_PATCH);
  }

  std::string isa_class() const override { return isa_class_of_process(); }

  Result<std::unique_ptr<Model>> load(const std::string& path, const ModelOptions& options) const override {
    PICTOR_TRY(check_options(options));
    PICTOR_ASSIGN(const auto file, OnnxFile::open(Env::real(), path));
    PICTOR_TRY(check_outputs(file.network(), options.outputs, path));
    try {
      const std::lock_guard lock(mutex_);
      if (!core_) {
        note_isa_in_use();
        core_ = std::make_unique<ov::Core>();
      }
      PICTOR_ASSIGN(auto model, read_or_compile(file, path, options));
      PICTOR_TRY(model->describe());
      return std::unique_ptr<Model>(std::move(model));
    } catch (const std::exception& error) {
      return openvino_refusal(file.network(), path, error);
    }
  }

 private:
  Result<std::unique_ptr<OpenVinoModel>> read_or_compile(const OnnxFile& file, const std::string& path,
                                                         const ModelOptions& options) const {
    auto& env = Env::real();
    const auto& folder = options.cache_folder;
    Hash256 key;
    if (!folder.empty()) {
      PICTOR_ASSIGN(key, cache_key(file, path, options));
      if (auto cached = find_cached_model(env, folder, key)) {
        if (auto model = read_cached(std::move(cached), path, options)) return model;
      }
    }
    PICTOR_ASSIGN(const auto network, read_for_openvino(file, path, options));
    // Each request that runs beside others has a copy of the network to itself. With one thread a pass OpenVINO then
    // runs it on the caller's own thread. One network with several streams would hand passes to threads of its own,
    // which compete with the callers'; and where int8 networks are computed in f32 it is compiled for all streams at
    // once with a race: in half of the attempts (2026.4) its vectors were others.
    std::vector<ov::CompiledModel> compiled;
    for (std::size_t i = 0; i < options.parallel_requests; ++i) {
      compiled.push_back(core_->compile_model(network, kDevice, settings(options)));
    }
    if (!folder.empty()) {
      std::ostringstream bytes;
      compiled[0].export_model(bytes);
      keep_cached_model(env, folder, key, bytes.view());
    }
    return std::make_unique<OpenVinoModel>(nullptr, std::move(compiled), path, options.parallel_requests);
  }

  // Null when OpenVINO does not take it: then the network is compiled again.
  std::unique_ptr<OpenVinoModel> read_cached(std::unique_ptr<CachedModel> cached, const std::string& path,
                                             const ModelOptions& options) const {
    try {
      // OpenVINO takes no const pointer; the memory is mapped read-only.
      auto* bytes = const_cast<std::byte*>(cached->bytes().data());
      const ov::Tensor tensor(ov::element::u8, ov::Shape{cached->bytes().size()}, bytes);
      std::vector<ov::CompiledModel> compiled;
      for (std::size_t i = 0; i < options.parallel_requests; ++i) {
        compiled.push_back(core_->import_model(tensor, kDevice, settings(options)));
      }
      return std::make_unique<OpenVinoModel>(std::move(cached), std::move(compiled), path, options.parallel_requests);
    } catch (const std::exception&) {
      return nullptr;
    }
  }

  // Names everything that decides what compiling gives.
  Result<Hash256> cache_key(const OnnxFile& file, const std::string& path, const ModelOptions& options) const {
    Sha256Stream hash;
    hash.add_field(ov::get_openvino_version().buildNumber);
    hash.add_field(isa_class());
    for (const auto& [name, value] : settings(options)) {
      hash.add_field(name);
      hash.add_field(value.as<std::string>());
    }
    hash.add_field(std::to_string(options.threads));
    hash.add_field(std::to_string(options.parallel_requests));
    hash.add_field(std::to_string(options.batch));
    hash.add_field(std::to_string(options.outputs.size()));
    for (const auto& output : options.outputs) hash.add_field(output);
    for (const auto& [name, shape] : options.shapes) {
      hash.add_field(name);
      hash.add_field(shape_text(shape));
    }
    auto& env = Env::real();
    hash.add_field(content_name(env, options.cache_folder, path, file.bytes()));
    for (const auto& outer : file.external_files()) {
      PICTOR_ASSIGN(const auto opened, env.open(outer, OpenMode::kRead));
      PICTOR_ASSIGN(const auto mapping, opened->map());
      hash.add_field(content_name(env, options.cache_folder, outer, mapping->bytes()));
    }
    return hash.finish();
  }

  mutable std::mutex mutex_;
  mutable std::unique_ptr<ov::Core> core_;
};

}  // namespace

std::unique_ptr<Runtime> make_openvino_runtime() { return std::make_unique<OpenVinoRuntime>(); }

}  // namespace pictor
