#include "encode/tokenizer_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace pictor {
namespace {

using Json = nlohmann::json;

const Json& json(const void* value) { return *static_cast<const Json*>(value); }

std::string inside(const std::string& path, const std::string& name) { return path.empty() ? name : path + "." + name; }
std::string inside(const std::string& path, std::size_t place) { return path + "[" + std::to_string(place) + "]"; }

const std::string& token_of(const Json& value, const JsonView& list, std::size_t place) {
  if (!value.is_string())
    list.refuse(Code::kUnreadable, "item " + std::to_string(place) + " has no text where one is wanted");
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > limits::kTokenBytesMax) {
    list.refuse(Code::kLimit, "item " + std::to_string(place) + " has a token of " + std::to_string(text.size()) +
                                  " bytes, at most " + std::to_string(limits::kTokenBytesMax) + " are read");
  }
  return text;
}

// The number as the reference reads it: its JSON library multiplies the digits by a power of ten in double precision,
// which is off by a bit in some of them, and that bit decides between paths of equal score. Files have the shortest
// digits.
double as_reference_reads(double value) {
  constexpr int kPowerMax = 308;
  static const auto kPowers = [] {
    std::array<double, kPowerMax + 1> powers{};
    for (int i = 0; i <= kPowerMax; ++i) {
      const auto text = "1e" + std::to_string(i);
      std::from_chars(text.data(), text.data() + text.size(), powers[static_cast<std::size_t>(i)]);
    }
    return powers;
  }();
  std::array<char, 32> text{};
  const auto* end =
      std::to_chars(text.data(), text.data() + text.size(), std::fabs(value), std::chars_format::scientific).ptr;
  std::uint64_t digits = 0;
  int exponent = 0;
  const char* at = text.data();
  for (bool is_fraction = false; at < end && *at != 'e'; ++at) {
    if (*at == '.') {
      is_fraction = true;
      continue;
    }
    digits = digits * 10 + static_cast<std::uint64_t>(*at - '0');
    exponent -= is_fraction ? 1 : 0;
  }
  int written = 0;
  if (at < end) std::from_chars(at[1] == '+' ? at + 2 : at + 1, end, written);
  exponent += written;
  auto out = static_cast<double>(digits);
  for (; exponent < -kPowerMax && out != 0.0; exponent += kPowerMax) out /= kPowers[kPowerMax];
  const double power = kPowers[static_cast<std::size_t>(std::min(std::abs(exponent), kPowerMax))];
  out = exponent >= 0 ? out * power : out / power;
  return value < 0 ? -out : out;
}

}  // namespace

void JsonView::refuse(Code code, const std::string& message) const {
  throw Refused{Status(code, "tokenizer: " + (path_.empty() ? std::string() : path_ + ": ") + message)};
}

void JsonView::refuse_unsupported(const std::string& seen, const std::string& known) const {
  refuse(Code::kUnsupported, "'" + seen + "' is not read by this build, which knows " + known);
}

bool JsonView::is_null() const { return json(value_).is_null(); }
bool JsonView::is_list() const { return json(value_).is_array(); }
bool JsonView::has(const char* name) const { return json(value_).is_object() && json(value_).contains(name); }

JsonView JsonView::field(const char* name) const {
  if (!has(name)) refuse(Code::kUnreadable, std::string("has no field '") + name + "'");
  return {&json(value_).at(name), inside(path_, name)};
}

JsonView JsonView::field_or_null(const char* name) const {
  static const Json kNull;
  if (!json(value_).is_object())
    refuse(Code::kUnreadable, std::string("is ") + json(value_).type_name() + ", an object is wanted");
  return has(name) ? field(name) : JsonView(&kNull, inside(path_, name));
}

JsonView JsonView::at(std::size_t place) const { return {&json(value_).at(place), inside(path_, place)}; }

