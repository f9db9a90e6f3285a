// A database copied page by page while others write: SQLite's backup interface, both files through the Env.
#include <sqlite3.h>

#include "db/copy.h"
#include "db/error.h"
#include "db/handle.h"

namespace pictor::db {
namespace {

constexpr int kPagesAtOnce = 64;

struct Closer {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};
using Target = std::unique_ptr<sqlite3, Closer>;

// Nothing of it is asked for before it is whole and synced by the caller, so it has neither journal nor syncs.
Result<Target> open_target(const std::string& vfs, const std::string& path) {
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  clear_env_error();
  int code = sqlite3_open_v2(path.c_str(), &raw, flags, vfs.c_str());
  Target target(raw);
  if (code == SQLITE_OK) {
    code = sqlite3_exec(raw, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY", nullptr,
                        nullptr, nullptr);
  }
  if (code != SQLITE_OK) return error_of(raw, code, path);
  return target;
}

// Of the database that the connection has open.
Handle* handle_of(sqlite3* database) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(database, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  return file == nullptr || file->pMethods != &handle_methods() ? nullptr : static_cast<Handle*>(file);
}

Status copy_pages(sqlite3* target, sqlite3* source, const std::string& path,
                  const std::function<Status(std::uint64_t, std::uint64_t)>& step) {
  clear_env_error();
  sqlite3_backup* backup = sqlite3_backup_init(target, "main", source, "main");
  if (backup == nullptr) return error_of(target, sqlite3_errcode(target), path);
  Status status;
  int code = SQLITE_OK;
  while (code == SQLITE_OK && status.is_ok()) {
    clear_env_error();
    code = sqlite3_backup_step(backup, kPagesAtOnce);
    const auto total = static_cast<std::uint64_t>(sqlite3_backup_pagecount(backup));
    const auto left = static_cast<std::uint64_t>(sqlite3_backup_remaining(backup));
    if (code == SQLITE_OK || code == SQLITE_DONE) status = step(total - left, total);
  }
  const int finished = sqlite3_backup_finish(backup);
  if (!status.is_ok()) return status;
  if (code != SQLITE_DONE) return error_of(target, code, path);
  return finished == SQLITE_OK ? Status::ok() : error_of(target, finished, path);
}

}  // namespace

Status copy_database(Connection& source, const std::string& path,
                     const std::function<Status(std::uint64_t done, std::uint64_t total)>& step) {
  PICTOR_ASSIGN(const auto target, open_target(source.vfs_name(), path));
  // Its pages are written before the first one, which would say so.
  if (Handle* from = handle_of(source.handle()), *to = handle_of(target.get()); from != nullptr && to != nullptr) {
    to->shared->sums().set_page_bytes(from->shared->sums().page_bytes(*from->file));
  }
  return copy_pages(target.get(), source.handle(), path, step).in("the copy '" + path + "'");
}

}  // namespace pictor::db
