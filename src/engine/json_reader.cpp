#include "engine/json_reader.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/engine.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

std::string kind_of(const Json& value) {
  if (value.is_number_float()) return "a number that is not whole";
  if (value.is_number()) return "a number";
  if (value.is_string()) return "a string";
  if (value.is_boolean()) return "a boolean";
  if (value.is_array()) return "an array";
  return value.is_object() ? "an object" : "null";
}

}  // namespace

JsonReader::JsonReader(const Json& value, std::string where) : value_(value), where_(std::move(where)) {
  if (value.is_object()) return;
  problem_ = {Code::kInvalid,
              (where_.empty() ? "the request" : "'" + where_ + "'") + " is " + kind_of(value) + ", wanted an object"};
}

JsonReader::~JsonReader() = default;

std::string JsonReader::path(std::string_view name) const {
  return where_.empty() ? std::string(name) : where_ + "." + std::string(name);
}

bool JsonReader::has(std::string_view name) const {
  if (!value_.is_object()) return false;
  const auto found = value_.find(std::string(name));
  return found != value_.end() && !found->is_null();
}

const Json* JsonReader::take(std::string_view name) {
  read_.emplace_back(name);
  return has(name) ? &*value_.find(std::string(name)) : nullptr;
}

void JsonReader::refuse(std::string_view name, const std::string& wanted) {
  if (!problem_.is_ok()) return;
  const Json* value = value_.is_object() && value_.contains(std::string(name)) ? &value_[std::string(name)] : nullptr;
  problem_ = {Code::kInvalid,
              "'" + path(name) + "' is " + (value == nullptr ? "missing" : kind_of(*value)) + ", wanted " + wanted};
}

const Json* JsonReader::any(std::string_view name) { return take(name); }

std::optional<std::string> JsonReader::text(std::string_view name) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  refuse(name, "a string");
  return std::nullopt;
}

std::optional<bool> JsonReader::flag(std::string_view name) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  refuse(name, "true or false");
  return std::nullopt;
}

std::optional<double> JsonReader::number(std::string_view name) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) return value->get<double>();
  refuse(name, "a number");
  return std::nullopt;
}

std::optional<std::uint64_t> JsonReader::count(std::string_view name) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number_unsigned()) return value->get<std::uint64_t>();
  refuse(name, "a whole number from 0");
  return std::nullopt;
}

std::optional<std::vector<float>> JsonReader::numbers(std::string_view name) {
  const Json* value = take(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) {
    refuse(name, "an array of numbers");
    return std::nullopt;
  }
  std::vector<float> out;
  out.reserve(value->size());
  for (const Json& one : *value) {
    const float number = one.is_number() ? one.get<float>() : NAN;
    if (!std::isfinite(number)) {
      if (problem_.is_ok()) {
        problem_ = {Code::kInvalid, "'" + path(name) + "' has " + kind_of(one) + " at place " +
                                        std::to_string(out.size()) + ", wanted a number within a float's range"};
      }
      return std::nullopt;
    }
    out.push_back(number);
  }
  return out;
}

Status JsonReader::status() {
  if (!problem_.is_ok() || !value_.is_object()) return problem_;
  for (const auto& [name, value] : value_.items()) {
    if (std::find(read_.begin(), read_.end(), name) != read_.end()) continue;
    std::string wanted;
    for (const std::string& known : read_) wanted += (wanted.empty() ? "" : ", ") + known;
    return {Code::kInvalid, "'" + path(name) + "' is no field of this request; it may have " + wanted};
  }
  return Status::ok();
}

Result<Json> parse_request_json(std::string_view body) {
  const Status looked = check_json_object(body, limits::kServerJsonDepthMax);
  if (!looked.is_ok()) {
    return Status(Code::kInvalid, "the body " + looked.message() + ", wanted a JSON object");
  }
  Json value = Json::parse(body, nullptr, false);
  if (value.is_discarded()) return Status(Code::kInvalid, "the body is no JSON");
  return value;
}

}  // namespace pictor
