// What earlier backups left in their place, and this one does not name.
#pragma once

#include <string>

#include "base/base.h"
#include "store/backup_manifest.h"

namespace pictor {

inline constexpr const char* kBackupAside = ".tmp";  // how a file ends that is being written

// Removes databases, segments, keys and blobs that the manifest does not name, and what was left aside. REQUIRES: the
// manifest is in place and durable. A failure is no loss: the next backup tries again.
void sweep_backup(Env& env, const std::string& backup, const BackupManifest& manifest);

}  // namespace pictor
