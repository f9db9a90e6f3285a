#include "remote/wire.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace pictor {
namespace {

using Json = nlohmann::json;

constexpr int kFirstCode = 2, kLastCode = 14;

HttpOptions http_options(const RemoteOptions& options) {
  HttpOptions http;
  http.certificates_file = options.certificates_file;
  http.retries_max = 0;
  http.stall_ms = limits::kQueryDeadlineMsMax;  // a server may think for long before its first byte
  return http;
}

Code code_of(const std::string& name) {
  for (int code = kFirstCode; code <= kLastCode; ++code) {
    if (code_name(static_cast<Code>(code)) == name) return static_cast<Code>(code);
  }
  return Code::kInternal;
}

std::string text_at(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// RFC 9457, with our own code.
Status problem_of(const HttpAnswer& answer, const std::string& url) {
  const Json json = Json::parse(answer.body, nullptr, false);
  if (!json.is_object() || text_at(json, "code").empty()) {
    return {Code::kUnreadable, "'" + url + "' answered " + std::to_string(answer.status) +
                                   " without saying why in Pictor's words: is that a Pictor server?"};
  }
  if (answer.status == 401)
    return {Code::kDenied, text_at(json, "detail") + " (PICTOR_KEY is where this command looks)"};
  return {code_of(text_at(json, "code")), text_at(json, "detail")};
}

}  // namespace

Wire::Wire(Env& env, RemoteOptions options) : options_(std::move(options)), client_(env, http_options(options_)) {}

Result<std::string> Wire::bytes(std::string_view method, const std::string& target, std::string_view type,
                                std::string body) {
  HttpAsk ask;
  ask.request.url = options_.url + target;
  ask.request.token = options_.key;
  ask.method = method;
  ask.type = type;
  ask.body = std::move(body);
  const std::lock_guard lock(mutex_);
  PICTOR_ASSIGN(HttpAnswer answer, client_.ask(ask, limits::kRemoteAnswerBytesMax));
  if (answer.status / 100 != 2) return problem_of(answer, options_.url);
  return std::move(answer.body);
}

Result<Json> Wire::json(std::string_view method, const std::string& target) {
  PICTOR_ASSIGN(const std::string text, bytes(method, target));
  if (text.empty()) return Json::object();
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return Status(Code::kUnreadable, "'" + options_.url + target + "' answered what is no JSON");
  return json;
}

Result<Json> Wire::json(std::string_view method, const std::string& target, const Json& body) {
  PICTOR_ASSIGN(const std::string text,
                bytes(method, target, "application/json", body.dump(-1, ' ', false, Json::error_handler_t::replace)));
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return Status(Code::kUnreadable, "'" + options_.url + target + "' answered what is no JSON");
  return json;
}

}  // namespace pictor
