#include "encode/hub_config.h"

#include <array>
#include <memory>
#include <nlohmann/json.hpp>

namespace pictor {
namespace {

using Json = nlohmann::json;

[[noreturn]] void fail(Code code, const std::string& message) { throw ConfigProblem{Status(code, message)}; }

// nlohmann's parser goes as deep as the file: 64 levels are more than any configuration has.
bool within_depth(int depth, Json::parse_event_t, Json&) {
  if (depth > 64) fail(Code::kLimit, "nested deeper than 64 levels");
  return true;
}

}  // namespace

Config::Config(std::shared_ptr<const Json> whole, const Json& here, std::string where)
    : whole_(std::move(whole)), here_(&here), where_(std::move(where)) {
  if (!here.is_object()) fail(Code::kUnreadable, where_ + " is " + here.type_name() + ", an object is wanted");
}

std::optional<Config> Config::read(const HubFiles& files, const std::string& name) {
  const auto found = files.find(name);
  if (found == files.end()) return std::nullopt;
  try {
    auto whole = std::make_shared<const Json>(Json::parse(found->second, within_depth));
    const Json& top = *whole;
    return Config(std::move(whole), top, name);
  } catch (const Json::exception& error) {
    fail(Code::kUnreadable, name + ": " + error.what());
  } catch (const ConfigProblem& problem) {
    throw ConfigProblem{problem.status.in(name)};
  }
}

const Json* Config::get(const char* field) const {
  const auto found = here_->find(field);
  return found == here_->end() || found->is_null() ? nullptr : &*found;
}

bool Config::has(const char* field) const { return get(field) != nullptr; }

std::optional<Config> Config::object(const char* field) const {
  const auto* value = get(field);
  if (value == nullptr) return std::nullopt;
  return Config(whole_, *value, where_ + ": " + field);
}

void Config::wrong(const char* field, const std::string& wanted) const {
  auto seen = here_->at(field).dump(-1, ' ', false, Json::error_handler_t::replace);
  if (seen.size() > 64) seen = seen.substr(0, 64) + "...";
  fail(Code::kUnreadable, where_ + ": '" + field + "' is " + seen + ", " + wanted + " is wanted");
}

void Config::unsupported(const std::string& what) const { fail(Code::kUnsupported, where_ + ": " + what); }

std::string Config::text(const char* field, const std::string& otherwise) const {
  const auto* value = get(field);
  if (value == nullptr) return otherwise;
  if (!value->is_string() || value->get_ref<const std::string&>().size() > limits::kCardTextBytesMax) {
    wrong(field, "a string of at most " + std::to_string(limits::kCardTextBytesMax) + " bytes");
  }
  return value->get<std::string>();
}

std::uint64_t Config::whole(const char* field, std::uint64_t otherwise) const {
  const auto* value = get(field);
  if (value == nullptr) return otherwise;
  if (!value->is_number_unsigned()) wrong(field, "a whole number");
  return value->get<std::uint64_t>();
}

double Config::number(const char* field, double otherwise) const {
  const auto* value = get(field);
  if (value == nullptr) return otherwise;
  if (!value->is_number()) wrong(field, "a number");
  return value->get<double>();
}

bool Config::flag(const char* field, bool otherwise) const {
  const auto* value = get(field);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) wrong(field, "true or false");
  return value->get<bool>();
}

std::array<float, 3> Config::three(const char* field, const std::array<float, 3>& otherwise) const {
  const auto* value = get(field);
  if (value == nullptr) return otherwise;
  if (value->is_number()) {
    const auto one = value->get<float>();
    return {one, one, one};
  }
  const bool right = value->is_array() && value->size() == 3 && value->at(0).is_number() && value->at(1).is_number() &&
                     value->at(2).is_number();
  if (!right) wrong(field, "a list of three numbers");
  return {value->at(0).get<float>(), value->at(1).get<float>(), value->at(2).get<float>()};
}

}  // namespace pictor
