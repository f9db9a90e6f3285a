#include <algorithm>

#include "db/connection.h"
#include "db/copy.h"
#include "db/error.h"

namespace pictor {
namespace {

using db::Connection;

class SqliteDatabase : public Database {
 public:
  SqliteDatabase(std::shared_ptr<Connection> connection, std::string path)
      : connection_(std::move(connection)), path_(std::move(path)) {}

  Status exec(std::string_view sql) override { return connection_->exec(std::string(sql)); }

  Result<std::unique_ptr<Statement>> prepare(std::string_view sql) override {
    db::clear_env_error();
    sqlite3_stmt* statement = nullptr;
    const char* tail = nullptr;
    const int code = sqlite3_prepare_v2(
        handle(), sql.data(), static_cast<int>(std::min<std::size_t>(sql.size(), 1U << 30)), &statement, &tail);
    if (code != SQLITE_OK) return connection_->error(code);
    auto owner = db::make_statement(connection_, statement);
    const auto rest = sql.substr(static_cast<std::size_t>(tail - sql.data()));
    if (statement == nullptr || rest.find_first_not_of(" \t\r\n;") != std::string_view::npos) {
      return Status(Code::kInvalid,
                    "prepare takes exactly one statement, not '" + std::string(sql.substr(0, 200)) + "'");
    }
    return owner;
  }

  Status migrate(std::span<const Migration> migrations) override {
    std::int32_t newest = 0;
    for (const auto& migration : migrations) newest = std::max(newest, migration.version);
    PICTOR_ASSIGN(const auto version, user_version());
    if (version > newest) {
      return {Code::kMismatch, "database '" + path_ + "' has schema version " + std::to_string(version) +
                                   ", this program knows versions up to " + std::to_string(newest) +
                                   "; use the version of Pictor that wrote it, or a newer one"};
    }
    for (const auto& migration : migrations) PICTOR_TRY(apply(migration));
    return Status::ok();
  }

  Status check() override {
    PICTOR_TRY(check_pragma("PRAGMA integrity_check(10)", "ok"));
    return check_pragma("PRAGMA foreign_key_check", "");
  }

  Status checkpoint() override {
    db::clear_env_error();
    const int code = sqlite3_wal_checkpoint_v2(handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
    return code == SQLITE_OK ? Status::ok() : connection_->error(code);
  }

  Status add_function(const char* name, TextFunction function) override {
    const int code = sqlite3_create_function_v2(handle(), name, 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                                reinterpret_cast<void*>(function), call, nullptr, nullptr, nullptr);
    return code == SQLITE_OK ? Status::ok() : connection_->error(code);
  }

  Status vacuum() override {
    const db::TemporaryFiles beside(path_ + "-vacuum");
    PICTOR_TRY(exec("PRAGMA temp_store=FILE"));
    const Status status = exec("VACUUM");
    const Status back = exec("PRAGMA temp_store=MEMORY");
    return status.is_ok() ? back : status;
  }

  Status copy_to(const std::string& path,
                 const std::function<Status(std::uint64_t pages, std::uint64_t pages_total)>& step) override {
    return db::copy_database(*connection_, path, step);
  }

  std::int64_t changes() const override { return sqlite3_changes64(handle()); }
  void interrupt() override { sqlite3_interrupt(handle()); }

 private:
  static void call(sqlite3_context* context, int, sqlite3_value** values) {
    if (sqlite3_value_type(values[0]) != SQLITE_TEXT) return sqlite3_result_null(context);
    const auto function = reinterpret_cast<TextFunction>(sqlite3_user_data(context));
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(values[0]));
    const auto size = static_cast<std::size_t>(sqlite3_value_bytes(values[0]));
    const auto answer = text == nullptr ? std::nullopt : function({text, size});
    if (!answer) return sqlite3_result_null(context);
    sqlite3_result_int64(context, *answer);
  }

  sqlite3* handle() const { return connection_->handle(); }

  Result<std::int64_t> user_version() {
    PICTOR_ASSIGN(const auto statement, prepare("PRAGMA user_version"));
    PICTOR_TRY(statement->step().status());
    return statement->integer(0);
  }

  Status apply(const Migration& migration) {
    PICTOR_ASSIGN(auto transaction, Transaction::begin(*this));
    PICTOR_ASSIGN(const auto version, user_version());  // another connection may have been faster
    if (version >= migration.version) return Status::ok();
    const std::string number = std::to_string(migration.version);
    const auto context = "schema version " + number;
    PICTOR_TRY(exec(migration.sql).in(context));
    PICTOR_TRY(exec("PRAGMA user_version=" + number).in(context));
    return transaction.commit();
  }

  // Every row that is not `fine` is a fault.
  Status check_pragma(const char* sql, std::string_view fine) {
    PICTOR_ASSIGN(const auto statement, prepare(sql));
    std::string faults;
    for (int row = 0; row < 10; ++row) {
      PICTOR_ASSIGN(const bool found, statement->step());
      if (!found) break;
      if (statement->text(0) == fine) continue;
      faults += faults.empty() ? "" : "; ";
      faults += fine.empty() ? "a row of '" + std::string(statement->text(0)) + "' names a missing row of '" +
                                   std::string(statement->text(2)) + "'"
                             : std::string(statement->text(0));
    }
    if (faults.empty()) return Status::ok();
    return {Code::kCorrupt, "database '" + path_ + "': " + faults + "; restore it from a backup"};
  }

  std::shared_ptr<Connection> connection_;
  std::string path_;
};

}  // namespace

Result<std::unique_ptr<Database>> Database::open(Env& env, const std::string& path, const DatabaseOptions& options) {
  PICTOR_ASSIGN(auto connection, Connection::open(env, path, options));
  return std::unique_ptr<Database>(std::make_unique<SqliteDatabase>(std::move(connection), path));
}

Result<Transaction> Transaction::begin(Database& database) {
  PICTOR_TRY(database.exec("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  // SQLite may have rolled back already; then there is nothing to do and the error says only that.
  if (database_ != nullptr) static_cast<void>(database_->exec("ROLLBACK"));
}

Status Transaction::commit() {
  PICTOR_TRY(database_->exec("COMMIT"));
  database_ = nullptr;
  return Status::ok();
}

std::string sqlite_version() { return sqlite3_libversion(); }

}  // namespace pictor
