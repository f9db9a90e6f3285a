#include <algorithm>

#include "db/connection.h"
#include "db/error.h"

namespace pictor::db {
namespace {

class SqliteStatement : public Statement {
 public:
  SqliteStatement(std::shared_ptr<Connection> connection, sqlite3_stmt* statement)
      : connection_(std::move(connection)), statement_(statement) {}
  ~SqliteStatement() override { sqlite3_finalize(statement_); }
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  void bind(int parameter, std::int64_t value) override {
    ready_to_bind();
    keep_error(sqlite3_bind_int64(statement_, parameter + 1, value), parameter);
  }
  void bind(int parameter, double value) override {
    ready_to_bind();
    keep_error(sqlite3_bind_double(statement_, parameter + 1, value), parameter);
  }
  void bind(int parameter, std::string_view value) override {
    ready_to_bind();
    const char* data = value.empty() ? "" : value.data();  // a null pointer would bind NULL
    keep_error(sqlite3_bind_text64(statement_, parameter + 1, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8),
               parameter);
  }
  void bind(int parameter, ByteView value) override {
    ready_to_bind();
    const void* data = value.empty() ? static_cast<const void*>("") : value.data();
    keep_error(sqlite3_bind_blob64(statement_, parameter + 1, data, value.size(), SQLITE_TRANSIENT), parameter);
  }
  void bind_null(int parameter) override {
    ready_to_bind();
    keep_error(sqlite3_bind_null(statement_, parameter + 1), parameter);
  }

  Result<bool> step() override {
    if (!bind_error_.is_ok()) return bind_error_;
    if (state_ == State::kDone) return false;
    clear_env_error();
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) {
      state_ = State::kRow;
      return true;
    }
    state_ = State::kDone;
    if (code == SQLITE_DONE) return false;
    Status status = connection_->error(code);
    // The statement gives up its locks; the same bindings may be tried again.
    sqlite3_reset(statement_);
    state_ = State::kFresh;
    return status;
  }

  void reset() override {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
    bind_error_ = Status::ok();
    state_ = State::kFresh;
  }

  bool is_null(int column) const override {
    return !has(column) || sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  std::int64_t integer(int column) const override { return has(column) ? sqlite3_column_int64(statement_, column) : 0; }
  double real(int column) const override { return has(column) ? sqlite3_column_double(statement_, column) : 0.0; }
  std::string_view text(int column) const override {
    if (!has(column)) return {};
    const auto* data = sqlite3_column_text(statement_, column);
    if (data == nullptr) return {};
    return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }
  ByteView blob(int column) const override {
    if (!has(column)) return {};
    const auto* data = sqlite3_column_blob(statement_, column);
    if (data == nullptr) return {};
    return {static_cast<const std::byte*>(data), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  enum class State { kFresh, kRow, kDone };

  void ready_to_bind() {
    if (state_ != State::kFresh) sqlite3_reset(statement_);
    state_ = State::kFresh;
  }
  void keep_error(int code, int parameter) {
    if (code == SQLITE_OK || !bind_error_.is_ok()) return;
    bind_error_ = connection_->error(code).in("parameter " + std::to_string(parameter));
  }
  bool has(int column) const { return state_ == State::kRow && column >= 0 && column < sqlite3_data_count(statement_); }

  std::shared_ptr<Connection> connection_;
  sqlite3_stmt* statement_;
  Status bind_error_;
  State state_ = State::kFresh;
};

}  // namespace

std::unique_ptr<Statement> make_statement(std::shared_ptr<Connection> connection, sqlite3_stmt* statement) {
  return std::make_unique<SqliteStatement>(std::move(connection), statement);
}

}  // namespace pictor::db
