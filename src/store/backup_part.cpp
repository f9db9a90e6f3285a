// Copies one data folder to a backup: its catalogue and its keys, then each collection: its database at one moment,
// then what it names.
#include <algorithm>

#include "store/backup_check.h"
#include "store/backup_part.h"
#include "store/backup_sweep.h"
#include "store/schema.h"

namespace pictor {
namespace {

constexpr std::uint64_t kPageBytes = 4096;

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

// Damage is not copied: the backup that is there may be the last good one.
Status check_whole(const File& file, const std::string& name) {
  PICTOR_ASSIGN(const auto mapping, file.map());
  auto view = parse_segment(mapping->bytes());
  Status status = view.is_ok() ? check_segment(mapping->bytes(), *view) : view.status();
  if (status.is_ok()) return status;
  return Status(Code::kCorrupt,
                "'" + name + "' " + status.message() + ": it was not backed up; restore it from an earlier backup");
}

std::string without_slash(std::string path) {
  if (path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

Status PartWriter::copy(const BackupSource& source, BackupPart& part) {
  if (!part.tenant.empty()) PICTOR_TRY(transfer_.use_folder(in_place(without_slash(part.at()))));
  PICTOR_ASSIGN(const auto named, copy_catalogue(source, part));
  PICTOR_TRY(copy_keys(source, part));
  PICTOR_TRY(transfer_.use_folder(in_place(part.at() + "collections")));
  PICTOR_TRY(measure(source, named));
  for (const auto& one : named) PICTOR_TRY(copy_collection(source, one, part));
  return Status::ok();
}

Result<std::vector<BackupSource::Named>> PartWriter::copy_catalogue(const BackupSource& source, BackupPart& part) {
  const std::string path = part.at() + "catalogue.db";
  PICTOR_ASSIGN(const std::string aside, free_aside(path));
  PICTOR_ASSIGN(auto named, source.copy_catalogue(aside));
  PICTOR_ASSIGN(part.catalogue, name_database(aside, path));
  std::erase_if(named,
                [&](const auto& one) { return !request_.collection.empty() && one.name != request_.collection; });
  return named;
}

Result<std::string> PartWriter::free_aside(const std::string& path) {
  std::string aside = in_place(path + kBackupAside);
  if (exists(env_, aside)) PICTOR_TRY(env_.remove(aside));
  return aside;
}

Result<BackupFile> PartWriter::name_database(const std::string& aside, const std::string& path) {
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

void PartWriter::count(std::uint64_t bytes) {
  ++report_.files;
  report_.bytes += bytes;
}

// Under its final name it is whole, since it was synced before.
Result<bool> PartWriter::there_already(const std::string& path, std::uint64_t bytes, const Hash256& sum) {
  const auto info = env_.info(path);
  if (!info.is_ok() && info.status().code() != Code::kNotFound) return info.status();
  if (!info.is_ok() || info->size != bytes) return false;
  if (!request_.recheck) return true;
  PICTOR_ASSIGN(const auto file, env_.open(path, OpenMode::kRead));
  PICTOR_ASSIGN(const auto seen, transfer_.hash(*file));
  return seen == sum;
}

Status PartWriter::copy_unless_there(const File& from, const std::string& from_name, const BackupFile& file,
                                     OpenMode mode) {
  const std::string to = in_place(file.file);
  PICTOR_ASSIGN(const bool there, there_already(to, file.bytes, file.sum));
  count(file.bytes);
  if (!there) return transfer_.copy(from, from_name, file.sum, to, mode);
  transfer_.done(file.bytes);
  return Status::ok();
}

Status PartWriter::copy_keys(const BackupSource& source, BackupPart& part) {
  for (const char* folder : {"keys", "keys/former"}) {
    const std::string from = join_path(source.path, folder);
    if (!exists(env_, from)) continue;
    PICTOR_TRY(transfer_.use_folder(in_place(part.at() + folder)));
    PICTOR_ASSIGN(const auto entries, env_.list(from));
    for (const auto& entry : entries) {
      if (entry.kind != FileKind::kFile || entry.name.front() == '.') continue;
      PICTOR_TRY(copy_key(source, join_path(folder, entry.name), part));
    }
  }
  return Status::ok();
}

Status PartWriter::copy_key(const BackupSource& source, const std::string& path, BackupPart& part) {
  const std::string from = join_path(source.path, path);
  PICTOR_ASSIGN(const auto opened, env_.open(from, OpenMode::kRead));
  BackupFile file{part.at() + path, "", 0, {}};
  PICTOR_ASSIGN(file.bytes, opened->size());
  if (file.bytes > limits::kKeyFileBytesMax) {
    return {Code::kLimit, "'" + from + "' has " + std::to_string(file.bytes) + " bytes, a key has at most " +
                              std::to_string(limits::kKeyFileBytesMax)};
  }
  PICTOR_ASSIGN(file.sum, transfer_.hash(*opened));
  file.file = backup_file_name(file.path, file.sum);
  PICTOR_TRY(copy_unless_there(*opened, from, file, OpenMode::kCreatePrivate));
  part.keys.push_back(std::move(file));
  return Status::ok();
}

Status PartWriter::measure(const BackupSource& source, const std::vector<BackupSource::Named>& named) {
  for (const auto& one : named) {
    PICTOR_ASSIGN(const auto collection, source.open(one));
    if (collection == nullptr) continue;
    PICTOR_ASSIGN(const auto stats, collection->stats());
    transfer_.expect(stats.database_bytes + stats.segment_bytes + stats.blob_bytes);
  }
  return Status::ok();
}

Status PartWriter::copy_collection(const BackupSource& source, const BackupSource::Named& named, BackupPart& part) {
  BackupCollection copy;
  copy.name = named.name;
  copy.tenant = part.tenant;
  PICTOR_ASSIGN(const auto collection, source.open(named));
  if (collection == nullptr) {
    report_.skipped.push_back(copy.title());
    return Status::ok();
  }
  transfer_.now_at(copy.title());
  for (const char* inner : {"", "segments", "blobs"}) {
    PICTOR_TRY(transfer_.use_folder(in_place(without_slash(copy.path(inner)))));
  }
  const std::uint64_t before = report_.bytes;
  PICTOR_ASSIGN(const auto segments, copy_database(*collection, copy));
  PICTOR_TRY(copy_segments(*collection, segments, copy));
  PICTOR_TRY(copy_blobs(*collection, copy));
  report_.collections.push_back({copy.name, copy.sequence, copy.time_us, copy.items, copy.segments.size(), copy.blobs,
                                 report_.bytes - before, copy.tenant});
  part.collections.push_back(std::move(copy));
  return Status::ok();
}

// The files of the segments that it names are open by then: whatever happens to their names, they can be copied.
Result<std::vector<HeldSegment>> PartWriter::copy_database(const CollectionStore& collection, BackupCollection& copy) {
  const std::string path = copy.path("collection.db");
  PICTOR_ASSIGN(const std::string aside, free_aside(path));
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
  PICTOR_ASSIGN(const auto state, database->prepare("SELECT sequence, items, (SELECT time_us FROM commits WHERE "
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

Status PartWriter::copy_segments(const CollectionStore& collection, const std::vector<HeldSegment>& segments,
                                 BackupCollection& copy) {
  for (const auto& segment : segments) {
    const std::string from = join_path(join_path(collection.folder(), "segments"), segment.name);
    PICTOR_TRY(check_whole(*segment.file, from));
    BackupFile file{copy.path("segments/" + segment.name), "", 0, {}};
    PICTOR_ASSIGN(file.bytes, segment.file->size());
    PICTOR_ASSIGN(file.sum, transfer_.hash(*segment.file));
    file.file = backup_file_name(file.path, file.sum);
    PICTOR_TRY(copy_unless_there(*segment.file, from, file, OpenMode::kCreateNew));
    copy.segments.push_back(std::move(file));
  }
  return Status::ok();
}

Status PartWriter::copy_blobs(const CollectionStore& collection, const BackupCollection& copy) {
  PICTOR_ASSIGN(const auto database, open_backed_up(env_, request_.path, copy));
  const Blobs target(env_, in_place(copy.path("blobs")));
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

Status PartWriter::copy_blob(const std::string& from, const Hash256& hash, std::uint64_t bytes, const std::string& to) {
  PICTOR_ASSIGN(const bool there, there_already(to, bytes, hash));
  count(bytes);
  if (there) {
    transfer_.done(bytes);
    return transfer_.pace(0);
  }
  return transfer_.copy(from, hash, to, OpenMode::kCreateNew).in("a blob was not backed up (see pictor verify)");
}

}  // namespace pictor
