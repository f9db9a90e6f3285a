// Long work on a server: jobs that are begun, watched and stopped.
#include <nlohmann/json.hpp>

#include "remote/read_json.h"
#include "remote/remote_engine.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kLookFirstUs = 20'000;
constexpr std::int64_t kLookUsMax = 1'000'000;

Status status_of(const Json& job) {
  const std::string state = job.value("state", "");
  if (state == "done") return Status::ok();
  if (state == "cancelled") return {Code::kCancelled, "the job was stopped; what it had done stays"};
  const Json problem = job.value("problem", Json::object());
  const std::string detail = problem.is_object() ? problem.value("detail", "") : "";
  return {Code::kIo,
          "the job on the server " + (state == "interrupted" ? std::string("was interrupted") : "failed: " + detail)};
}

}  // namespace

Result<Json> finished_job(Wire& wire, Env& env, const Json& request, const std::atomic<bool>* cancel,
                          const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  PICTOR_ASSIGN(Json job, wire.json("POST", "/v1/jobs", request));
  const std::string path = "/v1/jobs/" + job.value("id", "");
  bool told_to_stop = false;
  std::int64_t wait_us = kLookFirstUs;
  while (job.value("state", "") == "waiting" || job.value("state", "") == "running") {
    env.wait_us(wait_us);
    wait_us = std::min(wait_us * 2, kLookUsMax);
    if (cancel != nullptr && *cancel && !told_to_stop) {
      told_to_stop = true;
      PICTOR_TRY(wire.bytes("POST", path + "/cancel").status());
    }
    PICTOR_ASSIGN(job, wire.json("GET", path));
    if (progress) progress(job.value("done", std::uint64_t{0}), job.value("total", std::uint64_t{0}));
  }
  PICTOR_TRY(status_of(job));
  return job.value("result", Json::object());
}

Result<IndexesReport> RemoteEngine::build_indexes(const IndexesRequest& request) {
  Json json = {{"kind", "rebuild"}, {"collection", request.collection}, {"again", request.again}};
  if (!request.index_type.empty()) json["index_type"] = request.index_type;
  if (request.memory_bytes) json["memory_bytes"] = *request.memory_bytes;
  const auto result = finished_job(wire_, env_, json, request.cancel, request.progress);
  if (result.status().code() == Code::kCancelled) {
    IndexesReport report;
    report.cancelled = true;
    return report;
  }
  PICTOR_TRY(result.status());
  return indexes_of(*result);
}

Result<CalibrationReport> RemoteVectorTools::calibrate(const CalibrationRequest& request) {
  if (!request.pairs.empty()) return needs_the_folder(wire_, "calibrating with pairs");
  const Json json = {
      {"kind", "calibrate"}, {"collection", request.collection}, {"seed", request.seed}, {"queries", request.queries}};
  const auto result = finished_job(wire_, env_, json, request.cancel, request.progress);
  if (result.status().code() == Code::kCancelled) {
    CalibrationReport report;
    report.cancelled = true;
    return report;
  }
  PICTOR_TRY(result.status());
  return calibration_of(*result);
}

Result<std::vector<Calibration>> RemoteVectorTools::calibrations(const std::string& collection) {
  PICTOR_ASSIGN(const Json json, wire_.json("GET", collection_path(collection) + "/calibration"));
  return calibration_of(json).made;
}

Result<std::vector<FaultInfo>> RemoteEngine::verify(const std::string& collection,
                                                    const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  PICTOR_ASSIGN(const Json result,
                finished_job(wire_, env_, {{"kind", "verify"}, {"collection", collection}}, nullptr, progress));
  return faults_of(result);
}

Result<CopyReport> RemoteEngine::backup(const BackupRequest& request) {
  Json json = {{"kind", "backup"}, {"path", request.path}, {"recheck", request.recheck}};
  if (!request.collection.empty()) json["collection"] = request.collection;
  if (request.copy.bytes_per_second > 0) {
    json["mib_per_second"] = std::max<std::uint64_t>(1, request.copy.bytes_per_second / limits::kMiB);
  }
  const auto progress = [&](std::uint64_t done, std::uint64_t total) {
    if (request.copy.progress) request.copy.progress({"", done, total, done, 0});
  };
  PICTOR_ASSIGN(const Json result, finished_job(wire_, env_, json, request.copy.cancel, progress));
  CopyReport report;
  report.path = result.value("path", request.path);
  report.made_us = result.value("made_us", std::int64_t{0});
  report.tenants = result.value("tenants", std::uint64_t{0});
  report.governs = result.value("governs", false);
  report.files = result.value("files", std::uint64_t{0});
  report.bytes = result.value("bytes", std::uint64_t{0});
  report.files_copied = result.value("files_copied", std::uint64_t{0});
  report.bytes_copied = result.value("bytes_copied", std::uint64_t{0});
  return report;
}

Result<Compaction> RemoteUpkeep::compact(const CompactionRequest& request) {
  Json json = {{"kind", "compact"},
               {"collection", request.collection},
               {"everything", request.everything},
               {"drop_history", request.drop_history},
               {"mib_per_second", request.mib_per_second}};
  if (request.older_than_days > 0) json["older_than_days"] = request.older_than_days;
  const auto result = finished_job(wire_, env_, json, request.cancel, request.progress);
  if (result.status().code() == Code::kCancelled) {
    Compaction made;
    made.stopped = true;
    return made;
  }
  PICTOR_TRY(result.status());
  return compaction_of(*result);
}

// All in one call: a certificate is of one.
Result<Purge> RemoteUpkeep::purge(const PurgeRequest& request) {
  PICTOR_ASSIGN(const Json json, wire_.json("POST", collection_path(request.collection) + "/items:purge",
                                            Json::object({{"ids", request.ids}})));
  return purge_of(json);
}

// A server does not tell what it erased.
Result<std::optional<std::int64_t>> RemoteUpkeep::erased(const std::string&, const std::string&) {
  return std::optional<std::int64_t>();
}

CheckedCertificate RemoteUpkeep::check(std::string_view) {
  CheckedCertificate checked;
  checked.problem = needs_the_folder(wire_, "checking a certificate by the data folder's keys");
  return checked;
}

}  // namespace pictor
