// The API as a handler of requests. Inside serve/ only.
#pragma once

#include "serve/api.h"

namespace pictor {

class ApiHandler final : public HttpHandler {
 public:
  ApiHandler(Env& env, Engine& engine, std::unique_ptr<Governor> governor, const ServerOptions& options);
  Admission admit(const HttpHead& head, const std::string& id) override;
  HttpReply handle(const HttpRequest& request) override;
  HttpReply refuse(const Status& why, int status) override;

  void stands_behind(const HttpServer& http) { api_.http = &http; }

 private:
  // Who asks. kDenied: nobody who is known; kBusy: who has used up what it may.
  Result<std::shared_ptr<const Caller>> caller_of(const HttpHead& head, std::int64_t* retry_after_s) const;
  HttpReply answer(const Operation& operation, const Call& call);
  HttpReply act(const HttpRequest& request, const Match& match);
  // The line is durable before the client is answered; where it cannot be, the client is told.
  HttpReply audited(const HttpRequest& request, const Match& match, HttpReply reply);
  Admission turned_away(const HttpHead& head, const std::string& id, const Match& match, const Caller* caller,
                        const Status& why, int status);

  const ServerOptions options_;
  const std::unique_ptr<Governor> governor_;
  Tenants tenants_;
  Api api_;
  std::int64_t refusals_second_ = 0;  // of the thread of connections, as are these
  std::uint32_t refusals_written_ = 0;
};

}  // namespace pictor
