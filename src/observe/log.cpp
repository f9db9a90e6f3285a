#include "observe/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>

#include "observe/metrics.h"

namespace pictor {
namespace {

struct Target {
  Env* env;
  LogFormat format;
  std::shared_ptr<spdlog::logger> logger;
};

std::atomic<LogLevel> least_level{LogLevel::kOff};
std::mutex target_mutex;

std::shared_ptr<const Target>& target() {
  static auto* current = new std::shared_ptr<const Target>;  // never destroyed: threads may log while the process ends
  return *current;
}

}  // namespace

Status set_log(Env& env, const LogOptions& options) {
  std::shared_ptr<const Target> next;
  if (options.level != LogLevel::kOff) {
    try {
      spdlog::sink_ptr sink;
      if (options.file.empty()) {
        sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
      } else {
        sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
      }
      auto logger = std::make_shared<spdlog::logger>("pictor", std::move(sink));
      logger->set_pattern("%v");
      logger->set_level(spdlog::level::trace);  // log() has decided
      logger->flush_on(spdlog::level::trace);
      // By itself spdlog prints to standard error.
      logger->set_error_handler([](const std::string&) { Metrics::global().add(metric::kLogLinesLost); });
      next = std::make_shared<const Target>(Target{&env, options.format, std::move(logger)});
    } catch (const std::exception& error) {
      return {Code::kIo, "cannot log to '" + options.file + "': " + error.what()};
    }
  }
  const std::lock_guard guard(target_mutex);
  target() = std::move(next);
  least_level = options.level;
  return Status::ok();
}

bool log_enabled(LogLevel level) {
  const LogLevel least = least_level.load(std::memory_order_relaxed);
  return least != LogLevel::kOff && level != LogLevel::kOff && level >= least;
}

void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (!log_enabled(level)) return;
  std::shared_ptr<const Target> current;
  {
    const std::lock_guard guard(target_mutex);
    current = target();
  }
  if (!current) return;
  const std::string line = log_line(current->format, current->env->wall_us(), level, event, fields);
  current->logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace pictor
