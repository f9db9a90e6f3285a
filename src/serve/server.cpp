#include "serve/server.h"

#include <utility>

#include "observe/observe.h"

namespace pictor {
namespace {

bool is_loopback(const std::string& address) { return address == "::1" || address.rfind("127.", 0) == 0; }

class HttpApiServer final : public Server {
 public:
  HttpApiServer(Env& env, Engine& engine, std::unique_ptr<Governor> governor, const ServerOptions& options)
      : options_(options), api_(env, engine, std::move(governor), options) {}

  Status listen(Env& env) {
    PICTOR_ASSIGN(http_, HttpServer::start(env, api_, options_));
    api_.stands_behind(*http_);
    return Status::ok();
  }
  std::uint16_t port() const override { return http_->port(); }
  std::string url() const override {
    const bool is_v6 = options_.address.find(':') != std::string::npos;
    const std::string host = is_v6 ? "[" + options_.address + "]" : options_.address;
    return std::string(options_.tls() ? "https" : "http") + "://" + host + ":" + std::to_string(port());
  }
  bool drain(std::int64_t ms) override { return http_->drain(ms); }

 private:
  const ServerOptions options_;
  ApiHandler api_;
  std::unique_ptr<HttpServer> http_;  // last: its threads use the API
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(Env& env, Engine& engine, const ServerOptions& options) {
  if (options.data_folder.empty()) return Status(Code::kInvalid, "ServerOptions::data_folder is empty");
  PICTOR_ASSIGN(auto governor, Governor::open(env, options.data_folder));
  ServerOptions taken = options;
  if (!is_loopback(options.address)) {
    taken.open_without_keys = false;
    if (!governor->has_live_keys()) {
      return Status(Code::kDenied, "'" + options.address +
                                       "' is reached by other machines, and there is no key that they could show: make "
                                       "one with `pictor key create --role admin`, or listen on 127.0.0.1");
    }
  }
  if (!options.log_file.empty()) {
    LogOptions log;
    log.format = LogFormat::kJson;
    log.file = options.log_file == "-" ? "" : options.log_file;
    PICTOR_TRY(set_log(env, log));
  }
  auto server = std::make_unique<HttpApiServer>(env, engine, std::move(governor), taken);
  PICTOR_TRY(server->listen(env));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace pictor
