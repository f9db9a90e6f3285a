#include "store/backup_check.h"

#include "store/blobs.h"
#include "store/schema.h"

namespace pictor {
namespace {

constexpr const char* kAdvice = "use another backup, or make this one again while the data folder is whole";

class BackupChecker {
 public:
  BackupChecker(Env& env, const std::string& backup, Transfer& transfer)
      : env_(env), backup_(backup), transfer_(transfer) {}

  Status check_file(const std::string& collection, const BackupFile& file) {
    const std::string path = join_path(backup_, file.file);
    const Status status = compare(path, file.bytes, file.sum);
    transfer_.done(file.bytes);
    return told(collection, path, status);
  }

  Status check_collection(const BackupCollection& collection) {
    transfer_.now_at(collection.title());
    const std::size_t before = faults_.size();
    const std::string title = collection.title();
    PICTOR_TRY(check_file(title, collection.database));
    for (const auto& segment : collection.segments) PICTOR_TRY(check_file(title, segment));
    const bool readable =
        faults_.size() == before || faults_[before].where != join_path(backup_, collection.database.file);
    return readable ? check_named(collection) : Status::ok();  // a damaged database cannot say which blobs there are
  }

  std::vector<FaultInfo> take() { return std::move(faults_); }

 private:
  // kIo and the like end the check; what differs is a fault.
  Status told(const std::string& collection, const std::string& path, const Status& status) {
    if (status.is_ok()) return status;
    if (status.code() != Code::kCorrupt && status.code() != Code::kNotFound) return status;
    if (faults_.size() < limits::kFaultsMax) faults_.push_back({collection, path, status.message(), kAdvice});
    return Status::ok();
  }

  Status compare(const std::string& path, std::uint64_t bytes, const Hash256& sum) {
    const auto file = env_.open(path, OpenMode::kRead);
    if (!file.is_ok() && file.status().code() == Code::kNotFound) return {Code::kNotFound, "is missing"};
    if (!file.is_ok()) return file.status();
    PICTOR_ASSIGN(const auto seen_bytes, (*file)->size());
    if (seen_bytes != bytes) {
      return {Code::kCorrupt, "has " + std::to_string(seen_bytes) + " bytes, wanted " + std::to_string(bytes)};
    }
    PICTOR_ASSIGN(const auto seen, transfer_.hash(**file));
    if (seen == sum) return Status::ok();
    return {Code::kCorrupt, "has SHA-256 " + seen.hex() + ", wanted " + sum.hex()};
  }

  // The database names segments and blobs: they are all there.
  Status check_named(const BackupCollection& collection) {
    const std::string path = join_path(backup_, collection.database.file);
    PICTOR_ASSIGN(const auto database, open_backed_up(env_, backup_, collection));
    PICTOR_ASSIGN(const auto count, database->prepare("SELECT count(*) FROM segments"));
    PICTOR_TRY(count->step().status());
    if (static_cast<std::uint64_t>(count->integer(0)) != collection.segments.size()) {
      PICTOR_TRY(told(collection.title(), path,
                      {Code::kCorrupt, "names " + std::to_string(count->integer(0)) + " segments, the manifest " +
                                           std::to_string(collection.segments.size())}));
    }
    const Blobs blobs(env_, join_path(backup_, collection.path("blobs")));
    return for_each_blob(*database, [&](const Hash256& hash, std::uint64_t bytes) {
      const std::string blob = blobs.path(hash);
      const Status status = compare(blob, bytes, hash);
      transfer_.done(bytes);
      return told(collection.title(), blob, status);
    });
  }

  Env& env_;
  const std::string& backup_;
  Transfer& transfer_;
  std::vector<FaultInfo> faults_;
};

}  // namespace

Result<std::unique_ptr<FileLock>> lock_backup(Env& env, const std::string& backup) {
  auto lock = env.lock(join_path(backup, "LOCK"));
  if (lock.is_ok()) return lock;
  if (lock.status().code() == Code::kBusy) {
    return Status(Code::kBusy, "a backup is being written to '" + backup + "', or read: wait for its end");
  }
  return std::unique_ptr<FileLock>();
}

Result<std::unique_ptr<Database>> open_backed_up(Env& env, const std::string& backup,
                                                 const BackupCollection& collection) {
  DatabaseOptions options;
  options.read_only = true;
  options.create = false;
  return Database::open(env, join_path(backup, collection.database.file), options);
}

Status for_each_blob(Database& database, const std::function<Status(const Hash256& hash, std::uint64_t bytes)>& visit) {
  PICTOR_ASSIGN(const auto select, database.prepare("SELECT hash, bytes FROM blobs ORDER BY hash"));
  while (true) {
    PICTOR_ASSIGN(const bool found, select->step());
    if (!found) return Status::ok();
    PICTOR_TRY(visit(hash_of(select->blob(0)), static_cast<std::uint64_t>(select->integer(1))));
  }
}

std::uint64_t bytes_of(const BackupCollection& collection) {
  std::uint64_t bytes = collection.database.bytes + collection.blob_bytes;
  for (const auto& segment : collection.segments) bytes += segment.bytes;
  return bytes;
}

Result<std::vector<FaultInfo>> check_backup(Env& env, const std::string& backup, const BackupManifest& manifest,
                                            Transfer& transfer) {
  BackupChecker checker(env, backup, transfer);
  for (const BackupPart* part : manifest.parts()) {
    for (const auto& collection : part->collections) transfer.expect(bytes_of(collection));
  }
  if (manifest.govern) PICTOR_TRY(checker.check_file("", *manifest.govern));
  for (const BackupPart* part : manifest.parts()) {
    PICTOR_TRY(checker.check_file("", part->catalogue));
    for (const auto& key : part->keys) PICTOR_TRY(checker.check_file("", key));
    for (const auto& collection : part->collections) PICTOR_TRY(checker.check_collection(collection));
  }
  return checker.take();
}

Result<std::vector<FaultInfo>> verify_backup(Env& env, const std::string& path, const CopyOptions& options) {
  const auto manifest = read_manifest(env, path);
  if (!manifest.is_ok() && manifest.status().code() == Code::kCorrupt) {
    return std::vector<FaultInfo>{{"", join_path(path, kBackupManifest), manifest.status().message(), kAdvice}};
  }
  if (!manifest.is_ok()) return manifest.status();
  PICTOR_ASSIGN(const auto lock, lock_backup(env, path));
  Transfer transfer(env, options);
  return check_backup(env, path, *manifest, transfer);
}

}  // namespace pictor
