// Restores a backup: all of it checked, then copied to a folder that carries a mark until it is whole and durable.
#include <algorithm>

#include "store/backup_check.h"
#include "store/blobs.h"
#include "store/folders.h"

namespace pictor {
namespace {

class Restorer {
 public:
  Restorer(Env& env, const RestoreRequest& request) : env_(env), request_(request), transfer_(env, request.copy) {}

  Result<CopyReport> run() {
    PICTOR_ASSIGN(manifest_, read_manifest(env_, request_.backup));
    PICTOR_ASSIGN(const auto backup_lock, lock_backup(env_, request_.backup));
    PICTOR_TRY(choose());
    PICTOR_TRY(look_at_target());
    PICTOR_TRY(check());
    PICTOR_TRY(take_target());
    for (const BackupPart& part : manifest_.tenants) PICTOR_TRY(copy_part(part));
    if (manifest_.govern) PICTOR_TRY(copy_file(*manifest_.govern));
    PICTOR_TRY(copy_part(manifest_));
    PICTOR_TRY(transfer_.sync_folders());
    // All is durable: from now on it is a data folder.
    PICTOR_TRY(env_.remove(in_target(kRestoring)));
    PICTOR_TRY(env_.sync_dir(request_.target));
    report_.path = request_.target;
    report_.made_us = manifest_.made_us;
    report_.tenants = manifest_.tenants.size();
    report_.governs = manifest_.govern.has_value();
    report_.files_copied = transfer_.files_copied();
    report_.bytes_copied = transfer_.bytes_copied();
    return std::move(report_);
  }

 private:
  std::string in_target(std::string_view path) const { return join_path(request_.target, path); }
  std::string in_backup(std::string_view path) const { return join_path(request_.backup, path); }

  Status choose() {
    if (request_.collection.empty()) return Status::ok();
    manifest_.tenants.clear();
    manifest_.govern.reset();
    std::string names;
    for (const auto& collection : manifest_.collections) names += (names.empty() ? "'" : ", '") + collection.name + "'";
    std::erase_if(manifest_.collections, [&](const auto& one) { return one.name != request_.collection; });
    if (!manifest_.collections.empty()) return Status::ok();
    return {Code::kNotFound, "the backup '" + request_.backup + "' has no collection '" + request_.collection +
                                 "'; it has: " + (names.empty() ? "none" : names)};
  }

  // What tells this backup from others, within the mark.
  std::string mark() const {
    return manifest_.folder + " " + std::to_string(manifest_.made_us) + " " + request_.collection + "\n";
  }

  Status look_at_target() const {
    const auto entries = env_.list(request_.target);
    if (!entries.is_ok()) return entries.status().code() == Code::kNotFound ? Status::ok() : entries.status();
    const auto begun = [](const DirEntry& entry) { return entry.name == std::string(kRestoring) + ".tmp"; };
    if (std::ranges::all_of(*entries, begun)) return Status::ok();  // the mark itself was not yet there
    const auto found = read_file(env_, in_target(kRestoring), limits::kPathBytesMax);
    if (found.is_ok() && as_text(*found) == mark()) return Status::ok();
    if (found.is_ok()) {
      return {Code::kExists, "'" + request_.target + "' holds an unfinished restore of another backup: remove it, or " +
                                 "name another folder"};
    }
    return {Code::kExists, "'" + request_.target + "' is not empty (there is '" + entries->front().name +
                               "'): name an empty folder, or one that is to be made"};
  }

  Status check() {
    for (const BackupPart* part : manifest_.parts()) {
      for (const auto& collection : part->collections) transfer_.expect(bytes_of(collection));
    }
    PICTOR_ASSIGN(const auto faults, check_backup(env_, request_.backup, manifest_, transfer_));
    if (faults.empty()) return Status::ok();
    return {Code::kCorrupt, "the backup has " + std::to_string(faults.size()) +
                                (faults.size() == 1 ? " fault" : " faults") + ", nothing was restored; the first: '" +
                                faults[0].where + "' " + faults[0].what + "; pictor verify --backup '" +
                                request_.backup + "' lists all"};
  }

  Status take_target() {
    PICTOR_TRY(make_durable_folder(env_, request_.target));
    if (!exists(env_, in_target(kRestoring))) {
      PICTOR_TRY(write_file_atomic(env_, in_target(kRestoring), as_bytes(mark())));
    }
    PICTOR_ASSIGN(lock_, env_.lock(in_target("LOCK")));
    return transfer_.use_folder(request_.target);
  }

  // A file under its name is whole and of this backup: the mark says so.
  Status copy_file(const std::string& from, std::uint64_t bytes, const Hash256& sum, const std::string& to,
                   OpenMode mode) {
    ++report_.files;
    report_.bytes += bytes;
    const auto info = env_.info(to);
    if (info.is_ok() && info->size == bytes) {
      transfer_.done(bytes);
      return transfer_.pace(0);
    }
    return transfer_.copy(from, sum, to, mode);
  }

