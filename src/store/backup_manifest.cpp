#include "store/backup_manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kVersion = 2, kVersionWithoutTenants = 1;
constexpr const char* kSum = "sum";
constexpr std::size_t kNameDigits = 16;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// One name of a path: no way out of its folder.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name.front() != '.' && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

bool is_key_path(std::string_view path, std::string_view at) {
  if (!path.starts_with(at)) return false;
  path.remove_prefix(at.size());
  for (const std::string_view folder : {"keys/former/", "keys/"}) {
    if (path.starts_with(folder)) return is_plain_name(path.substr(folder.size()));
  }
  return false;
}

bool is_segment_path(std::string_view path, const BackupCollection& collection) {
  const std::string folder = collection.path("segments/");
  if (!path.starts_with(folder) || !path.ends_with(".seg")) return false;
  const std::string_view digits = path.substr(folder.size(), path.size() - folder.size() - 4);
  return !digits.empty() && digits.size() <= 20 && digits.find_first_not_of("0123456789") == std::string_view::npos;
}

Json file_object(const BackupFile& file) {
  return {{"path", file.path}, {"file", file.file}, {"bytes", file.bytes}, {"sha256", file.sum.hex()}};
}

Json files_array(const std::vector<BackupFile>& files) {
  Json array = Json::array();
  for (const auto& file : files) array.push_back(file_object(file));
  return array;
}

Json collection_object(const BackupCollection& collection) {
  return {{"name", collection.name},
          {"sequence", collection.sequence},
          {"time_us", collection.time_us ? Json(*collection.time_us) : Json(nullptr)},
          {"items", collection.items},
          {"blobs", collection.blobs},
          {"blob_bytes", collection.blob_bytes},
          {"database", file_object(collection.database)},
          {"segments", files_array(collection.segments)}};
}

Json collections_array(const BackupPart& part) {
  Json array = Json::array();
  for (const auto& collection : part.collections) array.push_back(collection_object(collection));
  return array;
}

Json tenant_object(const BackupPart& part) {
  return {{"name", part.tenant},
          {"folder", part.folder},
          {"catalogue", file_object(part.catalogue)},
          {"keys", files_array(part.keys)},
          {"collections", collections_array(part)}};
}

Json body_of(const BackupManifest& manifest) {
  Json tenants = Json::array();
  for (const auto& part : manifest.tenants) tenants.push_back(tenant_object(part));
  return {{"pictor_backup", kVersion},
          {"folder", manifest.folder},
          {"collection", manifest.collection.empty() ? Json(nullptr) : Json(manifest.collection)},
          {"begun_us", manifest.begun_us},
          {"made_us", manifest.made_us},
          {"catalogue", file_object(manifest.catalogue)},
          {"keys", files_array(manifest.keys)},
          {"collections", collections_array(manifest)},
          {"govern", manifest.govern ? file_object(*manifest.govern) : Json(nullptr)},
          {"tenants", tenants}};
}

std::string sum_of(const Json& body) {
  return sha256(as_bytes(body.dump(-1, ' ', false, Json::error_handler_t::replace))).hex();
}

// Reads fields, and remembers the first that is not as it should be.
class Fields {
 public:
  std::string text(const Json& object, const char* name) {
    const Json* value = find(object, name);
    if (value != nullptr && value->is_string()) return value->get<std::string>();
    if (value == nullptr || !value->is_null()) fail(name);
    return "";
  }
  std::uint64_t number(const Json& object, const char* name) {
    const Json* value = find(object, name);
    if (value != nullptr && value->is_number_unsigned()) return value->get<std::uint64_t>();
    fail(name);
    return 0;
  }
  std::optional<std::int64_t> time(const Json& object, const char* name) {
    const Json* value = find(object, name);
    if (value != nullptr && value->is_number_integer()) return value->get<std::int64_t>();
    if (value == nullptr || !value->is_null()) fail(name);
    return std::nullopt;
  }
  const Json& list(const Json& object, const char* name) {
    static const Json kNone = Json::array();
    const Json* value = find(object, name);
    if (value != nullptr && value->is_array() && value->size() <= limits::kBackupFilesMax) return *value;
    fail(name);
    return kNone;
  }
  BackupFile file(const Json& object, const char* where) {
    BackupFile file;
    file.path = text(object, "path");
    file.file = text(object, "file");
    file.bytes = number(object, "bytes");
    const auto sum = Hash256::from_hex(text(object, "sha256"));
    if (!sum.is_ok() || !is_backup_name(file.file, file.path) || !files_.insert(file.path).second) fail(where);
    if (sum.is_ok()) file.sum = *sum;
    return file;
  }
  BackupFile file_in(const Json& object, const char* name) {
    const Json* value = find(object, name);
    if (value != nullptr) return file(*value, name);
    fail(name);
    return {};
  }
  void fail(std::string_view name) {
    if (wrong_.empty()) wrong_ = name;
  }
  const std::string& wrong() const { return wrong_; }

 private:
  static const Json* find(const Json& object, const char* name) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(name);
    return found == object.end() ? nullptr : &*found;
  }

  std::string wrong_;
  std::set<std::string> files_;
};

BackupCollection read_collection(const Json& object, const std::string& tenant, Fields& fields) {
  BackupCollection collection;
  collection.tenant = tenant;
  collection.name = fields.text(object, "name");
  collection.sequence = fields.number(object, "sequence");
  collection.time_us = fields.time(object, "time_us");
  collection.items = fields.number(object, "items");
  collection.blobs = fields.number(object, "blobs");
  collection.blob_bytes = fields.number(object, "blob_bytes");
  collection.database = fields.file_in(object, "database");
  if (!is_plain_name(collection.name) || collection.database.path != collection.path("collection.db")) {
    fields.fail("database");
  }
  for (const auto& segment : fields.list(object, "segments")) {
    collection.segments.push_back(fields.file(segment, "segments"));
    if (!is_segment_path(collection.segments.back().path, collection)) fields.fail("segments");
  }
  return collection;
}

