// The door of db: SQLite and nothing else, every byte through Env, so that the simulated disk of tests sees all of it.
//
// A Database is one connection: one thread at a time. Open several connections to one file for one writer and many
// readers: write-ahead log, synchronous=FULL. File locks and the log's shared memory live inside this process (one
// process owns a data folder), found by (Env, path): give all connections of a file the same spelling of its path, and
// open no other program on it meanwhile. A Statement may outlive its Database. After SimulatedEnv::power_loss close
// every connection before the first is opened again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor {

class Statement;

// A function of a text for SQL to call; what it answers none for is NULL.
using TextFunction = std::optional<std::int64_t> (*)(std::string_view text);

struct DatabaseOptions {
  bool read_only = false;
  bool create = true;
  std::int64_t cache_kib = 8192;
  std::int64_t busy_wait_ms = 5000;  // how long a call waits for another connection's lock before kBusy
};

// Step `version` of a schema: SQL that brings version - 1 to version. Applied in one transaction each; PRAGMA
// user_version remembers.
struct Migration {
  std::int32_t version;
  const char* sql;
};

class Database {
 public:
  static Result<std::unique_ptr<Database>> open(Env& env, const std::string& path, const DatabaseOptions& options = {});
  virtual ~Database() = default;

  virtual Status exec(std::string_view sql) = 0;  // one or more statements without results
  virtual Result<std::unique_ptr<Statement>> prepare(std::string_view sql) = 0;
  // kMismatch when the file is newer than the last migration: says which version wrote it and what to do.
  virtual Status migrate(std::span<const Migration> migrations) = 0;
  virtual Status check() = 0;       // PRAGMA integrity_check and foreign_key_check
  virtual Status checkpoint() = 0;  // moves the log into the file and truncates it
  // Writes what this connection sees (its transaction's moment, else now) to a new file at `path`, which is not synced.
  // Others may write meanwhile. `step` is called every few pages; its error ends the copy. REQUIRES: `path` is free.
  virtual Status copy_to(const std::string& path,
                         const std::function<Status(std::uint64_t pages, std::uint64_t pages_total)>& step) = 0;
  // Rebuilds the file, so that no page has anything that was deleted; then a checkpoint is due. It needs twice the
  // file's size on the disk. What does not fit into the cache lies in files PATH-vacuumN meanwhile; a crash may leave
  // them, for the caller to remove. REQUIRES: no statement of this connection is between step and reset.
  virtual Status vacuum() = 0;
  virtual std::int64_t changes() const = 0;                                  // rows changed by the last statement
  virtual Status add_function(const char* name, TextFunction function) = 0;  // for this connection; no text gives NULL
  virtual void interrupt() = 0;  // from any thread: the running statement ends with kCancelled
};

// A prepared statement. Parameters and columns count from 0. Reset when it is bound again after a step. What is wrong
// with a bind (no such parameter, too long a value) is answered by the next step. After the last row every step answers
// false until a reset.
class Statement {
 public:
  virtual ~Statement() = default;
  virtual void bind(int parameter, std::int64_t value) = 0;
  virtual void bind(int parameter, double value) = 0;
  virtual void bind(int parameter, std::string_view value) = 0;
  virtual void bind(int parameter, ByteView value) = 0;
  virtual void bind_null(int parameter) = 0;
  virtual Result<bool> step() = 0;  // true: a row is there
  virtual void reset() = 0;         // parameters are cleared too
  virtual bool is_null(int column) const = 0;
  virtual std::int64_t integer(int column) const = 0;
  virtual double real(int column) const = 0;
  virtual std::string_view text(int column) const = 0;  // valid until the next step or reset
  virtual ByteView blob(int column) const = 0;          // likewise
};

// BEGIN IMMEDIATE now; rolled back unless committed. When commit fails nothing of it is seen by this process; whether
// it survives a restart is open for kIo only.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(other.database_) { other.database_ = nullptr; }
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

std::string sqlite_version();

}  // namespace pictor
