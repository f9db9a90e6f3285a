// pictor top: a running server, as it works.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

#include "cli/interrupt.h"
#include "cli/session.h"
#include "cli/top_screen.h"
#include "cli/top_view.h"
#include "net/net.h"

namespace pictor {
namespace {

constexpr std::uint64_t kMetricsBytesMax = 16 * limits::kMiB;
constexpr std::uint64_t kReadyBytesMax = 64 * limits::kKiB;
constexpr int kLookMs = 100;

struct Options {
  std::string url = "http://127.0.0.1:7733", certificates;
  double interval_s = 2;
  bool once = false;
};

struct Reading {
  MetricsText metrics;
  std::string state;
  std::int64_t at_us = 0;
};

// Asks one server. The key goes to it alone (net).
class Watched {
 public:
  Watched(Env& env, const Options& options, const std::atomic<bool>& cancel)
      : env_(env), url_(options.url), key_(environment("PICTOR_KEY")), client_(env, http_options(options, cancel)) {
    while (!url_.empty() && url_.back() == '/') url_.pop_back();
  }
  const std::string& url() const { return url_; }

  Result<Reading> read() {
    Reading reading;
    const auto text = client_.get({url_ + "/metrics", key_}, kMetricsBytesMax);
    if (text.status().code() == Code::kDenied) {
      return Status(Code::kDenied, text.status().message() +
                                       ": set PICTOR_KEY to a key of the main tenant whose role is operator or admin");
    }
    PICTOR_TRY(text.status());
    reading.at_us = env_.monotonic_us();
    PICTOR_ASSIGN(reading.metrics, MetricsText::parse(*text));
    const auto ready = client_.get({url_ + "/readyz", ""}, kReadyBytesMax);
    reading.state = ready.is_ok() ? "ready" : "not ready: GET /readyz says why";
    return reading;
  }

 private:
  static HttpOptions http_options(const Options& options, const std::atomic<bool>& cancel) {
    HttpOptions http;
    http.connect_ms = 3000;
    http.stall_ms = 10'000;
    http.stall_bytes = 1;
    http.retries_max = 0;
    http.certificates_file = options.certificates;
    http.cancel = &cancel;
    return http;
  }

  Env& env_;
  std::string url_;
  std::string key_;
  HttpClient client_;
};

TopView view_of(Session& session, const Watched& server, const Reading& before, const Reading& now) {
  const double seconds = std::max(static_cast<double>(now.at_us - before.at_us) * 1e-6, 1e-3);
  TopView view = top_view(MetricsChange(before.metrics, now.metrics, seconds), seconds,
                          static_cast<double>(session.env().wall_us()) * 1e-6);
  view.url = server.url();
  view.state = now.state;
  return view;
}

void print(Session& session, const TopView& view) {
  if (session.json()) {
    session.out() << top_json(view) << std::endl;
    return;
  }
  for (const std::string& line : top_lines(view, session.terminal().width)) session.out() << line << "\n";
  session.out() << std::flush;
}

// So long, or until Ctrl-C; on a screen until 'q'. True: it is to end.
bool wait(Session& session, TopScreen* screen, double seconds, const std::atomic<bool>& interrupted) {
  const std::int64_t until = session.env().monotonic_us() + static_cast<std::int64_t>(seconds * 1e6);
  for (std::int64_t now = 0; (now = session.env().monotonic_us()) < until && !interrupted;) {
    const auto left_ms = static_cast<int>(std::min<std::int64_t>((until - now) / 1000 + 1, kLookMs));
    if (screen == nullptr) {
      session.env().wait_us(std::int64_t{left_ms} * 1000);
    } else if (screen->quit_pressed(left_ms)) {
      return true;
    }
  }
  return interrupted;
}

Status watch(Session& session, Watched& server, const Options& options, Reading before,
             const std::atomic<bool>& interrupted) {
  std::optional<TopScreen> screen;
  const bool draws = !options.once && !session.json() && session.terminal().out_is_tty;
  if (draws) screen.emplace(session.out(), session.terminal().in_is_tty);
  while (!wait(session, draws ? &*screen : nullptr, options.interval_s, interrupted)) {
    auto now = server.read();
    if (interrupted) break;
    if (!now.is_ok() && !draws) return now.status();
    if (!now.is_ok()) {  // it may come again
      screen->draw({"pictor top: " + now.status().message(), "", "q ends this"});
      continue;
    }
    const TopView view = view_of(session, server, before, *now);
    if (draws) {
      screen->draw(top_lines(view, screen->width()));
    } else {
      print(session, view);
    }
    if (options.once) break;
    before = std::move(*now);
  }
  return Status::ok();
}

Status run(Session& session, const Options& options) {
  const InterruptGuard interrupt;
  Watched server(session.env(), options, interrupt.flag());
  PICTOR_ASSIGN(auto first, server.read());
  return watch(session, server, options, std::move(first), interrupt.flag());
}

}  // namespace

Command add_top_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("top", "Watch a running server: rates, times, queues, recall");
  const auto options = std::make_shared<Options>();
  app.add_option("--url", options->url, "The server; a key for it is taken from PICTOR_KEY")
      ->envname("PICTOR_URL")
      ->type_name("URL")
      ->capture_default_str();
  app.add_option("--interval", options->interval_s, "Seconds from one look to the next")
      ->check(CLI::Range(0.1, 3600.0).description(""))
      ->type_name("S")
      ->capture_default_str();
  app.add_flag("--once", options->once, "Print what one interval brought, and end");
  app.add_option("--certificates", options->certificates, "Trust these instead of the system's: a PEM file")
      ->type_name("FILE");
  set_examples(app, {"pictor top", "PICTOR_KEY=pk_... pictor top --url https://pictor.example.org",
                     "pictor top --once --interval 10 --json"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
