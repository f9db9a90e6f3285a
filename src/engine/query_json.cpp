// What a query asks for, as the doors read it from JSON.
#include <nlohmann/json.hpp>

#include "engine/json_reader.h"
#include "pictor/engine.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

Status read_part(JsonReader& json, std::string_view what, const ReadPicture& read_picture,
                 std::vector<QueryPart>& parts) {
  QueryPart part;
  const auto text = json.text("text");
  const auto image = json.text("image");
  const auto id = json.text("id");
  auto vector = json.numbers("vector");
  part.weight = json.number("weight").value_or(1.0);
  PICTOR_TRY(json.status());
  const int given = (text ? 1 : 0) + (image ? 1 : 0) + (id ? 1 : 0) + (vector ? 1 : 0);
  if (given != 1) {
    return {Code::kInvalid, std::string(what) + " has " + std::to_string(given) +
                                " of 'text', 'image', 'id' and 'vector', wanted one of them"};
  }
  if (image) {
    part.kind = QueryPart::Kind::kImage;
    PICTOR_TRY(read_picture(*image, part));
  } else if (vector) {
    part.kind = QueryPart::Kind::kVector;
    part.vector = std::move(*vector);
  } else {
    part.kind = id ? QueryPart::Kind::kId : QueryPart::Kind::kText;
    part.text = id ? *id : *text;
  }
  parts.push_back(std::move(part));
  return Status::ok();
}

}  // namespace

Result<std::vector<std::byte>> picture_of_base64(std::string_view text, std::uint64_t bytes_max) {
  if (text.starts_with("data:")) {
    const std::size_t comma = text.find(',');
    if (comma == std::string_view::npos || text.substr(0, comma).find(";base64") == std::string_view::npos) {
      return Status(Code::kInvalid, "a data URL of an image looks like data:image/jpeg;base64,...");
    }
    text.remove_prefix(comma + 1);
  }
  if (text.size() / 4 * 3 > bytes_max + 2) {
    return Status(Code::kLimit, "an image has " + std::to_string(text.size() / 4 * 3) + " bytes, wanted at most " +
                                    std::to_string(bytes_max));
  }
  PICTOR_ASSIGN(auto bytes, bytes_of_base64(text));
  if (bytes.empty()) return Status(Code::kInvalid, "an image has no bytes");
  return bytes;
}

Status read_query_parts(JsonReader& json, const ReadPicture& read_picture, bool may_be_none,
                        std::vector<QueryPart>& parts) {
  const Json* given = json.any("query");
  Json one = Json::object();  // the short form: a single part beside the settings
  for (const char* name : {"text", "image", "id", "vector"}) {
    const Json* value = json.any(name);
    if (value != nullptr) one[name] = *value;
  }
  if (given == nullptr || !one.empty()) {
    if (given != nullptr) {
      return {Code::kInvalid, "give 'query', or one of 'text', 'image', 'id' and 'vector', not both"};
    }
    if (one.empty() && may_be_none) return Status::ok();
    JsonReader reader(one, "");
    return read_part(reader, "the request", read_picture, parts);
  }
  if (!given->is_array()) {
    return {Code::kInvalid, "'query' is no array: wanted one of parts, as [{\"text\": \"a red boat\"}]"};
  }
  for (std::size_t i = 0; i < given->size() && i <= limits::kQueryPartsMax; ++i) {
    const std::string name = "query[" + std::to_string(i) + "]";
    JsonReader reader((*given)[i], name);
    PICTOR_TRY(read_part(reader, "'" + name + "'", read_picture, parts));
  }
  return Status::ok();
}

}  // namespace pictor
