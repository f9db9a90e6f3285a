// The API as a handler of requests. Inside serve/ only.
#pragma once

#include "serve/api.h"

namespace pictor {

class ApiHandler final : public HttpHandler {
 public:
  ApiHandler(Env& env, Engine& engine, const ServerOptions& options);
  Admission admit(const HttpHead& head) override;
  HttpReply handle(const HttpRequest& request) override;
  HttpReply refuse(const Status& why, int status) override;

  void stands_behind(const HttpServer& http) { api_.http = &http; }

 private:
  HttpReply answer(const Operation& operation, const Call& call);

  const ServerOptions options_;
  Api api_;
};

}  // namespace pictor
