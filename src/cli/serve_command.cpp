// pictor serve: the collections over HTTP, until it is stopped. SIGHUP makes it read its configuration again.
#include <CLI/CLI.hpp>
#include <atomic>
#include <optional>
#include <set>
#include <thread>

#include "base/base.h"
#include "cli/interrupt.h"
#include "cli/json_output.h"
#include "cli/otlp_environment.h"
#include "cli/session.h"
#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::int64_t kLookUs = 100'000;

// What the server runs with; a setting that needs a restart keeps its text of before until then.
struct Running {
  Configuration configuration;
  ServeValues values;
};

void tell(Session& session, const std::string& text) {
  if (!session.options().quiet) session.err() << "pictor: " << printable(text) << std::endl;
}

void tell_start(Session& session, const std::string& file, const Server& server) {
  if (!file.empty()) tell(session, "configuration: " + file);
  if (file.empty()) session.log(Verbosity::kInfo, "no configuration file, wanted " + config_file_of_server());
  if (session.json()) {
    session.out() << "{\"url\": " << json_string(server.url()) << "}" << std::endl;
  } else {
    session.out() << "Pictor is at " << server.url() << "/ (Ctrl-C stops it)" << std::endl;
  }
}

std::string in_quotes(const std::string& text) { return "'" + text + "'"; }

void tell_failure(Session& session, const Status& failure) {
  // Also where it was told to be quiet: whoever sent the signal believes otherwise.
  std::string head = "pictor: nothing was changed: ";
  for (const std::string& line : split(failure.message(), '\n')) {
    session.err() << head << printable(line) << std::endl;
    head = "pictor: ";
  }
}

Status reload(Session& session, Server& server, Running& running) {
  PICTOR_ASSIGN(Configuration again, session.read_again());
  const std::string& file = running.configuration.file;
  if (!file.empty() && again.file != file) {
    return {Code::kNotFound, "the configuration was read from '" + file + "', and " +
                                 (again.file.empty() ? "that is gone" : "would now be read from '" + again.file + "'")};
  }
  PICTOR_ASSIGN(ServeValues values, serve_values(again));
  PICTOR_TRY(server.reload(values));
  const bool tls_turned = values.tls() != running.values.tls();
  if (tls_turned) {
    values.tls_certificate = running.values.tls_certificate;
    values.tls_key = running.values.tls_key;
  }
  tell(session, (again.file.empty() ? "the environment" : again.file) + " was read again");
  for (std::size_t i = 0; i < again.values.size(); ++i) {
    const ConfigValue& now = again.values[i];
    ConfigValue& before = running.configuration.values[i];
    if (now.text == before.text) continue;
    const bool live = now.live && !(tls_turned && now.name.starts_with("tls-"));
    const std::string what = now.key() + " is " + in_quotes(now.text) + " (" + now.place + ")";
    if (live) {
      tell(session, what + ", " + in_quotes(before.text) + " before");
      before = now;
    } else {
      tell(session, what + ", which needs a restart: it stays " + in_quotes(before.text) + " until then");
    }
  }
  running.configuration.file = again.file;
  running.values = std::move(values);
  return Status::ok();
}

// The encoders of all collections, loaded beside what the server does: no query waits for them. Then what searches
// touch is read, with what time the server leaves. The end of the program waits for the one that is being loaded.
class Preload {
 public:
  Preload(Engine& engine, bool encoders)
      : engine_(engine), thread_([this, encoders] {
          if (encoders) load();
          take_lowest_priority();
          if (!stop_) static_cast<void>(engine_.warm(stop_));
        }) {}
  ~Preload() {
    stop_ = true;
    thread_.join();
  }
  Preload(const Preload&) = delete;
  Preload& operator=(const Preload&) = delete;

 private:
  void load() {
    const auto collections = engine_.collections();
    if (!collections.is_ok()) return;
    std::set<std::string> names;
    for (const CollectionInfo& one : *collections) {
      if (!one.external) names.insert(one.encoder);
    }
    for (const std::string& name : names) {
      if (stop_) return;
      static_cast<void>(engine_.encoder_tools().preload(name));  // what is wrong is told to who asks
    }
  }

  Engine& engine_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

Status run(Session& session) {
  if (!session.services().start_server) {
    return {Code::kUnsupported, "this program was built without its server"};
  }
  HangupGuard hangup;  // before the engine, whose opening takes a moment
  Running running{session.configuration(), {}};
  PICTOR_ASSIGN(running.values, serve_values(running.configuration));
  PICTOR_TRY(take_otlp_environment(running.values));
  PICTOR_ASSIGN(Engine * engine, session.own_engine(true, true));
  const InterruptGuard interrupt;
  PICTOR_ASSIGN(const auto server, session.services().start_server(session.env(), *engine, running.values));
  tell_start(session, running.configuration.file, *server);
  const Preload preload(*engine, !running.values.lazy_encoders);
  for (; !interrupt.flag(); session.env().wait_us(kLookUs)) {
    if (!hangup.take()) continue;
    if (hangup.terminal_is_gone()) break;
    const Status reloaded = reload(session, *server, running);
    if (!reloaded.is_ok()) tell_failure(session, reloaded);
  }
  tell(session, "stopping; requests under way are ended first");
  if (!server->drain(running.values.drain_s * 1000)) {
    session.err() << "pictor: stopped after " << running.values.drain_s << " s with requests under way" << std::endl;
  }
  return Status::ok();
}

}  // namespace

Command add_serve_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("serve", "Serve the collections over HTTP, with pages to search them");
  const ServeValues defaults;
  for (const ServeSetting& setting : serve_settings()) {
    // Without a variable behind them: `serve_values` reads them, and says where a wrong one stands.
    const std::string description(setting.description);
    const bool is_flag = setting.kind == ServeSetting::Kind::kFlag;
    CLI::Option* option =
        is_flag ? app.add_flag(setting.flag(), description) : app.add_option(setting.flag(), description);
    option->envname(setting.environment());
    if (setting.kind == ServeSetting::Kind::kHosts) option->expected(1, static_cast<int>(limits::kHttpReachHostsMax));
    if (!is_flag) option->type_name(std::string(setting.type))->default_str(setting.text_of(defaults));
  }
  set_examples(app, {"pictor serve", "pictor serve --config /etc/pictor/serve.toml",
                     "pictor serve --listen 127.0.0.1:8080 --log-file requests.jsonl",
                     "pictor serve --listen 0.0.0.0:7733 --tls-cert c.pem --tls-key k.pem"});
  return {&app, run};
}

}  // namespace pictor
