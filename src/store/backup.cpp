// Writes a backup: the data folder, those of its tenants, its keys and audit log, then the manifest that makes all of
// it a backup. What is there already under a name that says what it is, whole and synced, is not copied again.
#include "store/backup.h"

#include <algorithm>

#include "store/backup_manifest.h"
#include "store/backup_part.h"
#include "store/backup_sweep.h"
#include "store/folders.h"
#include "store/transfer.h"

namespace pictor {
namespace {

bool is_ours(const DirEntry& entry) {
  const std::string& name = entry.name;
  return name == "LOCK" || name == "keys" || name == "collections" || name == kTenantsFolder ||
         name.starts_with(kBackupManifest) || name.starts_with("catalogue.db.") ||
         name.starts_with(std::string(kGovernDatabase) + ".");
}

class BackupWriter {
 public:
  BackupWriter(Env& env, const BackupRequest& request, const BackupSource& source)
      : env_(env),
        request_(request),
        source_(source),
        transfer_(env, request.copy),
        parts_(env, request_, transfer_, report_) {}

  Result<CopyReport> run() {
    PICTOR_TRY(take_place());
    manifest_.folder = source_.id;
    manifest_.collection = request_.collection;
    manifest_.begun_us = env_.wall_us();
    PICTOR_TRY(source_.begun());
    PICTOR_TRY(parts_.copy(source_, manifest_));
    if (request_.collection.empty()) {
      PICTOR_TRY(copy_tenants());
      PICTOR_TRY(copy_govern());
    }
    // All names are durable before the one that vouches for them.
    PICTOR_TRY(transfer_.sync_folders());
    manifest_.made_us = env_.wall_us();
    PICTOR_TRY(write_manifest(env_, request_.path, manifest_));
    sweep_backup(env_, request_.path, manifest_);
    PICTOR_TRY(tell_made());
    report_.path = request_.path;
    report_.made_us = manifest_.made_us;
    report_.tenants = manifest_.tenants.size();
    report_.governs = manifest_.govern.has_value();
    report_.files_copied = transfer_.files_copied();
    report_.bytes_copied = transfer_.bytes_copied();
    return std::move(report_);
  }

 private:
  std::string in_place(std::string_view path) const { return join_path(request_.path, path); }

  Status take_place() {
    PICTOR_TRY(make_durable_folder(env_, request_.path));
    PICTOR_ASSIGN(const auto entries, env_.list(request_.path));
    const bool known = std::ranges::any_of(entries, [](const auto& entry) { return entry.name == "LOCK"; });
    const auto foreign = std::ranges::find_if(entries, [](const auto& entry) { return !is_ours(entry); });
    if (foreign != entries.end() || (!entries.empty() && !known)) {
      return {Code::kExists, "'" + request_.path + "' is neither empty nor a backup" +
                                 (foreign == entries.end() ? "" : ": there is '" + foreign->name + "'") +
                                 "; name an empty folder"};
    }
    auto lock = env_.lock(in_place("LOCK"));
    if (!lock.is_ok() && lock.status().code() == Code::kBusy) {
      return {Code::kBusy,
              "another backup to '" + request_.path + "', or a restore from it, runs now: wait for its end"};
    }
    if (!lock.is_ok()) return lock.status().in("'" + request_.path + "'");
    lock_ = std::move(lock).value();
    // From here on the folder is known as ours, also after a loss of power.
    PICTOR_TRY(env_.sync_dir(request_.path));
    PICTOR_TRY(refuse_data_folder());
    PICTOR_TRY(transfer_.use_folder(request_.path));
    return check_earlier();
  }

  // A data folder that lost its catalogue looks much like a backup.
  Status refuse_data_folder() const {
    const auto tenants = env_.list(in_place(kTenantsFolder));
    for (std::size_t i = 0; tenants.is_ok() && i < tenants->size(); ++i) {
      PICTOR_TRY(refuse_live(tenant_prefix((*tenants)[i].name) + "catalogue.db"));
    }
    const auto collections = env_.list(in_place("collections"));
    if (!collections.is_ok()) return Status::ok();
    for (const auto& entry : *collections) {
      BackupCollection collection;
      collection.name = entry.name;
      PICTOR_TRY(refuse_live(collection.path("collection.db")));
    }
    return Status::ok();
  }
  Status refuse_live(const std::string& path) const {
    if (!exists(env_, in_place(path))) return Status::ok();
    return {Code::kExists, "'" + in_place(path) + "' is part of a data folder: name another folder for the backup"};
  }

