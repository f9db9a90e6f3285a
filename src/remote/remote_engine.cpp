#include "remote/remote_engine.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "remote/read_json.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kPageItems = 500;
constexpr std::uint64_t kAddressFileBytesMax = 4096;

// As a request says it: empty for now.
std::string as_of_text(const AsOf& at) {
  switch (at.kind) {
    case AsOf::Kind::kNow: return "";
    case AsOf::Kind::kSequence: return "sequence:" + std::to_string(at.sequence);
    case AsOf::Kind::kTime: return "time:" + time_text(at.time_us);
    case AsOf::Kind::kBatch: return "batch:" + at.batch;
  }
  return "";
}

std::string parameter(std::string_view name, const std::string& value) {
  return value.empty() ? "" : "&" + std::string(name) + "=" + percent_encoded(value);
}

// Whether a kNotFound is of the item: its collection is there.
template <typename Value>
Result<std::optional<Value>> none_or(const Status& status) {
  if (status.code() == Code::kNotFound && status.message().find("has no item") != std::string::npos) {
    return std::optional<Value>();
  }
  return status;
}

Json json_of(const QueryPart& part) {
  Json json = {{"weight", part.weight}};
  switch (part.kind) {
    case QueryPart::Kind::kImage: json["image"] = base64_of(part.image); break;
    case QueryPart::Kind::kText: json["text"] = part.text; break;
    case QueryPart::Kind::kVector: json["vector"] = part.vector; break;
    case QueryPart::Kind::kId: json["id"] = part.text; break;
  }
  return json;
}

Json json_of(const Query& query, std::int64_t now_us) {
  Json json = {{"query", Json::array()},
               {"k", query.k},
               {"explain", query.explain},
               {"vectors", query.with_vectors},
               {"coded_scores", query.coded_scores}};
  for (const QueryPart& part : query.parts) json["query"].push_back(json_of(part));
  if (!query.where.empty()) json["where"] = query.where;
  if (!query.head.empty()) json["head"] = query.head;
  if (query.min_probability) json["min_probability"] = *query.min_probability;
  if (query.recall) json["recall"] = *query.recall;
  if (!query.as_of.is_now()) json["as_of"] = as_of_text(query.as_of);
  if (query.deadline_us && *query.deadline_us != 0) {
    json["deadline_ms"] = std::max<std::int64_t>(1, (*query.deadline_us - now_us) / 1000);
  }
  if (query.parts.empty()) json.erase("query");
  if (!query.words.words.empty()) {
    json["words"] = query.words.words;
    json["fusion"] = {{"by", query.words.fusion == Fusion::kScores ? "scores" : "ranks"},
                      {"weight", query.words.weight}};
  }
  if (!query.boost.empty()) json["boost"] = query.boost;
  if (query.diversity != 0) json["diversity"] = query.diversity;
  if (!query.group_by.empty()) json["group_by"] = query.group_by;
  if (query.group_size != 1) json["group_size"] = query.group_size;
  if (query.offset != 0) json["offset"] = query.offset;
  if (query.candidates != 0) json["candidates"] = query.candidates;
  if (!query.rerank.by.empty()) json["rerank"]["by"] = query.rerank.by;
  if (query.rerank.budget_ms != 0) json["rerank"]["budget_ms"] = query.rerank.budget_ms;
  return json;
}

}  // namespace

Status needs_the_folder(const Wire& wire, std::string_view what) {
  return {Code::kUnsupported, std::string(what) + " needs the data folder itself, which the server at " + wire.url() +
                                  " has open: stop that one first"};
}

std::string collection_path(const std::string& collection) { return "/v1/collections/" + percent_encoded(collection); }

std::string item_path(const std::string& collection, const std::string& id) {
  return collection_path(collection) + "/items/" + percent_encoded(id);
}

RemoteEngine::RemoteEngine(Env& env, const RemoteOptions& options)
    : env_(env), wire_(env, options), encoder_tools_(wire_), upkeep_(wire_, env), vector_tools_(wire_, env) {}

