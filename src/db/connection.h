// One sqlite3 connection and what it needs to live: shared by a Database and its Statements.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <memory>
#include <string>

#include "db/db.h"
#include "db/vfs.h"

namespace pictor::db {

class Connection {
 public:
  static Result<std::shared_ptr<Connection>> open(Env& env, const std::string& path, const DatabaseOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  sqlite3* handle() const { return db_; }
  const std::string& vfs_name() const { return vfs_->name(); }
  Status exec(const std::string& sql);
  Status error(int code) const;
  // The first column of the first row as text; empty when there is none.
  Result<std::string> text_of(const std::string& sql);

 private:
  Connection(Env& env, std::string path, const DatabaseOptions& options);
  Status configure();
  void ask_for_sums();
  Result<std::string> switch_to_log();
  static int on_busy(void* self, int attempt);

  std::shared_ptr<Vfs> vfs_;
  std::string path_;
  DatabaseOptions options_;
  std::shared_ptr<SharedFile> shared_;
  sqlite3* db_ = nullptr;
  std::chrono::steady_clock::time_point busy_since_;
};

std::unique_ptr<Statement> make_statement(std::shared_ptr<Connection> connection, sqlite3_stmt* statement);

}  // namespace pictor::db
