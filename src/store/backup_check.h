// Reading a backup: every file compared with the manifest, every blob with its name.
#pragma once

#include <functional>
#include <vector>

#include "db/db.h"
#include "store/backup_manifest.h"
#include "store/transfer.h"

namespace pictor {

// kBusy while a backup is written there. Where the folder cannot be written, nobody writes a backup there: null.
Result<std::unique_ptr<FileLock>> lock_backup(Env& env, const std::string& backup);

// The database of a collection in a backup, to be read.
Result<std::unique_ptr<Database>> open_backed_up(Env& env, const std::string& backup,
                                                 const BackupCollection& collection);
// Calls visit for every blob that the database names, by hash, until it returns an error.
Status for_each_blob(Database& database, const std::function<Status(const Hash256& hash, std::uint64_t bytes)>& visit);

// What differs from the manifest, in all that it names; at most limits::kFaultsMax.
Result<std::vector<FaultInfo>> check_backup(Env& env, const std::string& backup, const BackupManifest& manifest,
                                            Transfer& transfer);

std::uint64_t bytes_of(const BackupCollection& collection);

}  // namespace pictor