  // One place holds backups of one thing; a manifest that is damaged is made anew.
  Status check_earlier() {
    const auto earlier = read_manifest(env_, request_.path);
    if (!earlier.is_ok()) return Status::ok();
    if (earlier->folder != source_.id) {
      return {Code::kMismatch, "'" + request_.path + "' holds a backup of another data folder: name an empty folder"};
    }
    if (earlier->collection == request_.collection) return Status::ok();
    const auto named = [](const std::string& name) { return name.empty() ? "all collections" : "'" + name + "'"; };
    return {Code::kMismatch, "'" + request_.path + "' holds a backup of " + named(earlier->collection) + ", not of " +
                                 named(request_.collection) + ": name another folder"};
  }

  // One after the other, so that no more than one is held open for the backup alone. Each knows the place before
  // anything of it lies there.
  Status copy_tenants() {
    PICTOR_ASSIGN(const auto names, source_.tenants());
    for (const std::string& name : names) {
      PICTOR_ASSIGN(const BackupSource source, source_.open_tenant(name));
      PICTOR_TRY(source.begun());
      BackupPart part;
      part.tenant = name;
      part.folder = source.id;
      PICTOR_TRY(parts_.copy(source, part).in("tenant '" + name + "'"));
      manifest_.tenants.push_back(std::move(part));
    }
    return Status::ok();
  }

  // After the collections: the audit log has a line for each change that is in them.
  Status copy_govern() {
    PICTOR_ASSIGN(const std::string aside, parts_.free_aside(kGovernDatabase));
    PICTOR_ASSIGN(const bool found, source_.copy_govern(aside, [this](std::uint64_t bytes) {
      transfer_.expect(bytes);
      transfer_.done(bytes);
      return transfer_.pace(bytes);
    }));
    if (!found) return Status::ok();
    PICTOR_ASSIGN(manifest_.govern, parts_.name_database(aside, kGovernDatabase));
    return Status::ok();
  }

  Status tell_made() {
    PICTOR_TRY(source_.made(manifest_.made_us));
    for (const BackupPart& part : manifest_.tenants) {
      PICTOR_ASSIGN(const BackupSource source, source_.open_tenant(part.tenant));
      PICTOR_TRY(source.made(manifest_.made_us));
    }
    return Status::ok();
  }

  Env& env_;
  const BackupRequest& request_;
  const BackupSource& source_;
  Transfer transfer_;
  std::unique_ptr<FileLock> lock_;
  BackupManifest manifest_;
  CopyReport report_;
  PartWriter parts_;  // last: it uses the others
};

}  // namespace

Status check_backup_place(Env& env, const std::string& place, const std::string& data_folder) {
  if (!place.starts_with('/') || place.size() > limits::kPathBytesMax) {
    return {Code::kInvalid, "'" + place.substr(0, 200) + "' is no place for a backup: give its whole path, from '/'"};
  }
  for (std::string at = place;; at = parent_path(at)) {
    const bool data =
        at == data_folder || (exists(env, join_path(at, "catalogue.db")) && exists(env, join_path(at, "collections")));
    if (data) {
      std::string message = "'";
      message.append(place).append("' lies within the data folder '").append(at);
      return {Code::kInvalid, message.append("': a backup has to be elsewhere, best on another disk")};
    }
    if (at == "/" || at == ".") return Status::ok();
  }
}

Result<CopyReport> write_backup(Env& env, const BackupRequest& request, const BackupSource& source) {
  const auto rate = request.copy.bytes_per_second;
  if (rate != 0 && rate < limits::kCopyRateBytesMin) {
    return Status(Code::kInvalid, "the rate is " + std::to_string(rate) + " bytes a second, the least is " +
                                      std::to_string(limits::kCopyRateBytesMin));
  }
  auto report = BackupWriter(env, request, source).run();
  if (report.is_ok() || report.status().code() != Code::kCancelled) return report;
  return Status(Code::kCancelled, "the backup was stopped; the same command goes on from here");
}

}  // namespace pictor
