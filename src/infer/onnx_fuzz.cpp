// Any bytes as an ONNX file: no crash, bounded memory; what is read can be cut, and what was cut can be read again.
#include <cstdlib>

#include "infer/onnx_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pictor;
  const ByteView bytes = std::as_bytes(std::span(data, size));
  const auto network = parse_onnx(bytes, "fuzz");
  if (!network.is_ok() || network->outputs.empty()) return 0;
  const std::vector<std::string> last = {std::string(network->outputs.back().name)};
  const auto cut = cut_onnx(*network, bytes, last, "fuzz");
  if (!cut.is_ok()) std::abort();
  const auto again = parse_onnx(*cut, "fuzz");
  if (!again.is_ok() || again->outputs.size() != 1) std::abort();
  if (again->nodes.size() > network->nodes.size() || again->tensors.size() > network->tensors.size()) std::abort();
  return 0;
}
