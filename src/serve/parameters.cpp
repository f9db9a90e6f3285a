// Parameters of addresses.
#include <algorithm>
#include <charconv>

#include "serve/api.h"

namespace pictor {

Result<std::optional<std::uint64_t>> count_parameter(const Call& call, std::string_view name, std::uint64_t most) {
  const auto text = call.parameter(name);
  if (!text) return std::optional<std::uint64_t>();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value > most) {
    return Status(Code::kInvalid, "'" + std::string(name) + "' is '" + std::string(*text) +
                                      "', wanted a whole number from 0 to " + std::to_string(most));
  }
  return std::optional(value);
}

Result<bool> flag_parameter(const Call& call, std::string_view name) {
  const auto text = call.parameter(name);
  if (!text || *text == "false" || *text == "0") return false;
  if (*text == "true" || *text == "1" || text->empty()) return true;
  return Status(Code::kInvalid, "'" + std::string(name) + "' is '" + std::string(*text) + "', wanted true or false");
}

Status only_parameters(const Call& call, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : call.request.head.query) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string wanted;
    for (const std::string_view one : known) wanted += (wanted.empty() ? "" : ", ") + std::string(one);
    return {Code::kInvalid, "'" + name + "' is no parameter of this request" +
                                (wanted.empty() ? ", which has none" : "; it may have " + wanted)};
  }
  return Status::ok();
}

}  // namespace pictor
