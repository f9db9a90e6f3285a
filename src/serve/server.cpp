#include "serve/server.h"

#include <mutex>
#include <utility>

#include "net/net.h"
#include "observe/observe.h"

namespace pictor {
namespace {

bool is_loopback(const std::string& address) { return address == "::1" || address.rfind("127.", 0) == 0; }

Result<LogLevel> log_level_of(const std::string& name) {
  if (name == "error") return LogLevel::kError;
  if (name == "warn") return LogLevel::kWarning;
  if (name == "info") return LogLevel::kInfo;
  if (name == "debug") return LogLevel::kDebug;
  return Status(Code::kInvalid, "ServerOptions::log_level is '" + name + "', wanted error, warn, info or debug");
}

// Opens the file of the log, also one that is open already: whoever moved it away (logrotate) gets a new one.
Status open_log(Env& env, const ServerOptions& options) {
  LogOptions log;
  log.format = LogFormat::kJson;
  log.file = options.log_file == "-" ? "" : options.log_file;
  PICTOR_ASSIGN(log.level, log_level_of(options.log_level));
  if (options.log_file.empty()) log.level = LogLevel::kOff;
  return set_log(env, log);
}

Status check_hosts(const ServerOptions& options) {
  if (options.image_urls.size() > limits::kHttpReachHostsMax) {
    return {Code::kLimit, "ServerOptions::image_urls names " + std::to_string(options.image_urls.size()) +
                              " hosts, wanted at most " + std::to_string(limits::kHttpReachHostsMax)};
  }
  for (const std::string& host : options.image_urls) PICTOR_TRY(check_host_rule(host).in("ServerOptions::image_urls"));
  return Status::ok();
}

class HttpApiServer final : public Server {
 public:
  HttpApiServer(Env& env, Engine& engine, std::unique_ptr<Governor> governor, std::unique_ptr<Repeats> repeats,
                const ServerOptions& options)
      : env_(env),
        started_(options),
        logged_(!options.log_file.empty()),
        api_(env, engine, std::move(governor), std::move(repeats), options) {}

  Status listen() {
    if (!started_.otlp_endpoint.empty()) {
      PICTOR_ASSIGN(auto exporter, TraceExporter::start(env_, started_));
      api_.export_to(std::move(exporter));
    }
    PICTOR_ASSIGN(http_, HttpServer::start(env_, api_, started_));
    api_.stands_behind(*http_);
    return tell_where();
  }
  ~HttpApiServer() override {
    api_.stop_fetching();
    static_cast<void>(env_.remove(address_file()));
  }
  std::uint16_t port() const override { return http_->port(); }
  std::string url() const override {
    const bool is_v6 = started_.address.find(':') != std::string::npos;
    const std::string host = is_v6 ? "[" + started_.address + "]" : started_.address;
    return std::string(started_.tls() ? "https" : "http") + "://" + host + ":" + std::to_string(port());
  }
  bool drain(std::int64_t ms) override { return http_->drain(ms); }
  Status reload(const ServerOptions& options) override {
    const std::lock_guard lock(reloading_);
    PICTOR_TRY(check_hosts(options));
    const ServerOptions next = beside_what_stays(options);
    PICTOR_ASSIGN(const auto take, http_->reload(next));
    // Without a log file this server leaves the log, which is the whole process's, to others.
    if (logged_ || !next.log_file.empty()) PICTOR_TRY(open_log(env_, next));
    logged_ = !next.log_file.empty();
    take();
    api_.take(next);
    return Status::ok();
  }

 private:
  std::string address_file() const { return join_path(started_.data_folder, "server.json"); }
  // For commands on this machine that find the data folder open.
  Status tell_where() const {
    const std::string text = "{\"url\": \"" + url() + "\"}\n";
    return write_file_atomic(env_, address_file(), as_bytes(text));
  }

  ServerOptions beside_what_stays(ServerOptions options) const {
    options.data_folder = started_.data_folder;
    options.address = started_.address;
    options.port = started_.port;
    options.workers = started_.workers;
    options.open_without_keys = started_.open_without_keys;
    options.otlp_endpoint = started_.otlp_endpoint;
    options.otlp_headers = started_.otlp_headers;
    options.trace_sample = started_.trace_sample;
    if (options.tls() != started_.tls()) {
      options.tls_certificate = started_.tls_certificate;
      options.tls_key = started_.tls_key;
    }
    return options;
  }

  Env& env_;
  const ServerOptions started_;
  std::mutex reloading_;
  bool logged_;  // under it
  ApiHandler api_;
  std::unique_ptr<HttpServer> http_;  // last: its threads use the API
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(Env& env, Engine& engine, const ServerOptions& options) {
  if (options.data_folder.empty()) return Status(Code::kInvalid, "ServerOptions::data_folder is empty");
  PICTOR_TRY(check_hosts(options));
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
  if (!options.log_file.empty()) PICTOR_TRY(open_log(env, options));
  PICTOR_ASSIGN(auto repeats, Repeats::open(env, options.data_folder));
  auto server = std::make_unique<HttpApiServer>(env, engine, std::move(governor), std::move(repeats), taken);
  PICTOR_TRY(server->listen());
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace pictor
