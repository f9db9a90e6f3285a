#include "serve/job_kinds.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "serve/json_reader.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

struct Kind {
  std::string_view name;
  std::string_view unit;
  bool stops;
  Status (*read)(JsonReader& json, JobSpec& spec);
  Result<std::string> (*run)(Engine& engine, const JobSpec& spec, const JobControl& control);
};

Status stopped() { return {Code::kCancelled, "the job was stopped; what it had done stays"}; }

Status want_collection(const JobSpec& spec) {
  if (!spec.collection.empty()) return Status::ok();
  return {Code::kInvalid, "'collection' is missing: a job of kind '" + spec.kind + "' is for one collection"};
}

std::uint32_t at_most(std::optional<std::uint64_t> value) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(value.value_or(0), UINT32_MAX));
}

Status read_compact(JsonReader& json, JobSpec& spec) {
  spec.everything = json.flag("everything").value_or(false);
  spec.drop_history = json.flag("drop_history").value_or(false);
  spec.older_than_days = at_most(json.count("older_than_days"));
  spec.mib_per_second = at_most(json.count("mib_per_second"));
  PICTOR_TRY(json.status());
  if (spec.older_than_days > 0 && !spec.drop_history) {
    return {Code::kInvalid, "'older_than_days' says which history is dropped: it wants 'drop_history'"};
  }
  return want_collection(spec);
}

Result<std::string> run_compact(Engine& engine, const JobSpec& spec, const JobControl& control) {
  CompactionRequest request;
  request.collection = spec.collection;
  request.everything = spec.everything;
  request.drop_history = spec.drop_history;
  request.older_than_days = spec.older_than_days;
  request.mib_per_second = spec.mib_per_second;
  request.progress = control.progress;
  request.cancel = &control.cancel;
  PICTOR_ASSIGN(const Compaction made, engine.upkeep().compact(request));
  if (made.stopped) return stopped();
  return compaction_json(made, false);
}

Status read_rebuild(JsonReader& json, JobSpec& spec) {
  spec.again = json.flag("again").value_or(false);
  spec.index_type = json.text("index_type").value_or("");
  spec.memory_bytes = json.count("memory_bytes");
  const bool known =
      spec.index_type.empty() || spec.index_type == "auto" || spec.index_type == "graph" || spec.index_type == "lists";
  if (!known) json.refuse("index_type", "auto, graph or lists");
  PICTOR_TRY(json.status());
  return want_collection(spec);
}

Result<std::string> run_rebuild(Engine& engine, const JobSpec& spec, const JobControl& control) {
  IndexesRequest request;
  request.collection = spec.collection;
  request.again = spec.again;
  request.index_type = spec.index_type;
  request.memory_bytes = spec.memory_bytes;
  request.cancel = &control.cancel;
  request.progress = control.progress;
  PICTOR_ASSIGN(const IndexesReport made, engine.build_indexes(request));
  if (made.cancelled) return stopped();
  return indexes_json(made, false);
}

Status read_verify(JsonReader& json, JobSpec& spec) {
  PICTOR_TRY(json.status());
  return want_collection(spec);
}

Result<std::string> run_verify(Engine& engine, const JobSpec& spec, const JobControl& control) {
  PICTOR_ASSIGN(const auto faults, engine.verify(spec.collection, control.progress));
  return faults_json(faults, false);
}

// A server writes no backup to a place that a request names: only to where somebody with the machine's own rights made
// one before.
Status read_backup(JsonReader& json, JobSpec& spec) {
  spec.path = json.text("path").value_or("");
  spec.recheck = json.flag("recheck").value_or(false);
  spec.mib_per_second = at_most(json.count("mib_per_second"));
  PICTOR_TRY(json.status());
  if (!spec.path.empty()) return Status::ok();
  return {Code::kInvalid, "'path' is missing, wanted a place where `pictor backup` made one before"};
}

Result<std::string> run_backup(Engine& engine, const JobSpec& spec, const JobControl& control) {
  PICTOR_ASSIGN(const auto places, engine.backups());
  const auto known = std::find_if(places.begin(), places.end(),
                                  [&](const auto& place) { return place.path == spec.path && !place.of_parent; });
  if (known == places.end()) {
    return Status(Code::kDenied, "'" + spec.path +
                                     "' is no place of an earlier backup of this data folder: make the "
                                     "first one there with `pictor backup`");
  }
  BackupRequest request;
  request.path = spec.path;
  request.collection = spec.collection;
  request.recheck = spec.recheck;
  request.copy.bytes_per_second = spec.mib_per_second * limits::kMiB;
  request.copy.cancel = &control.cancel;
  request.copy.progress = [&](const CopyProgress& at) { control.progress(at.bytes, at.bytes_total); };
  PICTOR_ASSIGN(const CopyReport made, engine.backup(request));
  return Json{{"path", made.path},
              {"made_us", made.made_us},
              {"tenants", made.tenants},
              {"governs", made.governs},
              {"files", made.files},
              {"bytes", made.bytes},
              {"files_copied", made.files_copied},
              {"bytes_copied", made.bytes_copied}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Status read_calibrate(JsonReader& json, JobSpec& spec) {
  spec.seed = json.count("seed").value_or(0);
  spec.queries = json.count("queries");
  PICTOR_TRY(json.status());
  return want_collection(spec);
}

Result<std::string> run_calibrate(Engine& engine, const JobSpec& spec, const JobControl& control) {
  CalibrationRequest request;
  request.collection = spec.collection;
  request.seed = spec.seed;
  if (spec.queries) request.queries = *spec.queries;
  request.cancel = &control.cancel;
  request.progress = control.progress;
  PICTOR_ASSIGN(const CalibrationReport made, engine.vector_tools().calibrate(request));
  if (made.cancelled) return stopped();
  return calibration_json(made, false);
}

constexpr Kind kKinds[] = {
    {"backup", "bytes", true, read_backup, run_backup},
    {"calibrate", "queries", true, read_calibrate, run_calibrate},
    {"compact", "bytes", true, read_compact, run_compact},
    {"rebuild", "rows", true, read_rebuild, run_rebuild},
    {"verify", "steps", false, read_verify, run_verify},
};

const Kind* find_kind(std::string_view name) {
  for (const Kind& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

}  // namespace

Result<JobSpec> job_spec_of(const nlohmann::json& request) {
  JsonReader json(request, "");
  JobSpec spec;
  spec.kind = json.text("kind").value_or("");
  spec.collection = json.text("collection").value_or("");
  const Kind* kind = find_kind(spec.kind);
  if (kind == nullptr) {
    if (!request.is_object()) return json.status();
    return Status(Code::kInvalid,
                  "'kind' is '" + spec.kind + "', wanted backup, calibrate, compact, rebuild or verify");
  }
  PICTOR_TRY(kind->read(json, spec));
  return spec;
}

std::string_view job_unit(std::string_view kind) {
  const Kind* found = find_kind(kind);
  return found == nullptr ? std::string_view() : found->unit;
}

bool job_stops(std::string_view kind) {
  const Kind* found = find_kind(kind);
  return found != nullptr && found->stops;
}

JobRunner job_runner(Engine& engine) {
  return [&engine](const JobSpec& spec, const JobControl& control) {
    return find_kind(spec.kind)->run(engine, spec, control);
  };
}

}  // namespace pictor
