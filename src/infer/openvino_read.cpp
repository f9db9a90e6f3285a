#include "infer/openvino_read.h"

#include <algorithm>
#include <openvino/frontend/manager.hpp>
#include <set>
#include <sstream>

#include "infer/ports.h"

namespace pictor {
namespace {

// Only the reader of ONNX is asked: Core::read_model tries all readers, and some of them print.
std::shared_ptr<ov::Model> read_onnx(const std::string& path) {
  ov::frontend::FrontEndManager readers;
  const auto reader = readers.load_by_framework("onnx");
  return reader->convert(reader->load(path));
}

// What is not wanted is cut away before OpenVINO sees it: an operation there that it does not take must not matter.
Result<std::shared_ptr<ov::Model>> read_cut(const OnnxFile& file, const std::string& path,
                                            const std::vector<std::string>& outputs) {
  PICTOR_ASSIGN(const auto bytes, cut_onnx(file.network(), file.bytes(), outputs, path));
  std::istringstream stream{std::string(as_text(bytes))};
  ov::frontend::FrontEndManager readers;
  const auto reader = readers.load_by_framework("onnx");
  return reader->convert(reader->load(static_cast<std::istream*>(&stream), path));  // weights lie beside `path`
}

// Optimising joins tensors, and the joint one keeps the names of all. The name that the file gave is in the name of the
// node: outputs have "NAME/sink_port_0", inputs "NAME".
std::string name_of(const ov::Output<const ov::Node>& port) {
  std::string name = port.get_node()->get_friendly_name();
  name = name.substr(0, name.find("/sink_port_"));
  return port.get_names().contains(name) ? name : port.get_any_name();
}

std::shared_ptr<ov::Model> cut(const std::shared_ptr<ov::Model>& network, const std::vector<std::string>& outputs) {
  ov::ResultVector results;
  for (const auto& name : outputs) {
    for (const auto& result : network->get_results()) {
      if (name_of(std::shared_ptr<const ov::Node>(result)->output(0)) == name) results.push_back(result);
    }
  }
  // A shared output would give two results to one name, or none: then the file is not what it was checked to be.
  if (results.size() != outputs.size()) throw std::runtime_error("the wanted outputs are not found again");
  std::set<ov::Node*> seen;
  std::vector<ov::Node*> open;
  for (const auto& result : results) open.push_back(result.get());
  while (!open.empty()) {
    auto* node = open.back();
    open.pop_back();
    if (!seen.insert(node).second) continue;
    for (const auto& input : node->input_values()) open.push_back(input.get_node());
  }
  ov::ParameterVector parameters;
  for (const auto& parameter : network->get_parameters()) {
    if (seen.contains(parameter.get())) parameters.push_back(parameter);
  }
  return std::make_shared<ov::Model>(results, parameters, network->get_friendly_name());
}

bool is_short_float(const ov::element::Type& type) { return type == ov::element::f16 || type == ov::element::bf16; }

// Callers give and get f32 where the network has half precision.
std::shared_ptr<ov::Model> widen(const std::shared_ptr<ov::Model>& network) {
  ov::preprocess::PrePostProcessor widened(network);
  bool any = false;
  for (std::size_t i = 0; i < network->inputs().size(); ++i) {
    if (!is_short_float(network->input(i).get_element_type())) continue;
    widened.input(i).tensor().set_element_type(ov::element::f32);
    any = true;
  }
  for (std::size_t i = 0; i < network->outputs().size(); ++i) {
    if (!is_short_float(network->output(i).get_element_type())) continue;
    widened.output(i).tensor().set_element_type(ov::element::f32);
    any = true;
  }
  return any ? widened.build() : network;
}

Status fix_shapes(ov::Model& network, const ModelOptions& options, const std::string& path) {
  if (options.batch == 0 && options.shapes.empty()) return Status::ok();
  std::vector<ModelPort> ports;
  for (const auto& input : std::as_const(network).inputs()) {
    PICTOR_ASSIGN(auto port, port_of(input, path));
    ports.push_back(std::move(port));
  }
  PICTOR_ASSIGN(const auto shapes, fixed_shapes(ports, options, path));
  std::map<std::string, ov::PartialShape> fixed;
  for (const auto& [name, shape] : shapes)
    fixed[name] = ov::PartialShape(std::vector<ov::Dimension>(shape.begin(), shape.end()));
  network.reshape(fixed);
  return Status::ok();
}

}  // namespace

Result<std::shared_ptr<ov::Model>> read_for_openvino(const OnnxFile& file, const std::string& path,
                                                     const ModelOptions& options) {
  std::shared_ptr<ov::Model> network;
  if (!options.outputs.empty() && options.outputs.size() < file.network().outputs.size()) {
    PICTOR_ASSIGN(network, read_cut(file, path, options.outputs));
  } else {
    network = read_onnx(path);
  }
  if (!options.outputs.empty()) network = cut(network, options.outputs);
  network = widen(network);
  PICTOR_TRY(fix_shapes(*network, options, path));
  return network;
}

ov::element::Type element_of(ElementType type) {
  switch (type) {
    case ElementType::kF32: return ov::element::f32;
    case ElementType::kI64: return ov::element::i64;
    case ElementType::kI32: return ov::element::i32;
  }
  return ov::element::dynamic;
}

Result<ModelPort> port_of(const ov::Output<const ov::Node>& port, const std::string& path) {
  ModelPort out;
  if (port.get_names().empty())
    return Status(Code::kUnreadable, "'" + path + "' has an input or output without a name");
  out.name = name_of(port);
  bool known = false;
  for (const auto type : {ElementType::kF32, ElementType::kI64, ElementType::kI32}) {
    if (port.get_element_type() != element_of(type)) continue;
    out.type = type;
    known = true;
  }
  if (!known) {
    return Status(Code::kUnsupported, "'" + path + "': tensor '" + out.name + "' has numbers of type " +
                                          port.get_element_type().get_type_name() + ", f32, f16, i64 or i32 is wanted");
  }
  const auto& shape = port.get_partial_shape();
  if (shape.rank().is_dynamic()) {
    return Status(Code::kUnsupported, "'" + path + "': tensor '" + out.name + "' has no fixed number of dimensions");
  }
  for (const auto& dimension : shape) out.shape.push_back(dimension.is_dynamic() ? -1 : dimension.get_length());
  return out;
}

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

Status openvino_refusal(const OnnxNetwork& network, const std::string& path, const std::exception& error) {
  const std::string cause = short_cause(error);
  const bool unknown_operation =
      cause.find("No conversion rule") != std::string::npos || cause.find("not supported") != std::string::npos ||
      cause.find("not support the following") != std::string::npos || cause.find("nsupported op") != std::string::npos;
  if (!unknown_operation) {
    return {Code::kUnreadable, "'" + path + "' cannot be read as a network (ONNX is wanted): " + cause};
  }
  const auto named = named_operations(network, cause);
  return {Code::kUnsupported, "'" + path + "' has operations that OpenVINO does not know: " +
                                  (named.empty() ? cause : named + ": export it with other ones, or use ONNX Runtime")};
}

Status check_operations(const std::string& path) {
  PICTOR_ASSIGN(const auto file, OnnxFile::open(Env::real(), path));
  try {
    read_onnx(path);
    return Status::ok();
  } catch (const std::exception& error) {
    return openvino_refusal(file.network(), path, error);
  }
}

}  // namespace pictor
