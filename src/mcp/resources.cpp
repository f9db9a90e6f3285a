#include "mcp/resources.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "image/image.h"
#include "net/net.h"
#include "pictor/context.h"

namespace pictor::mcp {
namespace {

constexpr std::string_view kScheme = "pictor://collections/";

std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned byte = 0;
    const char* digits = text.data() + i + 1;
    if (text.size() - i < 3 || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

// Where a list goes on: in which collection, of which moment, past which row, and how many of it were told. Servers
// list from the beginning alone; there the told ones are passed over.
struct ListPlace {
  std::string collection;
  std::uint64_t sequence = 0, row = 0, told = 0;

  std::string text() const {
    const std::string plain =
        std::to_string(sequence) + " " + std::to_string(row) + " " + std::to_string(told) + " " + collection;
    return base64_of(as_bytes(plain));
  }
  static std::optional<ListPlace> parse(const std::string& cursor) {
    const auto bytes = bytes_of_base64(cursor);
    if (!bytes.is_ok()) return std::nullopt;
    std::string_view text = as_text(*bytes);
    ListPlace place;
    for (std::uint64_t* number : {&place.sequence, &place.row, &place.told}) {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
      if (error != std::errc() || end == text.data() + text.size() || *end != ' ') return std::nullopt;
      text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
    }
    place.collection = text;
    return place;
  }
};

Json item_resource(const std::string& collection, const StoredItem& item) {
  Json resource = {{"uri", item_uri(collection, item.id)}, {"name", item.id}, {"mimeType", "application/json"}};
  if (!item.text.empty()) resource["description"] = item.text.size() <= 500 ? item.text : item.text.substr(0, 500);
  return resource;
}

// Adds items of one collection to a page, up to its length; `place` is moved on. True: there are more.
Result<bool> add_items(Engine& engine, ListPlace& place, Json& page) {
  ScanRequest request{place.collection};
  if (place.sequence != 0) request.as_of = {AsOf::Kind::kSequence, place.sequence, 0, ""};
  request.after_row = place.row;
  request.begun = [&](Sequence moment) { place.sequence = moment; };
  std::uint64_t to_pass = 0;
  bool full = false;
  const auto visit = [&](const StoredItem& item) {
    if (to_pass > 0) {
      --to_pass;
      return Status::ok();
    }
    full = page.size() >= limits::kMcpPageItems;
    if (full) return Status(Code::kCancelled, "the page is full");
    page.push_back(item_resource(place.collection, item));
    place.row = item.row;
    ++place.told;
    return Status::ok();
  };
  Status scanned = engine.scan(request, visit);
  if (scanned.code() == Code::kUnsupported && request.after_row != 0) {
    request.after_row = 0;
    to_pass = place.told;
    scanned = engine.scan(request, visit);
  }
  if (!scanned.is_ok() && !full) return scanned;
  return full;
}

Outcome page_of(const Json& resources, const std::string& next) {
  Json result = Json::object();
  result["resources"] = resources;
  if (!next.empty()) result["nextCursor"] = next;
  return Outcome::of(result);
}

Outcome failed(const Status& status, const std::string& uri) {
  const bool none = status.code() == Code::kNotFound;
  const bool wrong = status.code() == Code::kInvalid;
  const ErrorCode code = none ? ErrorCode::kResourceNotFound : wrong ? ErrorCode::kInvalidParams : ErrorCode::kInternal;
  return {"", code, status.to_string(), uri.empty() ? "" : dumped({{"uri", uri}})};
}

std::string_view mime_of(const Bytes& picture) {
  switch (sniff_format(picture)) {
    case ImageFormat::kJpeg: return "image/jpeg";
    case ImageFormat::kPng: return "image/png";
    case ImageFormat::kWebp: return "image/webp";
    case ImageFormat::kGif: return "image/gif";
    case ImageFormat::kBmp: return "image/bmp";
    case ImageFormat::kTiff: return "image/tiff";
    case ImageFormat::kHeic: return "image/heic";
    case ImageFormat::kAvif: return "image/avif";
    case ImageFormat::kUnknown: break;
  }
  return "application/octet-stream";
}

Result<Json> picture_contents(Engine& engine, const ResourceName& name, const StoredItem& item) {
  if (!context_allows(item.metadata, ContextRights{})) {
    return Status(Code::kNotFound, "the picture of '" + name.id + "' is not shown: its rights forbid it");
  }
  PICTOR_ASSIGN(auto picture, engine.picture(name.collection, name.id));
  if (!picture) {
    return Status(Code::kNotFound, "the picture of '" + name.id + "' is not kept, or its file is gone or changed");
  }
  if (picture->size() > limits::kMcpPictureBytesMax) {
    PICTOR_ASSIGN(const DecodedImage decoded, decode_image(*picture, DecodeSpec{}));
    PICTOR_ASSIGN(*picture, make_thumbnail(decoded.image, limits::kServerThumbnailSideMax));
  }
  return Json{{"mimeType", mime_of(*picture)}, {"blob", base64_of(*picture)}};
}

Result<Json> contents_of(Engine& engine, const std::string& uri) {
  PICTOR_ASSIGN(const ResourceName name, parse_uri(uri));
  if (name.id.empty()) {
    PICTOR_ASSIGN(const CollectionInfo info, engine.stats(name.collection));
    return Json{{"mimeType", "application/json"}, {"text", collection_json(info, false)}};
  }
  PICTOR_ASSIGN(const auto item, engine.get(name.collection, name.id, false));
  if (!item) {
    return Status(Code::kNotFound, "collection '" + name.collection + "' has no item '" + name.id + "'");
  }
  if (name.picture) return picture_contents(engine, name, *item);
  return Json{{"mimeType", "application/json"}, {"text", item_json(*item, false)}};
}

}  // namespace

std::string collection_uri(const std::string& collection) { return std::string(kScheme) + percent_encoded(collection); }
std::string item_uri(const std::string& collection, const std::string& id) {
  return collection_uri(collection) + "/items/" + percent_encoded(id);
}

Result<ResourceName> parse_uri(std::string_view uri) {
  const Status none(Code::kInvalid, "'" + std::string(uri.substr(0, 200)) +
                                        "' is no address of Pictor, as pictor://collections/NAME/items/ID");
  if (!uri.starts_with(kScheme)) return none;
  uri.remove_prefix(kScheme.size());
  std::vector<std::string> parts;
  for (bool more = true; more && parts.size() < 5;) {
    const std::size_t slash = uri.find('/');
    more = slash != std::string_view::npos;
    auto part = unescaped(uri.substr(0, slash));
    if (!part || part->empty()) return none;
    parts.push_back(std::move(*part));
    if (more) uri.remove_prefix(slash + 1);
  }
  const bool item = parts.size() > 1;
  const bool picture = parts.size() == 4 && parts[3] == "picture";
  if (item && (parts[1] != "items" || parts.size() < 3 || (parts.size() > 3 && !picture))) return none;
  return ResourceName{parts[0], item ? parts[2] : "", picture};
}

Outcome list_resources(Engine& engine, const std::string& cursor) {
  auto collections = engine.collections();
  if (!collections.is_ok()) return failed(collections.status(), "");
  Json page = Json::array();
  std::optional<ListPlace> place;
  if (cursor.empty()) {
    for (const CollectionInfo& info : *collections) {
      page.push_back({{"uri", collection_uri(info.name)},
                      {"name", info.name},
                      {"description", std::to_string(info.items) + " items, encoder " + info.encoder},
                      {"mimeType", "application/json"}});
    }
  } else {
    place = ListPlace::parse(cursor);
    if (!place) return Outcome::refused(ErrorCode::kInvalidParams, "'cursor' is none of an earlier answer");
  }
  for (const CollectionInfo& info : *collections) {
    if (place && place->collection != info.name) continue;
    ListPlace here = place ? *place : ListPlace{info.name, 0, 0, 0};
    place.reset();
    const auto more = add_items(engine, here, page);
    if (!more.is_ok()) return failed(more.status(), "");
    if (*more) return page_of(page, here.text());
  }
  return page_of(page, "");
}

Json resource_templates() {
  return Json::parse(R"({"resourceTemplates": [
    {"uriTemplate": "pictor://collections/{collection}", "name": "collection", "mimeType": "application/json",
     "description": "A collection: its encoder, how many items it has"},
    {"uriTemplate": "pictor://collections/{collection}/items/{id}", "name": "item", "mimeType": "application/json",
     "description": "An item: its text, metadata and receipt"},
    {"uriTemplate": "pictor://collections/{collection}/items/{id}/picture", "name": "picture",
     "description": "The picture of an item, where it is kept"}]})");
}

Outcome read_resource(Engine& engine, const std::string& uri) {
  auto contents = contents_of(engine, uri);
  if (!contents.is_ok()) return failed(contents.status(), uri);
  Json one = {{"uri", uri}};
  one.update(*contents);
  Json result;
  result["contents"] = Json::array({std::move(one)});
  return Outcome::of(result);
}

}  // namespace pictor::mcp
