// Reading and deleting items, and collections as a whole.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/engine.h"
#include "image/image.h"
#include "serve/api.h"
#include "serve/json_reader.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kDefaultPage = 100;

Status no_item(const Call& call) {
  return {Code::kNotFound, "collection '" + call.at("collection") + "' has no item '" + call.at("id") + "'"};
}

Result<StoredItem> item_at(const Call& call, bool with_vectors) {
  PICTOR_ASSIGN(const AsOf at, parse_as_of(call.parameter("as_of").value_or("")));
  auto& engine = call.tenant.engine;
  PICTOR_ASSIGN(auto item, at.is_now() ? engine.get(call.at("collection"), call.at("id"), with_vectors)
                                       : engine.get_as_of(call.at("collection"), call.at("id"), with_vectors, at));
  if (!item) return no_item(call);
  return std::move(*item);
}

// Where a list goes on: the moment that it is of, and the last row that was told: "7.r200".
struct Cursor {
  Sequence sequence = 0;
  std::uint64_t row = 0;

  static Result<Cursor> parse(std::string_view text) {
    Cursor cursor;
    unsigned long long sequence = 0, row = 0;
    char rest = 0;
    if (text.size() < 43 && std::sscanf(std::string(text).c_str(), "%llu.r%llu%c", &sequence, &row, &rest) == 2) {
      cursor.sequence = sequence;
      cursor.row = row;
      return cursor;
    }
    return Status(Code::kInvalid, "'cursor' is none of an earlier answer: '" + std::string(text) + "'");
  }
  std::string text() const { return std::to_string(sequence) + ".r" + std::to_string(row); }
};

Result<std::vector<std::string>> ids_asked(const Call& call) {
  PICTOR_ASSIGN(const auto body, parse_request_json(call.request.body));
  JsonReader json(body, "");
  const nlohmann::json* ids = json.any("ids");
  const bool texts = ids != nullptr && ids->is_array() &&
                     std::all_of(ids->begin(), ids->end(), [](const auto& one) { return one.is_string(); });
  if (!texts) json.refuse("ids", "an array of ids");
  PICTOR_TRY(json.status());
  return ids->get<std::vector<std::string>>();
}

std::string_view type_of_picture(const Bytes& picture) {
  const std::string_view head = as_text(ByteView(picture).first(std::min<std::size_t>(picture.size(), 12)));
  if (head.substr(0, 3) == "\xFF\xD8\xFF") return "image/jpeg";
  if (head.substr(0, 4) == "\x89PNG") return "image/png";
  if (head.substr(0, 4) == "GIF8") return "image/gif";
  if (head.substr(0, 4) == "RIFF" && head.substr(8) == "WEBP") return "image/webp";
  return "application/octet-stream";
}

}  // namespace

Result<HttpReply> list_collections(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(auto all, call.tenant.engine.collections());
  std::erase_if(all, [&](const auto& info) { return !call.caller.may_see(info.name); });
  return json_reply(collections_json(all, false));
}

Result<HttpReply> get_collection(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(const auto info, call.tenant.engine.stats(call.at("collection")));
  return json_reply(collection_json(info, false));
}

Result<HttpReply> get_calibration(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(const auto made, call.tenant.engine.vector_tools().calibrations(call.at("collection")));
  return json_reply(calibrations_json(made, false));
}

Result<HttpReply> delete_collection(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_TRY(call.tenant.engine.drop(call.at("collection")));
  call.tenant.lanes.forget(call.at("collection"));
  HttpReply reply;
  reply.status = 204;
  reply.type.clear();
  return reply;
}

Result<HttpReply> list_items(const Call& call) {
  PICTOR_TRY(only_parameters(call, {"where", "limit", "cursor", "vectors", "as_of"}));
  PICTOR_ASSIGN(const auto limit, count_parameter(call, "limit", limits::kServerPageItemsMax));
  PICTOR_ASSIGN(const bool vectors, flag_parameter(call, "vectors"));
  ScanRequest request{call.at("collection"), std::string(call.parameter("where").value_or("")), vectors};
  PICTOR_ASSIGN(request.as_of, parse_as_of(call.parameter("as_of").value_or("")));
  Cursor cursor;
  if (const auto text = call.parameter("cursor")) {
    PICTOR_ASSIGN(cursor, Cursor::parse(*text));
    request.as_of = {AsOf::Kind::kSequence, cursor.sequence, 0, ""};
  }
  request.after_row = cursor.row;
  request.begun = [&cursor](Sequence moment) { cursor.sequence = moment; };
  const std::uint64_t wanted = std::max<std::uint64_t>(1, limit.value_or(kDefaultPage));
  std::string items;
  std::uint64_t told = 0;
  const Status scanned = call.tenant.engine.scan(request, [&](const StoredItem& item) {
    if (told == wanted) return Status(Code::kCancelled, "the page is full");
    ++told;
    cursor.row = item.row;
    items += (items.empty() ? "" : ",") + item_json(item, false);
    return Status::ok();
  });
  const bool more = scanned.code() == Code::kCancelled && told == wanted;
  if (!scanned.is_ok() && !more) return scanned;
  const std::string next = more ? "\"" + cursor.text() + "\"" : "null";
  return json_reply("{\"items\":[" + items + "],\"next\":" + next + ",\"sequence\":" + std::to_string(cursor.sequence) +
                    "}");
}

Result<HttpReply> count_items(const Call& call) {
  PICTOR_TRY(only_parameters(call, {"where"}));
  PICTOR_ASSIGN(const std::uint64_t count,
                call.tenant.engine.count(call.at("collection"), std::string(call.parameter("where").value_or(""))));
  return json_reply(Json{{"count", count}}.dump());
}

