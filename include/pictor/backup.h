// Backups: a whole copy of a data folder's collections, each as it was at one moment, taken while writers go on, with
// its keys and audit log and the data folders of its tenants; and the way back. docs/formats/backup.md describes the
// bytes.
//
// Thread safety: free functions, from any thread; one backup or restore a folder at a time (a lock file in it).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pictor/provenance.h"
#include "pictor/status.h"
#include "pictor/types.h"

namespace pictor {

class Env;

struct CopyProgress {
  std::string collection;
  // Of all files; those that were there already count as done. The total grows when a tenant is come to.
  std::uint64_t bytes = 0, bytes_total = 0;
  std::uint64_t bytes_copied = 0;
  double seconds = 0;
};

struct CopyOptions {
  std::uint64_t bytes_per_second = 0;                 // that are read; 0: as fast as it goes
  const std::atomic<bool>* cancel = nullptr;          // set: ends with kCancelled; the same call goes on from there
  std::function<void(const CopyProgress&)> progress;  // at most ten times a second, from the calling thread
};

struct BackupRequest {
  std::string path;        // absolute: an empty folder, one that is made, or an earlier backup of the same data folder
  std::string collection;  // empty: all of them, tenants, keys and the audit log included
  bool recheck = false;    // read what lies there already, instead of trusting its name and length
  CopyOptions copy;
};

struct RestoreRequest {
  std::string backup;
  std::string target;      // an empty folder, one that is made, or what an interrupted restore of the same backup left
  std::string collection;  // empty: all of them
  CopyOptions copy;
};

struct CopiedCollection {
  std::string name;
  Sequence sequence = 0;  // the moment it is of
  std::optional<std::int64_t> time_us;
  std::uint64_t items = 0, segments = 0, blobs = 0, bytes = 0;
  std::string tenant = {};  // whose it is; empty: the main one
};

struct CopyReport {
  std::string path;
  std::vector<CopiedCollection> collections;
  std::vector<std::string> skipped;  // collections that were dropped while the backup ran; "TENANT/NAME" of a tenant's
  std::uint64_t tenants = 0;         // whose data folders are in it
  bool governs = false;              // keys, tenants and the audit log are in it
  std::uint64_t files = 0, bytes = 0;
  std::uint64_t files_copied = 0, bytes_copied = 0;  // the others were there already
  std::int64_t made_us = 0;
};

// Where backups of a data folder were made.
struct BackupPlace {
  std::string path;
  std::string collection;               // empty: all of them
  std::int64_t begun_us = 0;            // the last time
  std::optional<std::int64_t> made_us;  // none: it never was whole
  bool of_parent = false;               // of the data folder that this one is a tenant of, with all its tenants
};

// Reads everything of a backup and compares it with its sums. Empty: it can be restored. kNotFound: there is none.
Result<std::vector<FaultInfo>> verify_backup(Env& env, const std::string& path, const CopyOptions& options);
// Checks the whole backup, then copies it, comparing again; the target is a data folder only once all is durable.
// kCorrupt names the first fault, kExists: the target is not empty.
Result<CopyReport> restore_backup(Env& env, const RestoreRequest& request);

}  // namespace pictor
