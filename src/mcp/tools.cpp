#include "mcp/tools.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "image/image.h"
#include "mcp/resources.h"
#include "pictor/context.h"

namespace pictor::mcp {
namespace {

constexpr std::size_t kDefaultHits = 10;

// What a call gives: a structure, and blocks that are shown beside it.
struct Told {
  Json structure;
  std::vector<Json> blocks = {};
};

// The arguments of a call, read strictly; the readers of the house are of the other kind of JSON.
class Arguments {
 public:
  explicit Arguments(const Json& given)
      : json_(nlohmann::json::parse(dumped(given), nullptr, false)), reader_(json_, "") {}
  JsonReader& operator*() { return reader_; }
  JsonReader* operator->() { return &reader_; }

 private:
  const nlohmann::json json_;
  JsonReader reader_;
};

Json picture_block(const std::string& base64) {
  return {{"type", "image"}, {"data", base64}, {"mimeType", "image/jpeg"}};
}

// The collection that is meant: named by the call, by the options, or the only one.
Result<std::string> collection_of(const Place& place, const std::optional<std::string>& named) {
  if (named && !named->empty()) return *named;
  if (!place.collection.empty()) return place.collection;
  PICTOR_ASSIGN(const auto all, place.engine.collections());
  if (all.size() == 1) return all.front().name;
  std::string names;
  for (const CollectionInfo& info : all) names += (names.empty() ? "" : ", ") + info.name;
  return Status(Code::kInvalid, all.empty() ? "there is no collection yet" : "say which 'collection': " + names);
}

Status take_k(JsonReader& json, Query& query) {
  query.k = json.count("k").value_or(kDefaultHits);
  if (query.k >= 1 && query.k <= limits::kMcpHitsMax) return Status::ok();
  return {Code::kInvalid, "'k' is " + std::to_string(query.k) + ", wanted 1 to " + std::to_string(limits::kMcpHitsMax)};
}

Result<Bytes> picture_of(std::string_view text) {
  if (text.starts_with("data:")) text.remove_prefix(std::min(text.size(), text.find(',') + 1));
  PICTOR_ASSIGN(auto bytes, bytes_of_base64(text));
  if (bytes.empty()) return Status(Code::kInvalid, "'image' has no bytes, wanted a picture file in base64");
  return bytes;
}

Json hits_object(const Query& query, const Hits& hits) {
  Json all = Json::array();
  for (const Hit& hit : hits.hits) {
    Json one = {{"rank", all.size() + 1}, {"id", hit.id}, {"score", hit.score.value}, {"text", hit.text}};
    if (check_json_object(hit.metadata).is_ok()) one["metadata"] = Json::parse(hit.metadata, nullptr, false);
    one["uri"] = item_uri(query.collection, hit.id);
    all.push_back(std::move(one));
  }
  return {{"collection", query.collection},
          {"hits", std::move(all)},
          {"complete", hits.complete},
          {"warnings", hits.warnings}};
}

Result<Told> search(const Place& place, const Json& given) {
  Arguments json(given);
  Query query;
  const auto collection = json->text("collection");
  const auto text = json->text("text");
  const auto image = json->text("image");
  query.where = json->text("where").value_or("");
  PICTOR_TRY(take_k(*json, query));
  PICTOR_TRY(json->status());
  if (text) {
    query.parts.emplace_back();
    query.parts.back().text = *text;
  }
  if (image) {
    query.parts.emplace_back();
    query.parts.back().kind = QueryPart::Kind::kImage;
    PICTOR_ASSIGN(query.parts.back().image, picture_of(*image));
  }
  if (query.parts.empty()) return Status(Code::kInvalid, "give 'text', 'image' or both");
  PICTOR_ASSIGN(query.collection, collection_of(place, collection));
  PICTOR_ASSIGN(const Hits hits, place.engine.search(query));
  return Told{hits_object(query, hits)};
}

Result<Told> similar(const Place& place, const Json& given) {
  Arguments json(given);
  Query query;
  const auto collection = json->text("collection");
  const auto id = json->text("id");
  query.where = json->text("where").value_or("");
  PICTOR_TRY(take_k(*json, query));
  if (!id) json->refuse("id", "the id of an item");
  PICTOR_TRY(json->status());
  PICTOR_ASSIGN(query.collection, collection_of(place, collection));
  query.parts.emplace_back();
  query.parts.back().kind = QueryPart::Kind::kId;
  query.parts.back().text = *id;
  ++query.k;  // the item itself is the nearest
  PICTOR_ASSIGN(Hits hits, place.engine.search(query));
  std::erase_if(hits.hits, [&](const Hit& hit) { return hit.id == *id; });
  hits.hits.resize(std::min(hits.hits.size(), query.k - 1));
  return Told{hits_object(query, hits)};
}

Json summary_of(const CollectionInfo& info) {
  return {{"name", info.name},
          {"items", info.items},
          {"encoder", info.encoder},
          {"searched_by_words",
           std::any_of(info.heads.begin(), info.heads.end(), [](const HeadInfo& head) { return head.texts; })},
          {"pictures_kept", info.keep},
          {"uri", collection_uri(info.name)}};
}

// A picture made small; nothing where there is none to show.
std::optional<Json> small_picture(Engine& engine, const std::string& collection, const std::string& id) {
  const auto file = engine.picture(collection, id);
  if (!file.is_ok() || !*file) return std::nullopt;
  const auto decoded = decode_image(**file, DecodeSpec{});
  if (!decoded.is_ok()) return std::nullopt;
  const auto small = make_thumbnail(decoded->image, limits::kMcpPictureSide);
  return small.is_ok() ? std::optional(picture_block(base64_of(*small))) : std::nullopt;
}

Result<Told> describe_item(const Place& place, const std::string& collection, const std::string& id, bool picture) {
  PICTOR_ASSIGN(const auto item, place.engine.get(collection, id, false));
  if (!item) return Status(Code::kNotFound, "collection '" + collection + "' has no item '" + id + "'");
  Told told{{{"collection", collection}, {"item", Json::parse(item_json(*item, false), nullptr, false)}}};
  told.structure["uri"] = item_uri(collection, id);
  const bool allowed = context_allows(item->metadata, ContextRights{});
  told.structure["picture"] = "not asked for";
  if (!picture) return told;
  auto block = allowed ? small_picture(place.engine, collection, id) : std::nullopt;
  told.structure["picture"] = block ? "shown" : allowed ? "not kept" : "not shown: its rights forbid it";
  if (block) told.blocks.push_back(std::move(*block));
  return told;
}

Result<Told> describe(const Place& place, const Json& given) {
  Arguments json(given);
  const auto collection = json->text("collection");
  const auto id = json->text("id");
  const bool picture = json->flag("picture").value_or(true);
  PICTOR_TRY(json->status());
  if (id) {
    PICTOR_ASSIGN(const std::string name, collection_of(place, collection));
    return describe_item(place, name, *id, picture);
  }
  Json all = Json::array();
  if (collection && !collection->empty()) {
    PICTOR_ASSIGN(const auto info, place.engine.stats(*collection));
    all.push_back(summary_of(info));
  } else {
    PICTOR_ASSIGN(const auto infos, place.engine.collections());
    for (const CollectionInfo& info : infos) all.push_back(summary_of(info));
  }
  Json structure = Json::object();
  structure["collections"] = std::move(all);
  return Told{std::move(structure)};
}

// The pack as a structure, and its pictures as blocks in the order of their entries: what it costs stays within its
// budget either way.
Result<Told> context(const Place& place, const Json& given) {
  Json asked = given;
  if (asked.contains("format") || asked.contains("pictures")) {
    return Status(Code::kInvalid, "'format' and 'pictures' are not for assistants: pictures come as blocks");
  }
  const bool shows = !asked.contains("show_pictures") || asked["show_pictures"] != false;
  asked.erase("show_pictures");
  PICTOR_ASSIGN(ContextRequest request, parse_context_request(dumped(asked)));
  request.pictures = shows ? ContextPictures::kInline : ContextPictures::kNone;
  PICTOR_ASSIGN(request.query.collection, collection_of(place, request.query.collection));
  PICTOR_ASSIGN(const ContextPack pack, make_context(place.engine, request));
  Told told{Json::parse(context_json(pack), nullptr, false)};
  for (Json& entry : told.structure["entries"]) {
    Json& picture = entry["picture"];
    if (!picture.is_object()) continue;
    told.blocks.push_back(picture_block(text_at(picture, "data")));
    picture.erase("data");
    picture["block"] = told.blocks.size();
  }
  return told;
}

// --- what clients are told of them ---

constexpr const char* kTools = R"([
  {"name": "search", "title": "Search pictures",
   "description": "Finds items by what words say, by a picture, or both, best first. Their metadata can be filtered.",
   "inputSchema": {"type": "object", "additionalProperties": false, "properties": {
     "collection": {"type": "string", "description": "Where; may be left out when there is one alone. `describe` lists them."},
     "text": {"type": "string", "description": "What is to be seen, in plain words: a red boat"},
     "image": {"type": "string", "description": "A picture file, base64"},
     "where": {"type": "string", "description": "A filter over metadata: price < 20 and brand = \"acme\""},
     "k": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10, "description": "Hits at most"}}},
   "outputSchema": "HITS"},
  {"name": "similar", "title": "Similar items",
   "description": "Finds the items most like one item, best first, without the item itself.",
   "inputSchema": {"type": "object", "additionalProperties": false, "required": ["id"], "properties": {
     "collection": {"type": "string"},
     "id": {"type": "string", "description": "The item, as a search names it"},
     "where": {"type": "string", "description": "A filter over metadata"},
     "k": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}}},
   "outputSchema": "HITS"},
  {"name": "describe", "title": "Describe collections and items",
   "description": "Without an id: the collections, or one of them. With an id: the item's text, metadata and receipt, and its picture.",
   "inputSchema": {"type": "object", "additionalProperties": false, "properties": {
     "collection": {"type": "string"},
     "id": {"type": "string"},
     "picture": {"type": "boolean", "default": true, "description": "Show the item's picture"}}},
   "outputSchema": {"type": "object", "properties": {
     "collections": {"type": "array", "items": {"type": "object"}},
     "collection": {"type": "string"}, "item": {"type": "object"}, "uri": {"type": "string"},
     "picture": {"type": "string"}}}},
  {"name": "context", "title": "Context with citations",
   "description": "Finds items and gives them as numbered entries with descriptions and pictures, within a budget of tokens: each picture once, none whose rights forbid it. Cite entries by their number.",
   "inputSchema": {"type": "object", "additionalProperties": false, "properties": {
     "collection": {"type": "string"},
     "text": {"type": "string"},
     "image": {"type": "string", "description": "A picture file, base64"},
     "id": {"type": "string", "description": "Like this item"},
     "where": {"type": "string", "description": "A filter over metadata; alone it gives what passes, oldest first"},
     "budget_tokens": {"type": "integer", "minimum": 1, "maximum": 1000000, "default": 8000},
     "items": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10, "description": "Entries at most"},
     "side": {"type": "integer", "minimum": 16, "maximum": 768, "default": 256, "description": "Of a picture, in pixels"},
     "show_pictures": {"type": "boolean", "default": true},
     "caption_bytes": {"type": "integer", "minimum": 0, "maximum": 16384, "default": 1000},
     "captions": {"type": "array", "maxItems": 64, "items": {"type": "string"}, "description": "Fields of the metadata, the first of which that has a text describes the entry"},
     "fields": {"type": "array", "maxItems": 64, "items": {"type": "string"}, "description": "Fields of the metadata to be shown"},
     "rights_fields": {"type": "array", "maxItems": 64, "items": {"type": "string"}},
     "rights_allowed": {"type": "array", "maxItems": 64, "items": {"type": "string"}, "description": "Only items whose rights say one of these"},
     "near_duplicate": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.98}}},
   "outputSchema": {"type": "object", "required": ["collection", "entries", "tokens", "left_out"], "properties": {
     "format": {"type": "string"}, "collection": {"type": "string"}, "sequence": {"type": "integer"},
     "tokens": {"type": "object", "required": ["budget", "used"]},
     "left_out": {"type": "object"}, "complete": {"type": "boolean"},
     "warnings": {"type": "array", "items": {"type": "string"}},
     "entries": {"type": "array", "items": {"type": "object", "required": ["citation", "id", "caption", "receipt"]}}}}}
])";

