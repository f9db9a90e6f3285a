// Looking after what is stored: compaction, dropping history, deleting for good, and the certificates of that.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pictor/status.h"
#include "pictor/types.h"

namespace pictor {

struct CompactionRequest {
  std::string collection;
  bool everything = false;            // all that can be merged; else what is worth its writing
  bool drop_history = false;          // replaced and deleted items are dropped for good
  std::uint32_t older_than_days = 0;  // of drop_history: those that were replaced or deleted so long ago; 0: all
  std::uint32_t mib_per_second = 0;   // written at most; 0: as fast as it goes
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // bytes
  const std::atomic<bool>* cancel = nullptr;
};

struct Compaction {
  std::uint64_t segments_before = 0, segments_after = 0;
  std::uint64_t bytes_before = 0, bytes_after = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t rows_dropped = 0, blobs_dropped = 0;
  Sequence history_from = 0;
  bool stopped = false;  // by `cancel`: what was made until then stays
};

struct PurgeRequest {
  std::string collection;
  std::vector<std::string> ids;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // segments
};

struct BackupLeft {
  std::string path;
  Status cause;
};

struct Purge {
  std::uint64_t erased = 0;          // ids that had rows
  std::vector<std::string> unknown;  // ids that had none
  std::uint64_t rows = 0, segments = 0, blobs = 0;
  std::uint64_t snapshots_held = 0;  // searches that still have the vectors mapped
  std::string certificate;           // JSON, signed; empty when nothing was erased
  // Backups of this data folder that had the collection: those that were made anew, so that they have the items no
  // more, and those that could not be and still have them.
  std::vector<std::string> backups_renewed;
  std::vector<BackupLeft> backups_left;
};

struct CheckedCertificate {
  Status problem;  // ok: it is whole, and signed by the key that it names
  std::string collection, key;
  std::uint64_t items = 0;
  std::int64_t begun_us = 0, done_us = 0;
};

// A certificate by itself, without a data folder.
CheckedCertificate check_certificate(std::string_view certificate, std::string_view public_key_pem);
// Whether it says that this id was erased. kCorrupt: it is no certificate.
Result<bool> is_certified(std::string_view certificate, std::string_view id);

class Upkeep {
 public:
  virtual ~Upkeep() = default;
  virtual Result<Compaction> compact(const CompactionRequest& request) = 0;
  // kNotFound: no such collection. An id without rows is no error. The certificate is of the data folder, made when all
  // is done there. Then the backups that the data folder knows are brought up to now, each in its place.
  virtual Result<Purge> purge(const PurgeRequest& request) = 0;
  // When the id was erased from the collection, microseconds since 1970.
  virtual Result<std::optional<std::int64_t>> erased(const std::string& collection, const std::string& id) = 0;
  // By the data folder's own keys, former ones included.
  virtual CheckedCertificate check(std::string_view certificate) = 0;
};

}  // namespace pictor
