// ONNX Runtime behind the door of infer. Exceptions of ONNX Runtime stop in this file.
//
// On a CPU a forward pass takes one picture and one thread, and `threads` passes run at once: so a picture's bits
// cannot depend on its neighbours or on the number of threads, whatever kernels the library picks. What was measured
// with 1.31.1 (AVX-512 VNNI) without that: in fp32 and static int8 a ViT-B/32, the tiny networks of the tests and
// products of depth 768 to 4096 had equal bits at batch 1, 2, 3, 7, 8 and 16 with 1 and 2 threads, but nothing promises
// it for another machine or network; with dynamic int8, whose scale is taken over the whole batch, 3 of 16 rows at
// batch 2 were those of the picture alone, and none at batch 8. The price is speed: passes of 8 gave 1.1 to 1.4 times
// as many pictures a second in fp32.
#include "infer/infer.h"
#include "infer/onnxruntime_library.h"

#ifdef PICTOR_ONNXRUNTIME
#define ORT_API_MANUAL_INIT
#include <onnxruntime_cxx_api.h>
#include <onnxruntime_session_options_config_keys.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <semaphore>

#include "infer/isa.h"
#include "infer/onnx_file.h"
#include "infer/ports.h"

namespace pictor {
namespace {

// What the library said of the last problem goes into the exception; its log would go to stderr.
void no_log(void* /*parameter*/, OrtLoggingLevel /*level*/, const char* /*category*/, const char* /*id*/,
            const char* /*place*/, const char* /*message*/) {}

// One of a process, made before all else of the library is used, and never taken down: the library has threads and
// statics of its own that outlive ours.
Ort::Env& environment() {
  static auto* env = new Ort::Env(ORT_LOGGING_LEVEL_FATAL, "pictor", no_log, nullptr);
  return *env;
}

// What comes after "[ONNXRuntimeError] : 1 : FAIL : "; before it are places in the library's own source.
std::string short_cause(const std::exception& error) {
  constexpr std::size_t kCauseBytesMax = 500;
  std::string_view text = error.what();
  if (const auto mark = text.rfind("[ONNXRuntimeError]"); mark != std::string_view::npos) {
    auto at = mark;
    for (int part = 0; part < 3 && at != std::string_view::npos; ++part) at = text.find(" : ", at + 1);
    if (at != std::string_view::npos) text = text.substr(at + 3);
  }
  std::string cause(text.substr(0, kCauseBytesMax));
  std::ranges::replace_if(
      cause, [](unsigned char c) { return c < 0x20; }, ' ');
  return cause;
}

// Numbers of one tensor as ONNX Runtime gets them; `halves` holds them when the network has half precision.
struct Fed {
  Ort::Value value{nullptr};
  std::vector<Ort::Float16_t> halves;
};

class OrtModel final : public Model {
 public:
  struct Parts {
    std::string path;
    ModelOptions options;
    bool split = false;  // one picture a pass
  };

  OrtModel(Ort::Session session, Parts parts)
      : parts_(std::move(parts)),
        session_(std::move(session)),
        memory_(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault)),
        free_(static_cast<std::ptrdiff_t>(parts_.options.parallel_requests)) {
    if (parts_.split && parts_.options.threads > 1) pool_ = std::make_unique<ThreadPool>(parts_.options.threads - 1);
  }

  Status describe() {
    Ort::AllocatorWithDefaultOptions allocator;
    for (std::size_t i = 0; i < session_.GetInputCount(); ++i) {
      const std::string name = session_.GetInputNameAllocated(i, allocator).get();
      PICTOR_ASSIGN(auto port, port_of(name, session_.GetInputTypeInfo(i)));
      inputs_.push_back(std::move(port));
      input_halves_.push_back(is_half(session_.GetInputTypeInfo(i)));
    }
    for (std::size_t i = 0; i < session_.GetOutputCount(); ++i) {
      const std::string name = session_.GetOutputNameAllocated(i, allocator).get();
      PICTOR_ASSIGN(auto port, port_of(name, session_.GetOutputTypeInfo(i)));
      if (port.type != ElementType::kF32) {
        return {Code::kUnsupported, "'" + parts_.path + "': output '" + name + "' is " + type_text(port.type) +
                                        ", f32 is wanted: name the outputs that you want"};
      }
      outputs_.push_back(std::move(port));
    }
    if (inputs_.empty() || outputs_.empty()) {
      return {Code::kUnreadable, "'" + parts_.path + "' is no network: it has no inputs or no outputs"};
    }
    return fix_ports();
  }

