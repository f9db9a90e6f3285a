// One data folder of a backup: the main one, or that of a tenant. Inside store/ only.
#pragma once

#include <string>
#include <vector>

#include "store/backup.h"
#include "store/backup_manifest.h"
#include "store/transfer.h"

namespace pictor {

// Thread safety: one thread. All that it is given must outlive it.
class PartWriter {
 public:
  PartWriter(Env& env, const BackupRequest& request, Transfer& transfer, CopyReport& report)
      : env_(env), request_(request), transfer_(transfer), report_(report) {}

  // Copies what is new and says in `part` what there is. REQUIRES: part.tenant says whose it is.
  Status copy(const BackupSource& source, BackupPart& part);
  // Where a database is written before it has its name; nothing is there.
  Result<std::string> free_aside(const std::string& path);
  // A database that was written aside gets its sum, its name and its place.
  Result<BackupFile> name_database(const std::string& aside, const std::string& path);

 private:
  std::string in_place(std::string_view path) const { return join_path(request_.path, path); }
  void count(std::uint64_t bytes);
  // True: a file of that name and length is there.
  Result<bool> there_already(const std::string& path, std::uint64_t bytes, const Hash256& sum);
  Status copy_unless_there(const File& from, const std::string& from_name, const BackupFile& file, OpenMode mode);
  Result<std::vector<BackupSource::Named>> copy_catalogue(const BackupSource& source, BackupPart& part);
  Status copy_keys(const BackupSource& source, BackupPart& part);
  Status copy_key(const BackupSource& source, const std::string& path, BackupPart& part);
  Status measure(const BackupSource& source, const std::vector<BackupSource::Named>& named);
  Status copy_collection(const BackupSource& source, const BackupSource::Named& named, BackupPart& part);
  Result<std::vector<HeldSegment>> copy_database(const CollectionStore& collection, BackupCollection& copy);
  Status copy_segments(const CollectionStore& collection, const std::vector<HeldSegment>& segments,
                       BackupCollection& copy);
  Status copy_blobs(const CollectionStore& collection, const BackupCollection& copy);
  Status copy_blob(const std::string& from, const Hash256& hash, std::uint64_t bytes, const std::string& to);

  Env& env_;
  const BackupRequest& request_;
  Transfer& transfer_;
  CopyReport& report_;
};

}  // namespace pictor
