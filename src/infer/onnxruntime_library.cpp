#include "infer/onnxruntime_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <mutex>

namespace pictor {
namespace {

constexpr std::string_view kLibrary = "libonnxruntime.so";
constexpr std::string_view kSetUp = PICTOR_DEPS_DIR;  // empty in a package's program
constexpr const char* kCudaProvider = "libonnxruntime_providers_cuda.so";

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  const auto entries = Env::real().list(folder);
  if (!entries.is_ok()) return names;
  for (const auto& entry : *entries) names.push_back(entry.name);
  return names;
}

// The folder of the wheel's libraries in a Python environment, or what it would be called.
std::string wheel_folder(const std::string& environment) {
  const auto libraries = join_path(environment, "lib");
  for (const auto& name : names_in(libraries)) {
    if (!name.starts_with("python3")) continue;
    return join_path(join_path(libraries, name), "site-packages/onnxruntime/capi");
  }
  return join_path(libraries, "python3*/site-packages/onnxruntime/capi");
}

std::string folder_of_program() {
  char path[PATH_MAX] = {};
  return ::realpath("/proc/self/exe", path) == nullptr ? "." : parent_path(path);
}

std::vector<std::string> folders_to_look_in(Device device) {
  std::vector<std::string> folders;
  if (!kSetUp.empty()) {
    if (device == Device::kCuda) folders.push_back(wheel_folder(PICTOR_DEPS_DIR "/venv-cuda"));
    folders.push_back(wheel_folder(PICTOR_DEPS_DIR "/venv"));
  }
  const auto program = folder_of_program();
  folders.push_back(program);
  folders.push_back(join_path(parent_path(program), "lib/pictor"));
  folders.push_back(join_path(parent_path(program), "lib"));
  return folders;
}

Result<std::string> find_library(const OnnxRuntimeOptions& options) {
  const bool cuda = options.device == Device::kCuda;
  const std::string package =
      cuda ? "tools/setup cuda (PyPI: onnxruntime-gpu[cuda,cudnn])" : "tools/setup build (PyPI: onnxruntime)";
  if (!options.library.empty()) {
    if (exists(Env::real(), options.library)) return options.library;
    return Status(Code::kUnsupported, "ONNX Runtime is not at '" + options.library + "': name its " +
                                          std::string(kLibrary) + ", or none to have it looked for; " + package +
                                          " installs it");
  }
  std::string looked;
  for (const auto& folder : folders_to_look_in(options.device)) {
    for (const auto& name : names_in(folder)) {
      const bool plain = name.starts_with(kLibrary) && (name.size() == kLibrary.size() || name[kLibrary.size()] == '.');
      if (plain && (!cuda || exists(Env::real(), join_path(folder, kCudaProvider)))) return join_path(folder, name);
    }
    looked += (looked.empty() ? "'" : ", '") + folder + "'";
  }
  return Status(Code::kUnsupported, "ONNX Runtime is not installed: " + std::string(kLibrary) +
                                        (cuda ? " with " + std::string(kCudaProvider) + " beside it" : "") +
                                        " was looked for in " + looked + "; " + package + " installs it");
}

std::string opening_error() {
  const char* error = ::dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps it per thread
  return error == nullptr ? "no cause was given" : error;
}

std::string resolved(const std::string& path) {
  char real[PATH_MAX] = {};
  return ::realpath(path.c_str(), real) == nullptr ? path : real;
}

bool starts_with_any(std::string_view name, std::initializer_list<std::string_view> starts) {
  return std::ranges::any_of(starts, [&](auto start) { return name.starts_with(start); });
}

}  // namespace

Result<OnnxRuntimeLibrary> open_onnxruntime(const OnnxRuntimeOptions& options) {
  // Its functions are found through one pointer of the process, so there can be one of it.
  static std::mutex mutex;
  static OnnxRuntimeLibrary opened;
  PICTOR_ASSIGN(const auto path, find_library(options));
  const std::lock_guard lock(mutex);
  if (!opened.path.empty()) {
    if (opened.path == resolved(path)) return opened;
    return Status(Code::kMismatch, "ONNX Runtime is open from '" + opened.path + "' already; a process opens one, '" +
                                       path + "' has to wait for the next start");
  }
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return Status(Code::kUnsupported, "ONNX Runtime cannot be opened: " + opening_error());
  }
  using GetApiBase = void* (*)();
  const auto get = reinterpret_cast<GetApiBase>(::dlsym(handle, "OrtGetApiBase"));
  void* base = get == nullptr ? nullptr : get();
  if (base == nullptr) {
    ::dlclose(handle);
    return Status(Code::kUnsupported, "'" + path + "' is a library, but not ONNX Runtime: it has no OrtGetApiBase");
  }
  opened = {base, resolved(path)};
  return opened;
}

Status prepare_cuda_provider(const std::string& library) {
  const auto folder = parent_path(library);
  const auto provider = join_path(folder, kCudaProvider);
  if (!exists(Env::real(), provider)) {
    return {Code::kUnsupported, "this ONNX Runtime has no CUDA: '" + provider +
                                    "' is missing; tools/setup cuda installs one that has it (PyPI: "
                                    "onnxruntime-gpu[cuda,cudnn])"};
  }
  // PyPI's packages of CUDA lie beside onnxruntime/capi, as nvidia/*/lib. They need each other in an order that is
  // theirs, so they are tried until no more of them open. They stay open: what is open is found by name.
  std::vector<std::string> waiting;
  const auto packages = join_path(parent_path(parent_path(folder)), "nvidia");
  for (const auto& package : names_in(packages)) {
    const auto libraries = join_path(join_path(packages, package), "lib");
    for (const auto& name : names_in(libraries)) {
      const bool wanted = starts_with_any(
          name, {"libcublas", "libcudart", "libcudnn", "libcufft", "libcurand", "libnvrtc", "libnvJitLink"});
      if (wanted && name.find(".so") != std::string::npos) waiting.push_back(join_path(libraries, name));
    }
  }
  for (std::size_t before = waiting.size() + 1; waiting.size() < before;) {
    before = waiting.size();
    std::erase_if(waiting, [](const auto& path) { return ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr; });
  }
  // The provider itself must not be tried here: it asks for its host while it is opened, and keeps the null it would
  // get.
  return Status::ok();
}

}  // namespace pictor
