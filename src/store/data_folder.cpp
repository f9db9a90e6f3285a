#include <map>
#include <mutex>

#include "store/backup.h"
#include "store/backup_manifest.h"
#include "store/beside.h"
#include "store/collection.h"
#include "store/folders.h"
#include "store/places.h"
#include "store/schema.h"

namespace pictor {
namespace {

// In a folder that the catalogue does not (or soon will not) know: it may be removed when the folder is next opened.
// A folder without it that the catalogue does not know is somebody else's, and is left alone.
constexpr const char* kLeftover = "LEFTOVER";

Status remove_tree(Env& env, const std::string& path, std::uint32_t depth = 0) {
  if (depth > limits::kFolderDepthMax) return {Code::kLimit, "'" + path + "' is nested too deeply"};
  PICTOR_ASSIGN(const auto entries, env.list(path));
  for (const auto& entry : entries) {
    if (entry.name == kLeftover) continue;
    const std::string inner = join_path(path, entry.name);
    PICTOR_TRY(entry.kind == FileKind::kFolder ? remove_tree(env, inner, depth + 1) : env.remove(inner));
  }
  // The mark goes last, and after the rest is surely gone.
  PICTOR_TRY(env.sync_dir(path));
  if (exists(env, join_path(path, kLeftover))) PICTOR_TRY(env.remove(join_path(path, kLeftover)));
  return env.remove(path);
}

Status mark_leftover(Env& env, const std::string& folder) {
  PICTOR_ASSIGN(const auto file, env.open(join_path(folder, kLeftover), OpenMode::kReadWriteCreate));
  PICTOR_TRY(file->sync());
  return env.sync_dir(folder);
}

std::string listed(const std::vector<CollectionSpec>& specs) {
  if (specs.empty()) return "there is none yet";
  std::string names;
  for (const auto& spec : specs) names += (names.empty() ? "there is " : ", ") + ("'" + spec.name + "'");
  return names;
}

class LocalDataFolder : public DataFolder {
 public:
  LocalDataFolder(Env& env, std::string path) : env_(env), path_(std::move(path)) {}

  Status open(bool create) {
    if (!create && !exists(env_, catalogue_path())) {
      return {Code::kNotFound, "there is no data folder at '" + path_ + "': index something first, or name another"};
    }
    PICTOR_TRY(refuse_copies(env_, path_));
    PICTOR_TRY(make_durable_folder(env_, path_));
    auto lock = env_.lock(join_path(path_, "LOCK"));
    if (!lock.is_ok() && lock.status().code() == Code::kBusy) {
      return {Code::kBusy, "data folder '" + path_ + "' is open in another process: stop that one, or speak to it"};
    }
    if (!lock.is_ok()) return lock.status().in("data folder '" + path_ + "'");
    lock_ = std::move(lock).value();
    PICTOR_TRY(make_durable_folder(env_, collections_path()));
    PICTOR_TRY(refuse_lost_catalogue());
    PICTOR_ASSIGN(catalogue_, Database::open(env_, catalogue_path()));
    PICTOR_TRY(catalogue_->migrate(catalogue_migrations()).in("data folder '" + path_ + "'"));
    PICTOR_TRY(env_.sync_dir(path_));
    return remove_leftovers();
  }

  const std::string& path() const override { return path_; }

  Result<CopyReport> backup(const BackupRequest& request) override {
    return backup(request, [this](const std::string& path) -> Result<std::shared_ptr<DataFolder>> {
      PICTOR_ASSIGN(auto folder, DataFolder::open(env_, path, false));
      return std::shared_ptr<DataFolder>(std::move(folder));
    });
  }
  Result<CopyReport> backup(const BackupRequest& request, const OpenTenant& open_tenant) override {
    PICTOR_TRY(check_backup_place(env_, request.path, path_));
    if (!request.collection.empty()) {
      const std::lock_guard lock(mutex_);
      PICTOR_TRY(known_spec(request.collection).status());
    }
    PICTOR_ASSIGN(BackupSource source, source_of({request.path, request.collection, 0, std::nullopt, false}));
    source.tenants = [this] { return tenants(); };
    source.open_tenant = [&](const std::string& name) -> Result<BackupSource> {
      auto folder = open_tenant(join_path(join_path(path_, kTenantsFolder), name));
      if (!folder.is_ok()) return folder.status().in("tenant '" + name + "'");
      PICTOR_ASSIGN(BackupSource tenant, (*folder)->source_for_parent(request.path));
      tenant.held = std::move(folder).value();
      return tenant;
    };
    source.copy_govern = [this](const std::string& to, const std::function<Status(std::uint64_t)>& step) {
      return copy_govern_database(env_, path_, to, step);
    };
    return write_backup(env_, request, source);
  }

