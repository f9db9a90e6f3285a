#include "db/connection.h"

#include <algorithm>

#include "db/error.h"

namespace pictor::db {
namespace {

// So that SQLite reads neither ":memory:" nor "file:..." into a path.
std::string plain_path(const std::string& path) {
  return path.starts_with(':') || path.starts_with("file:") ? "./" + path : path;
}

void set_limits(sqlite3* db) {
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, static_cast<int>(limits::kDatabaseValueBytesMax));
  sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, static_cast<int>(limits::kDatabaseSqlBytesMax));
  sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 1);  // VACUUM attaches its copy
  sqlite3_limit(db, SQLITE_LIMIT_TRIGGER_DEPTH, 10);
  sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);  // one pool owns all threads of ours
}

int set_defences(sqlite3* db, bool read_only) {
  struct Setting {
    int option;
    int value;
  };
  const Setting settings[] = {
      {SQLITE_DBCONFIG_DEFENSIVE, 1},
      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
      {SQLITE_DBCONFIG_DQS_DDL, 0},
      {SQLITE_DBCONFIG_DQS_DML, 0},
      {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
      {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
      {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, read_only ? 1 : 0},
  };
  for (const auto& setting : settings) {
    const int code = sqlite3_db_config(db, setting.option, setting.value, nullptr);
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

}  // namespace

Connection::Connection(Env& env, std::string path, const DatabaseOptions& options)
    : vfs_(Vfs::of(env)), path_(std::move(path)), options_(options), shared_(vfs_->shared(full_path(path_))) {}

Connection::~Connection() {
  // REQUIRES: every statement is finalized; each holds this object.
  sqlite3_close(db_);
}

Result<std::shared_ptr<Connection>> Connection::open(Env& env, const std::string& path,
                                                     const DatabaseOptions& options) {
  if (path.empty() || path.size() >= limits::kPathBytesMax || path.find('\0') != std::string::npos) {
    return Status(Code::kInvalid, "the path of a database has " + std::to_string(path.size()) + " bytes; wanted 1 to " +
                                      std::to_string(limits::kPathBytesMax - 1) + ", none of them zero");
  }
  std::shared_ptr<Connection> connection(new Connection(env, plain_path(path), options));
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (options.create && !options.read_only) flags |= SQLITE_OPEN_CREATE;
  clear_env_error();
  const int code =
      sqlite3_open_v2(connection->path_.c_str(), &connection->db_, flags, connection->vfs_->name().c_str());
  if (code != SQLITE_OK) return connection->error(code);
  PICTOR_TRY(connection->configure());
  return connection;
}

// Only in a database that is being made: the pages of another have no room for them.
void Connection::ask_for_sums() {
  sqlite3_file* file = nullptr;
  sqlite3_int64 size = 0;
  if (sqlite3_file_control(db_, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == nullptr) return;
  if (file->pMethods == nullptr || file->pMethods->xFileSize(file, &size) != SQLITE_OK || size != 0) return;
  int reserved = kReservedBytes;
  sqlite3_file_control(db_, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
}

Status Connection::configure() {
  set_limits(db_);
  if (!options_.read_only) ask_for_sums();
  if (const int code = set_defences(db_, options_.read_only); code != SQLITE_OK) return error(code);
  sqlite3_busy_handler(db_, on_busy, this);
  const auto cache_kib = std::clamp<std::int64_t>(options_.cache_kib, 64, 1 << 20);
  PICTOR_TRY(
      exec("PRAGMA synchronous=FULL; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0;"
           "PRAGMA secure_delete=ON; PRAGMA cache_size=-" +
           std::to_string(cache_kib) +
           ";"
           "PRAGMA journal_size_limit=" +
           std::to_string(limits::kDatabaseLogBytesMax)));
  if (options_.read_only) return text_of("PRAGMA schema_version").status();  // reads the file: is it a database?
  PICTOR_ASSIGN(const auto mode, switch_to_log());
  if (mode == "wal") return Status::ok();
  return {Code::kInternal, "database '" + path_ + "' has journal mode '" + mode + "', wanted 'wal'"};
}

// SQLite does not call the busy handler when two connections switch a new file at once, so this tries again itself.
Result<std::string> Connection::switch_to_log() {
  for (int attempt = 0;; ++attempt) {
    auto mode = text_of("PRAGMA journal_mode=WAL");
    if (mode.is_ok() || mode.status().code() != Code::kBusy || on_busy(this, attempt) == 0) return mode;
  }
}

int Connection::on_busy(void* self, int attempt) {
  // Waiting is for other threads of this process, so it is real time, not the Env's.
  auto& connection = *static_cast<Connection*>(self);
  const auto now = std::chrono::steady_clock::now();
  if (attempt == 0) connection.busy_since_ = now;
  if (now - connection.busy_since_ >= std::chrono::milliseconds(connection.options_.busy_wait_ms)) return 0;
  connection.shared_->wait_for_release(std::chrono::milliseconds(10));
  return 1;
}

Status Connection::exec(const std::string& sql) {
  clear_env_error();
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? Status::ok() : error(code);
}

Status Connection::error(int code) const { return error_of(db_, code, path_); }

Result<std::string> Connection::text_of(const std::string& sql) {
  clear_env_error();
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr);
  if (code != SQLITE_OK) return error(code);
  std::string text;
  code = sqlite3_step(statement);
  if (code == SQLITE_ROW) {
    if (const auto* found = sqlite3_column_text(statement, 0)) text = reinterpret_cast<const char*>(found);
  }
  code = sqlite3_finalize(statement);
  if (code != SQLITE_OK) return error(code);
  return text;
}

}  // namespace pictor::db
