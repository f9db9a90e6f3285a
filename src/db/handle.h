// A file that SQLite has open through a Vfs.
#pragma once

#include <memory>
#include <string>

#include "db/vfs.h"

namespace pictor::db {

// SQLite allocates it; Vfs constructs it there and close destroys it.
struct Handle : sqlite3_file {
  Vfs* vfs = nullptr;
  std::unique_ptr<File> file;
  std::string path;
  std::shared_ptr<SharedFile> shared;  // of a database; null for its journals
  ConnectionLocks locks;
  Bytes page;  // room for one with its sum
  bool may_write = true;
  bool is_temporary = false;  // removed when it is closed
  // The file's name may not be durable yet, so the first sync also syncs its folder.
  bool folder_needs_sync = false;
};

const sqlite3_io_methods& handle_methods();

// A file for reading that may not exist yet: empty until it does.
std::unique_ptr<File> make_late_file(Env& env, std::string path);

// Remembers the error for env_error and returns `code`, or SQLITE_FULL when the disk is full.
int remember(const Status& status, int code);

}  // namespace pictor::db
