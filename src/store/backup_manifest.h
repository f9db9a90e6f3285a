// backup.json: what a backup holds, as docs/formats/backup.md describes it.
//
// It names each database, segment and key with its length and SHA-256; the blobs are named, with their lengths and
// sums, by the table `blobs` of each database. Thread safety: values and pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"
#include "pictor/types.h"

namespace pictor {

inline constexpr const char* kBackupManifest = "backup.json";
// In a folder that is being restored, until it is whole: DataFolder::open refuses it.
inline constexpr const char* kRestoring = "RESTORING";
inline constexpr const char* kTenantsFolder = "tenants";
inline constexpr const char* kGovernDatabase = "govern.db";
// "tenants/acme/"
std::string tenant_prefix(std::string_view name);

struct BackupFile {
  std::string path;  // in a data folder
  std::string file;  // in the backup: path + "." + 16 hexadecimal digits of the sum it had when it was made
  std::uint64_t bytes = 0;
  Hash256 sum;
};

struct BackupCollection {
  std::string name = {};
  std::string tenant = {};  // whose; empty: the main one
  Sequence sequence = 0;
  std::optional<std::int64_t> time_us;  // of its last commit
  std::uint64_t items = 0, blobs = 0, blob_bytes = 0;
  BackupFile database = {};
  std::vector<BackupFile> segments = {};

  std::string path(std::string_view inner) const;  // in a data folder
  std::string title() const { return tenant.empty() ? name : tenant + "/" + name; }
};

// One data folder: the main one, or that of a tenant.
struct BackupPart {
  std::string tenant;  // empty: the main one
  std::string folder;  // its id
  BackupFile catalogue;
  std::vector<BackupFile> keys;
  std::vector<BackupCollection> collections;

  // Before the paths of its files: "", or "tenants/acme/".
  std::string at() const { return tenant.empty() ? "" : tenant_prefix(tenant); }
};

struct BackupManifest : BackupPart {
  std::string collection;  // what was asked for; empty: all, with tenants, keys and the audit log
  std::int64_t begun_us = 0, made_us = 0;
  std::optional<BackupFile> govern;
  std::vector<BackupPart> tenants;

  std::vector<const BackupPart*> parts() const;  // the main one first
};

// "catalogue.db" -> "catalogue.db.0123456789abcdef"
std::string backup_file_name(std::string_view path, const Hash256& sum);
// A name in the backup that such a file may have.
bool is_backup_name(std::string_view file, std::string_view path);

std::string manifest_text(const BackupManifest& manifest);
// kCorrupt: it is not what manifest_text wrote.
Result<BackupManifest> parse_manifest(std::string_view text);
// kNotFound: `backup` holds no backup.
Result<BackupManifest> read_manifest(Env& env, const std::string& backup);
Status write_manifest(Env& env, const std::string& backup, const BackupManifest& manifest);

}  // namespace pictor