std::size_t JsonView::list_size(std::size_t size_max) const {
  if (!is_list()) refuse(Code::kUnreadable, std::string("is ") + json(value_).type_name() + ", a list is wanted");
  const std::size_t size = json(value_).size();
  if (size > size_max) {
    refuse(Code::kLimit, "has " + std::to_string(size) + " items, at most " + std::to_string(size_max) + " are read");
  }
  return size;
}

std::string JsonView::text(std::size_t bytes_max) const {
  if (!json(value_).is_string())
    refuse(Code::kUnreadable, std::string("is ") + json(value_).type_name() + ", a string is wanted");
  const auto& text = json(value_).get_ref<const std::string&>();
  if (text.size() > bytes_max) {
    refuse(Code::kLimit,
           "has " + std::to_string(text.size()) + " bytes, at most " + std::to_string(bytes_max) + " are read");
  }
  return text;
}

bool JsonView::flag(const char* name, bool fallback) const {
  const auto view = field_or_null(name);
  if (view.is_null()) return fallback;
  const auto& value = json(view.value_);
  if (!value.is_boolean())
    view.refuse(Code::kUnreadable, std::string("is ") + value.type_name() + ", true or false is wanted");
  return value.get<bool>();
}

std::int64_t JsonView::whole(std::int64_t least, std::int64_t most) const {
  const auto& value = json(value_);
  const bool is_in = value.is_number_integer() &&
                     !(value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) &&
                     value.get<std::int64_t>() >= least && value.get<std::int64_t>() <= most;
  if (!is_in) {
    refuse(Code::kUnreadable, "is not a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return value.get<std::int64_t>();
}

double JsonView::number() const {
  const auto& value = json(value_);
  if (!value.is_number()) refuse(Code::kUnreadable, std::string("is ") + value.type_name() + ", a number is wanted");
  return value.get<double>();
}

Vocabulary JsonView::vocabulary() const {
  const auto& table = json(value_);
  if (!table.is_object() || table.empty()) refuse(Code::kUnreadable, "is not a table of tokens");
  Vocabulary out;
  out.reserve(table.size());
  for (const auto& [token, id] : table.get_ref<const Json::object_t&>()) {
    if (token.size() > limits::kTokenBytesMax) {
      refuse(Code::kLimit, "has a token of " + std::to_string(token.size()) + " bytes, at most " +
                               std::to_string(limits::kTokenBytesMax) + " are read");
    }
    out.emplace(token, JsonView(&id, inside(path_, token)).id());
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> JsonView::merges() const {
  const std::size_t count = list_size(limits::kMergesMax);
  std::vector<std::pair<std::string, std::string>> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& item = json(value_)[i];
    if (item.is_array() && item.size() == 2) {
      out.emplace_back(token_of(item[0], *this, i), token_of(item[1], *this, i));
      continue;
    }
    if (!item.is_string()) refuse(Code::kUnreadable, "item " + std::to_string(i) + " is not a pair of tokens");
    const auto& line = item.get_ref<const std::string&>();
    if (line.starts_with("#version")) continue;
    const auto blank = line.find(' ');
    if (blank == std::string::npos || line.find(' ', blank + 1) != std::string::npos) {
      refuse(Code::kUnreadable, "item " + std::to_string(i) + " is not two tokens with a blank between");
    }
    if (line.size() > std::size_t{2} * limits::kTokenBytesMax)
      refuse(Code::kLimit, "item " + std::to_string(i) + " is too long");
    out.emplace_back(line.substr(0, blank), line.substr(blank + 1));
  }
  return out;
}

std::vector<std::pair<std::string, double>> JsonView::scored_texts() const {
  const std::size_t count = list_size(limits::kVocabularyMax);
  std::vector<std::pair<std::string, double>> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& item = json(value_)[i];
    if (!item.is_array() || item.size() != 2 || !item[1].is_number() || !std::isfinite(item[1].get<double>())) {
      refuse(Code::kUnreadable, "item " + std::to_string(i) + " is not a token and its score");
    }
    const double score = item[1].get<double>();
    out.emplace_back(token_of(item[0], *this, i), item[1].is_number_float() ? as_reference_reads(score) : score);
  }
  return out;
}

}  // namespace pictor
