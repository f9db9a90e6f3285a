#include <algorithm>

#include "observe/observe.h"
#include "serve/coding.h"
#include "serve/conditional.h"
#include "serve/once.h"
#include "serve/problem.h"
#include "serve/server.h"

namespace pictor {
namespace {

// Base64 makes four characters of three bytes; the rest of the JSON is small.
constexpr std::uint64_t kJsonRoomBytes = 1 * limits::kMiB;

std::uint64_t body_max(Body body, const ServerOptions& options) {
  switch (body) {
    case Body::kNone: return 0;
    case Body::kSmall: return limits::kServerSmallBodyBytesMax;
    case Body::kPicture: return options.body_bytes_max / 3 * 4 + kJsonRoomBytes;
    case Body::kFlows: return options.bulk_bytes_max;
  }
  return 0;
}

// "example.org:80" -> "example.org"; "[::1]:80" -> "[::1]".
std::string_view host_of(std::string_view host) {
  if (!host.empty() && host.front() == '[') return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool is_this_machine(std::string_view host) { return host == "localhost" || host == "127.0.0.1" || host == "[::1]"; }

// A page of another site may make a browser send requests here. It cannot hide where it comes from (Origin), nor, when
// its own name is made to lead here, what it believes to speak to (Host); where keys are needed it has none.
Status check_site(const HttpHead& head, bool needs_keys) {
  const std::string_view host = head.field("host");
  if (!needs_keys && !is_this_machine(host_of(host))) {
    return {Code::kDenied, "the request is for host '" + std::string(host) +
                               "': a server without keys answers localhost, 127.0.0.1 and [::1] alone"};
  }
  const std::string_view origin = head.field("origin");
  const std::size_t slashes = origin.find("//");
  if (origin.empty() || (slashes != std::string_view::npos && origin.substr(slashes + 2) == host)) return Status::ok();
  return {Code::kDenied,
          "the request comes from a page of '" + std::string(origin) + "', which may not use this server"};
}

bool is_true(std::optional<std::string_view> text) { return text && *text != "false" && *text != "0"; }

Right right_wanted(const Operation& operation, const HttpHead& head) {
  return is_true(head.parameter("purge")) ? operation.right_to_purge : operation.right;
}

// Is the request written down? What changes nothing is, where the server was asked to.
bool is_audited(Right right, std::string_view method, bool reads_too) {
  switch (right) {
    case Right::kNone: return false;
    case Right::kInspect:
    case Right::kRead: return reads_too;
    case Right::kOperate: return reads_too || method != "GET";
    case Right::kWrite:
    case Right::kReview:
    case Right::kErase:
    case Right::kGovern: return true;
  }
  return true;
}

std::string in_path(const Match& match, std::string_view name) {
  const auto found = match.path.find(name);
  return found == match.path.end() ? std::string() : found->second;
}

AuditEntry entry_of(const HttpHead& head, const std::string& id, const Match& match, const Caller* caller, int status) {
  AuditEntry entry;
  if (caller != nullptr) {
    entry.key = caller->key;
    entry.role = role_name(caller->role);
    entry.tenant = caller->tenant;
  }
  entry.client = head.client;
  entry.request = id;
  if (match.operation != nullptr) {
    entry.operation = match.operation->name;
    entry.right = right_name(right_wanted(*match.operation, head));
  }
  entry.collection = in_path(match, "collection");
  if (std::string item = in_path(match, "id"); !item.empty()) entry.items.push_back(std::move(item));
  entry.status = status;
  return entry;
}

// A request that is not looked at further, told and logged.
HttpReply refusal(const Status& why, int status, const HttpHead& head, const std::string& id, const Caller* caller) {
  Metrics::global().add(metric::kHttpRequests, status == 429 ? HttpResult::kTooMany : HttpResult::kRefused);
  log(LogLevel::kInfo, "request_refused",
      {{"id", id},
       {"method", head.method},
       {"path", head.target},
       {"client", head.client},
       {"key", caller == nullptr ? std::string_view() : std::string_view(caller->key)},
       {"status", status},
       {"cause", why.message()}});
  HttpReply reply = problem_of(why, status);
  reply.fields.emplace_back("X-Content-Type-Options", "nosniff");
  return reply;
}

// What a caller may not do, as words; ok when it may.
Status check_right(const Caller& caller, const Match& match, const HttpHead& head) {
  const Right right = right_wanted(*match.operation, head);
  if (!caller.may(right)) {
    return {Code::kDenied, "role '" + std::string(role_name(caller.role)) + "' may not " +
                               std::string(match.operation->name) + ": that needs the right '" +
                               std::string(right_name(right)) + "'"};
  }
  if (match.operation->main_only && !caller.tenant.empty()) {
    return {Code::kDenied,
            "'" + std::string(match.operation->name) + "' is of the whole server, this key is of one tenant"};
  }
  const std::string collection = in_path(match, "collection");
  if (!collection.empty() && !caller.may_see(collection)) {
    return {Code::kDenied, "this key is not for collection '" + collection + "'"};
  }
  return Status::ok();
}

}  // namespace

ApiHandler::ApiHandler(Env& env, Engine& engine, std::unique_ptr<Governor> governor, std::unique_ptr<Repeats> repeats,
                       const ServerOptions& options)
    : options_(options),
      governor_(std::move(governor)),
      repeats_(std::move(repeats)),
      tenants_(env, engine, options.data_folder),
      api_{env, *governor_, tenants_, *repeats_, CollectionNumbers(env)} {
  for (const Operation& operation : operations()) {
    labels_.push_back(Metrics::global().label_of(metric::kHttpOperationSeconds, operation.name));
  }
}

Result<std::shared_ptr<const Caller>> ApiHandler::caller_of(const HttpHead& head, std::int64_t* retry_after_s) const {
  static const auto kAnybody = std::make_shared<const Caller>();
  if (!governor_->needs_keys() && options_.now()->open_without_keys) return kAnybody;
  const std::string_view key = key_of_request(head);
  if (key.empty()) {
    return Status(Code::kDenied,
                  "a key is needed: send it as 'Authorization: Bearer KEY'; an admin makes keys with "
                  "`pictor key create`");
  }
  return governor_->admit(key, retry_after_s);
}

Admission ApiHandler::turned_away(const HttpHead& head, const std::string& id, const Match& match, const Caller* caller,
                                  const Status& why, int status) {
  Admission admission;
  admission.refused = refusal(why, status, head, id, caller);
  if (status == 401) admission.refused->fields.emplace_back("WWW-Authenticate", "Bearer");
  note_refused(head, id, match, caller, status);
  return admission;
}

void ApiHandler::note_refused(const HttpHead& head, const std::string& id, const Match& match, const Caller* caller,
                              int status) {
  const auto left_out = refusals_.take(api_.env.monotonic_us());
  if (!left_out) return;
  AuditEntry entry = entry_of(head, id, match, caller, status);
  entry.left_out = *left_out;
  governor_->audit().note(entry);
}

Admission ApiHandler::admit(const HttpHead& head, const std::string& id) {
  Admission admission;
  admission.options = options_.now();
  const Match match = find_operation(head);
  const Status site = check_site(head, governor_->needs_keys());
  if (!site.is_ok()) return turned_away(head, id, match, nullptr, site, 403);
  if (match.operation == nullptr) {
    const bool no_path = match.allowed.empty();
    admission.refused =
        refusal({no_path ? Code::kNotFound : Code::kInvalid,
                 no_path ? "there is nothing at " + head.target + ": GET /v1/openapi.yaml says what is where"
                         : "'" + head.method + "' is not for " + head.target + ", wanted " + match.allowed},
                no_path ? 404 : 405, head, id, nullptr);
    if (!no_path) admission.refused->fields.emplace_back("Allow", match.allowed);
    return admission;
  }
  admission.body_bytes_max = body_max(match.operation->body, *admission.options);
  if (match.operation->body == Body::kFlows) admission.flows_bytes = upload_bytes_max(*admission.options);
  admission.lane = match.operation->lane;
  if (match.operation->right == Right::kNone) {
    static const auto kNobody = std::make_shared<const Caller>(Caller{"", "", Role::kReader, {}});
    admission.caller = kNobody;
    return admission;
  }
  std::int64_t retry_after_s = 1;
  auto caller = caller_of(head, &retry_after_s);
  if (!caller.is_ok()) {
    const bool used_up = caller.status().code() == Code::kBusy;
    if (used_up) Metrics::global().add(metric::kHttpTooMany, TooMany::kKey);
    const auto holder = governor_->holder_of(key_of_request(head));
    Admission refused = turned_away(head, id, match, holder.get(), caller.status(), used_up ? 429 : 401);
    if (used_up) set_retry_after(*refused.refused, retry_after_s);
    return refused;
  }
  const Status right = check_right(**caller, match, head);
  if (!right.is_ok()) return turned_away(head, id, match, caller->get(), right, 403);
  const Status repeat = check_repeat_key(*match.operation, head);
  if (!repeat.is_ok()) return turned_away(head, id, match, caller->get(), repeat, 400);
  admission.tenant = (*caller)->tenant;
  admission.caller = std::move(caller).value();
  return admission;
}

HttpReply ApiHandler::refuse(const Status& why, int status, const HttpRequest* request) {
  if (request == nullptr) return refusal(why, status, {}, "", nullptr);
  const Caller* caller = request->caller.get();
  if (status == 429) note_refused(request->head, request->id, find_operation(request->head), caller, status);
  return refusal(why, status, request->head, request->id, caller);
}

HttpReply ApiHandler::act(const HttpRequest& request, const Match& match, Once* once) {
  const auto coding = coding_of(request.head);
  if (!coding.is_ok()) {
    HttpReply reply = problem_of(coding.status(), 415);
    reply.fields.emplace_back("Accept-Encoding", "gzip, zstd");
    return reply;
  }
  if (*coding == Coding::kPlain || request.upload != nullptr) return act_plain(request, match, once);
  auto body = unpacked(*coding, request.body, body_max(match.operation->body, *request.options));
  if (!body.is_ok()) return problem_of(body.status());
  HttpRequest plain = request;
  plain.body = std::move(body).value();
  return act_plain(plain, match, once);
}

HttpReply ApiHandler::act_plain(const HttpRequest& request, const Match& match, Once* once) {
  const auto tenant = tenants_.open(request.caller->tenant);
  if (!tenant.is_ok()) return problem_of(tenant.status());
  if (once != nullptr) {
    if (request.upload == nullptr) once->take(request.body, true);
    if (auto known = once->answer()) return std::move(*known);
  }
  Touched touched;
  HttpReply reply =
      answer(*match.operation, Call{api_, request, *request.caller, *request.options, **tenant, touched, match.path});
  reply.touched = std::move(touched);
  return reply;
}

HttpReply ApiHandler::audited(const HttpRequest& request, const Match& match, HttpReply reply) {
  const Right right = right_wanted(*match.operation, request.head);
  if (!is_audited(right, match.operation->method, request.options->audit_reads)) return reply;
  AuditEntry entry = entry_of(request.head, request.id, match, request.caller.get(), reply.status);
  if (entry.items.empty()) entry.items = std::move(reply.touched.items);
  entry.items_refused = reply.touched.refused;
  const Status written = governor_->audit().write(entry);
  if (written.is_ok()) return reply;
  // What was done stays done: whoever reads the answer must know both.
  return problem_of({written.code(), "the request was answered with " + std::to_string(reply.status) +
                                         ", but that could not be written to the audit log: " + written.message()},
                    500);
}

std::unique_ptr<HttpUpload> ApiHandler::begin_upload(const HttpRequest& request) {
  auto tenant = tenants_.open(request.caller->tenant);
  if (!tenant.is_ok()) return nullptr;
  const Match match = find_operation(request.head);
  return begin_put_items(api_, request, std::move(tenant).value(), match, Once::begin(*repeats_, request, match));
}

HttpReply ApiHandler::handle(const HttpRequest& request) {
  const Stopwatch stopwatch(api_.env);
  const std::int64_t waited_us = api_.env.monotonic_us() - request.received_us;
  const Match match = find_operation(request.head);
  HttpReply reply = request.trace.sampled && exporter_ ? traced(request, match) : answered(request, match);
  reply.fields.emplace_back("X-Content-Type-Options", "nosniff");
  const double seconds = stopwatch.wall_seconds() + static_cast<double>(request.upload_us) * 1e-6;
  Metrics::global().add(metric::kHttpRequests, reply.status < 400   ? HttpResult::kAnswered
                                               : reply.status < 500 ? HttpResult::kRefused
                                                                    : HttpResult::kFailed);
  Metrics::global().observe(metric::kHttpSeconds, seconds);
  const auto number = static_cast<std::size_t>(match.operation - operations().data());
  Metrics::global().observe(metric::kHttpOperationSeconds, labels_[number], seconds);
  const HttpLane lane = match.operation->lane == Lane::kBulk ? HttpLane::kBulk : HttpLane::kInteractive;
  Metrics::global().observe(metric::kHttpWaitSeconds, lane, static_cast<double>(waited_us) * 1e-6);
  log(reply.status < 500 ? LogLevel::kInfo : LogLevel::kWarning, "request",
      {{"id", request.id},
       {"trace_id", request.trace.trace_id},
       {"span_id", request.trace.span_id()},
       {"operation", match.operation->name},
       {"path", request.head.target},
       {"client", request.head.client},
       {"key", request.caller->key},
       {"status", reply.status},
       {"bytes", reply.body.size()},
       {"ms", seconds * 1e3}});
  return reply;
}

HttpReply ApiHandler::answered(const HttpRequest& request, const Match& match) {
  std::unique_ptr<Once> own;
  if (match.operation->body != Body::kFlows) own = Once::begin(*repeats_, request, match);
  Once* once = request.upload != nullptr ? request.upload->once() : own.get();
  HttpReply reply = audited(request, match, act(request, match, once));
  if (once != nullptr) once->keep(reply);
  make_conditional(request.head, reply);
  pack(request.head, reply);
  return reply;
}

HttpReply ApiHandler::traced(const HttpRequest& request, const Match& match) {
  Trace trace(api_.env, request.trace, request.begun_us);
  HttpReply reply;
  {
    const TraceScope scope({&trace, request.trace.span});
    add_trace_span("read_body", request.begun_us, request.received_us);
    add_trace_span("wait", request.received_us, api_.env.monotonic_us());
    reply = answered(request, match);
  }
  // The path by its pattern: names of items and collections stay here.
  exporter_->take(trace.finish(std::string(match.operation->name),
                               {{"http.request.method", request.head.method},
                                {"http.route", std::string(match.operation->path)},
                                {"http.response.status_code", std::int64_t{reply.status}},
                                {"http.request.body.size", static_cast<std::int64_t>(request.body_bytes)},
                                {"http.response.body.size", static_cast<std::int64_t>(reply.body.size())},
                                {"pictor.request_id", request.id}},
                               reply.status >= 500));
  return reply;
}

HttpReply ApiHandler::answer(const Operation& operation, const Call& call) {
  Result<HttpReply> reply = operation.act(call);
  if (reply.is_ok()) return std::move(reply).value();
  const bool of_openai = operation.act == create_embeddings;
  return of_openai ? openai_problem_of(reply.status()) : problem_of(reply.status());
}

std::string_view key_of_request(const HttpHead& head) {
  const std::string_view given = head.field("authorization");
  constexpr std::string_view kBearer = "bearer ";
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  const bool bearer = given.size() > kBearer.size() && std::equal(kBearer.begin(), kBearer.end(), given.begin(),
                                                                  [&](char a, char b) { return a == lower(b); });
  if (bearer) return given.substr(kBearer.size());
  if (!given.empty()) return given;
  if (const std::string_view key = head.field("x-api-key"); !key.empty()) return key;
  std::string_view cookies = head.field("cookie");
  while (!cookies.empty()) {
    std::string_view one = cookies.substr(0, cookies.find(';'));
    cookies.remove_prefix(std::min(cookies.size(), one.size() + 1));
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    if (one.substr(0, kSessionCookie.size()) == kSessionCookie) return one.substr(kSessionCookie.size());
  }
  return {};
}

HttpReply forbidden(const std::string& why) { return problem_of({Code::kDenied, why}, 403); }

HttpReply json_reply(std::string body, int status) {
  HttpReply reply;
  reply.status = status;
  reply.body = std::move(body);
  return reply;
}

}  // namespace pictor
