// Which run time an encoder's networks run on: what the caller asked for, else what the card says, else OpenVINO.
//
// Thread safety: all calls from any thread. A run time is opened when first needed and kept until the end.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/base.h"
#include "infer/infer.h"

namespace pictor {

// As EngineOptions has them: "" is no wish.
struct RuntimeChoice {
  std::string runtime;  // "openvino", "onnxruntime"
  std::string device;   // "cpu", "cuda", "cuda:1"
};

// kInvalid says what is not known, or that the two do not go together.
Status check_runtime_choice(const RuntimeChoice& choice);

class Runtimes {
 public:
  // REQUIRES: check_runtime_choice(choice) is ok.
  explicit Runtimes(RuntimeChoice choice) : choice_(std::move(choice)) {}

  // `of_card` is what the card says, "" when it says nothing. kUnsupported: its library or its device is not here.
  Result<const Runtime*> get(const std::string& of_card);

 private:
  RuntimeChoice choice_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Runtime>> open_;
};

}  // namespace pictor
