#include "db/error.h"

#include "db/vfs.h"

namespace pictor::db {
namespace {

Code code_of(int code) {
  switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID: return Code::kExists;
    default: break;
  }
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Code::kBusy;
    case SQLITE_INTERRUPT: return Code::kCancelled;
    case SQLITE_FULL:
    case SQLITE_TOOBIG:
    case SQLITE_NOMEM: return Code::kLimit;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return Code::kDenied;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Code::kCorrupt;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL: return Code::kIo;
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE: return Code::kInvalid;
    default: return Code::kInternal;
  }
}

std::string_view advice_of(int code) {
  switch (code & 0xFF) {
    case SQLITE_FULL: return "; free some space and try again";
    case SQLITE_READONLY: return "; open it for writing, in a folder that can be written";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return "; run `pictor verify`, or restore the file from a backup";
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return "; another request is writing, try again";
    default: return "";
  }
}

bool comes_from_files(int code) {
  switch (code & 0xFF) {
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_FULL:
    case SQLITE_READONLY: return true;
    default: return false;
  }
}

}  // namespace

Status error_of(int code, const std::string& path, const std::string& message) {
  const std::string where = "database '" + path + "'";
  if (const auto beneath = env_error(); comes_from_files(code) && !beneath.is_ok()) return beneath.in(where);
  return {code_of(code), where + ": " + message + std::string(advice_of(code))};
}

Status error_of(sqlite3* db, int code, const std::string& path) {
  return error_of(code, path, db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code));
}

}  // namespace pictor::db
