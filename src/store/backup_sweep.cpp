#include "store/backup_sweep.h"

#include <algorithm>
#include <set>

#include "store/backup_check.h"
#include "store/folders.h"
#include "store/schema.h"

namespace pictor {
namespace {

class Sweeper {
 public:
  Sweeper(Env& env, const std::string& backup, const BackupManifest& manifest)
      : env_(env), backup_(backup), manifest_(manifest) {
    if (manifest.govern) named_.insert(manifest.govern->file);
    for (const BackupPart* part : manifest.parts()) {
      named_.insert(part->catalogue.file);
      for (const auto& key : part->keys) named_.insert(key.file);
      for (const auto& collection : part->collections) {
        named_.insert(collection.database.file);
        for (const auto& segment : collection.segments) named_.insert(segment.file);
      }
    }
  }

  void run() {
    run("");
    const auto tenants = env_.list(in_backup(kTenantsFolder));
    if (!tenants.is_ok()) return;
    for (const auto& entry : *tenants) run(entry.name);
  }

 private:
  // One data folder; "": the main one.
  void run(const std::string& tenant) {
    const std::string at = tenant.empty() ? "" : tenant_prefix(tenant);
    for (const char* folder : {"", "keys", "keys/former"}) remove_files(at + folder);
    const auto collections = env_.list(in_backup(at + "collections"));
    if (!collections.is_ok()) return;
    for (const auto& entry : *collections) {
      BackupCollection collection;
      collection.name = entry.name;
      collection.tenant = tenant;
      remove_files(collection.path(""));
      remove_files(collection.path("segments"));
      remove_blobs(collection);
    }
  }

  std::string in_backup(std::string_view path) const { return join_path(backup_, path); }

  void remove_files(std::string folder) {
    if (folder.ends_with('/')) folder.pop_back();
    const auto entries = env_.list(folder.empty() ? backup_ : in_backup(folder));
    if (!entries.is_ok()) return;
    for (const auto& entry : *entries) {
      const std::string path = folder.empty() ? entry.name : folder + "/" + entry.name;
      if (entry.kind != FileKind::kFile || !is_ours(path) || named_.contains(path)) continue;
      static_cast<void>(env_.remove(in_backup(path)));
    }
  }

  static bool is_ours(const std::string& path) {
    const auto dot = path.rfind('.');
    return path.ends_with(kBackupAside) || (dot != std::string::npos && is_backup_name(path, path.substr(0, dot)));
  }

  const BackupCollection* kept_of(const BackupCollection& collection) const {
    for (const BackupPart* part : manifest_.parts()) {
      if (part->tenant != collection.tenant) continue;
      const auto kept = std::ranges::find(part->collections, collection.name, &BackupCollection::name);
      if (kept != part->collections.end()) return &*kept;
    }
    return nullptr;
  }

  void remove_blobs(const BackupCollection& collection) {
    const BackupCollection* kept = kept_of(collection);
    std::unique_ptr<Database> database;
    std::unique_ptr<Statement> known;
    if (kept != nullptr) {
      auto opened = open_backed_up(env_, backup_, *kept);
      if (!opened.is_ok()) return;
      database = std::move(opened).value();
      auto select = database->prepare("SELECT 1 FROM blobs WHERE hash = ?1");
      if (!select.is_ok()) return;
      known = std::move(select).value();
    }
    const std::string folder = in_backup(collection.path("blobs"));
    const auto shards = env_.list(folder);
    if (!shards.is_ok()) return;
    for (const auto& shard : *shards) remove_blobs_of(join_path(folder, shard.name), known.get());
  }

  void remove_blobs_of(const std::string& shard, Statement* known) {
    const auto files = env_.list(shard);
    if (!files.is_ok()) return;
    for (const auto& file : *files) {
      if (is_unknown_blob(file.name, known)) static_cast<void>(env_.remove(join_path(shard, file.name)));
    }
  }

  // `known` may be null: the backup has no such collection any more.
  static bool is_unknown_blob(const std::string& name, Statement* known) {
    const auto hash = Hash256::from_hex(name);
    if (!hash.is_ok()) return name.ends_with(kBackupAside);
    if (known == nullptr) return true;
    Use select(*known);
    select->bind(0, bytes_of(*hash));
    const auto found = select->step();
    return found.is_ok() && !*found;
  }

  Env& env_;
  const std::string& backup_;
  const BackupManifest& manifest_;
  std::set<std::string> named_;
};

}  // namespace

void sweep_backup(Env& env, const std::string& backup, const BackupManifest& manifest) {
  Sweeper(env, backup, manifest).run();
}

}  // namespace pictor