  Result<BackupSource> source_for_parent(const std::string& place) override {
    return source_of({place, "", 0, std::nullopt, true});
  }

  Result<std::vector<std::string>> tenants() const override { return tenants_below(env_, path_); }

  Result<std::vector<BackupPlace>> backups() const override {
    const std::lock_guard lock(mutex_);
    return places_of(*catalogue_);
  }

  Status forget_backup(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    return forget_place(*catalogue_, path);
  }

  Result<std::shared_ptr<Collection>> create_collection(const CollectionSpec& spec) override {
    PICTOR_TRY(check_spec(spec));
    const std::lock_guard lock(mutex_);
    PICTOR_ASSIGN(const auto known, find_spec(spec.name));
    if (known) return Status(Code::kExists, "collection '" + spec.name + "' exists already");
    const std::string folder = collection_path(spec.name);
    if (exists(env_, folder)) {
      if (!is_leftover(folder)) {
        return Status(Code::kExists, "'" + folder + "' exists, and the catalogue does not know it: move it away");
      }
      PICTOR_TRY(remove_tree(env_, folder));
    }
    PICTOR_ASSIGN(auto collection, make_collection(folder, spec));
    PICTOR_TRY(insert_spec(spec));
    static_cast<void>(env_.remove(join_path(folder, kLeftover)));  // the row outweighs the mark
    PICTOR_TRY(make_room());
    open_[spec.name] = collection;
    return std::shared_ptr<Collection>(std::move(collection));
  }

  Result<std::shared_ptr<Collection>> collection(std::string_view name) override {
    const std::lock_guard lock(mutex_);
    PICTOR_ASSIGN(auto collection, open_locked(name));
    return std::shared_ptr<Collection>(std::move(collection));
  }

  Result<std::vector<CollectionSpec>> collections() const override {
    const std::lock_guard lock(mutex_);
    return read_specs();
  }

  Status drop_collection(std::string_view name) override {
    const std::lock_guard lock(mutex_);
    PICTOR_ASSIGN(const auto spec, known_spec(name));
    const auto open = open_.find(name);
    if (open != open_.end() && open->second.use_count() > 1) {
      return {Code::kBusy, "collection '" + spec.name + "' is being read or written: try again when that has ended"};
    }
    if (open != open_.end()) open_.erase(open);
    const std::string folder = collection_path(spec.name);
    PICTOR_TRY(mark_leftover(env_, folder));
    PICTOR_TRY(delete_spec(spec.name));
    static_cast<void>(remove_tree(env_, folder));  // what stays is removed when the data folder is next opened
    return Status::ok();
  }

 private:
  std::string catalogue_path() const { return join_path(path_, "catalogue.db"); }
  std::string collections_path() const { return join_path(path_, "collections"); }
  std::string collection_path(std::string_view name) const { return join_path(collections_path(), name); }

  Result<BackupSource> source_of(const BackupPlace& place) {
    BackupSource source;
    {
      const std::lock_guard lock(mutex_);
      PICTOR_ASSIGN(source.id, folder_id(*catalogue_));
    }
    source.path = path_;
    source.begun = [this, place] {
      const std::lock_guard lock(mutex_);
      BackupPlace begun = place;
      begun.begun_us = env_.wall_us();
      return remember_place(*catalogue_, begun);
    };
    source.copy_catalogue = [this](const std::string& to) { return copy_catalogue(to); };
    source.open = [this](const BackupSource::Named& named) { return open_for_copy(named); };
    source.made = [this, path = place.path](std::int64_t made_us) {
      const std::lock_guard lock(mutex_);
      return note_backup_made(*catalogue_, path, made_us);
    };
    return source;
  }

  Result<CollectionSpec> known_spec(std::string_view name) const {
    PICTOR_ASSIGN(auto spec, find_spec(name));
    if (spec) return std::move(*spec);
    PICTOR_ASSIGN(const auto all, read_specs());
    return Status(Code::kNotFound, "collection '" + std::string(name) + "' does not exist: " + listed(all));
  }

