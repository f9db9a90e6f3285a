// What every fallible call of Pictor returns: a code that says what to do next, and a message for a person.
//
// Thread safety: values; a const Status or Result may be read from any thread. Nothing here throws.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace pictor {

// What the caller should do next. Numbers are stable: they are exit codes and go over the wire.
enum class Code {
  kOk = 0,
  kInvalid = 2,       // fix the request: an argument, a file or a query is wrong
  kNotFound = 3,      // the thing named does not exist
  kExists = 4,        // the thing named exists already
  kMismatch = 5,      // right in itself, but not with this collection, encoder or data folder
  kUnreadable = 6,    // this input file cannot be read as a picture, a manifest or an archive; others may
  kLimit = 7,         // a limit would be passed (bytes, pixels, rows, disk): send less or raise the limit
  kBusy = 8,          // another process or request holds it: try again
  kCancelled = 9,     // asked to stop, or the deadline passed; nothing is half done
  kDenied = 10,       // the system refuses access: permissions, a read-only folder
  kIo = 11,           // the disk or the network failed: see the message, then try again
  kCorrupt = 12,      // stored bytes are not what was written: run `pictor verify`
  kUnsupported = 13,  // a valid request this build or this machine cannot serve
  kInternal = 14,     // a bug in Pictor: please report it
};

// The code's name as it is printed and sent: "invalid", "not_found", ...
std::string_view code_name(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  // REQUIRES: code is not kOk. The message says what, which, and the number seen and wanted.
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status ok() { return {}; }

  bool is_ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  // "not_found: collection 'cats' does not exist", or "ok".
  std::string to_string() const;
  // The same error with `context` and a colon before the message: where it happened. No effect on ok.
  Status in(std::string_view context) const;

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

// A T, or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {}  // NOLINT(google-explicit-constructor)

  bool is_ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  // REQUIRES: is_ok().
  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T&& value() && { return std::move(*value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return std::move(*value_); }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace pictor

// Returns early with the error of a Status-valued expression.
#define PICTOR_TRY(expression)                          \
  do {                                                  \
    ::pictor::Status pictor_status_ = (expression);     \
    if (!pictor_status_.is_ok()) return pictor_status_; \
  } while (false)

#define PICTOR_CONCAT_INNER_(a, b) a##b
#define PICTOR_CONCAT_(a, b) PICTOR_CONCAT_INNER_(a, b)
#define PICTOR_ASSIGN_INNER_(result, declaration, expression) \
  auto result = (expression);                                 \
  if (!result.is_ok()) return result.status();                \
  declaration = std::move(result).value()

// `PICTOR_ASSIGN(auto file, env.open(path));` declares the value, or returns early with the error.
#define PICTOR_ASSIGN(declaration, expression) \
  PICTOR_ASSIGN_INNER_(PICTOR_CONCAT_(pictor_result_, __LINE__), declaration, expression)
