// Making a backup of a data folder that is open: what the writer of backups is given, and what it does.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pictor/backup.h"
#include "store/collection.h"

namespace pictor {

// A data folder as its backup sees it. The functions may be called from the thread of the backup only.
struct BackupSource {
  struct Named {
    std::string name;
    std::int64_t created_us = 0;  // tells a collection from one of the same name that was dropped
  };
  std::string path;
  std::string id;
  std::function<Status()> begun;  // the place is remembered before anything lies there
  // Copies the catalogue to a new file and says which collections it names, both at one moment.
  std::function<Result<std::vector<Named>>(const std::string& to)> copy_catalogue;
  // Null: dropped since.
  std::function<Result<std::shared_ptr<CollectionStore>>(const Named& named)> open;
};

Result<CopyReport> write_backup(Env& env, const BackupRequest& request, const BackupSource& source);

// Checks a place before anything is written there, and remembers nothing of it: absolute, and not within a data folder.
Status check_backup_place(Env& env, const std::string& place, const std::string& data_folder);

}  // namespace pictor