  Result<std::shared_ptr<CollectionStore>> open_locked(std::string_view name) {
    const auto open = open_.find(name);
    if (open != open_.end()) return open->second;
    PICTOR_ASSIGN(const auto spec, known_spec(name));
    PICTOR_TRY(make_room());
    PICTOR_ASSIGN(auto collection, CollectionStore::open(env_, collection_path(spec.name), spec, lock_));
    open_[spec.name] = collection;
    return collection;
  }

  Result<std::vector<BackupSource::Named>> copy_catalogue(const std::string& to) {
    const std::lock_guard lock(mutex_);
    PICTOR_TRY(catalogue_->copy_to(to, [](std::uint64_t, std::uint64_t) { return Status::ok(); }));
    std::vector<BackupSource::Named> named;
    PICTOR_ASSIGN(const auto rows, catalogue_->prepare("SELECT name, created_us FROM collections ORDER BY name"));
    while (true) {
      PICTOR_ASSIGN(const bool found, rows->step());
      if (!found) return named;
      named.push_back({std::string(rows->text(0)), rows->integer(1)});
    }
  }

  Result<std::shared_ptr<CollectionStore>> open_for_copy(const BackupSource::Named& named) {
    const std::lock_guard lock(mutex_);
    {
      PICTOR_ASSIGN(const auto row,
                    catalogue_->prepare("SELECT 1 FROM collections WHERE name = ?1 AND created_us = ?2"));
      row->bind(0, std::string_view(named.name));
      row->bind(1, named.created_us);
      PICTOR_ASSIGN(const bool found, row->step());
      if (!found) return std::shared_ptr<CollectionStore>();
    }
    return open_locked(named.name);
  }

  // A new, empty catalogue beside old collections would hide them for good.
  Status refuse_lost_catalogue() const {
    if (exists(env_, catalogue_path())) return Status::ok();
    PICTOR_ASSIGN(const auto entries, env_.list(collections_path()));
    if (entries.empty()) return Status::ok();
    return {Code::kCorrupt, "'" + catalogue_path() + "' is missing, but '" + collections_path() + "' has " +
                                std::to_string(entries.size()) + " folders: restore the catalogue from a backup"};
  }

  bool is_leftover(const std::string& folder) const {
    const auto entries = env_.list(folder);
    return entries.is_ok() && (entries->empty() || exists(env_, join_path(folder, kLeftover)));
  }

  Status remove_leftovers() {
    PICTOR_ASSIGN(const auto entries, env_.list(collections_path()));
    for (const auto& entry : entries) {
      const std::string folder = join_path(collections_path(), entry.name);
      if (entry.kind != FileKind::kFolder || !is_leftover(folder)) continue;
      PICTOR_ASSIGN(const auto known, find_spec(entry.name));
      PICTOR_TRY(known ? env_.remove(join_path(folder, kLeftover)) : remove_tree(env_, folder));
    }
    return Status::ok();
  }

  Result<std::shared_ptr<CollectionStore>> make_collection(const std::string& folder, const CollectionSpec& spec) {
    PICTOR_TRY(env_.make_dirs(folder));
    PICTOR_TRY(mark_leftover(env_, folder));
    PICTOR_TRY(env_.sync_dir(collections_path()));
    PICTOR_TRY(env_.make_dirs(join_path(folder, "segments")));
    PICTOR_TRY(env_.make_dirs(join_path(folder, "blobs")));
    PICTOR_ASSIGN(auto collection, CollectionStore::open(env_, folder, spec, lock_));
    PICTOR_TRY(env_.sync_dir(folder));
    return collection;
  }

  Status make_room() {
    if (open_.size() < limits::kCollectionsOpenMax) return Status::ok();
    for (auto it = open_.begin(); it != open_.end(); ++it) {
      if (it->second.use_count() > 1) continue;
      open_.erase(it);
      return Status::ok();
    }
    return {Code::kLimit, std::to_string(limits::kCollectionsOpenMax) + " collections are in use at once: close some"};
  }

