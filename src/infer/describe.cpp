// The calls of the door that look into a network file without a run time.
#include <algorithm>

#include "infer/infer.h"
#include "infer/onnx_file.h"

namespace pictor {
namespace {

std::vector<DescribedPort> described(const std::vector<OnnxPort>& ports) {
  std::vector<DescribedPort> out;
  out.reserve(ports.size());
  for (const auto& port : ports) out.push_back({std::string(port.name), onnx_type_name(port.type), port.shape});
  return out;
}

}  // namespace

Result<NetworkDescription> describe_network(const std::string& path) {
  PICTOR_ASSIGN(const auto file, OnnxFile::open(Env::real(), path));
  const auto& network = file.network();
  NetworkDescription out;
  out.inputs = described(network.inputs);
  out.outputs = described(network.outputs);
  for (const auto& opset : network.opsets) {
    if (opset.domain.empty()) out.opset = std::max(out.opset, opset.version);
  }
  out.operations = network.nodes.size();
  for (const auto& tensor : network.tensors) out.weight_bytes += tensor.bytes;
  out.external_files = file.external_files();
  return out;
}

Status check_weights_finite(const std::string& path) {
  auto& env = Env::real();
  PICTOR_ASSIGN(const auto file, OnnxFile::open(env, path));
  return check_tensors_finite(env, file, path);
}

}  // namespace pictor
