#include "serve/problem.h"

#include <nlohmann/json.hpp>

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kRetryAfterSeconds = 1;

std::string_view title_of(Code code) {
  switch (code) {
    case Code::kOk: return "OK";
    case Code::kInvalid: return "The request is wrong";
    case Code::kNotFound: return "There is no such thing";
    case Code::kExists: return "It exists already";
    case Code::kMismatch: return "It does not fit";
    case Code::kUnreadable: return "The picture cannot be read";
    case Code::kLimit: return "A limit would be passed";
    case Code::kBusy: return "Busy: try again";
    case Code::kCancelled: return "Stopped before it was done";
    case Code::kDenied: return "Not allowed";
    case Code::kIo: return "The disk or the network failed";
    case Code::kCorrupt: return "Stored bytes are not what was written";
    case Code::kUnsupported: return "This server cannot do that";
    case Code::kInternal: return "A fault in Pictor";
  }
  return "Error";
}

Json object_of(const Status& why, int status) {
  return {{"type", "urn:pictor:problem:" + std::string(code_name(why.code()))},
          {"title", title_of(why.code())},
          {"status", status},
          {"detail", why.message()},
          {"code", code_name(why.code())}};
}

}  // namespace

int http_status_of(Code code) {
  switch (code) {
    case Code::kOk: return 200;
    case Code::kInvalid: return 400;
    case Code::kNotFound: return 404;
    case Code::kExists:
    case Code::kMismatch: return 409;
    case Code::kUnreadable:
    case Code::kUnsupported: return 422;
    case Code::kLimit: return 413;
    case Code::kBusy: return 503;
    case Code::kCancelled: return 504;
    case Code::kDenied:
    case Code::kIo:
    case Code::kCorrupt:
    case Code::kInternal: return 500;
  }
  return 500;
}

HttpReply problem_of(const Status& why, int status) {
  HttpReply reply;
  reply.status = status;
  reply.type = "application/problem+json";
  reply.body = object_of(why, status).dump(-1, ' ', false, Json::error_handler_t::replace);
  if (status == 429 || status == 503) reply.fields.emplace_back("Retry-After", std::to_string(kRetryAfterSeconds));
  return reply;
}

void set_retry_after(HttpReply& reply, std::int64_t seconds) {
  std::erase_if(reply.fields, [](const auto& field) { return field.first == "Retry-After"; });
  reply.fields.emplace_back("Retry-After", std::to_string(seconds));
}

HttpReply openai_problem_of(const Status& why) {
  HttpReply reply = problem_of(why);
  Json body = object_of(why, reply.status);
  body["error"] = {{"message", why.message()},
                   {"type", reply.status < 500 ? "invalid_request_error" : "server_error"},
                   {"code", code_name(why.code())}};
  reply.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return reply;
}

std::string problem_line(const Status& why) {
  return object_of(why, http_status_of(why.code())).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace pictor