  Status insert_spec(const CollectionSpec& spec) {
    PICTOR_ASSIGN(auto transaction, Transaction::begin(*catalogue_));
    PICTOR_ASSIGN(const auto row,
                  catalogue_->prepare("INSERT INTO collections(name, encoder, isa_class, keep, created_us, "
                                      "tokens_codec, tokens_height, tokens_width, tokens_dim) "
                                      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"));
    row->bind(0, std::string_view(spec.name));
    row->bind(1, std::string_view(spec.encoder));
    row->bind(2, std::string_view(spec.isa_class));
    row->bind(3, static_cast<std::int64_t>(spec.keep));
    row->bind(4, env_.wall_us());
    row->bind(5, static_cast<std::int64_t>(spec.tokens.codec));
    row->bind(6, std::int64_t{spec.tokens.grid.height});
    row->bind(7, std::int64_t{spec.tokens.grid.width});
    row->bind(8, std::int64_t{spec.tokens.grid.dim});
    PICTOR_TRY(row->step().status());
    PICTOR_ASSIGN(const auto space,
                  catalogue_->prepare("INSERT INTO spaces(collection, position, id, head, dim, metric) "
                                      "VALUES(?1, ?2, ?3, ?4, ?5, ?6)"));
    for (std::size_t i = 0; i < spec.spaces.size(); ++i) {
      Use insert(*space);
      insert->bind(0, std::string_view(spec.name));
      insert->bind(1, static_cast<std::int64_t>(i));
      insert->bind(2, std::string_view(spec.spaces[i].id));
      insert->bind(3, std::string_view(spec.spaces[i].head));
      insert->bind(4, std::int64_t{spec.spaces[i].dim});
      insert->bind(5, static_cast<std::int64_t>(spec.spaces[i].metric));
      PICTOR_TRY(insert->step().status());
    }
    return transaction.commit();
  }

  Status delete_spec(const std::string& name) {
    PICTOR_ASSIGN(auto transaction, Transaction::begin(*catalogue_));
    PICTOR_ASSIGN(const auto remove, catalogue_->prepare("DELETE FROM collections WHERE name = ?1"));
    remove->bind(0, std::string_view(name));
    PICTOR_TRY(remove->step().status());
    return transaction.commit();
  }

  Result<std::optional<CollectionSpec>> find_spec(std::string_view name) const {
    PICTOR_ASSIGN(auto specs, read_specs());
    for (auto& spec : specs) {
      if (spec.name == name) return std::optional(std::move(spec));
    }
    return std::optional<CollectionSpec>();
  }

  Result<std::vector<CollectionSpec>> read_specs() const {
    PICTOR_ASSIGN(const auto rows, catalogue_->prepare("SELECT name, encoder, isa_class, keep, id, head, dim, metric, "
                                                       "tokens_codec, tokens_height, tokens_width, tokens_dim "
                                                       "FROM collections JOIN spaces ON collection = name "
                                                       "ORDER BY name, position"));
    std::vector<CollectionSpec> specs;
    while (true) {
      PICTOR_ASSIGN(const bool found, rows->step());
      if (!found) return specs;
      if (specs.empty() || specs.back().name != rows->text(0)) {
        CollectionSpec spec;
        spec.name = rows->text(0);
        spec.encoder = rows->text(1);
        spec.isa_class = rows->text(2);
        spec.keep = static_cast<Keep>(rows->integer(3));
        spec.tokens.codec = static_cast<TokenCodec>(rows->integer(8));
        spec.tokens.grid = {static_cast<std::uint32_t>(rows->integer(9)), static_cast<std::uint32_t>(rows->integer(10)),
                            static_cast<std::uint32_t>(rows->integer(11))};
        specs.push_back(std::move(spec));
      }
      specs.back().spaces.push_back({SpaceId(rows->text(4)), std::string(rows->text(5)),
                                     static_cast<std::uint32_t>(rows->integer(6)),
                                     static_cast<Metric>(rows->integer(7))});
    }
  }

  Env& env_;
  const std::string path_;
  std::shared_ptr<FileLock> lock_;
  mutable std::mutex mutex_;  // guards all below
  std::unique_ptr<Database> catalogue_;
  std::map<std::string, std::shared_ptr<CollectionStore>, std::less<>> open_;
};

}  // namespace

Result<std::unique_ptr<DataFolder>> DataFolder::open(Env& env, const std::string& path, bool create) {
  auto folder = std::make_unique<LocalDataFolder>(env, path);
  PICTOR_TRY(folder->open(create));
  return std::unique_ptr<DataFolder>(std::move(folder));
}

}  // namespace pictor
