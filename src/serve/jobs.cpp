#include "serve/jobs.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "observe/observe.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kStates[] = {"waiting", "running", "done", "failed", "cancelled", "interrupted"};
constexpr int kFileVersion = 1;

bool has_ended(JobState state) { return state != JobState::kWaiting && state != JobState::kRunning; }

Json time_or_null(std::int64_t us) { return us == 0 ? Json(nullptr) : Json(us); }
Json json_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json::parse(text, nullptr, false); }

Json object_of(const Job& job) {
  Json json = {{"id", std::to_string(job.id)},
               {"kind", job.kind},
               {"collection", job.collection},
               {"state", job_state_name(job.state)},
               {"created_us", job.created_us},
               {"started_us", time_or_null(job.started_us)},
               {"ended_us", time_or_null(job.ended_us)},
               {"done", job.done},
               {"total", job.total},
               {"unit", job_unit(job.kind)},
               {"key", job.key},
               {"request", json_or_null(job.request)},
               {"result", json_or_null(job.result)},
               {"problem", nullptr}};
  if (!job.cause.empty()) json["problem"] = Json{{"code", job.code}, {"detail", job.cause}};
  return json;
}

std::string text_at(const nlohmann::json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

template <typename Number>
Number number_at(const nlohmann::json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number_integer() ? found->get<Number>() : Number{0};
}

std::string object_at(const nlohmann::json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_object() ? found->dump() : std::string();
}

// One that was under way when its server ended is interrupted now.
Job job_of(const nlohmann::json& json) {
  Job job;
  const std::string id = text_at(json, "id");
  job.id = std::strtoull(id.c_str(), nullptr, 10);
  job.kind = text_at(json, "kind");
  job.collection = text_at(json, "collection");
  job.request = object_at(json, "request");
  job.key = text_at(json, "key");
  const auto state = std::find(std::begin(kStates), std::end(kStates), text_at(json, "state"));
  job.state = state == std::end(kStates) ? JobState::kInterrupted : static_cast<JobState>(state - std::begin(kStates));
  if (!has_ended(job.state)) job.state = JobState::kInterrupted;
  job.created_us = number_at<std::int64_t>(json, "created_us");
  job.started_us = number_at<std::int64_t>(json, "started_us");
  job.ended_us = number_at<std::int64_t>(json, "ended_us");
  job.done = number_at<std::uint64_t>(json, "done");
  job.total = number_at<std::uint64_t>(json, "total");
  job.result = object_at(json, "result");
  if (const auto problem = json.find("problem"); problem != json.end() && problem->is_object()) {
    job.code = text_at(*problem, "code");
    job.cause = text_at(*problem, "detail");
  }
  return job;
}

Status not_there(std::uint64_t id) {
  return {Code::kNotFound, "there is no job " + std::to_string(id) + ", or it is forgotten: the last " +
                               std::to_string(limits::kJobsMax) + " are known"};
}

}  // namespace

std::string_view job_state_name(JobState state) { return kStates[static_cast<std::size_t>(state)]; }

std::string job_json(const Job& job) { return object_of(job).dump(-1, ' ', false, Json::error_handler_t::replace); }

Jobs::Jobs(Env& env, const std::string& data_folder, JobRunner runner)
    : env_(env), runner_(std::move(runner)), path_(join_path(data_folder, "jobs.json")) {}

Jobs::~Jobs() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    cancel_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// A file that is none is told and begun anew: it holds no more than what was once asked for.
Status Jobs::load() {
  if (loaded_) return Status::ok();
  auto bytes = read_file(env_, path_, limits::kJobsFileBytesMax);
  if (!bytes.is_ok() && bytes.status().code() != Code::kNotFound) return bytes.status();
  loaded_ = true;
  if (!bytes.is_ok()) return Status::ok();
  const auto json = nlohmann::json::parse(as_text(*bytes), nullptr, false);
  const bool whole = json.is_object() && json.contains("jobs") && json["jobs"].is_array();
  if (!whole) log(LogLevel::kWarning, "jobs_unreadable", {{"path", path_}});
  if (!whole) return Status::ok();
  for (const auto& one : json["jobs"]) {
    if (!one.is_object()) continue;
    Job job = job_of(one);
    if (job.id < next_) continue;
    next_ = job.id + 1;
    jobs_.push_back(std::move(job));
  }
  return Status::ok();
}

Status Jobs::save() {
  Json array = Json::array();
  for (const Job& job : jobs_) array.push_back(object_of(job));
  const std::string text =
      Json{{"version", kFileVersion}, {"jobs", std::move(array)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
  return write_file_atomic(env_, path_, as_bytes(text));
}

Job* Jobs::known(std::uint64_t id) {
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& job) { return job.id == id; });
  return found == jobs_.end() ? nullptr : &*found;
}

void Jobs::forget_oldest() {
  while (jobs_.size() > limits::kJobsMax) {
    const auto oldest = std::find_if(jobs_.begin(), jobs_.end(), [](const Job& job) { return has_ended(job.state); });
    if (oldest == jobs_.end()) return;  // no more wait than limits::kJobsWaitingMax
    jobs_.erase(oldest);
  }
}

