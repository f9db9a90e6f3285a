// OpenVINO behind the door of infer. Exceptions of OpenVINO stop in this file.

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <openvino/frontend/manager.hpp>
#include <openvino/openvino.hpp>
#include <sstream>
#include <thread>

#include "infer/infer.h"
#include "infer/isa.h"
#include "infer/model_cache.h"

namespace pictor {
namespace {

constexpr const char* kDevice = "CPU";

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += " x ";
    text += shape[i] < 0 ? "any" : std::to_string(shape[i]);
  }
  return text + "]";
}

const char* type_text(ElementType type) { return type == ElementType::kF32 ? "f32" : "i64"; }

// The last line of OpenVINO's message that says something; the lines before are places in its own source.
std::string short_cause(const std::exception& error) {
  const std::string_view text = error.what();
  std::string cause;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const auto line = text.substr(at, end - at);
    if (line.size() > 3 && line.find("Exception from ") == std::string_view::npos &&
        line.find("Check '") == std::string_view::npos) {
      if (!cause.empty()) cause += "; ";
      cause += line;
    }
    at = end + 1;
  }
  constexpr std::size_t kCauseBytesMax = 500;
  if (cause.empty()) cause = text;
  if (cause.size() > kCauseBytesMax) cause = cause.substr(0, kCauseBytesMax) + "...";
  return cause;
}

// Optimising joins tensors, and the joint one keeps the names of all. The name that the file gave is in the name of the
// node: outputs have "NAME/sink_port_0", inputs "NAME".
std::string name_of(const ov::Output<const ov::Node>& port) {
  std::string name = port.get_node()->get_friendly_name();
  name = name.substr(0, name.find("/sink_port_"));
  return port.get_names().contains(name) ? name : port.get_any_name();
}

