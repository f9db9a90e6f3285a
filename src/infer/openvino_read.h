// A network file to OpenVINO's own form, cut and sized as the options say. Functions here may throw what OpenVINO
// throws; openvino_refusal makes a Status of it.
#pragma once

#include <memory>
#include <openvino/openvino.hpp>
#include <string>

#include "infer/infer.h"
#include "infer/onnx_file.h"

namespace pictor {

// REQUIRES: the file was checked (OnnxFile::open), and has the wanted outputs.
Result<std::shared_ptr<ov::Model>> read_for_openvino(const OnnxFile& file, const std::string& path,
                                                     const ModelOptions& options);

ov::element::Type element_of(ElementType type);
Result<ModelPort> port_of(const ov::Output<const ov::Node>& port, const std::string& path);

// What of an exception's text says something; the other lines are places in OpenVINO's own source.
std::string short_cause(const std::exception& error);
Status openvino_refusal(const OnnxNetwork& network, const std::string& path, const std::exception& error);

}  // namespace pictor
