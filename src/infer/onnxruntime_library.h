// Finding and opening the library of ONNX Runtime, and what CUDA needs beside it. No header of it is needed here.
#pragma once

#include <string>

#include "infer/infer.h"

namespace pictor {

struct OnnxRuntimeLibrary {
  void* api_base = nullptr;  // what OrtGetApiBase returns
  std::string path;
};

// Opens the library once in a process and keeps it. kUnsupported when there is none: says where it was looked for.
Result<OnnxRuntimeLibrary> open_onnxruntime(const OnnxRuntimeOptions& options);
// Opens the libraries of CUDA that were installed beside `library` (as PyPI's packages are), so that its CUDA provider
// finds them. kUnsupported when the provider is missing.
Status prepare_cuda_provider(const std::string& library);

// "cuda/NVIDIA H200/sm_90", asked of the driver. kUnsupported when there is no driver or no such device.
Result<std::string> cuda_device_class(int device);

}  // namespace pictor