constexpr const char* kHitsSchema =
    R"({"type": "object", "required": ["collection", "hits", "complete"], "properties": {
  "collection": {"type": "string"},
  "hits": {"type": "array", "items": {"type": "object", "required": ["rank", "id", "score", "uri"], "properties": {
    "rank": {"type": "integer"}, "id": {"type": "string"}, "score": {"type": "number"}, "text": {"type": "string"},
    "metadata": {"type": "object"}, "uri": {"type": "string"}}}},
  "complete": {"type": "boolean"}, "warnings": {"type": "array", "items": {"type": "string"}}}})";

struct Tool {
  std::string_view name;
  Result<Told> (*call)(const Place&, const Json&);
};
constexpr Tool kCalls[] = {{"search", search}, {"similar", similar}, {"describe", describe}, {"context", context}};

Json text_block(const std::string& text) { return {{"type", "text"}, {"text", text}}; }

}  // namespace

Json tools_list(bool structured) {
  Json tools = Json::parse(kTools);
  for (Json& tool : tools) {
    if (!structured) {
      tool.erase("outputSchema");
    } else if (tool["outputSchema"] == "HITS") {
      tool["outputSchema"] = Json::parse(kHitsSchema);
    }
    tool["annotations"] = {
        {"title", tool["title"]}, {"readOnlyHint", true}, {"idempotentHint", true}, {"openWorldHint", false}};
  }
  Json result = Json::object();
  result["tools"] = std::move(tools);
  return result;
}

Outcome call_tool(const Place& place, const std::string& name, const Json& arguments) {
  const Tool* tool =
      std::find_if(std::begin(kCalls), std::end(kCalls), [&](const Tool& one) { return one.name == name; });
  if (tool == std::end(kCalls)) {
    return Outcome::refused(ErrorCode::kInvalidParams, "there is no tool '" + name.substr(0, 200) +
                                                           "': there are search, similar, describe and context");
  }
  Result<Told> told = tool->call(place, arguments);
  Json result = Json::object();
  result["content"] = Json::array();
  result["isError"] = !told.is_ok();
  if (!told.is_ok()) {
    result["content"].push_back(text_block(told.status().to_string()));
    return Outcome::of(result);
  }
  result["content"].push_back(text_block(dumped(told->structure)));
  for (Json& block : told->blocks) result["content"].push_back(std::move(block));
  if (place.structured) result["structuredContent"] = std::move(told->structure);
  return Outcome::of(result);
}

}  // namespace pictor::mcp
