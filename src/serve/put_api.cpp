// Putting pictures into a collection: one, or many in one request.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "serve/api.h"
#include "serve/json_reader.h"
#include "serve/multipart.h"
#include "serve/picture_in.h"
#include "serve/problem.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

std::string_view name_of(IngestOutcome outcome) {
  switch (outcome) {
    case IngestOutcome::kAdded: return "added";
    case IngestOutcome::kReplaced: return "replaced";
    case IngestOutcome::kUnchanged: return "unchanged";
    case IngestOutcome::kQuarantined: return "refused";
  }
  return "refused";
}

Status too_long(std::string_view what, std::size_t seen, std::size_t wanted) {
  return {Code::kLimit,
          std::string(what) + " has " + std::to_string(seen) + " bytes, wanted at most " + std::to_string(wanted)};
}

bool has_zero(const nlohmann::json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().find('\0') != std::string::npos;
  if (!value.is_structured()) return false;
  for (const auto& [name, inner] : value.items()) {
    if ((value.is_object() && name.find('\0') != std::string::npos) || has_zero(inner)) return true;
  }
  return false;
}

// What is wrong with an item before its picture is looked at: all that the store would refuse a batch for, in which
// others have items too. An item without an id is named after its content.
Status complete(PutItem& put) {
  IngestItem& item = put.item;
  if (put.picture.empty()) return {Code::kInvalid, "there is no picture: wanted its bytes, or 'image' as base64"};
  if (item.id.empty()) item.id = sha256(put.picture).hex();
  if (item.source.empty()) item.source = item.id;
  if (item.id.size() > limits::kItemIdBytesMax) return too_long("the id", item.id.size(), limits::kItemIdBytesMax);
  if (item.source.size() > limits::kItemSourceBytesMax) {
    return too_long("'source'", item.source.size(), limits::kItemSourceBytesMax);
  }
  if (item.text.size() > limits::kItemTextBytesMax)
    return too_long("'text'", item.text.size(), limits::kItemTextBytesMax);
  if (item.metadata.size() > limits::kItemMetadataBytesMax) {
    return too_long("'metadata'", item.metadata.size(), limits::kItemMetadataBytesMax);
  }
  for (const auto& [name, text] :
       {std::pair("the id", &item.id), std::pair("'source'", &item.source), std::pair("'text'", &item.text)}) {
    if (text->find('\0') != std::string::npos) return {Code::kInvalid, std::string(name) + " has a zero byte"};
  }
  const Status fit = check_json_object(item.metadata);
  if (!fit.is_ok()) return {Code::kInvalid, "'metadata' " + fit.message()};
  if (has_zero(nlohmann::json::parse(item.metadata, nullptr, false))) {
    return {Code::kInvalid, "'metadata' has the character U+0000"};
  }
  return Status::ok();
}

Result<PutItem> item_of_json(const nlohmann::json& value, std::uint64_t bytes_max) {
  JsonReader json(value, "");
  PutItem put;
  put.item.id = json.text("id").value_or("");
  put.item.source = json.text("source").value_or("");
  put.item.text = json.text("text").value_or("");
  const auto* metadata = json.any("metadata");
  if (metadata != nullptr && !metadata->is_object()) json.refuse("metadata", "an object");
  const auto image = json.text("image");
  PICTOR_TRY(json.status());
  if (metadata != nullptr) put.item.metadata = metadata->dump();
  if (image) {
    PICTOR_ASSIGN(put.picture, picture_of_text(*image, bytes_max));
  }
  return put;
}

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

PutTarget target_of(const Call& call) {
  PutTarget target;
  target.collection = call.at("collection");
  target.encoder = call.parameter("encoder").value_or("");
  target.keep = call.parameter("keep").value_or("");
  target.tokens = call.parameter("tokens").value_or("");
  return target;
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
  }
  for (const auto& [name, value] : call.request.head.query) {
    if (!is_of_collection(name)) PICTOR_TRY(take_field(name, value, put));
  }
  if (const auto id = call.path.find("id"); id != call.path.end()) put.item.id = id->second;
  if (put.picture.size() > options.body_bytes_max) {
    return too_long("the picture", put.picture.size(), options.body_bytes_max);
  }
  PICTOR_TRY(complete(put));
  return put;
}

