#include "engine/runtimes.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace pictor {
namespace {

constexpr const char* kOpenvino = "openvino";
constexpr const char* kOnnxruntime = "onnxruntime";
constexpr std::string_view kCuda = "cuda";
constexpr int kDevicesMax = 1024;

// -1: a processor. Nothing when it is no device.
std::optional<int> cuda_device_of(std::string_view device) {
  if (device.empty() || device == "cpu") return -1;
  if (!device.starts_with(kCuda)) return std::nullopt;
  if (device == kCuda) return 0;
  int number = 0;
  const auto digits = device.substr(kCuda.size());
  const auto* end = digits.data() + digits.size();
  if (digits.front() != ':') return std::nullopt;
  const auto [at, error] = std::from_chars(digits.data() + 1, end, number);
  if (error != std::errc() || at != end || number < 0 || number >= kDevicesMax) return std::nullopt;
  return number;
}

}  // namespace

Status check_runtime_choice(const RuntimeChoice& choice) {
  const auto& runtime = choice.runtime;
  if (!runtime.empty() && runtime != kOpenvino && runtime != kOnnxruntime) {
    return {Code::kInvalid, "run time '" + runtime + "' is not known; known are 'openvino' and 'onnxruntime'"};
  }
  const auto device = cuda_device_of(choice.device);
  if (!device) {
    return {Code::kInvalid, "device '" + choice.device + "' is not known; 'cpu', 'cuda' and 'cuda:N' are"};
  }
  if (runtime == kOpenvino && *device >= 0) {
    return {Code::kInvalid,
            "run time 'openvino' runs on 'cpu' here; device '" + choice.device + "' needs run time 'onnxruntime'"};
  }
  return Status::ok();
}

Result<const Runtime*> Runtimes::get(const std::string& of_card) {
  const int device = cuda_device_of(choice_.device).value_or(-1);
  std::string name = choice_.runtime.empty() ? of_card : choice_.runtime;
  // A graphics card is reached through one run time only, so asking for it says which.
  if (device >= 0) name = kOnnxruntime;
  if (name.empty()) name = kOpenvino;
  const std::lock_guard lock(mutex_);
  auto& slot = open_[name];
  if (slot != nullptr) return static_cast<const Runtime*>(slot.get());
  if (name == kOpenvino) {
    slot = make_openvino_runtime();
    return static_cast<const Runtime*>(slot.get());
  }
  OnnxRuntimeOptions options;
  if (device >= 0) options.device = Device::kCuda;
  options.cuda_device = std::max(device, 0);
  auto made = make_onnxruntime_runtime(options);
  if (!made.is_ok()) return made.status().in("run time 'onnxruntime'");
  slot = std::move(made).value();
  return static_cast<const Runtime*>(slot.get());
}

}  // namespace pictor
