// Requests in JSON, read strictly: a field of another type, or one that nobody reads, is an error that names it. For
// .cpp files, as they need the JSON library.
//
// Thread safety: a reader belongs to one thread.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor {

// One object of a request. The first error is kept; status() has it, also for fields that were not read.
class JsonReader {
 public:
  // `where`: "" for the whole request, "query[2]" for a part of it. REQUIRES: the value outlives this.
  JsonReader(const nlohmann::json& value, std::string where);
  ~JsonReader();
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  bool has(std::string_view name) const;
  // Absent or null: nothing.
  std::optional<std::string> text(std::string_view name);
  std::optional<bool> flag(std::string_view name);
  std::optional<double> number(std::string_view name);
  std::optional<std::uint64_t> count(std::string_view name);  // a whole number from 0
  std::optional<std::vector<float>> numbers(std::string_view name);
  const nlohmann::json* any(std::string_view name);  // null: absent, or null
  void refuse(std::string_view name, const std::string& wanted);
  Status status();

 private:
  std::string path(std::string_view name) const;
  const nlohmann::json* take(std::string_view name);

  const nlohmann::json& value_;
  const std::string where_;
  std::vector<std::string> read_;
  Status problem_;
};

// kInvalid: no JSON, a name twice in one object, or nesting past limits::kServerJsonDepthMax.
Result<nlohmann::json> parse_request_json(std::string_view body);

}  // namespace pictor
