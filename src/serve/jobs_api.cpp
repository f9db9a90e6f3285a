// Jobs: long work that is begun, looked at, stopped and resumed.
#include <charconv>
#include <nlohmann/json.hpp>

#include "serve/api.h"
#include "serve/json_reader.h"

namespace pictor {
namespace {

Result<std::uint64_t> id_of(const Call& call) {
  const std::string& text = call.at("job");
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error == std::errc() && end == text.data() + text.size()) return id;
  return Status(Code::kNotFound, "there is no job '" + text + "'");
}

// Of a collection that the caller's key is not for nobody is told.
Result<Job> job_at(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(const std::uint64_t id, id_of(call));
  PICTOR_ASSIGN(Job job, call.tenant.jobs.find(id));
  if (!call.caller.may_see(job.collection)) return Status(Code::kNotFound, "there is no job " + std::to_string(id));
  return job;
}

}  // namespace

Result<HttpReply> start_job(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(const auto request, parse_request_json(call.request.body));
  PICTOR_ASSIGN(const JobSpec spec, job_spec_of(request));
  if (!call.caller.may_see(spec.collection)) {
    return forbidden(spec.collection.empty() ? "this key is for some collections, the job is of all of them"
                                             : "this key is not for collection '" + spec.collection + "'");
  }
  if (!spec.collection.empty()) PICTOR_TRY(call.tenant.engine.stats(spec.collection).status());
  PICTOR_ASSIGN(const Job job, call.tenant.jobs.start(request, call.caller.key));
  HttpReply reply = json_reply(job_json(job), 202);
  reply.fields.emplace_back("Location", "/v1/jobs/" + std::to_string(job.id));
  return reply;
}

Result<HttpReply> list_jobs(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(const auto jobs, call.tenant.jobs.list());
  std::string all;
  for (const Job& job : jobs) {
    if (call.caller.may_see(job.collection)) all += (all.empty() ? "" : ",") + job_json(job);
  }
  return json_reply("{\"jobs\":[" + all + "]}");
}

Result<HttpReply> get_job(const Call& call) {
  PICTOR_ASSIGN(const Job job, job_at(call));
  return json_reply(job_json(job));
}

Result<HttpReply> cancel_job(const Call& call) {
  PICTOR_ASSIGN(const Job job, job_at(call));
  PICTOR_ASSIGN(const Job now, call.tenant.jobs.cancel(job.id));
  return json_reply(job_json(now), 202);
}

Result<HttpReply> resume_job(const Call& call) {
  PICTOR_ASSIGN(const Job job, job_at(call));
  PICTOR_ASSIGN(const Job now, call.tenant.jobs.resume(job.id));
  return json_reply(job_json(now), 202);
}

}  // namespace pictor