  const std::vector<ModelPort>& inputs() const override { return inputs_; }
  const std::vector<ModelPort>& outputs() const override { return outputs_; }

  Result<std::vector<OutputTensor>> run(std::span<const TensorView> inputs) const override {
    PICTOR_TRY(check_inputs(inputs_, inputs, parts_.path));
    const Turn turn(free_);
    const std::size_t pictures = pictures_in(inputs);
    if (pictures == 0) return pass(inputs, std::nullopt);
    PICTOR_ASSIGN(auto joined, pass(inputs, 0));
    if (pictures == 1) return joined;
    for (auto& output : joined) {
      if (output.shape.empty() || output.shape[0] != 1) {
        return Status(Code::kUnsupported, "'" + parts_.path + "': output '" + output.name + "' is " +
                                              shape_text(output.shape) +
                                              " for one picture, so it cannot be had for several: name other outputs");
      }
      output.shape[0] = static_cast<std::int64_t>(pictures);
      output.values.resize(output.values.size() * pictures);
    }
    std::vector<Status> states(pictures - 1);
    const auto one = [&](std::size_t i) { states[i] = add_picture(inputs, i + 1, joined); };
    if (pool_ != nullptr) {
      pool_->parallel_for(pictures - 1, one);
    } else {
      for (std::size_t i = 0; i + 1 < pictures; ++i) one(i);
    }
    for (auto& state : states) PICTOR_TRY(std::move(state));
    return joined;
  }