Result<Hits> RemoteEngine::search(const Query& query) {
  PICTOR_ASSIGN(const Json json,
                wire_.json("POST", collection_path(query.collection) + "/search", json_of(query, env_.monotonic_us())));
  return hits_of(json);
}

Result<std::optional<StoredItem>> RemoteEngine::get_as_of(const std::string& collection, const std::string& id,
                                                          bool with_vectors, const AsOf& at) {
  const auto json = wire_.json("GET", item_path(collection, id) + "?vectors=" + (with_vectors ? "true" : "false") +
                                          parameter("as_of", as_of_text(at)));
  if (!json.is_ok()) return none_or<StoredItem>(json.status());
  return std::optional(item_of(*json));
}

Result<std::optional<std::vector<std::byte>>> RemoteEngine::picture_as_of(const std::string& collection,
                                                                          const std::string& id, const AsOf& at) {
  const std::string moment = at.is_now() ? "" : "?as_of=" + percent_encoded(as_of_text(at));
  const auto bytes = wire_.bytes("GET", item_path(collection, id) + "/picture" + moment);
  if (bytes.is_ok()) {
    const ByteView view = as_bytes(*bytes);
    return std::optional(std::vector<std::byte>(view.begin(), view.end()));
  }
  const bool not_kept = bytes.status().message().find("is not kept") != std::string::npos;
  if (bytes.status().code() == Code::kNotFound && not_kept) return std::optional<std::vector<std::byte>>();
  return none_or<std::vector<std::byte>>(bytes.status());
}

// Page by page; all pages are of one moment.
Status RemoteEngine::scan(const ScanRequest& request, const std::function<Status(const StoredItem&)>& visit) {
  if (request.after_row != 0) return away("listing from the middle of a collection");
  const std::string target = collection_path(request.collection) + "/items?limit=" + std::to_string(kPageItems) +
                             "&vectors=" + (request.with_vectors ? "true" : "false") +
                             parameter("where", request.where) + parameter("as_of", as_of_text(request.as_of));
  std::string cursor;
  while (true) {
    PICTOR_ASSIGN(const Json page, wire_.json("GET", target + parameter("cursor", cursor)));
    if (cursor.empty() && request.begun) request.begun(page.value("sequence", Sequence{0}));
    const auto items = page.find("items");
    if (items == page.end() || !items->is_array()) return {Code::kUnreadable, "the server listed no items"};
    for (const Json& item : *items) PICTOR_TRY(visit(item_of(item)));
    const auto next = page.find("next");
    if (next == page.end() || !next->is_string()) return Status::ok();
    cursor = next->get<std::string>();
  }
}

Result<std::vector<StoredVersion>> RemoteEngine::history(const std::string& collection, const std::string& id) {
  PICTOR_ASSIGN(const Json json, wire_.json("GET", item_path(collection, id) + "/history"));
  std::vector<StoredVersion> versions;
  for (const Json& one : json.value("versions", Json::array())) versions.push_back(version_of(one));
  return versions;
}

Result<std::uint64_t> RemoteEngine::remove(const std::string& collection, std::span<const std::string> ids) {
  std::uint64_t removed = 0;
  for (const std::string& id : ids) {
    const auto json = wire_.json("DELETE", item_path(collection, id));
    if (json.is_ok()) {
      ++removed;
    } else {
      PICTOR_TRY(none_or<StoredItem>(json.status()).status());
    }
  }
  return removed;
}

Result<std::uint64_t> RemoteEngine::remove_where(const std::string& collection, const std::string& where) {
  PICTOR_ASSIGN(const Json json,
                wire_.json("DELETE", collection_path(collection) + "/items?where=" + percent_encoded(where)));
  return json.value("deleted", std::uint64_t{0});
}

Result<std::uint64_t> RemoteEngine::count(const std::string& collection, const std::string& where) {
  const std::string filter = where.empty() ? "" : "?where=" + percent_encoded(where);
  PICTOR_ASSIGN(const Json json, wire_.json("GET", collection_path(collection) + "/count" + filter));
  return json.value("count", std::uint64_t{0});
}

