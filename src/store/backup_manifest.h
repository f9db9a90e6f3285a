// backup.json: what a backup holds, as docs/formats/backup.md describes it.
//
// It names each database, segment and key with its length and SHA-256; the blobs are named, with their lengths and
// sums, by the table `blobs` of each database. Thread safety: values and pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"
#include "pictor/types.h"

namespace pictor {

inline constexpr const char* kBackupManifest = "backup.json";
// In a folder that is being restored, until it is whole: DataFolder::open refuses it.
inline constexpr const char* kRestoring = "RESTORING";

struct BackupFile {
  std::string path;  // in a data folder
  std::string file;  // in the backup: path + "." + 16 hexadecimal digits of the sum it had when it was made
  std::uint64_t bytes = 0;
  Hash256 sum;
};

struct BackupCollection {
  std::string name;
  Sequence sequence = 0;
  std::optional<std::int64_t> time_us;  // of its last commit
  std::uint64_t items = 0, blobs = 0, blob_bytes = 0;
  BackupFile database;
  std::vector<BackupFile> segments;
};

struct BackupManifest {
  std::string folder;      // the id of the data folder
  std::string collection;  // what was asked for; empty: all
  std::int64_t begun_us = 0, made_us = 0;
  BackupFile catalogue;
  std::vector<BackupFile> keys;
  std::vector<BackupCollection> collections;
};

// "catalogue.db" -> "catalogue.db.0123456789abcdef"
std::string backup_file_name(std::string_view path, const Hash256& sum);
// A name in the backup that such a file may have.
bool is_backup_name(std::string_view file, std::string_view path);
std::string collection_path_in(std::string_view collection, std::string_view inner);

std::string manifest_text(const BackupManifest& manifest);
// kCorrupt: it is not what manifest_text wrote.
Result<BackupManifest> parse_manifest(std::string_view text);
// kNotFound: `backup` holds no backup.
Result<BackupManifest> read_manifest(Env& env, const std::string& backup);
Status write_manifest(Env& env, const std::string& backup, const BackupManifest& manifest);

}  // namespace pictor
