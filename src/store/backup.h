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
  std::function<Status(std::int64_t made_us)> made;  // the backup is whole
  // Of the main data folder alone: its tenants, whose sources hold their folders open; and a copy of its keys, tenants
  // and audit log to a new file, `bytes` at a time. False: it has none.
  std::function<Result<std::vector<std::string>>()> tenants = {};
  std::function<Result<BackupSource>(const std::string& name)> open_tenant = {};
  std::function<Result<bool>(const std::string& to, const std::function<Status(std::uint64_t bytes)>& step)>
      copy_govern = {};
  std::shared_ptr<const void> held = {};
};

Result<CopyReport> write_backup(Env& env, const BackupRequest& request, const BackupSource& source);

// Checks a place before anything is written there, and remembers nothing of it: absolute, and not within a data folder.
Status check_backup_place(Env& env, const std::string& place, const std::string& data_folder);

}  // namespace pictor