Result<HttpReply> count_facets(const Call& call) {
  PICTOR_TRY(only_parameters(call, {"field", "where", "limit"}));
  PICTOR_ASSIGN(const auto limit, count_parameter(call, "limit", limits::kFacetValuesMax));
  FacetRequest request;
  request.collection = call.at("collection");
  request.where = call.parameter("where").value_or("");
  if (limit) request.most = *limit;
  for (const auto& [name, value] : call.request.head.query) {
    if (name == "field") request.fields.push_back(value);
  }
  PICTOR_ASSIGN(const Facets facets, call.tenant.engine.facets(request));
  return json_reply(facets_json(facets, false));
}

Result<HttpReply> get_item(const Call& call) {
  PICTOR_TRY(only_parameters(call, {"vectors", "as_of"}));
  PICTOR_ASSIGN(const bool vectors, flag_parameter(call, "vectors"));
  PICTOR_ASSIGN(const StoredItem item, item_at(call, vectors));
  return json_reply(item_json(item, false));
}

Result<HttpReply> get_picture(const Call& call) {
  PICTOR_TRY(only_parameters(call, {"side", "as_of"}));
  PICTOR_ASSIGN(const auto side, count_parameter(call, "side", limits::kServerThumbnailSideMax));
  PICTOR_ASSIGN(const AsOf at, parse_as_of(call.parameter("as_of").value_or("")));
  PICTOR_ASSIGN(auto picture, call.tenant.engine.picture_as_of(call.at("collection"), call.at("id"), at));
  if (!picture) {
    PICTOR_TRY(item_at(call, false).status());
    return Status(Code::kNotFound,
                  "the picture of '" + call.at("id") + "' is not kept, or its file is gone or changed");
  }
  HttpReply reply;
  if (side && *side > 0) {
    PICTOR_ASSIGN(const DecodedImage decoded, decode_image(*picture, DecodeSpec{}));
    PICTOR_ASSIGN(*picture, make_thumbnail(decoded.image, static_cast<std::uint32_t>(*side)));
  }
  reply.type = type_of_picture(*picture);
  reply.body = as_text(*picture);
  // A picture of a moment never changes; of now it may.
  reply.fields.emplace_back("Cache-Control",
                            at.is_now() ? "private, max-age=60" : "private, immutable, max-age=31536000");
  return reply;
}

Result<HttpReply> get_receipt(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(const CheckedReceipt checked, call.tenant.engine.receipt(call.at("collection"), call.at("id")));
  constexpr std::string_view kStates[] = {"signed", "unsigned", "wrong", "unknown_key"};
  Json body = {
      {"state", kStates[static_cast<std::size_t>(checked.state) & 3]}, {"receipt", nullptr}, {"problem", nullptr}};
  if (check_json_object(checked.receipt).is_ok()) body["receipt"] = Json::parse(checked.receipt, nullptr, false);
  if (!checked.problem.is_ok()) body["problem"] = checked.problem.message();
  return json_reply(body.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<HttpReply> get_history(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(const auto versions, call.tenant.engine.history(call.at("collection"), call.at("id")));
  return json_reply(history_json(versions, false));
}

Result<HttpReply> delete_item(const Call& call) {
  PICTOR_TRY(only_parameters(call, {"purge"}));
  PICTOR_ASSIGN(const bool purge, flag_parameter(call, "purge"));
  const std::vector<std::string> ids = {call.at("id")};
  if (purge) {
    PurgeRequest request;
    request.collection = call.at("collection");
    request.ids = ids;
    PICTOR_ASSIGN(const Purge purged, call.tenant.engine.upkeep().purge(request));
    if (purged.erased == 0) return no_item(call);
    return json_reply(purged_json(purged, false));
  }
  PICTOR_ASSIGN(const std::uint64_t deleted, call.tenant.engine.remove(call.at("collection"), ids));
  if (deleted == 0) return no_item(call);
  return json_reply(Json{{"deleted", deleted}}.dump());
}

Result<HttpReply> purge_items(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PurgeRequest request;
  request.collection = call.at("collection");
  PICTOR_ASSIGN(request.ids, ids_asked(call));
  call.touched.items = request.ids;
  PICTOR_ASSIGN(const Purge purged, call.tenant.engine.upkeep().purge(request));
  Json answer = Json::parse(purged_json(purged, false), nullptr, false);
  const std::set<std::string_view> unknown(purged.unknown.begin(), purged.unknown.end());
  Json items = Json::array();
  for (const std::string& id : request.ids) {
    items.push_back({{"id", id}, {"status", unknown.contains(id) ? "unknown" : "erased"}});
  }
  answer["items"] = std::move(items);
  return json_reply(answer.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<HttpReply> delete_items(const Call& call) {
  PICTOR_TRY(only_parameters(call, {"where"}));
  const std::string where(call.parameter("where").value_or(""));
  if (where.empty()) {
    return Status(Code::kInvalid, "'where' says which items are deleted; DELETE the collection to delete all of it");
  }
  auto& ids = call.touched.items;
  PICTOR_TRY(call.tenant.engine.scan({call.at("collection"), where}, [&ids](const StoredItem& item) {
    ids.push_back(item.id);
    return Status::ok();
  }));
  PICTOR_ASSIGN(const std::uint64_t deleted, call.tenant.engine.remove(call.at("collection"), ids));
  return json_reply(Json{{"deleted", deleted}}.dump());
}

}  // namespace pictor
