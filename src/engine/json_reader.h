// Requests in JSON, read strictly: a field of another type, or one that nobody reads, is an error that names it. For
// .cpp files, as they need the JSON library.
//
// Thread safety: a reader belongs to one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor {

struct QueryPart;  // pictor/engine.h

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

// Bytes of a picture that is given as base64 or as a data URL of it. kInvalid: it is neither, or of no bytes; kLimit:
// larger.
Result<std::vector<std::byte>> picture_of_base64(std::string_view text, std::uint64_t bytes_max);

// The parts of a query: "query": [PART, ...], or one PART beside the other settings. A part is one of {"text": ...},
// {"image": ...}, {"id": ...} and {"vector": [...]}, and its weight; `read_picture` puts what stands under "image" into
// the part that is then the next of `parts`. `may_be_none`: a request without a part is well, too.
using ReadPicture = std::function<Status(std::string_view text, QueryPart& part)>;
Status read_query_parts(JsonReader& json, const ReadPicture& read_picture, bool may_be_none,
                        std::vector<QueryPart>& parts);

}  // namespace pictor
