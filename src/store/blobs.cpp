#include "store/blobs.h"

namespace pictor {

std::string Blobs::shard_path(std::uint8_t shard) const {
  static constexpr char kDigits[] = "0123456789abcdef";
  return join_path(folder_, std::string{kDigits[shard >> 4], kDigits[shard & 15]});
}

std::string Blobs::path(const Hash256& hash) const { return join_path(shard_path(hash.bytes[0]), hash.hex()); }

Status Blobs::make_shard(std::uint8_t shard) {
  if (shards_made_[shard]) return Status::ok();
  PICTOR_TRY(env_.make_dirs(shard_path(shard)));
  PICTOR_TRY(env_.sync_dir(folder_));
  shards_made_.set(shard);
  return Status::ok();
}

Status Blobs::put_one(const Blob& blob) {
  const std::string path = this->path(blob.hash);
  const auto found = env_.info(path);
  if (found.is_ok() && found->size == blob.bytes.size()) return Status::ok();
  const std::string aside = path + ".tmp";
  {
    PICTOR_ASSIGN(const auto file, env_.open(aside, OpenMode::kReadWriteCreate));
    PICTOR_TRY(file->truncate(0));
    PICTOR_TRY(file->write_at(0, blob.bytes));
    PICTOR_TRY(file->sync());
  }
  return env_.rename(aside, path);
}

Status Blobs::put(std::span<const Blob> blobs) {
  std::set<std::uint8_t> touched;
  for (const auto& blob : blobs) {
    PICTOR_TRY(make_shard(blob.hash.bytes[0]));
    PICTOR_TRY(put_one(blob));
    touched.insert(blob.hash.bytes[0]);
  }
  // Also for files that were there before: whoever put them may have died before this step.
  for (const auto shard : touched) PICTOR_TRY(env_.sync_dir(shard_path(shard)));
  return Status::ok();
}

Status Blobs::remove(std::span<const Hash256> hashes) {
  std::set<std::uint8_t> touched;
  for (const auto& hash : hashes) {
    if (!exists(env_, shard_path(hash.bytes[0]))) continue;
    for (const std::string& file : {path(hash), path(hash) + ".tmp"}) {
      Status removed = env_.remove(file);
      if (!removed.is_ok() && removed.code() != Code::kNotFound) return removed;
    }
    touched.insert(hash.bytes[0]);
  }
  for (const auto shard : touched) PICTOR_TRY(env_.sync_dir(shard_path(shard)));
  return Status::ok();
}

Result<Bytes> Blobs::get(const Hash256& hash) const {
  auto bytes = read_file(env_, path(hash), limits::kBatchBytesMax);
  if (!bytes.is_ok()) return bytes.status().in("blob");
  if (sha256(*bytes) == hash) return bytes;
  return Status(Code::kCorrupt, "blob '" + path(hash) + "' has SHA-256 " + sha256(*bytes).hex() +
                                    ", wanted its name: restore it from a backup, or index the picture again");
}

Result<std::uint64_t> Blobs::count_files() const {
  std::uint64_t count = 0;
  PICTOR_ASSIGN(const auto shards, env_.list(folder_));
  for (const auto& shard : shards) {
    if (shard.kind != FileKind::kFolder) continue;
    PICTOR_ASSIGN(const auto files, env_.list(join_path(folder_, shard.name)));
    count += files.size();
  }
  return count;
}

}  // namespace pictor