  Status copy_file(const BackupFile& file, OpenMode mode = OpenMode::kCreateNew) {
    return copy_file(in_backup(file.file), file.bytes, file.sum, in_target(file.path), mode);
  }

  Status copy_part(const BackupPart& part) {
    if (!part.tenant.empty()) PICTOR_TRY(transfer_.use_folder(in_target(kTenantsFolder)));
    PICTOR_TRY(transfer_.use_folder(in_target(part.at() + "collections")));
    for (const auto& collection : part.collections) {
      PICTOR_TRY(copy_collection(collection).in("collection '" + collection.title() + "'"));
    }
    PICTOR_TRY(copy_keys(part));
    return copy_catalogue(part);
  }

  Status copy_collection(const BackupCollection& collection) {
    transfer_.now_at(collection.title());
    const std::string folder = parent_path(in_target(collection.path("collection.db")));
    for (const std::string& inner : {folder, folder + "/segments", folder + "/blobs"}) {
      PICTOR_TRY(transfer_.use_folder(inner));
    }
    const std::uint64_t before = report_.bytes;
    PICTOR_TRY(copy_file(collection.database));
    for (const auto& segment : collection.segments) PICTOR_TRY(copy_file(segment));
    PICTOR_TRY(copy_blobs(collection, folder));
    report_.collections.push_back({collection.name, collection.sequence, collection.time_us, collection.items,
                                   collection.segments.size(), collection.blobs, report_.bytes - before,
                                   collection.tenant});
    return Status::ok();
  }

  Status copy_blobs(const BackupCollection& collection, const std::string& folder) {
    PICTOR_ASSIGN(const auto database, open_backed_up(env_, request_.backup, collection));
    const Blobs from(env_, in_backup(collection.path("blobs")));
    const Blobs to(env_, folder + "/blobs");
    return for_each_blob(*database, [&](const Hash256& hash, std::uint64_t bytes) {
      PICTOR_TRY(transfer_.use_folder(parent_path(to.path(hash))));
      return copy_file(from.path(hash), bytes, hash, to.path(hash), OpenMode::kCreateNew);
    });
  }

  Status copy_keys(const BackupPart& part) {
    for (const auto& key : part.keys) {
      PICTOR_TRY(transfer_.use_folder(parent_path(in_target(key.path))));
      PICTOR_TRY(copy_file(key, OpenMode::kCreatePrivate));
    }
    return Status::ok();
  }

  // Each attempt begins with the backup's own: what an earlier one did to it, and its log, go first.
  Status copy_catalogue(const BackupPart& part) {
    const std::string path = in_target(part.catalogue.path);
    for (const std::string& old : {path + "-wal", path}) {
      if (exists(env_, old)) PICTOR_TRY(env_.remove(old));
    }
    PICTOR_TRY(env_.sync_dir(parent_path(path)));
    PICTOR_TRY(copy_file(part.catalogue));
    PICTOR_TRY(env_.sync_dir(parent_path(path)));
    return forget_others(path, part);
  }

  // The catalogue is of the moment when the backup began, and of all collections.
  Status forget_others(const std::string& path, const BackupPart& part) {
    DatabaseOptions options;
    options.create = false;
    PICTOR_ASSIGN(const auto catalogue, Database::open(env_, path, options));
    PICTOR_ASSIGN(auto transaction, Transaction::begin(*catalogue));
    std::vector<std::string> others;
    {
      PICTOR_ASSIGN(const auto names, catalogue->prepare("SELECT name FROM collections"));
      while (true) {
        PICTOR_ASSIGN(const bool found, names->step());
        if (!found) break;
        const std::string name(names->text(0));
        if (std::ranges::find(part.collections, name, &BackupCollection::name) == part.collections.end()) {
          others.push_back(name);
        }
      }
    }
    PICTOR_ASSIGN(const auto remove, catalogue->prepare("DELETE FROM collections WHERE name = ?1"));
    for (const auto& name : others) {
      remove->bind(0, std::string_view(name));
      PICTOR_TRY(remove->step().status());
      remove->reset();
    }
    PICTOR_TRY(transaction.commit());
    return catalogue->checkpoint();
  }

  Env& env_;
  const RestoreRequest& request_;
  Transfer transfer_;
  BackupManifest manifest_;
  std::unique_ptr<FileLock> lock_;
  CopyReport report_;
};

}  // namespace

Result<CopyReport> restore_backup(Env& env, const RestoreRequest& request) {
  auto report = Restorer(env, request).run();
  if (report.is_ok() || report.status().code() != Code::kCancelled) return report;
  return Status(Code::kCancelled, "the restore was stopped; the same command goes on from here");
}

}  // namespace pictor