Result<Job> Jobs::enqueue(Job& job) {
  const auto waiting =
      std::count_if(jobs_.begin(), jobs_.end(), [](const Job& one) { return one.state == JobState::kWaiting; });
  if (waiting > static_cast<std::ptrdiff_t>(limits::kJobsWaitingMax)) {
    job.state = JobState::kCancelled;
    return Status(Code::kBusy, std::to_string(limits::kJobsWaitingMax) + " jobs wait already: try again later");
  }
  PICTOR_TRY(save());
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  changed_.notify_all();
  return job;
}

Result<Job> Jobs::start(const nlohmann::json& request, const std::string& key) {
  PICTOR_ASSIGN(const JobSpec spec, job_spec_of(request));
  const std::lock_guard lock(mutex_);
  PICTOR_TRY(load());
  Job job;
  job.id = next_;
  job.kind = spec.kind;
  job.collection = spec.collection;
  job.request = request.dump();
  job.key = key;
  job.created_us = env_.wall_us();
  jobs_.push_back(std::move(job));
  auto begun = enqueue(jobs_.back());
  if (!begun.is_ok()) {
    jobs_.pop_back();
    return begun;
  }
  ++next_;
  forget_oldest();
  return begun;
}

Result<std::vector<Job>> Jobs::list() {
  const std::lock_guard lock(mutex_);
  PICTOR_TRY(load());
  return std::vector<Job>(jobs_.rbegin(), jobs_.rend());
}

Result<Job> Jobs::find(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  PICTOR_TRY(load());
  const Job* job = known(id);
  if (job == nullptr) return not_there(id);
  return *job;
}

Result<Job> Jobs::cancel(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  PICTOR_TRY(load());
  Job* job = known(id);
  if (job == nullptr) return not_there(id);
  if (has_ended(job->state)) {
    return Status(Code::kMismatch, "job " + std::to_string(id) + " is " + std::string(job_state_name(job->state)) +
                                       ": only one that waits or runs can be stopped");
  }
  if (job->state == JobState::kRunning) {
    if (!job_stops(job->kind)) {
      return Status(Code::kMismatch, "a job of kind '" + job->kind + "' cannot be stopped once it runs");
    }
    cancel_ = true;
    return *job;
  }
  job->state = JobState::kCancelled;
  job->ended_us = env_.wall_us();
  PICTOR_TRY(save());
  return *job;
}

Result<Job> Jobs::resume(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  PICTOR_TRY(load());
  Job* job = known(id);
  if (job == nullptr) return not_there(id);
  if (!has_ended(job->state) || job->state == JobState::kDone) {
    return Status(Code::kMismatch, "job " + std::to_string(id) + " is " + std::string(job_state_name(job->state)) +
                                       ": only one that was cancelled or interrupted, or that failed, can be resumed");
  }
  const Job before = *job;
  job->state = JobState::kWaiting;
  job->started_us = job->ended_us = 0;
  job->done = job->total = 0;
  job->code.clear();
  job->cause.clear();
  auto begun = enqueue(*job);
  if (!begun.is_ok()) *job = before;
  return begun;
}

bool Jobs::busy() {
  const std::lock_guard lock(mutex_);
  return std::any_of(jobs_.begin(), jobs_.end(), [](const Job& job) { return !has_ended(job.state); });
}

void Jobs::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto next =
        std::find_if(jobs_.begin(), jobs_.end(), [](const Job& job) { return job.state == JobState::kWaiting; });
    if (stopping_) return;
    if (next == jobs_.end()) {
      changed_.wait(lock);
      continue;
    }
    run_one(lock, next->id);
  }
}

// `lock` is held at the beginning and at the end, not while the work is done.
void Jobs::run_one(std::unique_lock<std::mutex>& lock, std::uint64_t id) {
  Job* job = known(id);
  job->state = JobState::kRunning;
  job->started_us = env_.wall_us();
  cancel_ = false;
  const std::string request = job->request;
  const Status begun = save();
  lock.unlock();
  const auto spec = job_spec_of(nlohmann::json::parse(request, nullptr, false));
  const JobControl control{cancel_, [&](std::uint64_t done, std::uint64_t total) {
                             const std::lock_guard now(mutex_);
                             if (Job* at = known(id); at != nullptr) {
                               at->done = done;
                               at->total = total;
                             }
                           }};
  const auto result = !begun.is_ok() ? Result<std::string>(begun)
                      : spec.is_ok() ? runner_(*spec, control)
                                     : Result<std::string>(spec.status());
  lock.lock();
  job = known(id);
  job->ended_us = env_.wall_us();
  if (result.is_ok()) {
    job->state = JobState::kDone;
    job->result = *result;
    if (job->total > 0) job->done = job->total;
  } else {
    const bool was_stopped = result.status().code() == Code::kCancelled;
    job->state = !was_stopped ? JobState::kFailed : stopping_ ? JobState::kInterrupted : JobState::kCancelled;
    job->code = code_name(result.status().code());
    job->cause = result.status().message();
  }
  log(LogLevel::kInfo, "job",
      {{"job", id},
       {"kind", job->kind},
       {"collection", job->collection},
       {"state", job_state_name(job->state)},
       {"cause", job->cause}});
  const Status saved = save();
  if (!saved.is_ok()) log(LogLevel::kWarning, "jobs_not_saved", {{"path", path_}, {"cause", saved.message()}});
}

}  // namespace pictor
