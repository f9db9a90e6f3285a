// pictor serve: the collections over HTTP, until it is stopped.
#include <CLI/CLI.hpp>
#include <charconv>

#include "cli/interrupt.h"
#include "cli/json_output.h"
#include "cli/session.h"
#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::int64_t kLookUs = 100'000;
constexpr std::uint64_t kBodyBytesMin = 64 * limits::kKiB;

struct Options {
  std::string listen = "127.0.0.1:7733", body = "20MiB", bulk = "256MiB", bodies = "1GiB", log_file;
  std::size_t workers = 8, queue = 256, connections = 16'384;
  std::int64_t deadline_ms = 30'000, drain_s = 30;
  std::string tls_certificate, tls_key;
  bool audit_reads = false;
};

// "127.0.0.1:7733", "[::1]:7733", or a port alone.
Status take_listen(const std::string& text, ServerOptions& out) {
  const std::size_t colon = text.rfind(':');
  const bool has_address = colon != std::string::npos && text.back() != ']';
  std::string address = has_address ? text.substr(0, colon) : std::string("127.0.0.1");
  const std::string port = has_address ? text.substr(colon + 1) : text;
  if (address.size() > 2 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || port.empty()) {
    return {Code::kInvalid, "--listen is '" + text + "', wanted ADDRESS:PORT, as 127.0.0.1:7733 or [::1]:7733"};
  }
  out.address = address == "localhost" ? "127.0.0.1" : address;
  out.port = number;
  return Status::ok();
}

Status take_bytes(const char* name, const std::string& text, std::uint64_t& out) {
  const auto bytes = parse_bytes(text);
  if (!bytes || *bytes < kBodyBytesMin) {
    return {Code::kInvalid,
            std::string(name) + " is '" + text + "', wanted a size from " + bytes_text(kBodyBytesMin) + ", as 20MiB"};
  }
  out = *bytes;
  return Status::ok();
}

Result<ServerOptions> server_options(const Options& given) {
  ServerOptions options;
  PICTOR_TRY(take_listen(given.listen, options));
  PICTOR_TRY(take_bytes("--body-max", given.body, options.body_bytes_max));
  PICTOR_TRY(take_bytes("--bulk-max", given.bulk, options.bulk_bytes_max));
  PICTOR_TRY(take_bytes("--bodies-max", given.bodies, options.bodies_bytes_max));
  options.workers = given.workers;
  options.queue_max = given.queue;
  options.connections_max = given.connections;
  options.deadline_ms = given.deadline_ms;
  options.audit_reads = given.audit_reads;
  options.tls_certificate = given.tls_certificate;
  options.tls_key = given.tls_key;
  return options;
}

Status run(Session& session, const Options& given) {
  if (!session.services().start_server) {
    return {Code::kUnsupported, "this program was built without its server"};
  }
  PICTOR_ASSIGN(ServerOptions options, server_options(given));
  options.data_folder = session.options().data;
  options.log_file = given.log_file;
  if (given.log_file.empty() && session.options().log_level >= LogLevel::kInfo) options.log_file = "-";
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  const InterruptGuard interrupt;
  PICTOR_ASSIGN(const auto server, session.services().start_server(session.env(), *engine, options));
  if (session.json()) {
    session.out() << "{\"url\": " << json_string(server->url()) << "}" << std::endl;
  } else {
    session.out() << "Pictor is at " << server->url() << "/ (Ctrl-C stops it)" << std::endl;
  }
  while (!interrupt.flag()) session.env().wait_us(kLookUs);
  if (!session.options().quiet) session.err() << "pictor: stopping; requests under way are ended first" << std::endl;
  if (!server->drain(given.drain_s * 1000)) {
    session.err() << "pictor: stopped after " << given.drain_s << " s with requests under way" << std::endl;
  }
  return Status::ok();
}

}  // namespace

Command add_serve_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("serve", "Serve the collections over HTTP, with pages to search them");
  const auto options = std::make_shared<Options>();
  app.add_option("--listen", options->listen, "Where to listen; port 0 takes any that is free")
      ->type_name("ADDRESS:PORT")
      ->envname("PICTOR_LISTEN")
      ->capture_default_str();
  app.add_option("--workers", options->workers, "Requests that are worked on at once")
      ->check(CLI::Range(2, static_cast<int>(limits::kThreadsMax)).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--queue", options->queue, "Requests that wait; past them the answer is 429")
      ->check(CLI::Range(1, 100'000).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--connections", options->connections, "Connections that are open at once")
      ->check(CLI::Range(1, 1'000'000).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--body-max", options->body, "Largest picture of a request")->type_name("SIZE")->capture_default_str();
  app.add_option("--bulk-max", options->bulk, "Largest bulk upload")->type_name("SIZE")->capture_default_str();
  app.add_option("--bodies-max", options->bodies, "Memory of the bodies of all requests together")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_option("--deadline-ms", options->deadline_ms, "Of a query that names none")
      ->check(CLI::Range(std::int64_t{1}, limits::kQueryDeadlineMsMax).description(""))
      ->type_name("MS")
      ->capture_default_str();
  app.add_option("--drain-s", options->drain_s, "How long requests under way may take when it is stopped")
      ->check(CLI::Range(0, 3600).description(""))
      ->type_name("S")
      ->capture_default_str();
  app.add_option("--log-file", options->log_file, "Requests are told there, one line of JSON each")->type_name("FILE");
  app.add_flag("--audit-reads", options->audit_reads, "Write down searches and reads too; see pictor audit");
  auto* certificate = app.add_option("--tls-cert", options->tls_certificate,
                                     "Speak HTTPS: a PEM file of the certificate and its chain");
  auto* key = app.add_option("--tls-key", options->tls_key, "Its key, a PEM file");
  certificate->type_name("FILE")->needs(key);
  key->type_name("FILE")->needs(certificate);
  set_examples(app, {"pictor serve", "pictor serve --listen 127.0.0.1:8080 --log-file requests.jsonl",
                     "pictor serve --listen 0.0.0.0:7733 --tls-cert c.pem --tls-key k.pem"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