 private:
  // One of the passes that may run at once; waits for it.
  class Turn {
   public:
    explicit Turn(std::counting_semaphore<>& free) : free_(free) { free_.acquire(); }
    ~Turn() { free_.release(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    std::counting_semaphore<>& free_;
  };

  static bool is_half(const Ort::TypeInfo& info) {
    return info.GetTensorTypeAndShapeInfo().GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16;
  }

  Result<ModelPort> port_of(const std::string& name, const Ort::TypeInfo& info) const {
    const std::string which = "'" + parts_.path + "': '" + name + "' ";
    if (info.GetONNXType() != ONNX_TYPE_TENSOR) return Status(Code::kUnsupported, which + "is no tensor");
    const auto tensor = info.GetTensorTypeAndShapeInfo();
    ModelPort port;
    port.name = name;
    port.shape = tensor.GetShape();
    switch (tensor.GetElementType()) {
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16: port.type = ElementType::kF32; break;
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64: port.type = ElementType::kI64; break;
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32: port.type = ElementType::kI32; break;
      default:
        return Status(Code::kUnsupported, which + "has numbers of type " + onnx_type_name(tensor.GetElementType()) +
                                              ", f32, f16, i64 or i32 is wanted");
    }
    return port;
  }

  Status fix_ports() {
    PICTOR_ASSIGN(const auto shapes, fixed_shapes(inputs_, parts_.options, parts_.path));
    bool batch_is_open = true;
    for (auto& port : inputs_) {
      // An input that cannot be taken apart by pictures.
      batch_is_open = batch_is_open && !port.shape.empty() && port.shape[0] < 0;
      port.shape = shapes.at(port.name);
    }
    parts_.split = parts_.split && batch_is_open;
    const auto batch = inputs_[0].shape.empty() ? -1 : inputs_[0].shape[0];
    for (auto& port : outputs_) {
      if (batch_is_open && !port.shape.empty() && port.shape[0] < 0) port.shape[0] = batch;
    }
    return Status::ok();
  }

  // 0: the batch is not taken apart.
  std::size_t pictures_in(std::span<const TensorView> inputs) const {
    if (!parts_.split) return 0;
    const auto first = inputs[0].shape[0];
    const bool equal = std::ranges::all_of(inputs, [&](const auto& input) { return input.shape[0] == first; });
    return equal ? static_cast<std::size_t>(first) : 0;
  }

  // The numbers of `input`, or of one picture in it.
  Fed feed(const TensorView& input, bool half, std::optional<std::size_t> picture) const {
    auto shape = input.shape;
    std::size_t count = 1;
    for (std::size_t i = picture ? 1 : 0; i < shape.size(); ++i) count *= static_cast<std::size_t>(shape[i]);
    if (picture) shape[0] = 1;
    const std::size_t first = picture.value_or(0) * count;
    Fed fed;
    // ONNX Runtime takes no const pointer for inputs; it does not write to them.
    const auto of = [&]<typename T>(const T* numbers) {
      fed.value = Ort::Value::CreateTensor<T>(memory_, const_cast<T*>(numbers), count, shape.data(), shape.size());
    };
    switch (input.type) {
      case ElementType::kI64: of(static_cast<const std::int64_t*>(input.data) + first); break;
      case ElementType::kI32: of(static_cast<const std::int32_t*>(input.data) + first); break;
      case ElementType::kF32: {
        const auto* numbers = static_cast<const float*>(input.data) + first;
        for (std::size_t i = 0; half && i < count; ++i) fed.halves.emplace_back(numbers[i]);
        half ? of(static_cast<const Ort::Float16_t*>(fed.halves.data())) : of(numbers);
        break;
      }
    }
    return fed;
  }

  Result<std::vector<OutputTensor>> pass(std::span<const TensorView> inputs, std::optional<std::size_t> picture) const {
    try {
      std::vector<Fed> fed;
      std::vector<Ort::Value> values;
      std::vector<const char*> given;
      for (const auto& input : inputs) {
        const auto port = std::ranges::find(inputs_, input.name, &ModelPort::name) - inputs_.begin();
        auto one = feed(input, input_halves_[static_cast<std::size_t>(port)], picture);
        values.push_back(std::move(one.value));
        fed.push_back(std::move(one));
        given.push_back(input.name.c_str());
      }
      std::vector<const char*> wanted;
      for (const auto& port : outputs_) wanted.push_back(port.name.c_str());
      const auto outputs = session_.Run(Ort::RunOptions{nullptr}, given.data(), values.data(), values.size(),
                                        wanted.data(), wanted.size());
      std::vector<OutputTensor> out;
      for (std::size_t i = 0; i < outputs.size(); ++i) out.push_back(collect(outputs_[i].name, outputs[i]));
      return out;
    } catch (const std::exception& error) {
      return Status(Code::kInternal, "'" + parts_.path + "' cannot be run: " + short_cause(error));
    }
  }

  static OutputTensor collect(const std::string& name, const Ort::Value& value) {
    const auto info = value.GetTensorTypeAndShapeInfo();
    OutputTensor out;
    out.name = name;
    out.shape = info.GetShape();
    const std::size_t count = info.GetElementCount();
    if (info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16) {
      const auto* halves = value.GetTensorData<Ort::Float16_t>();
      out.values.resize(count);
      std::ranges::transform(std::span(halves, count), out.values.begin(), [](auto half) { return half.ToFloat(); });
    } else {
      const auto* numbers = value.GetTensorData<float>();
      out.values.assign(numbers, numbers + count);
    }
    return out;
  }

  // Into its place in `joined`, whose sizes are those of the first picture.
  Status add_picture(std::span<const TensorView> inputs, std::size_t picture, std::vector<OutputTensor>& joined) const {
    PICTOR_ASSIGN(const auto outputs, pass(inputs, picture));
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const auto& values = outputs[i].values;
      const std::size_t wanted = joined[i].values.size() / static_cast<std::size_t>(joined[i].shape[0]);
      if (values.size() != wanted) {
        return {Code::kUnsupported, "'" + parts_.path + "': output '" + outputs[i].name + "' has " +
                                        std::to_string(wanted) + " numbers for the first picture and " +
                                        std::to_string(values.size()) + " for another"};
      }
      std::ranges::copy(values, joined[i].values.begin() + static_cast<std::ptrdiff_t>(picture * wanted));
    }
    return Status::ok();
  }

  Parts parts_;
  mutable Ort::Session session_;
  Ort::MemoryInfo memory_;
  std::vector<ModelPort> inputs_, outputs_;
  std::vector<bool> input_halves_;
  std::unique_ptr<ThreadPool> pool_;
  mutable std::counting_semaphore<> free_;
};

class OrtRuntime final : public Runtime {
 public:
  OrtRuntime(OnnxRuntimeOptions options, std::string version, std::string isa_class)
      : options_(std::move(options)), version_(std::move(version)), isa_class_(std::move(isa_class)) {}

