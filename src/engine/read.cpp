// Reading items: now, or as the collection was; and the history of one.
#include <nlohmann/json.hpp>

#include "engine/engine_impl.h"

namespace pictor {
namespace {

constexpr std::size_t kPageItems = 256;

// Vectors from elsewhere come without a picture.
std::string content_of(const Item& item) {
  return item.data.content == Hash256{} ? std::string() : item.data.content.hex();
}

StoredItem stored_of(const Item& item, const CollectionSpec& spec, bool with_vectors) {
  StoredItem out;
  out.id = item.data.id;
  out.row = item.row;
  out.source = item.data.source;
  out.metadata = item.data.metadata;
  out.text = item.data.text;
  out.content = content_of(item);
  out.format = item.data.format;
  out.width = item.data.width;
  out.height = item.data.height;
  out.receipt = item.data.receipt;
  out.born = item.born;
  out.created_us = item.created_us;
  if (!with_vectors) return out;
  for (std::size_t i = 0; i < spec.spaces.size() && i < item.data.vectors.size(); ++i) {
    if (!item.data.vectors[i].empty()) out.vectors[spec.spaces[i].head] = item.data.vectors[i];
  }
  return out;
}

// A receipt that cannot be read names none: verify speaks of it, a history does not fail for it.
std::map<std::string, SpaceId> spaces_of(const std::string& receipt) {
  std::map<std::string, SpaceId> spaces;
  const auto json = nlohmann::json::parse(receipt, nullptr, false);
  if (!json.is_object() || !json.contains("spaces") || !json["spaces"].is_object()) return spaces;
  for (const auto& [head, space] : json["spaces"].items()) {
    if (space.is_string()) spaces[head] = space.get<std::string>();
  }
  return spaces;
}

StoredVersion stored_version(const Version& version) {
  StoredVersion out;
  out.id = version.item.data.id;
  out.born = version.item.born;
  out.died = version.died;
  out.born_us = version.born_us;
  out.died_us = version.died_us;
  out.batch = version.batch;
  out.content = content_of(version.item);
  out.source = version.item.data.source;
  out.spaces = spaces_of(version.item.data.receipt);
  return out;
}

}  // namespace

Result<std::optional<StoredItem>> EngineImpl::get(const std::string& collection, const std::string& id,
                                                  bool with_vectors) {
  return get_as_of(collection, id, with_vectors, {});
}

Result<std::optional<StoredItem>> EngineImpl::get_as_of(const std::string& collection, const std::string& id,
                                                        bool with_vectors, const AsOf& at) {
  PICTOR_ASSIGN(const auto found, folder_->collection(collection));
  PICTOR_ASSIGN(const auto snapshot, found->snapshot_as_of(at));
  PICTOR_ASSIGN(const auto item, snapshot->find(id, with_vectors));
  if (!item.has_value()) return std::optional<StoredItem>();
  return std::optional(stored_of(*item, found->spec(), with_vectors));
}

Result<std::optional<std::vector<std::byte>>> EngineImpl::picture(const std::string& collection,
                                                                  const std::string& id) {
  return picture_as_of(collection, id, {});
}

Result<std::optional<std::vector<std::byte>>> EngineImpl::picture_as_of(const std::string& collection,
                                                                        const std::string& id, const AsOf& at) {
  PICTOR_ASSIGN(const auto found, folder_->collection(collection));
  PICTOR_ASSIGN(const auto snapshot, found->snapshot_as_of(at));
  PICTOR_ASSIGN(const auto item, snapshot->find(id, false));
  std::optional<Bytes> none;
  if (!item.has_value()) return none;
  PICTOR_ASSIGN(auto blob, snapshot->blob(item->row));
  if (blob.has_value()) return blob;
  if (found->spec().keep != Keep::kReference) return none;
  auto bytes = read_file(env_, item->data.source, limits::kImageFileBytesMax);
  if (!bytes.is_ok() || sha256(*bytes) != item->data.content) return none;
  return std::optional<Bytes>(std::move(bytes).value());
}

// Page by page: items that do not pass are not read.
Status EngineImpl::scan(const ScanRequest& request, const std::function<Status(const StoredItem&)>& visit) {
  PICTOR_ASSIGN(const auto found, folder_->collection(request.collection));
  PICTOR_ASSIGN(const auto snapshot, found->snapshot_as_of(request.as_of));
  if (request.begun) request.begun(snapshot->sequence());
  const auto tell = [&](const Item& item) { return visit(stored_of(item, found->spec(), request.with_vectors)); };
  if (request.where.empty()) return snapshot->scan(request.with_vectors, tell, request.after_row);
  PICTOR_ASSIGN(const RowSet allowed, snapshot->matching(request.where));
  std::vector<RowId> rows(kPageItems);
  RowId after = request.after_row;
  while (const std::size_t count = allowed.after(after, rows)) {
    PICTOR_ASSIGN(const auto items, snapshot->items(std::span(rows).first(count), request.with_vectors));
    for (const Item& item : items) PICTOR_TRY(tell(item));
    after = rows[count - 1];
  }
  return Status::ok();
}

Result<std::uint64_t> EngineImpl::count(const std::string& collection, const std::string& where) {
  PICTOR_ASSIGN(const auto found, folder_->collection(collection));
  PICTOR_ASSIGN(const auto snapshot, found->snapshot());
  if (where.empty()) return snapshot->size();
  PICTOR_ASSIGN(const RowSet allowed, snapshot->matching(where));
  return allowed.size();
}

Result<Facets> EngineImpl::facets(const FacetRequest& request) {
  PICTOR_ASSIGN(const auto found, folder_->collection(request.collection));
  PICTOR_ASSIGN(const auto snapshot, found->snapshot());
  return snapshot->facets(request);
}

Result<std::vector<StoredVersion>> EngineImpl::history(const std::string& collection, const std::string& id) {
  PICTOR_ASSIGN(const auto found, folder_->collection(collection));
  PICTOR_ASSIGN(const auto versions, found->versions(id));
  if (versions.empty()) {
    return Status(Code::kNotFound, "collection '" + collection + "' never had an item '" + id + "'");
  }
  std::vector<StoredVersion> out;
  out.reserve(versions.size());
  for (const auto& version : versions) out.push_back(stored_version(version));
  return out;
}

}  // namespace pictor
