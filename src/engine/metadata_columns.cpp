#include "engine/metadata_columns.h"

#include <nlohmann/json.hpp>

namespace pictor {

struct MetadataColumns::Json {
  nlohmann::json value;
};

namespace {

const nlohmann::json* at(const nlohmann::json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto whole = object.find(std::string(name));
  if (whole != object.end()) return &*whole;
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const auto part = object.find(std::string(name.substr(0, dot)));
  return part == object.end() ? nullptr : at(*part, name.substr(dot + 1));
}

}  // namespace

MetadataColumns::MetadataColumns(const std::string& metadata)
    : json_(std::make_unique<const Json>(Json{nlohmann::json::parse(metadata, nullptr, false)})) {}

MetadataColumns::~MetadataColumns() = default;

BoostValue MetadataColumns::value(std::string_view name) const {
  const auto* found = at(json_->value, name);
  if (found == nullptr) return {};
  if (found->is_string()) return found->get<std::string>();
  if (found->is_number()) return found->get<double>();
  if (found->is_boolean()) return found->get<bool>() ? 1.0 : 0.0;
  return {};
}

std::string MetadataColumns::text(std::string_view name) const {
  const auto* found = at(json_->value, name);
  if (found == nullptr || !found->is_primitive() || found->is_null()) return {};
  return found->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace pictor
