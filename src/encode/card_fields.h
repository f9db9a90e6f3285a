// The fields of one JSON object of a card, checked as they are read.
#pragma once

#include <array>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "base/base.h"
#include "encode/refused.h"

namespace pictor {

using Json = nlohmann::json;

[[noreturn]] void refuse(const std::string& message);

// What was never asked for is unknown, and finish() refuses it. Every call may throw Refused.
class Fields {
 public:
  Fields(const Json& object, std::string where);

  bool has(const char* name);
  const Json& get(const char* name);
  std::string text(const char* name, std::size_t bytes_max = limits::kCardTextBytesMax);
  // All names of an object that is a table; each is then asked for.
  std::vector<std::string> names(std::size_t count_max) const;
  std::uint64_t whole(const char* name, std::uint64_t min, std::uint64_t max);
  double number(const char* name, double min, double max);
  bool flag(const char* name);
  // [numerator, denominator], above 0 and at most 1: written so, it is the same double everywhere.
  double fraction(const char* name);
  const Json& list(const char* name, std::size_t size_min, std::size_t size_max);
  Fields object(const char* name) { return {get(name), path(name)}; }  // its JSON must outlive it
  std::string path(const std::string& name) const { return where_.empty() ? name : where_ + "." + name; }
  void finish() const;

  template <typename T>
  T choice(const char* name, const std::map<std::string, T>& choices) {
    std::vector<std::string> known;
    known.reserve(choices.size());
    for (const auto& [word, unused] : choices) known.push_back(word);
    return choices.at(one_of(name, known));
  }
  template <typename T>
  std::array<T, 3> three(const char* name, double min, double max) {
    const auto values = three_numbers(name, min, max, !std::is_floating_point_v<T>);
    return {static_cast<T>(values[0]), static_cast<T>(values[1]), static_cast<T>(values[2])};
  }

 private:
  std::string one_of(const char* name, const std::vector<std::string>& known);
  std::array<double, 3> three_numbers(const char* name, double min, double max, bool whole);
  [[noreturn]] void wrong(const char* name, const Json& value, const std::string& wanted) const;
  static std::string shown(double value);

  const Json& object_;
  std::string where_;
  std::set<std::string> known_;
};

}  // namespace pictor
