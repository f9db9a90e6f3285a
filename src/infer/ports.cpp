#include "infer/ports.h"

#include <algorithm>

namespace pictor {
namespace {

Status check_input(const ModelPort& port, const TensorView& input, const std::string& path) {
  const std::string which = "'" + path + "', input '" + input.name + "': ";
  if (input.type != port.type) {
    return {Code::kInvalid, which + type_text(input.type) + " was given, " + type_text(port.type) + " is wanted"};
  }
  bool fits = input.shape.size() == port.shape.size() && input.data != nullptr;
  for (std::size_t i = 0; fits && i < port.shape.size(); ++i) {
    fits = input.shape[i] > 0 && (port.shape[i] < 0 || port.shape[i] == input.shape[i]);
  }
  if (fits) return Status::ok();
  return {Code::kInvalid, which + shape_text(input.shape) + " was given, " + shape_text(port.shape) + " is wanted"};
}

// Run times take the memory of a fixed size when they prepare a network.
Status check_bytes(const std::string& name, const std::vector<std::int64_t>& shape) {
  std::uint64_t bytes = sizeof(float);
  for (const auto size : shape) {
    const bool wraps =
        __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(std::max<std::int64_t>(size, 1)), &bytes);
    if (!wraps && bytes <= limits::kModelTensorBytesMax) continue;
    return {Code::kLimit, "input '" + name + "' of size " + shape_text(shape) + " has more than " +
                              std::to_string(limits::kModelTensorBytesMax) + " bytes"};
  }
  return Status::ok();
}

Status no_such_input(const std::vector<ModelPort>& inputs, const std::string& name, const std::string& path) {
  std::string known;
  for (const auto& port : inputs) known.append(known.empty() ? "" : ", ").append(port.name);
  return {Code::kInvalid, "'" + path + "' has no input '" + name + "' to fix the size of; it has: " + known};
}

Status wrong_size(const std::string& name, const std::vector<std::int64_t>& shape,
                  const std::vector<std::int64_t>& wanted, const std::string& path) {
  return {Code::kInvalid,
          "'" + path + "', input '" + name + "' is " + shape_text(shape) + ", it cannot be " + shape_text(wanted)};
}

}  // namespace

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += " x ";
    text += shape[i] < 0 ? "any" : std::to_string(shape[i]);
  }
  return text + "]";
}

const char* type_text(ElementType type) {
  switch (type) {
    case ElementType::kF32: return "f32";
    case ElementType::kI64: return "i64";
    case ElementType::kI32: return "i32";
  }
  return "another type";
}

Status check_options(const ModelOptions& options) {
  if (options.threads >= 1 && options.parallel_requests >= 1 && options.threads <= limits::kThreadsMax &&
      options.parallel_requests <= limits::kThreadsMax) {
    return Status::ok();
  }
  return {Code::kInvalid,
          "threads and parallel requests of a network are from 1 to " + std::to_string(limits::kThreadsMax)};
}

Status check_inputs(const std::vector<ModelPort>& ports, std::span<const TensorView> inputs, const std::string& path) {
  for (const auto& port : ports) {
    const auto found = std::ranges::find(inputs, port.name, &TensorView::name);
    if (found == inputs.end()) return {Code::kInvalid, "'" + path + "' wants an input '" + port.name + "'"};
    PICTOR_TRY(check_input(port, *found, path));
  }
  if (inputs.size() == ports.size()) return Status::ok();
  return {Code::kInvalid, "'" + path + "' takes " + std::to_string(ports.size()) + " inputs, " +
                              std::to_string(inputs.size()) + " were given"};
}

Result<Shapes> fixed_shapes(const std::vector<ModelPort>& inputs, const ModelOptions& options,
                            const std::string& path) {
  Shapes out;
  for (const auto& port : inputs) {
    auto& shape = out[port.name];
    shape = port.shape;
    if (options.batch > 0 && !shape.empty() && shape[0] < 0) shape[0] = static_cast<std::int64_t>(options.batch);
  }
  for (const auto& [name, wanted] : options.shapes) {
    const auto found = out.find(name);
    if (found == out.end()) return no_such_input(inputs, name, path);
    auto& shape = found->second;
    bool fits = wanted.size() == shape.size();
    for (std::size_t i = 0; fits && i < shape.size(); ++i) {
      fits = wanted[i] == -1 || (wanted[i] > 0 && (shape[i] < 0 || shape[i] == wanted[i]));
    }
    if (!fits) return wrong_size(name, shape, wanted, path);
    for (std::size_t i = 0; i < shape.size(); ++i) shape[i] = std::max(shape[i], wanted[i]);
  }
  for (const auto& [name, shape] : out) PICTOR_TRY(check_bytes(name, shape));
  return out;
}

}  // namespace pictor