  // Whether sessions can be set up at all: on CUDA the provider and all it needs is opened here.
  Status check() const {
    try {
      environment();
      session_options({});
      return Status::ok();
    } catch (const std::exception& error) {
      const std::string advice = is_cuda() ? "; tools/setup cuda installs what it needs" : "";
      return {Code::kUnsupported, name() + " cannot be used: " + short_cause(error) + advice};
    }
  }

  std::string name() const override { return "onnxruntime " + version_ + (is_cuda() ? " cuda" : " cpu"); }
  std::string isa_class() const override { return isa_class_; }

  Result<std::unique_ptr<Model>> load(const std::string& path, const ModelOptions& options) const override {
    PICTOR_TRY(check_options(options));
    PICTOR_ASSIGN(const auto file, OnnxFile::open(Env::real(), path));
    Bytes cut;
    OnnxNetwork network = file.network();
    if (!options.outputs.empty()) {
      PICTOR_ASSIGN(cut, cut_onnx(network, file.bytes(), options.outputs, path));
      PICTOR_ASSIGN(network, parse_onnx(cut, path));
    }
    try {
      auto settings = session_options(options);
      PICTOR_TRY(fix_dimensions(network, options, path, settings));
      // What was cut is given as bytes; weights outside are still found beside the file.
      settings.AddConfigEntry(kOrtSessionOptionsModelExternalInitializersFileFolderPath, parent_path(path).c_str());
      Ort::Session session = cut.empty() ? Ort::Session(environment(), path.c_str(), settings)
                                         : Ort::Session(environment(), cut.data(), cut.size(), settings);
      const bool split = !is_cuda() || options.batch == 0;
      auto model = std::make_unique<OrtModel>(std::move(session), OrtModel::Parts{path, options, split});
      PICTOR_TRY(model->describe());
      return std::unique_ptr<Model>(std::move(model));
    } catch (const std::exception& error) {
      return refusal(file.network(), path, error);
    }
  }

 private:
  bool is_cuda() const { return options_.device == Device::kCuda; }

  // Everything that would else be chosen by the machine is said here.
  Ort::SessionOptions session_options(const ModelOptions& options) const {
    Ort::SessionOptions settings;
    // One thread a pass: how ONNX Runtime parts a product between threads changes how it is summed.
    settings.SetIntraOpNumThreads(1);
    settings.SetInterOpNumThreads(1);
    settings.SetExecutionMode(ORT_SEQUENTIAL);
    settings.SetDeterministicCompute(true);
    settings.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
    settings.AddConfigEntry(kOrtSessionOptionsConfigAllowIntraOpSpinning, "0");
    settings.AddConfigEntry(kOrtSessionOptionsConfigAllowInterOpSpinning, "0");
    // On processors without exact sums of int8 products: other kernels that have them.
    settings.AddConfigEntry(kOrtSessionOptionsAvx2PrecisionMode, "1");
    // The planned memory of one shape is kept from pass to pass; texts come in many.
    if (options.batch == 0 && options.shapes.empty()) settings.DisableMemPattern();
    if (is_cuda()) add_cuda(settings);
    return settings;
  }

  void add_cuda(Ort::SessionOptions& settings) const {
    const auto& api = Ort::GetApi();
    OrtCUDAProviderOptionsV2* cuda = nullptr;
    Ort::ThrowOnError(api.CreateCUDAProviderOptions(&cuda));
    const std::unique_ptr<OrtCUDAProviderOptionsV2, void (*)(OrtCUDAProviderOptionsV2*)> owned(
        cuda, api.ReleaseCUDAProviderOptions);
    const std::string device = std::to_string(options_.cuda_device);
    // Full f32, and the convolution that needs no trial runs: a trial may choose another one the next time.
    const char* keys[] = {"device_id", "use_tf32", "cudnn_conv_algo_search"};
    const char* values[] = {device.c_str(), "0", "DEFAULT"};
    Ort::ThrowOnError(api.UpdateCUDAProviderOptions(cuda, keys, values, std::size(keys)));
    settings.AppendExecutionProvider_CUDA_V2(*cuda);
  }