// One line of a bulk upload: what came, or why it cannot be used.
struct BulkLine {
  PutItem put;
  Status problem;
};

std::vector<BulkLine> lines_of_json(std::string_view body, std::uint64_t bytes_max) {
  std::vector<BulkLine> lines;
  while (!body.empty()) {
    const std::string_view line = body.substr(0, body.find('\n'));
    body.remove_prefix(std::min(body.size(), line.size() + 1));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    BulkLine out;
    const auto json = parse_request_json(line);
    Result<PutItem> put = json.is_ok() ? item_of_json(*json, bytes_max) : json.status();
    out.problem = put.status();
    if (put.is_ok()) out.put = std::move(put).value();
    lines.push_back(std::move(out));
  }
  return lines;
}

Result<std::vector<BulkLine>> lines_of(const Call& call, const ServerOptions& options) {
  if (!is_form(call.request.head.field("content-type")))
    return lines_of_json(call.request.body, options.body_bytes_max);
  PICTOR_ASSIGN(const auto parts, parse_form(call.request.head.field("content-type"), call.request.body));
  std::vector<BulkLine> lines;
  for (const FormPart& part : parts) {
    BulkLine line;
    line.put.item.id = part.file_name;
    line.put.item.source = part.file_name;
    line.put.picture = bytes_of(part.bytes);
    if (part.name != "image") {
      line.problem = {Code::kInvalid,
                      "part '" + part.name + "' is none of a bulk upload: each part is an 'image' with a file name"};
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string line_json(std::size_t number, const std::string& id, const PutResult& result) {
  Json line = {{"line", number}, {"id", id}, {"status", name_of(result.outcome)}};
  if (!result.cause.is_ok()) line["problem"] = Json::parse(problem_line(result.cause), nullptr, false);
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// A tenant that holds as many items as it may takes no more; what comes at the same moment may pass it by a batch.
Status check_room(const Call& call) {
  const auto tenant = call.api.governor.tenant(call.caller.tenant);
  if (!tenant || tenant->items_max == 0) return Status::ok();
  PICTOR_ASSIGN(const auto collections, call.tenant.engine.collections());
  std::uint64_t items = 0;
  for (const CollectionInfo& info : collections) items += info.items;
  if (items < tenant->items_max) return Status::ok();
  return {Code::kLimit, "tenant '" + tenant->name + "' holds " + std::to_string(items) + " items, and may hold " +
                            std::to_string(tenant->items_max) + ": delete some, or have an admin raise its limit"};
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
  const auto results = call.tenant.lanes.put(target_of(call), std::move(items));
  PICTOR_TRY(results.front().cause);
  call.tenant.keeper.written(call.at("collection"));
  const Json body = {{"id", id}, {"status", name_of(results.front().outcome)}};
  return json_reply(body.dump(-1, ' ', false, Json::error_handler_t::replace),
                    results.front().outcome == IngestOutcome::kAdded ? 201 : 200);
}

Result<HttpReply> put_items(const Call& call) {
  PICTOR_TRY(check_room(call));
  PICTOR_TRY(only_parameters(call, {"encoder", "keep", "tokens"}));
  PICTOR_ASSIGN(auto lines, lines_of(call, call.options));
  std::vector<PutItem> items;
  for (BulkLine& line : lines) {
    if (line.problem.is_ok()) line.problem = complete(line.put);
    if (line.problem.is_ok()) items.push_back({line.put.item, std::move(line.put.picture)});
  }
  const auto results = call.tenant.lanes.put(target_of(call), std::move(items));
  if (!results.empty()) call.tenant.keeper.written(call.at("collection"));
  HttpReply reply;
  reply.type = "application/x-ndjson";
  auto result = results.begin();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const PutResult refused{IngestOutcome::kQuarantined, lines[i].problem};
    const PutResult& now = lines[i].problem.is_ok() ? *result++ : refused;
    reply.body += line_json(i + 1, lines[i].put.item.id, now);
    const bool taken = now.outcome != IngestOutcome::kQuarantined;
    if (taken) call.touched.items.push_back(lines[i].put.item.id);
    if (!taken) ++call.touched.refused;
  }
  return reply;
}

}  // namespace pictor
