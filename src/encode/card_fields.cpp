#include "encode/card_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace pictor {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

void refuse(const std::string& message) { throw Refused{Status(Code::kUnreadable, "card: " + message)}; }

Fields::Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object.is_object()) refuse("'" + where_ + "' is " + object.type_name() + ", an object is wanted");
}

const Json& Fields::get(const char* name) {
  if (!has(name)) refuse("field '" + path(name) + "' is missing");
  return object_.at(name);
}

std::string Fields::text(const char* name, std::size_t bytes_max) {
  const auto& value = get(name);
  if (!value.is_string()) wrong(name, value, "a string");
  auto text = value.get<std::string>();
  if (text.empty() || text.size() > bytes_max) {
    refuse("'" + path(name) + "' has " + std::to_string(text.size()) + " bytes, 1 to " + std::to_string(bytes_max) +
           " are wanted");
  }
  return text;
}

std::vector<std::string> Fields::names(std::size_t count_max) const {
  if (object_.empty() || object_.size() > count_max) {
    refuse("'" + where_ + "' has " + std::to_string(object_.size()) + " entries, 1 to " + std::to_string(count_max) +
           " are wanted");
  }
  std::vector<std::string> names;
  for (const auto& [name, unused] : object_.items()) names.push_back(name);
  return names;
}

std::uint64_t Fields::whole(const char* name, std::uint64_t min, std::uint64_t max) {
  const auto& value = get(name);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() < min || value.get<std::uint64_t>() > max) {
    wrong(name, value, "a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return value.get<std::uint64_t>();
}

double Fields::number(const char* name, double min, double max) {
  const auto& value = get(name);
  if (!value.is_number() || !(value.get<double>() >= min && value.get<double>() <= max)) {
    wrong(name, value, "a number from " + shown(min) + " to " + shown(max));
  }
  return value.get<double>();
}

bool Fields::flag(const char* name) {
  const auto& value = get(name);
  if (!value.is_boolean()) wrong(name, value, "true or false");
  return value.get<bool>();
}

double Fields::fraction(const char* name) {
  const auto& parts = list(name, 2, 2);
  const auto whole_part = [&](std::size_t i) -> std::uint64_t {
    if (!parts[i].is_number_unsigned() || parts[i] == 0 || parts[i].get<std::uint64_t>() > limits::kPrepareSideMax) {
      wrong(name, parts, "[numerator, denominator] from 1 to " + std::to_string(limits::kPrepareSideMax));
    }
    return parts[i].get<std::uint64_t>();
  };
  const auto numerator = whole_part(0);
  const auto denominator = whole_part(1);
  if (numerator > denominator) wrong(name, parts, "a fraction of at most 1");
  return static_cast<double>(numerator) / static_cast<double>(denominator);
}

const Json& Fields::list(const char* name, std::size_t size_min, std::size_t size_max) {
  const auto& value = get(name);
  if (!value.is_array() || value.size() < size_min || value.size() > size_max) {
    wrong(name, value, "a list of " + std::to_string(size_min) + " to " + std::to_string(size_max));
  }
  return value;
}

bool Fields::has(const char* name) {
  known_.insert(name);
  return object_.contains(name);
}

std::string Fields::one_of(const char* name, const std::vector<std::string>& known) {
  const auto& value = get(name);
  if (value.is_string() && std::ranges::find(known, value.get<std::string>()) != known.end()) {
    return value.get<std::string>();
  }
  std::string list;
  for (const auto& word : known) list += (list.empty() ? "'" : ", '") + word + "'";
  wrong(name, value, "one of " + list);
}

std::array<double, 3> Fields::three_numbers(const char* name, double min, double max, bool whole) {
  std::array<double, 3> out{};
  const auto& values = list(name, 3, 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const bool right = values[i].is_number() && (!whole || values[i].is_number_integer()) &&
                       values[i].get<double>() >= min && values[i].get<double>() <= max;
    if (!right) wrong(name, values[i], "three numbers from " + shown(min) + " to " + shown(max));
    out[i] = values[i].get<double>();
  }
  return out;
}

void Fields::finish() const {
  for (const auto& field : object_.items()) {
    if (known_.contains(field.key())) continue;
    const std::string name = field.key().substr(0, 64);
    const auto distance = [&](const std::string& known) { return edit_distance(known, name); };
    const auto nearest = std::ranges::min_element(known_, {}, distance);
    refuse("field '" + path(name) + "' is unknown" +
           (nearest == known_.end() ? "" : "; the nearest that is known is '" + path(*nearest) + "'"));
  }
}

void Fields::wrong(const char* name, const Json& value, const std::string& wanted) const {
  auto seen = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (seen.size() > 64) seen = seen.substr(0, 64) + "...";
  refuse("'" + path(name) + "' is " + seen + ", " + wanted + " is wanted");
}

std::string Fields::shown(double value) {
  auto text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace pictor
