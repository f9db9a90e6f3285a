// Who may be shown: what the metadata of an item says of its rights.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/context_parts.h"
#include "engine/engine.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

// "All rights_reserved" -> "all-rights-reserved".
std::string plain_word(std::string_view text) {
  std::string word;
  for (const char c : text) {
    if (c == ' ' || c == '_') {
      word += '-';
    } else {
      word += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
  }
  const auto first = word.find_first_not_of('-');
  return first == std::string::npos ? "" : word.substr(first, word.find_last_not_of('-') - first + 1);
}

bool is_among(std::string_view word, const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(), [&](const std::string& one) { return plain_word(one) == word; });
}

bool text_allows(const Json& value, const ContextRights& rights) {
  if (!value.is_string()) return false;
  const std::string word = plain_word(value.get_ref<const std::string&>());
  if (is_among(word, rights.refused)) return false;
  return rights.allowed.empty() || is_among(word, rights.allowed);
}

bool value_allows(const Json& value, const ContextRights& rights) {
  if (value.is_boolean()) return value.get<bool>();
  if (!value.is_array()) return text_allows(value, rights);
  return !value.empty() &&
         std::all_of(value.begin(), value.end(), [&](const Json& one) { return text_allows(one, rights); });
}

}  // namespace

const Json* field_of(const Json& metadata, std::string_view name) {
  if (!metadata.is_object()) return nullptr;
  const auto whole = metadata.find(std::string(name));
  if (whole != metadata.end()) return whole->is_null() ? nullptr : &*whole;
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const auto inner = metadata.find(std::string(name.substr(0, dot)));
  return inner == metadata.end() ? nullptr : field_of(*inner, name.substr(dot + 1));
}

bool may_be_shown(const Json& metadata, const ContextRights& rights) {
  bool said = false;
  for (const std::string& name : rights.fields) {
    const Json* value = field_of(metadata, name);
    if (value == nullptr) continue;
    if (!value_allows(*value, rights)) return false;
    said = said || !value->is_boolean();
  }
  return said || rights.allowed.empty();
}

bool context_allows(std::string_view metadata, const ContextRights& rights) {
  Json object = Json::object();
  if (check_json_object(metadata).is_ok()) object = Json::parse(metadata, nullptr, false);
  return may_be_shown(object, rights);
}

}  // namespace pictor