  // Sizes that the options fix, said to ONNX Runtime by the names that the file gives to open dimensions. The batch
  // stays open where passes take one picture; sizes without a name are checked at every pass all the same.
  Status fix_dimensions(const OnnxNetwork& network, const ModelOptions& options, const std::string& path,
                        Ort::SessionOptions& settings) const {
    std::vector<ModelPort> ports;
    for (const auto& input : network.inputs) ports.push_back({std::string(input.name), ElementType::kF32, input.shape});
    PICTOR_ASSIGN(const auto shapes, fixed_shapes(ports, options, path));
    std::map<std::string, std::int64_t> named;
    for (const auto& input : network.inputs) {
      const auto& shape = shapes.at(std::string(input.name));
      for (std::size_t i = 0; i < shape.size(); ++i) {
        const std::string dimension(input.dimensions[i]);
        const bool open = dimension.empty() || input.shape[i] > 0;
        if (open || (i == 0 && !is_cuda())) continue;
        const auto [known, added] = named.emplace(dimension, shape[i]);
        if (!added && known->second != shape[i]) {
          return {Code::kInvalid, "'" + path + "': '" + shown_name(dimension) + "' is one size in all inputs, " +
                                      std::to_string(known->second) + " and " + std::to_string(shape[i]) +
                                      " are asked"};
        }
      }
    }
    for (const auto& [dimension, size] : named) {
      if (size <= 0) continue;
      Ort::ThrowOnError(Ort::GetApi().AddFreeDimensionOverrideByName(settings, dimension.c_str(), size));
    }
    return Status::ok();
  }

  static Status refusal(const OnnxNetwork& network, const std::string& path, const std::exception& error) {
    const std::string cause = short_cause(error);
    if (cause.find("CUDA") != std::string::npos || cause.find("cuda") != std::string::npos) {
      return {Code::kUnsupported, "'" + path + "' cannot be run on CUDA: " + cause};
    }
    const bool unknown = cause.find("not a registered function") != std::string::npos ||
                         cause.find("Could not find an implementation") != std::string::npos ||
                         cause.find("No Op registered") != std::string::npos;
    const auto named = unknown ? named_operations(network, cause) : "";
    if (!named.empty()) {
      return {Code::kUnsupported, "'" + path + "' has operations that ONNX Runtime does not know: " + named +
                                      ": export it with other ones"};
    }
    const bool unsupported =
        unknown || std::string_view(error.what()).find("NOT_IMPLEMENTED") != std::string_view::npos;
    return {unsupported ? Code::kUnsupported : Code::kUnreadable,
            "'" + path + "' cannot be read as a network (ONNX is wanted): " + cause};
  }

  OnnxRuntimeOptions options_;
  std::string version_;
  std::string isa_class_;
};

// The middle number of "1.31.1", which is also the number of the interface that a library offers at most.
std::uint32_t interface_of(std::string_view version) {
  const auto dot = version.find('.');
  std::uint32_t number = 0;
  if (dot != std::string_view::npos) std::from_chars(version.data() + dot + 1, version.data() + version.size(), number);
  return number;
}

}  // namespace

Result<std::unique_ptr<Runtime>> make_onnxruntime_runtime(const OnnxRuntimeOptions& options) {
  // Its bits are others than OpenVINO's on the same processor: another class of equal bits.
  std::string isa_class = isa_class_of_machine("") + "/onnxruntime";
  if (options.device == Device::kCuda) {
    PICTOR_ASSIGN(isa_class, cuda_device_class(options.cuda_device));
  }
  PICTOR_ASSIGN(const auto library, open_onnxruntime(options));
  if (options.device == Device::kCuda) PICTOR_TRY(prepare_cuda_provider(library.path));
  const auto* base = static_cast<const OrtApiBase*>(library.api_base);
  const std::string version = base->GetVersionString();
  const OrtApi* api = interface_of(version) < ORT_API_VERSION ? nullptr : base->GetApi(ORT_API_VERSION);
  if (api == nullptr) {
    return Status(Code::kUnsupported, "ONNX Runtime " + version + " at '" + library.path + "' is too old: 1." +
                                          std::to_string(ORT_API_VERSION) + " or later is wanted");
  }
  Ort::InitApi(api);
  auto runtime = std::make_unique<OrtRuntime>(options, version, isa_class);
  PICTOR_TRY(runtime->check());
  return std::unique_ptr<Runtime>(std::move(runtime));
}

}  // namespace pictor

#else

namespace pictor {

Result<std::unique_ptr<Runtime>> make_onnxruntime_runtime(const OnnxRuntimeOptions& /*options*/) {
  return Status(Code::kUnsupported,
                "this build has no ONNX Runtime: its headers were not there; run tools/setup build, and build again");
}

}  // namespace pictor

#endif
