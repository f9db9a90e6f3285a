// Structured logs: an event's name and its fields, one line each, as text or JSON.
//
// Off until set_log is called: a library says nothing by itself. Events are named in snake_case ("ingest_finished"),
// fields likewise, with their unit last ("wait_ms"). Thread safety: all calls from any thread; a line is never torn.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "base/base.h"

namespace pictor {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat { kText, kJson };

struct LogOptions {
  LogLevel level = LogLevel::kInfo;  // this one and those after it
  LogFormat format = LogFormat::kText;
  std::string file{};  // appended to; empty: standard error
};

// A field holds a view of its text: it lives as long as the call of log that it is written in.
class LogField {
 public:
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  LogField(std::string_view name, std::string_view value) : name_(name), value_(value) {}
  LogField(std::string_view name, const std::string& value) : name_(name), value_(std::string_view(value)) {}
  LogField(std::string_view name, const char* value) : name_(name), value_(std::string_view(value)) {}
  LogField(std::string_view name, bool value) : name_(name), value_(value) {}
  LogField(std::string_view name, double value) : name_(name), value_(value) {}
  template <std::signed_integral T>
  LogField(std::string_view name, T value) : name_(name), value_(static_cast<std::int64_t>(value)) {}
  template <std::unsigned_integral T>
  LogField(std::string_view name, T value) : name_(name), value_(static_cast<std::uint64_t>(value)) {}

  std::string_view name() const { return name_; }
  const Value& value() const { return value_; }

 private:
  std::string_view name_;
  Value value_;
};

// From now on lines go where the options say; LogLevel::kOff ends that. The Env is the clock and must outlive it.
Status set_log(Env& env, const LogOptions& options);
bool log_enabled(LogLevel level);
// Texts longer than limits::kLogTextBytesMax are cut; bytes that are not UTF-8 become U+FFFD.
void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

// The line without its end, as log writes it.
std::string log_line(LogFormat format, std::int64_t wall_us, LogLevel level, std::string_view event,
                     std::initializer_list<LogField> fields);

}  // namespace pictor