Result<Facets> RemoteEngine::facets(const FacetRequest& request) {
  std::string target = collection_path(request.collection) + "/facets?limit=" + std::to_string(request.most);
  for (const std::string& field : request.fields) target += "&field=" + percent_encoded(field);
  PICTOR_ASSIGN(const Json json, wire_.json("GET", target + parameter("where", request.where)));
  return facets_of(json);
}

Result<std::vector<CollectionInfo>> RemoteEngine::collections() {
  PICTOR_ASSIGN(const Json json, wire_.json("GET", "/v1/collections"));
  std::vector<CollectionInfo> all;
  for (const Json& one : json.value("collections", Json::array())) all.push_back(collection_of(one));
  return all;
}

Result<CollectionInfo> RemoteEngine::stats(const std::string& collection) {
  PICTOR_ASSIGN(const Json json, wire_.json("GET", collection_path(collection)));
  return collection_of(json);
}

Status RemoteEngine::drop(const std::string& collection) {
  return wire_.bytes("DELETE", collection_path(collection)).status();
}

Result<CheckedReceipt> RemoteEngine::receipt(const std::string& collection, const std::string& id) {
  PICTOR_ASSIGN(const Json json, wire_.json("GET", item_path(collection, id) + "/receipt"));
  return receipt_of(json);
}

Result<std::vector<EncoderInfo>> RemoteEngine::encoders() {
  PICTOR_ASSIGN(const Json json, wire_.json("GET", "/v1/encoders"));
  std::vector<EncoderInfo> all;
  for (const Json& one : json.value("encoders", Json::array())) all.push_back(encoder_of(one));
  return all;
}

Result<std::vector<float>> RemoteEngine::embedded(const std::string& encoder, const std::string& head, Json inputs) {
  Json request = {{"input", std::move(inputs)}, {"encoding_format", "base64"}};
  if (!encoder.empty() || !head.empty()) request["model"] = head.empty() ? encoder : encoder + "/" + head;
  PICTOR_ASSIGN(const Json json, wire_.json("POST", "/v1/embeddings", request));
  std::vector<float> numbers;
  for (const Json& one : json.value("data", Json::array())) {
    const auto bytes = bytes_of_base64(one.value("embedding", std::string()));
    if (!bytes.is_ok() || bytes->size() % sizeof(float) != 0) {
      return Status(Code::kUnreadable, "the server answered a vector that is none");
    }
    const std::size_t begin = numbers.size();
    numbers.resize(begin + bytes->size() / sizeof(float));
    std::memcpy(numbers.data() + begin, bytes->data(), bytes->size());
  }
  return numbers;
}

Result<std::vector<float>> RemoteEngine::embed_texts(const std::string& encoder, const std::string& head,
                                                     std::span<const std::string> texts) {
  Json inputs = Json::array();
  for (const std::string& text : texts) inputs.push_back(text);
  return embedded(encoder, head, std::move(inputs));
}

Result<std::vector<float>> RemoteEngine::embed_picture(const std::string& encoder, const std::string& head,
                                                       std::span<const std::byte> file) {
  return embedded(encoder, head, Json::array({Json{{"image", base64_of(file)}}}));
}

Result<std::unique_ptr<Engine>> connect_engine(Env& env, const RemoteOptions& options) {
  RemoteOptions taken = options;
  while (!taken.url.empty() && taken.url.back() == '/') taken.url.pop_back();
  auto engine = std::make_unique<RemoteEngine>(env, taken);
  return std::unique_ptr<Engine>(std::move(engine));
}

std::optional<std::string> server_of(Env& env, const std::string& data_folder) {
  const auto bytes = read_file(env, join_path(data_folder, "server.json"), kAddressFileBytesMax);
  if (!bytes.is_ok()) return std::nullopt;
  const Json json = Json::parse(as_text(*bytes), nullptr, false);
  if (!json.is_object() || !json.contains("url") || !json["url"].is_string()) return std::nullopt;
  return json["url"].get<std::string>();
}

}  // namespace pictor