// REQUIRES: part.tenant is known.
void read_part(const Json& object, BackupPart& part, Fields& fields) {
  part.folder = fields.text(object, "folder");
  part.catalogue = fields.file_in(object, "catalogue");
  if (part.catalogue.path != part.at() + "catalogue.db") fields.fail("catalogue");
  for (const auto& key : fields.list(object, "keys")) {
    part.keys.push_back(fields.file(key, "keys"));
    if (!is_key_path(part.keys.back().path, part.at())) fields.fail("keys");
  }
  for (const auto& collection : fields.list(object, "collections")) {
    part.collections.push_back(read_collection(collection, part.tenant, fields));
  }
}

void read_tenants(const Json& body, BackupManifest& manifest, Fields& fields) {
  if (body.contains("govern") && !body["govern"].is_null()) {
    manifest.govern = fields.file_in(body, "govern");
    if (manifest.govern->path != kGovernDatabase) fields.fail("govern");
  }
  for (const auto& object : fields.list(body, "tenants")) {
    BackupPart part;
    part.tenant = fields.text(object, "name");
    if (!is_plain_name(part.tenant)) fields.fail("tenants");
    read_part(object, part, fields);
    manifest.tenants.push_back(std::move(part));
  }
}

Status not_ours(const std::string& what) {
  return {Code::kCorrupt, what + ": it is not what was written; use another backup, or make this one again"};
}

}  // namespace

std::string backup_file_name(std::string_view path, const Hash256& sum) {
  return std::string(path) + "." + sum.hex().substr(0, kNameDigits);
}

bool is_backup_name(std::string_view file, std::string_view path) {
  return !path.empty() && file.size() == path.size() + 1 + kNameDigits && file.starts_with(path) &&
         file[path.size()] == '.' && is_hex(file.substr(path.size() + 1));
}

std::string tenant_prefix(std::string_view name) { return std::string(kTenantsFolder) + "/" + std::string(name) + "/"; }

std::string BackupCollection::path(std::string_view inner) const {
  return (tenant.empty() ? "" : tenant_prefix(tenant)) + "collections/" + name + "/" + std::string(inner);
}

std::vector<const BackupPart*> BackupManifest::parts() const {
  std::vector<const BackupPart*> all = {this};
  for (const BackupPart& part : tenants) all.push_back(&part);
  return all;
}

std::string manifest_text(const BackupManifest& manifest) {
  Json body = body_of(manifest);
  const std::string sum = sum_of(body);
  body[kSum] = sum;
  return body.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<BackupManifest> parse_manifest(std::string_view text) {
  Json body = Json::parse(text, nullptr, false);
  if (!body.is_object() || !body.contains(kSum) || !body[kSum].is_string()) {
    return not_ours("it is no JSON object with a sum");
  }
  const auto wanted = body[kSum].get<std::string>();
  body.erase(kSum);
  if (const auto seen = sum_of(body); seen != wanted) {
    return not_ours("its text has SHA-256 " + seen + ", its sum says " + wanted.substr(0, 64));
  }
  Fields fields;
  const std::uint64_t version = fields.number(body, "pictor_backup");
  if (version != kVersion && version != kVersionWithoutTenants) {
    return Status(Code::kMismatch, "it is of version " + body["pictor_backup"].dump() +
                                       ", this program reads versions up to " + std::to_string(kVersion) +
                                       ": use a newer Pictor");
  }
  BackupManifest manifest;
  manifest.collection = fields.text(body, "collection");
  manifest.begun_us = fields.time(body, "begun_us").value_or(0);
  manifest.made_us = fields.time(body, "made_us").value_or(0);
  read_part(body, manifest, fields);
  if (version != kVersionWithoutTenants) read_tenants(body, manifest, fields);
  if (fields.wrong().empty()) return manifest;
  return not_ours("'" + fields.wrong() + "' is missing or not as it should be");
}

Result<BackupManifest> read_manifest(Env& env, const std::string& backup) {
  const std::string path = join_path(backup, kBackupManifest);
  auto bytes = read_file(env, path, limits::kBackupManifestBytesMax);
  if (!bytes.is_ok() && bytes.status().code() == Code::kNotFound) {
    return Status(Code::kNotFound, "'" + backup + "' holds no whole backup: it has no " + kBackupManifest);
  }
  if (!bytes.is_ok()) return bytes.status();
  auto manifest = parse_manifest(as_text(*bytes));
  if (!manifest.is_ok()) return manifest.status().in("'" + path + "'");
  return manifest;
}

Status write_manifest(Env& env, const std::string& backup, const BackupManifest& manifest) {
  const std::string text = manifest_text(manifest);
  std::uint64_t files = manifest.govern ? 1 : 0;
  for (const BackupPart* part : manifest.parts()) {
    files += 1 + part->keys.size();
    for (const auto& collection : part->collections) files += 1 + collection.segments.size();
  }
  if (files > limits::kBackupFilesMax || text.size() > limits::kBackupManifestBytesMax) {
    return {Code::kLimit, "the backup has " + std::to_string(files) + " files, at most " +
                              std::to_string(limits::kBackupFilesMax) +
                              " are named: back up fewer collections at once"};
  }
  return write_file_atomic(env, join_path(backup, kBackupManifest), as_bytes(text));
}

}  // namespace pictor