Result<ModelPort> port_of(const ov::Output<const ov::Node>& port, const std::string& path) {
  ModelPort out;
  if (port.get_names().empty())
    return Status(Code::kUnreadable, "'" + path + "' has an input or output without a name");
  out.name = name_of(port);
  if (port.get_element_type() == ov::element::f32) {
    out.type = ElementType::kF32;
  } else if (port.get_element_type() == ov::element::i64) {
    out.type = ElementType::kI64;
  } else {
    return Status(Code::kUnsupported, "'" + path + "': tensor '" + out.name + "' has numbers of type " +
                                          port.get_element_type().get_type_name() + ", f32 or i64 is wanted");
  }
  const auto& shape = port.get_partial_shape();
  if (shape.rank().is_dynamic()) {
    return Status(Code::kUnsupported, "'" + path + "': tensor '" + out.name + "' has no fixed number of dimensions");
  }
  for (const auto& dimension : shape) out.shape.push_back(dimension.is_dynamic() ? -1 : dimension.get_length());
  return out;
}

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
        return {Code::kUnsupported, "'" + path_ + "': output '" + described.name + "' is i64, f32 is wanted"};
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
    PICTOR_TRY(check(inputs));
    try {
      Lease lease(*this);
      auto& request = lease.request();
      for (const auto& input : inputs) {
        ov::Shape shape(input.shape.begin(), input.shape.end());
        const auto type = input.type == ElementType::kF32 ? ov::element::f32 : ov::element::i64;
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

  Status check(std::span<const TensorView> inputs) const {
    for (const auto& port : inputs_) {
      const auto found = std::ranges::find(inputs, port.name, &TensorView::name);
      if (found == inputs.end()) return {Code::kInvalid, "'" + path_ + "' wants an input '" + port.name + "'"};
    }
    if (inputs.size() != inputs_.size()) {
      return {Code::kInvalid, "'" + path_ + "' takes " + std::to_string(inputs_.size()) + " inputs, " +
                                  std::to_string(inputs.size()) + " were given"};
    }
    for (const auto& input : inputs) PICTOR_TRY(check_one(input));
    return Status::ok();
  }

  Status check_one(const TensorView& input) const {
    const auto& port = *std::ranges::find(inputs_, input.name, &ModelPort::name);
    const std::string which = "'" + path_ + "', input '" + input.name + "': ";
    if (input.type != port.type) {
      return {Code::kInvalid, which + type_text(input.type) + " was given, " + type_text(port.type) + " is wanted"};
    }
    bool fits = input.shape.size() == port.shape.size() && input.data != nullptr;
    for (std::size_t i = 0; fits && i < port.shape.size(); ++i) {
      fits = input.shape[i] > 0 && (port.shape[i] < 0 || port.shape[i] == input.shape[i]);
    }
    if (fits) return Status::ok();
    return {Code::kInvalid, which + shape_text(input.shape) + " was given, " + shape_text(port.shape) + " is wanted"};
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

// With one thread a pass, each request has a copy of the network to itself: OpenVINO then runs it on the caller's own
// thread. One network with several streams hands passes to threads of its own, which then compete with the callers'.
std::size_t copies_of(const ModelOptions& options) { return options.threads == 1 ? options.parallel_requests : 1; }

// Everything that OpenVINO would else choose by the machine it finds is said here.
ov::AnyMap settings(const ModelOptions& options) {
  ov::AnyMap map;
  map.insert(ov::hint::inference_precision(ov::element::f32));
  map.insert(ov::hint::execution_mode(ov::hint::ExecutionMode::ACCURACY));
  map.insert(ov::hint::dynamic_quantization_group_size(0));
  const std::size_t streams = options.parallel_requests / copies_of(options);
  map.insert(ov::inference_num_threads(static_cast<int>(options.threads * streams)));
  map.insert(ov::num_streams(ov::streams::Num(static_cast<int>(streams))));
  map.insert(ov::hint::enable_cpu_pinning(false));
  return map;
}

class OpenVinoRuntime final : public Runtime {
 public:
  std::string name() const override {
    return "openvino " + std::to_string(OPENVINO_VERSION_MAJOR) + "." + std::to_string(OPENVINO_VERSION_MINOR) + "." +
           std::to_string(OPENVINO_VERSION_PATCH);
  }

  std::string isa_class() const override {
    const char* cap = std::getenv("ONEDNN_MAX_CPU_ISA");  // NOLINT(concurrency-mt-unsafe): nothing here sets it
    return isa_class_of_machine(cap == nullptr ? "" : cap);
  }

  Result<std::unique_ptr<Model>> load(const std::string& path, const ModelOptions& options) const override {
    if (options.threads == 0 || options.parallel_requests == 0 || options.threads > limits::kThreadsMax ||
        options.parallel_requests > limits::kThreadsMax) {
      return Status(Code::kInvalid,
                    "threads and parallel requests of a network are from 1 to " + std::to_string(limits::kThreadsMax));
    }
    PICTOR_ASSIGN(const auto info, Env::real().info(path));
    if (info.kind != FileKind::kFile) return Status(Code::kInvalid, "'" + path + "' is not a file");
    if (info.size > limits::kModelBytesMax) {
      return Status(Code::kLimit, "'" + path + "' has " + std::to_string(info.size) + " bytes, at most " +
                                      std::to_string(limits::kModelBytesMax) + " are read");
    }
    try {
      const std::lock_guard lock(mutex_);
      if (!core_) core_ = std::make_unique<ov::Core>();
      PICTOR_ASSIGN(auto model, read_or_compile(path, options));
      PICTOR_TRY(model->describe());
      return std::unique_ptr<Model>(std::move(model));
    } catch (const std::exception& error) {
      return refusal(path, error);
    }
  }

 private:
  Result<std::unique_ptr<OpenVinoModel>> read_or_compile(const std::string& path, const ModelOptions& options) const {
    auto& env = Env::real();
    const auto& folder = options.cache_folder;
    Hash256 key;
    if (!folder.empty()) {
      PICTOR_ASSIGN(key, cache_key(path, options));
      if (auto cached = find_cached_model(env, folder, key)) {
        if (auto model = read_cached(std::move(cached), path, options)) return model;
      }
    }
    const auto network = read_onnx(path);
    if (options.batch > 0) fix_batch(*network, options.batch);
    std::vector<ov::CompiledModel> compiled;
    for (std::size_t i = 0; i < copies_of(options); ++i) {
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
      for (std::size_t i = 0; i < copies_of(options); ++i) {
        compiled.push_back(core_->import_model(tensor, kDevice, settings(options)));
      }
      return std::make_unique<OpenVinoModel>(std::move(cached), std::move(compiled), path, options.parallel_requests);
    } catch (const std::exception&) {
      return nullptr;
    }
  }

  // Only the reader of ONNX is asked: Core::read_model tries all readers, and some of them print.
  static std::shared_ptr<ov::Model> read_onnx(const std::string& path) {
    ov::frontend::FrontEndManager readers;
    const auto reader = readers.load_by_framework("onnx");
    return reader->convert(reader->load(path));
  }

  static void fix_batch(ov::Model& network, std::size_t batch) {
    std::map<std::string, ov::PartialShape> shapes;
    for (const auto& input : network.inputs()) {
      auto shape = input.get_partial_shape();
      if (shape.rank().is_dynamic() || shape.size() == 0) continue;
      shape[0] = static_cast<std::int64_t>(batch);
      shapes[input.get_any_name()] = shape;
    }
    network.reshape(shapes);
  }

  // Names everything that decides what compiling gives.
  Result<Hash256> cache_key(const std::string& path, const ModelOptions& options) const {
    PICTOR_ASSIGN(const auto file, Env::real().open(path, OpenMode::kRead));
    PICTOR_ASSIGN(const auto mapping, file->map());
    Sha256Stream hash;
    hash.add_field(ov::get_openvino_version().buildNumber);
    hash.add_field(isa_class());
    hash.add_field(std::to_string(options.threads));
    hash.add_field(std::to_string(options.parallel_requests));
    hash.add_field(std::to_string(options.batch));
    hash.add_field(std::to_string(mapping->bytes().size()));
    hash.add_field(std::to_string(crc32c(mapping->bytes())));
    return hash.finish();
  }

  static Status refusal(const std::string& path, const std::exception& error) {
    const std::string cause = short_cause(error);
    const bool unknown_operation = cause.find("No conversion rule") != std::string::npos ||
                                   cause.find("not supported") != std::string::npos ||
                                   cause.find("nsupported op") != std::string::npos;
    if (unknown_operation) {
      return {Code::kUnsupported, "'" + path + "' has operations that this run time does not know: " + cause};
    }
    return {Code::kUnreadable, "'" + path + "' cannot be read as a network (ONNX is wanted): " + cause};
  }

  mutable std::mutex mutex_;
  mutable std::unique_ptr<ov::Core> core_;
};

}  // namespace

std::unique_ptr<Runtime> make_openvino_runtime() { return std::make_unique<OpenVinoRuntime>(); }

}  // namespace pictor
