#include <algorithm>
#include <charconv>

#include "observe/observe.h"
#include "serve/problem.h"
#include "serve/server.h"

namespace pictor {
namespace {

// Base64 makes four characters of three bytes; the rest of the JSON is small.
constexpr std::uint64_t kJsonRoomBytes = 1 * limits::kMiB;

std::uint64_t body_max(Body body, const ServerOptions& options) {
  switch (body) {
    case Body::kNone: return 0;
    case Body::kPicture: return options.body_bytes_max / 3 * 4 + kJsonRoomBytes;
    case Body::kBulk: return options.bulk_bytes_max;
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
// its own name is made to lead here, what it believes to speak to (Host).
Status check_site(const HttpHead& head) {
  const std::string_view host = head.field("host");
  if (!is_this_machine(host_of(host))) {
    return {Code::kDenied, "the request is for host '" + std::string(host) +
                               "': a server without keys answers localhost, 127.0.0.1 and [::1] alone"};
  }
  const std::string_view origin = head.field("origin");
  const std::size_t slashes = origin.find("//");
  if (origin.empty() || (slashes != std::string_view::npos && origin.substr(slashes + 2) == host)) return Status::ok();
  return {Code::kDenied,
          "the request comes from a page of '" + std::string(origin) + "', which may not use this server"};
}

}  // namespace

ApiHandler::ApiHandler(Env& env, Engine& engine, const ServerOptions& options)
    : options_(options), api_{env, engine, options_} {}

Admission ApiHandler::admit(const HttpHead& head) {
  Admission admission;
  const Status site = check_site(head);
  if (!site.is_ok()) {
    admission.refused = refuse(site, 403);
    return admission;
  }
  const Match match = find_operation(head);
  if (match.operation == nullptr) {
    const bool no_path = match.allowed.empty();
    admission.refused =
        refuse({no_path ? Code::kNotFound : Code::kInvalid,
                no_path ? "there is nothing at " + head.target + ": GET /v1/openapi.yaml says what is where"
                        : "'" + head.method + "' is not for " + head.target + ", wanted " + match.allowed},
               no_path ? 404 : 405);
    if (!no_path) admission.refused->fields.emplace_back("Allow", match.allowed);
    return admission;
  }
  admission.body_bytes_max = body_max(match.operation->body, options_);
  admission.lane = match.operation->lane;
  return admission;
}

HttpReply ApiHandler::refuse(const Status& why, int status) {
  Metrics::global().add(metric::kHttpRequests, status == 429 ? HttpResult::kTooMany : HttpResult::kRefused);
  log(LogLevel::kInfo, "request_refused", {{"status", status}, {"cause", why.message()}});
  return problem_of(why, status);
}

HttpReply ApiHandler::handle(const HttpRequest& request) {
  const Stopwatch stopwatch(api_.env);
  Match match = find_operation(request.head);
  HttpReply reply = answer(*match.operation, Call{request, std::move(match.path)});
  reply.fields.emplace_back("X-Content-Type-Options", "nosniff");
  const double seconds = stopwatch.wall_seconds();
  Metrics::global().add(metric::kHttpRequests, reply.status < 400   ? HttpResult::kAnswered
                                               : reply.status < 500 ? HttpResult::kRefused
                                                                    : HttpResult::kFailed);
  Metrics::global().observe(metric::kHttpSeconds, seconds);
  log(reply.status < 500 ? LogLevel::kInfo : LogLevel::kWarning, "request",
      {{"id", request.id},
       {"operation", match.operation->name},
       {"path", request.head.target},
       {"client", request.head.client},
       {"status", reply.status},
       {"bytes", reply.body.size()},
       {"ms", seconds * 1e3}});
  return reply;
}

HttpReply ApiHandler::answer(const Operation& operation, const Call& call) {
  Result<HttpReply> reply = operation.act(api_, call);
  if (reply.is_ok()) return std::move(reply).value();
  const bool of_openai = operation.act == create_embeddings;
  return of_openai ? openai_problem_of(reply.status()) : problem_of(reply.status());
}

HttpReply json_reply(std::string body, int status) {
  HttpReply reply;
  reply.status = status;
  reply.body = std::move(body);
  return reply;
}

Result<std::optional<std::uint64_t>> count_parameter(const Call& call, std::string_view name, std::uint64_t most) {
  const auto text = call.parameter(name);
  if (!text) return std::optional<std::uint64_t>();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value > most) {
    return Status(Code::kInvalid, "'" + std::string(name) + "' is '" + std::string(*text) +
                                      "', wanted a whole number from 0 to " + std::to_string(most));
  }
  return std::optional(value);
}

Result<bool> flag_parameter(const Call& call, std::string_view name) {
  const auto text = call.parameter(name);
  if (!text || *text == "false" || *text == "0") return false;
  if (*text == "true" || *text == "1" || text->empty()) return true;
  return Status(Code::kInvalid, "'" + std::string(name) + "' is '" + std::string(*text) + "', wanted true or false");
}

Status only_parameters(const Call& call, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : call.request.head.query) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string wanted;
    for (const std::string_view one : known) wanted += (wanted.empty() ? "" : ", ") + std::string(one);
    return {Code::kInvalid, "'" + name + "' is no parameter of this request" +
                                (wanted.empty() ? ", which has none" : "; it may have " + wanted)};
  }
  return Status::ok();
}

}  // namespace pictor
