// What every run time checks alike: options, and inputs against the network's ports.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "infer/infer.h"

namespace pictor {

std::string shape_text(std::span<const std::int64_t> shape);  // "[any x 3 x 32 x 32]"
const char* type_text(ElementType type);

Status check_options(const ModelOptions& options);
// Names, types and shapes; every size at least 1.
Status check_inputs(const std::vector<ModelPort>& ports, std::span<const TensorView> inputs, const std::string& path);

using Shapes = std::map<std::string, std::vector<std::int64_t>>;
// Every input's shape, with what the options fix. kInvalid when they name an input that is not there, or another size
// than the network's own.
Result<Shapes> fixed_shapes(const std::vector<ModelPort>& inputs, const ModelOptions& options, const std::string& path);

}  // namespace pictor
