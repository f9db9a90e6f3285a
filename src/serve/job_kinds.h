// What a job can do: each kind is one call of the engine. Inside serve/ only.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/base.h"
#include "pictor/engine.h"

namespace pictor {

struct JobSpec {
  std::string kind;        // "backup", "calibrate", "compact", "rebuild", "verify"
  std::string collection;  // empty: all of them, where the kind allows that
  bool everything = false, drop_history = false;
  std::uint32_t older_than_days = 0, mib_per_second = 0;
  bool again = false;
  std::string index_type;
  std::optional<std::uint64_t> memory_bytes;
  std::string path;
  bool recheck = false;
  std::uint64_t seed = 0;
  std::optional<std::uint64_t> queries;
};

// kInvalid: a kind that is none, or a field that the kind does not have.
Result<JobSpec> job_spec_of(const nlohmann::json& request);
// "rows", "bytes", "queries", "steps": what the progress of a kind counts.
std::string_view job_unit(std::string_view kind);
// What is running can be stopped; what was done stays, and another job goes on from there.
bool job_stops(std::string_view kind);

struct JobControl {
  const std::atomic<bool>& cancel;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};
// Does the work; the result as JSON. kCancelled: it was stopped.
using JobRunner = std::function<Result<std::string>(const JobSpec&, const JobControl&)>;
JobRunner job_runner(Engine& engine);

}  // namespace pictor
