// A backup whose files were changed on purpose (an erasure that reaches backups) gets a manifest that is right again.
#include <algorithm>

#include "store/backup_check.h"
#include "store/store.h"

namespace pictor {
namespace {

class Remaker {
 public:
  // NOLINTNEXTLINE(clang-analyzer-optin.cplusplus.UninitializedObject): the analyzer does not see Transfer's
  // constructor
  Remaker(Env& env, const std::string& backup) : env_(env), backup_(backup), transfer_(env, options_) {}

  Status run() {
    PICTOR_ASSIGN(auto manifest, read_manifest(env_, backup_));
    PICTOR_ASSIGN(const auto lock, lock_backup(env_, backup_));
    PICTOR_TRY(measure(manifest.catalogue));
    for (auto& key : manifest.keys) PICTOR_TRY(measure(key));
    for (auto& collection : manifest.collections) {
      PICTOR_TRY(remake(collection).in("collection '" + collection.name + "'"));
    }
    PICTOR_TRY(transfer_.sync_folders());
    return write_manifest(env_, backup_, manifest);
  }

 private:
  std::string in_backup(std::string_view path) const { return join_path(backup_, path); }

  // Length and sum as they are now; durable from here on.
  Status measure(BackupFile& file) {
    PICTOR_ASSIGN(const auto opened, env_.open(in_backup(file.file), OpenMode::kReadWrite));
    PICTOR_TRY(opened->sync());
    PICTOR_ASSIGN(file.bytes, opened->size());
    PICTOR_ASSIGN(file.sum, transfer_.hash(*opened));
    return transfer_.use_folder(parent_path(in_backup(file.file)));
  }

  Status remake(BackupCollection& collection) {
    PICTOR_TRY(measure(collection.database));
    PICTOR_ASSIGN(const auto database, open_backed_up(env_, backup_, collection));
    PICTOR_ASSIGN(const auto state, database->prepare("SELECT sequence, items FROM state"));
    PICTOR_TRY(state->step().status());
    collection.sequence = static_cast<Sequence>(state->integer(0));
    collection.items = static_cast<std::uint64_t>(state->integer(1));
    PICTOR_TRY(remake_segments(collection, *database));
    collection.blobs = 0;
    collection.blob_bytes = 0;
    return for_each_blob(*database, [&](const Hash256&, std::uint64_t bytes) {
      ++collection.blobs;
      collection.blob_bytes += bytes;
      return Status::ok();
    });
  }

  // Those that the database names: known ones, and new ones under their plain names.
  Status remake_segments(BackupCollection& collection, Database& database) {
    std::vector<BackupFile> segments;
    PICTOR_ASSIGN(const auto select, database.prepare("SELECT file FROM segments ORDER BY first_row"));
    while (true) {
      PICTOR_ASSIGN(const bool found, select->step());
      if (!found) break;
      PICTOR_ASSIGN(auto file, segment(collection, collection_path_in(collection.name,
                                                                      "segments/" + std::string(select->text(0)))));
      segments.push_back(std::move(file));
    }
    collection.segments = std::move(segments);
    return Status::ok();
  }

  Result<BackupFile> segment(const BackupCollection& collection, const std::string& path) {
    const auto known = std::ranges::find(collection.segments, path, &BackupFile::path);
    BackupFile file{path, known == collection.segments.end() ? "" : known->file, 0, {}};
    if (exists(env_, in_backup(path))) {
      file.file = path;
      PICTOR_TRY(measure(file));
      file.file = backup_file_name(path, file.sum);
      PICTOR_TRY(env_.rename(in_backup(path), in_backup(file.file)));
      return file;
    }
    if (file.file.empty()) {
      return Status(Code::kCorrupt, "its database names '" + path + "', which is not in the backup '" + backup_ + "'");
    }
    PICTOR_TRY(measure(file));
    return file;
  }

  Env& env_;
  const std::string& backup_;
  const CopyOptions options_ = {};
  Transfer transfer_;
};

}  // namespace

Status remake_backup_manifest(Env& env, const std::string& path) { return Remaker(env, path).run(); }

Result<std::vector<BackupParts>> backup_parts(Env& env, const std::string& path) {
  PICTOR_ASSIGN(const auto manifest, read_manifest(env, path));
  std::vector<BackupParts> parts;
  for (const auto& collection : manifest.collections) {
    BackupParts part;
    part.collection = collection.name;
    part.database = join_path(path, collection.database.file);
    part.segments_folder = join_path(path, collection_path_in(collection.name, "segments"));
    part.blobs_folder = join_path(path, collection_path_in(collection.name, "blobs"));
    for (const auto& segment : collection.segments) {
      part.segments[file_name(segment.path)] = join_path(path, segment.file);
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace pictor
