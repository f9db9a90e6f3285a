// Reads a request for a context pack, strictly.
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/context_parts.h"
#include "engine/engine.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kFormats[] = {"pack", "openai", "openai_responses", "anthropic", "gemini"};
constexpr std::string_view kPictures[] = {"inline", "link", "none"};

void take_names(JsonReader& json, std::string_view name, std::vector<std::string>& out) {
  const Json* given = json.any(name);
  if (given == nullptr) return;
  std::vector<std::string> names;
  bool right = given->is_array() && given->size() <= limits::kContextNamesMax;
  for (std::size_t i = 0; right && i < given->size(); ++i) {
    const Json& one = (*given)[i];
    right = one.is_string() && !one.get_ref<const std::string&>().empty() &&
            one.get_ref<const std::string&>().size() <= limits::kContextNameBytesMax;
    if (right) names.push_back(one.get<std::string>());
  }
  if (right) {
    out = std::move(names);
  } else {
    json.refuse(name, "an array of at most " + std::to_string(limits::kContextNamesMax) + " texts of at most " +
                          std::to_string(limits::kContextNameBytesMax) + " bytes");
  }
}

template <typename Number>
Status take_count(JsonReader& json, std::string_view name, std::uint64_t least, std::uint64_t most, Number& out) {
  const auto given = json.count(name);
  if (!given) return Status::ok();
  if (*given < least || *given > most) {
    return {Code::kInvalid, "'" + std::string(name) + "' is " + std::to_string(*given) + ", wanted " +
                                std::to_string(least) + " to " + std::to_string(most)};
  }
  out = static_cast<Number>(*given);
  return Status::ok();
}

// Of a choice: its place among the names.
template <std::size_t N>
Result<std::size_t> take_choice(JsonReader& json, std::string_view name, const std::string_view (&names)[N]) {
  const auto given = json.text(name);
  if (!given) return std::size_t{0};
  std::string wanted;
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == *given) return i;
    wanted += (i == 0 ? "" : ", ") + std::string(names[i]);
  }
  return Status(Code::kInvalid,
                "'" + std::string(name) + "' is '" + cut_text(*given, 100) + "', wanted one of " + wanted);
}

Status take_shape(JsonReader& json, ContextRequest& out) {
  PICTOR_ASSIGN(const std::size_t format, take_choice(json, "format", kFormats));
  PICTOR_ASSIGN(const std::size_t pictures, take_choice(json, "pictures", kPictures));
  out.format = static_cast<ContextFormat>(format);
  out.pictures = static_cast<ContextPictures>(pictures);
  PICTOR_TRY(take_count(json, "budget_tokens", 1, limits::kContextTokensMax, out.budget_tokens));
  PICTOR_TRY(take_count(json, "items", 1, limits::kContextItemsMax, out.items));
  PICTOR_TRY(take_count(json, "side", 16, limits::kContextSideMax, out.side));
  PICTOR_TRY(take_count(json, "caption_bytes", 0, limits::kContextCaptionBytesMax, out.caption_bytes));
  out.link_base = json.text("link_base").value_or("");
  out.near_duplicate = json.number("near_duplicate").value_or(out.near_duplicate);
  take_names(json, "captions", out.captions);
  take_names(json, "fields", out.fields);
  take_names(json, "rights_fields", out.rights.fields);
  take_names(json, "rights_refused", out.rights.refused);
  take_names(json, "rights_allowed", out.rights.allowed);
  return Status::ok();
}

Status take_query(JsonReader& json, Query& query) {
  query.collection = json.text("collection").value_or("");
  query.where = json.text("where").value_or("");
  query.head = json.text("head").value_or("");
  query.recall = json.number("recall");
  PICTOR_ASSIGN(query.as_of, parse_as_of(json.text("as_of").value_or("")));
  const auto picture = [](std::string_view text, QueryPart& part) -> Status {
    PICTOR_ASSIGN(part.image, picture_of_base64(text, limits::kImageFileBytesMax));
    return Status::ok();
  };
  return read_query_parts(json, picture, true, query.parts);
}

}  // namespace

std::string_view context_format_name(ContextFormat format) { return kFormats[static_cast<std::size_t>(format)]; }

std::optional<ContextFormat> context_format_of(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kFormats); ++i) {
    if (kFormats[i] == name) return static_cast<ContextFormat>(i);
  }
  return std::nullopt;
}

Result<ContextRequest> parse_context_request(std::string_view text) {
  const Status looked = check_json_object(text, limits::kContextJsonDepthMax);
  if (!looked.is_ok()) return Status(Code::kInvalid, "the body " + looked.message() + ", wanted a JSON object");
  const Json body = Json::parse(text, nullptr, false);
  if (body.is_discarded()) return Status(Code::kInvalid, "the body is no JSON");
  JsonReader json(body, "");
  ContextRequest out;
  PICTOR_TRY(take_shape(json, out));
  PICTOR_TRY(take_query(json, out.query));
  PICTOR_TRY(json.status());
  return out;
}

}  // namespace pictor
