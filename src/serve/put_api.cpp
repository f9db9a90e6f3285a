// Putting a picture into a collection.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "serve/api.h"
#include "serve/json_reader.h"
#include "serve/multipart.h"
#include "serve/picture_in.h"
#include "serve/put_in.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

Status take_field(std::string_view name, std::string_view value, PutItem& put) {
  if (name == "id") put.item.id = value;
  if (name == "source") put.item.source = value;
  if (name == "text") put.item.text = value;
  if (name == "metadata") put.item.metadata = value;
  if (name == "id" || name == "source" || name == "text" || name == "metadata") return Status::ok();
  return {Code::kInvalid,
          "'" + std::string(name) + "' is no field of an item; it may have id, image, metadata, source, text"};
}

constexpr std::string_view kOfCollection[] = {"encoder", "keep", "tokens"};

bool is_of_collection(std::string_view name) {
  return std::find(std::begin(kOfCollection), std::end(kOfCollection), name) != std::end(kOfCollection);
}

Result<PutItem> item_of_form(const Call& call) {
  PutItem put;
  PICTOR_ASSIGN(const auto parts, parse_form(call.request.head.field("content-type"), call.request.body));
  for (const FormPart& part : parts) {
    if (part.name == "image") {
      if (!put.picture.empty()) return Status(Code::kInvalid, "the form has two parts 'image': items:bulk takes many");
      put.picture = bytes_of(part.bytes);
      if (put.item.source.empty()) put.item.source = part.file_name;
    } else {
      PICTOR_TRY(take_field(part.name, part.bytes, put));
    }
  }
  return put;
}

Result<PutItem> item_of(const Call& call, const ServerOptions& options) {
  PutItem put;
  const std::string type = media_type(call.request.head.field("content-type"));
  if (is_form(call.request.head.field("content-type"))) {
    PICTOR_ASSIGN(put, item_of_form(call));
  } else if (type.rfind("image/", 0) == 0 || type == "application/octet-stream") {
    put.picture = bytes_of(call.request.body);
  } else {
    PICTOR_ASSIGN(const auto json, parse_request_json(call.request.body));
    PICTOR_ASSIGN(put, item_of_json(json, options.body_bytes_max));
    PutItem* const item = &put;
    if (!put.address.empty()) PICTOR_TRY(fetch_pictures(call, {&item, 1}).front());
  }
  for (const auto& [name, value] : call.request.head.query) {
    if (!is_of_collection(name)) PICTOR_TRY(take_field(name, value, put));
  }
  if (const auto id = call.path.find("id"); id != call.path.end()) put.item.id = id->second;
  if (put.picture.size() > options.body_bytes_max) {
    return Status(Code::kLimit, "the picture has " + std::to_string(put.picture.size()) + " bytes, wanted at most " +
                                    std::to_string(options.body_bytes_max));
  }
  PICTOR_TRY(complete(put));
  return put;
}

}  // namespace

Result<HttpReply> create_collection(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  IngestRequest request;
  request.collection = call.at("collection");
  if (!call.request.body.empty()) {
    PICTOR_ASSIGN(const auto body, parse_request_json(call.request.body));
    JsonReader json(body, "");
    request.encoder = json.text("encoder").value_or("");
    request.keep = json.text("keep").value_or("");
    request.tokens = json.text("tokens").value_or("");
    PICTOR_TRY(json.status());
  }
  if (request.keep.empty()) request.keep = call.tenant.lanes.keep_of_new(request.collection);
  class Nothing final : public IngestSource {
   public:
    Result<bool> next(Entry&) override { return false; }
    std::optional<std::uint64_t> total() const override { return 0; }
  } nothing;
  const bool existed = call.tenant.engine.stats(request.collection).is_ok();
  PICTOR_TRY(call.tenant.engine.ingest(request, nothing).status());
  PICTOR_ASSIGN(const auto info, call.tenant.engine.stats(request.collection));
  return json_reply(collection_json(info, false), existed ? 200 : 201);
}

Result<HttpReply> put_item(const Call& call) {
  PICTOR_TRY(check_room(call));
  PICTOR_ASSIGN(auto put, item_of(call, call.options));
  const std::string id = put.item.id;
  call.touched.items = {id};
  std::vector<PutItem> items;
  items.push_back(std::move(put));
  const auto results = call.tenant.lanes.put(put_target(call), std::move(items));
  PICTOR_TRY(results.front().cause);
  call.tenant.keeper.written(call.at("collection"));
  const Json body = {{"id", id}, {"status", outcome_name(results.front().outcome)}};
  return json_reply(body.dump(-1, ' ', false, Json::error_handler_t::replace),
                    results.front().outcome == IngestOutcome::kAdded ? 201 : 200);
}

}  // namespace pictor
