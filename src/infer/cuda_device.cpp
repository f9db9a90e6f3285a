// What the CUDA driver says of a device, asked without any header or library of CUDA's tool kit.
#include <dlfcn.h>

#include "infer/onnxruntime_library.h"

namespace pictor {
namespace {

constexpr const char* kDriver = "libcuda.so.1";
// Numbers of the driver's interface (CUdevice_attribute).
constexpr int kMajor = 75;
constexpr int kMinor = 76;

Status no_cuda(const std::string& what) {
  return {Code::kUnsupported,
          "CUDA cannot be used: " + what + "; a machine with an NVIDIA GPU and its driver is wanted"};
}

template <typename Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(::dlsym(library, name));
}

}  // namespace

Result<std::string> cuda_device_class(int device) {
  void* driver = ::dlopen(kDriver, RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr) return no_cuda(std::string("the driver, ") + kDriver + ", is not on this machine");
  const auto start = symbol<int (*)(unsigned)>(driver, "cuInit");
  const auto count_devices = symbol<int (*)(int*)>(driver, "cuDeviceGetCount");
  const auto get_name = symbol<int (*)(char*, int, int)>(driver, "cuDeviceGetName");
  const auto get_attribute = symbol<int (*)(int*, int, int)>(driver, "cuDeviceGetAttribute");
  if (start == nullptr || count_devices == nullptr || get_name == nullptr || get_attribute == nullptr) {
    return no_cuda(std::string(kDriver) + " has not the functions of a driver");
  }
  if (const int error = start(0); error != 0) return no_cuda("the driver says error " + std::to_string(error));
  int count = 0;
  if (count_devices(&count) != 0 || count == 0) return no_cuda("the driver finds no device");
  if (device < 0 || device >= count) {
    return Status(Code::kInvalid, "there is no CUDA device " + std::to_string(device) + "; this machine has " +
                                      std::to_string(count) + ", from 0");
  }
  char name[256] = {};
  int major = 0;
  int minor = 0;
  if (get_name(name, sizeof(name), device) != 0 || get_attribute(&major, kMajor, device) != 0 ||
      get_attribute(&minor, kMinor, device) != 0) {
    return no_cuda("the driver does not say what device " + std::to_string(device) + " is");
  }
  return "cuda/" + std::string(name) + "/sm_" + std::to_string(major) + std::to_string(minor);
}

}  // namespace pictor
