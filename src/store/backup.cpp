// Writes a backup: each collection's database at one moment, then what it names, then the manifest that makes all of
// it a backup. What is there already under a name that says what it is, whole and synced, is not copied again.
#include "store/backup.h"

#include <algorithm>

#include "store/backup_check.h"
#include "store/backup_manifest.h"
#include "store/backup_sweep.h"
#include "store/folders.h"
#include "store/schema.h"
#include "store/transfer.h"

namespace pictor {
namespace {

bool is_ours(const DirEntry& entry) {
  const std::string& name = entry.name;
  return name == "LOCK" || name == "keys" || name == "collections" || name.starts_with(kBackupManifest) ||
         name.starts_with("catalogue.db.");
}

// Ends the reader's transaction before it goes back to the others.
class Ending {
 public:
  explicit Ending(Reader& reader) : reader_(reader) {}
  ~Ending() { static_cast<void>(reader_.database->exec("ROLLBACK")); }
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;

 private:
  Reader& reader_;
};

class BackupWriter {
 public:
  BackupWriter(Env& env, const BackupRequest& request, const BackupSource& source)
      : env_(env), request_(request), source_(source), transfer_(env, request.copy) {}

  Result<CopyReport> run() {
    PICTOR_TRY(take_place());
    manifest_.folder = source_.id;
    manifest_.collection = request_.collection;
    manifest_.begun_us = env_.wall_us();
    PICTOR_TRY(source_.begun());
    PICTOR_ASSIGN(const auto named, copy_catalogue());
    PICTOR_TRY(copy_keys());
    PICTOR_TRY(transfer_.use_folder(in_place("collections")));
    PICTOR_TRY(measure(named));
    for (const auto& one : named) PICTOR_TRY(copy_collection(one));
    // All names are durable before the one that vouches for them.
    PICTOR_TRY(transfer_.sync_folders());
    manifest_.made_us = env_.wall_us();
    PICTOR_TRY(write_manifest(env_, request_.path, manifest_));
    sweep_backup(env_, request_.path, manifest_);
    report_.path = request_.path;
    report_.made_us = manifest_.made_us;
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
    const auto collections = env_.list(in_place("collections"));
    if (!collections.is_ok()) return Status::ok();
    for (const auto& entry : *collections) {
      const std::string database = in_place(collection_path_in(entry.name, "collection.db"));
      if (exists(env_, database)) {
        return {Code::kExists, "'" + database + "' is part of a data folder: name another folder for the backup"};
      }
    }
    return Status::ok();
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

  Result<std::vector<BackupSource::Named>> copy_catalogue() {
    const std::string aside = in_place(std::string("catalogue.db") + kBackupAside);
    PICTOR_TRY(remove_if_there(aside));
    PICTOR_ASSIGN(auto named, source_.copy_catalogue(aside));
    PICTOR_ASSIGN(manifest_.catalogue, name_database(aside, "catalogue.db"));
    std::erase_if(named,
                  [&](const auto& one) { return !request_.collection.empty() && one.name != request_.collection; });
    return named;
  }

  Status remove_if_there(const std::string& path) { return exists(env_, path) ? env_.remove(path) : Status::ok(); }

  // A database that was written aside gets its sum, its name and its place.
  Result<BackupFile> name_database(const std::string& aside, const std::string& path) {
    BackupFile file;
    file.path = path;
    {
      PICTOR_ASSIGN(const auto opened, env_.open(aside, OpenMode::kRead));
      PICTOR_ASSIGN(file.bytes, opened->size());
      PICTOR_ASSIGN(file.sum, transfer_.hash(*opened));
    }
    file.file = backup_file_name(path, file.sum);
    PICTOR_TRY(transfer_.put_in_place(aside, in_place(file.file)));
    transfer_.copied(file.bytes);
    count(file.bytes);
    return file;
  }

  void count(std::uint64_t bytes) {
    ++report_.files;
    report_.bytes += bytes;
  }

  // True: a file of that name and length is there. Under its final name it is whole, since it was synced before.
  Result<bool> there_already(const std::string& path, std::uint64_t bytes, const Hash256& sum) {
    const auto info = env_.info(path);
    if (!info.is_ok() && info.status().code() != Code::kNotFound) return info.status();
    if (!info.is_ok() || info->size != bytes) return false;
    if (!request_.recheck) return true;
    PICTOR_ASSIGN(const auto file, env_.open(path, OpenMode::kRead));
    PICTOR_ASSIGN(const auto seen, transfer_.hash(*file));
    return seen == sum;
  }

  Status copy_unless_there(const File& from, const std::string& from_name, const BackupFile& file, OpenMode mode) {
    const std::string to = in_place(file.file);
    PICTOR_ASSIGN(const bool there, there_already(to, file.bytes, file.sum));
    count(file.bytes);
    if (!there) return transfer_.copy(from, from_name, file.sum, to, mode);
    transfer_.done(file.bytes);
    return Status::ok();
  }

  Status copy_keys() {
    for (const char* folder : {"keys", "keys/former"}) {
      const std::string from = join_path(source_.path, folder);
      if (!exists(env_, from)) continue;
      PICTOR_TRY(transfer_.use_folder(in_place(folder)));
      PICTOR_ASSIGN(const auto entries, env_.list(from));
      for (const auto& entry : entries) {
        if (entry.kind != FileKind::kFile || entry.name.front() == '.') continue;
        PICTOR_TRY(copy_key(join_path(folder, entry.name)));
      }
    }
    return Status::ok();
  }

  Status copy_key(const std::string& path) {
    const std::string from = join_path(source_.path, path);
    PICTOR_ASSIGN(const auto opened, env_.open(from, OpenMode::kRead));
    BackupFile file{path, "", 0, {}};
    PICTOR_ASSIGN(file.bytes, opened->size());
    if (file.bytes > limits::kKeyFileBytesMax) {
      return {Code::kLimit, "'" + from + "' has " + std::to_string(file.bytes) + " bytes, a key has at most " +
                                std::to_string(limits::kKeyFileBytesMax)};
    }
    PICTOR_ASSIGN(file.sum, transfer_.hash(*opened));
    file.file = backup_file_name(path, file.sum);
    PICTOR_TRY(copy_unless_there(*opened, from, file, OpenMode::kCreatePrivate));
    manifest_.keys.push_back(std::move(file));
    return Status::ok();
  }

  Status measure(const std::vector<BackupSource::Named>& named) {
    for (const auto& one : named) {
      PICTOR_ASSIGN(const auto collection, source_.open(one));
      if (collection == nullptr) continue;
      PICTOR_ASSIGN(const auto stats, collection->stats());
      transfer_.expect(stats.database_bytes + stats.segment_bytes + stats.blob_bytes);
    }
    return Status::ok();
  }

  Status copy_collection(const BackupSource::Named& named) {
    PICTOR_ASSIGN(const auto collection, source_.open(named));
    if (collection == nullptr) {
      report_.skipped.push_back(named.name);
      return Status::ok();
    }
    transfer_.now_at(named.name);
    for (const char* inner : {"", "segments", "blobs"}) {
      PICTOR_TRY(transfer_.use_folder(in_place(without_slash(collection_path_in(named.name, inner)))));
    }
    const std::uint64_t before = report_.bytes;
    BackupCollection copy;
    copy.name = named.name;
    PICTOR_ASSIGN(const auto segments, copy_database(*collection, copy));
    PICTOR_TRY(copy_segments(*collection, segments, copy));
    PICTOR_TRY(copy_blobs(*collection, copy));
    report_.collections.push_back(
        {copy.name, copy.sequence, copy.time_us, copy.items, copy.segments.size(), copy.blobs, report_.bytes - before});
    manifest_.collections.push_back(std::move(copy));
    return Status::ok();
  }

  static std::string without_slash(std::string path) {
    if (path.ends_with('/')) path.pop_back();
    return path;
  }

  // The files of the segments that it names are open by then: whatever happens to their names, they can be copied.
  Result<std::vector<HeldSegment>> copy_database(const CollectionStore& collection, BackupCollection& copy) {
    const std::string path = collection_path_in(copy.name, "collection.db");
    const std::string aside = in_place(path + kBackupAside);
    PICTOR_TRY(remove_if_there(aside));
    std::vector<HeldSegment> segments;
    {
      PICTOR_ASSIGN(auto held, collection.hold_for_copy());
      const Ending ending(*held.reader.operator->());
      std::uint64_t pages = 0;
      PICTOR_TRY(held.reader->database->copy_to(aside, [&](std::uint64_t done, std::uint64_t) {
        const std::uint64_t bytes = (done - pages) * kPageBytes;
        pages = done;
        transfer_.done(bytes);
        return transfer_.pace(bytes);
      }));
      segments = std::move(held.segments);
    }
    PICTOR_ASSIGN(copy.database, name_database(aside, path));
    PICTOR_ASSIGN(const auto database, open_backed_up(env_, request_.path, copy));
    PICTOR_ASSIGN(const auto state,
                  database->prepare("SELECT sequence, items, (SELECT time_us FROM commits WHERE "
                                    "commits.sequence = state.sequence), (SELECT count(*) FROM blobs), "
                                    "(SELECT ifnull(sum(bytes), 0) FROM blobs) FROM state"));
    PICTOR_TRY(state->step().status());
    copy.sequence = static_cast<Sequence>(state->integer(0));
    copy.items = static_cast<std::uint64_t>(state->integer(1));
    if (!state->is_null(2)) copy.time_us = state->integer(2);
    copy.blobs = static_cast<std::uint64_t>(state->integer(3));
    copy.blob_bytes = static_cast<std::uint64_t>(state->integer(4));
    return segments;
  }

  Status copy_segments(const CollectionStore& collection, const std::vector<HeldSegment>& segments,
                       BackupCollection& copy) {
    for (const auto& segment : segments) {
      const std::string from = join_path(join_path(collection.folder(), "segments"), segment.name);
      PICTOR_TRY(check_whole(*segment.file, from));
      BackupFile file{collection_path_in(copy.name, "segments/" + segment.name), "", 0, {}};
      PICTOR_ASSIGN(file.bytes, segment.file->size());
      PICTOR_ASSIGN(file.sum, transfer_.hash(*segment.file));
      file.file = backup_file_name(file.path, file.sum);
      PICTOR_TRY(copy_unless_there(*segment.file, from, file, OpenMode::kCreateNew));
      copy.segments.push_back(std::move(file));
    }
    return Status::ok();
  }

  // Damage is not copied: the backup that is there may be the last good one.
  static Status check_whole(const File& file, const std::string& name) {
    PICTOR_ASSIGN(const auto mapping, file.map());
    auto view = parse_segment(mapping->bytes());
    Status status = view.is_ok() ? check_segment(mapping->bytes(), *view) : view.status();
    if (status.is_ok()) return status;
    return Status(Code::kCorrupt,
                  "'" + name + "' " + status.message() + ": it was not backed up; restore it from an earlier backup");
  }

  Status copy_blobs(const CollectionStore& collection, const BackupCollection& copy) {
    PICTOR_ASSIGN(const auto database, open_backed_up(env_, request_.path, copy));
    const Blobs target(env_, in_place(collection_path_in(copy.name, "blobs")));
    std::string shard;
    return for_each_blob(*database, [&](const Hash256& hash, std::uint64_t bytes) -> Status {
      const std::string to = target.path(hash);
      if (parent_path(to) != shard) {
        shard = parent_path(to);
        PICTOR_TRY(transfer_.use_folder(shard));
      }
      return copy_blob(collection.blobs().path(hash), hash, bytes, to);
    });
  }

  Status copy_blob(const std::string& from, const Hash256& hash, std::uint64_t bytes, const std::string& to) {
    PICTOR_ASSIGN(const bool there, there_already(to, bytes, hash));
    count(bytes);
    if (there) {
      transfer_.done(bytes);
      return transfer_.pace(0);
    }
    return transfer_.copy(from, hash, to, OpenMode::kCreateNew).in("a blob was not backed up (see pictor verify)");
  }

  static constexpr std::uint64_t kPageBytes = 4096;

  Env& env_;
  const BackupRequest& request_;
  const BackupSource& source_;
  Transfer transfer_;
  std::unique_ptr<FileLock> lock_;
  BackupManifest manifest_;
  CopyReport report_;
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
