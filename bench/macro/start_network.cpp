// start_network NETWORK CACHE openvino|onnxruntime [THREADS]: from the start of a process to the first output of a
// network.
//
// Standard output, one line: milliseconds in which the run time was made, the network loaded and one input of zeros
// run, then the first number that came out. Open dimensions are 1. What a process needs before main() is for the caller
// to see.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include "base/base.h"
#include "infer/infer.h"

namespace {

using namespace pictor;
using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

Result<double> run_zeros(const Model& model) {
  std::vector<TensorView> views;
  std::vector<std::vector<std::int64_t>> zeros;
  for (const auto& port : model.inputs()) {
    TensorView view{port.name, port.type, port.shape, nullptr};
    std::size_t count = 1;
    for (auto& size : view.shape) count *= static_cast<std::size_t>(size = std::max<std::int64_t>(size, 1));
    // Eight bytes are enough for a number of any type.
    view.data = zeros.emplace_back(count, 0).data();
    views.push_back(std::move(view));
  }
  PICTOR_ASSIGN(const auto outputs, model.run(views));
  return static_cast<double>(outputs[0].values[0]);
}

Status measure(const std::string& network, const std::string& cache, const std::string& which, std::size_t threads) {
  const auto begin = Clock::now();
  std::unique_ptr<Runtime> runtime;
  if (which == "openvino") {
    runtime = make_openvino_runtime();
  } else {
    PICTOR_ASSIGN(runtime, make_onnxruntime_runtime({}));
  }
  const double made = milliseconds_since(begin);
  ModelOptions options;
  options.threads = threads;
  options.cache_folder = cache;
  options.batch = 1;
  PICTOR_ASSIGN(const auto model, runtime->load(network, options));
  const double loaded = milliseconds_since(begin) - made;
  PICTOR_ASSIGN(const double first, run_zeros(*model));
  const double ran = milliseconds_since(begin) - made - loaded;
  std::cout << made << ' ' << loaded << ' ' << ran << ' ' << first << std::endl;
  return Status::ok();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: start_network NETWORK CACHE openvino|onnxruntime [THREADS]\n";
    return 2;
  }
  const std::size_t threads = argc > 4 ? std::strtoul(argv[4], nullptr, 10) : 1;
  const Status status = measure(argv[1], argv[2], argv[3], threads);
  if (status.is_ok()) return 0;
  std::cerr << "start_network: " << status.to_string() << '\n';
  return 1;
}
