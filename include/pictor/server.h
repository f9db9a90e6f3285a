// An engine over HTTP: the API of api/openapi.yaml, and the pages.
//
// Thread safety: all calls from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pictor/engine.h"
#include "pictor/status.h"

namespace pictor {

struct ServerOptions {
  // The engine's: keys, tenants and the audit log lie in its govern.db, what tenants store below its tenants/.
  std::string data_folder;
  // Numeric, IPv4 or IPv6. One that other machines reach is taken only where a key exists.
  std::string address = "127.0.0.1";
  std::uint16_t port = 7733;    // 0: any that is free
  std::size_t workers = 8;      // requests that are worked on at once; others wait
  std::size_t queue_max = 256;  // requests that wait; past them the answer is 429
  std::size_t connections_max = 16'384;
  std::uint64_t body_bytes_max = std::uint64_t{20} << 20;      // of one picture or query
  std::uint64_t bulk_bytes_max = std::uint64_t{16} << 30;      // of one bulk upload, which is never held whole
  std::uint64_t bodies_bytes_max = std::uint64_t{1024} << 20;  // of all bodies that are held at once
  std::int64_t deadline_ms = 30'000;                           // of a query that names none
  // Each request is told there, one line of JSON; "-": standard error; empty: nowhere.
  std::string log_file;
  std::string log_level = "info";  // what is told: error, warn, info (each request) or debug
  // Until the first key is made nobody needs one. False: nobody is answered until then.
  bool open_without_keys = true;
  // PEM files: the certificate with its chain, and its key. Both: HTTPS.
  std::string tls_certificate, tls_key;
  // Hosts from which pictures are fetched that a request gives as an address: "images.example.org", or "*.example.org"
  // for the names below it; on ports 80 and 443 unless it says ":8080". None: addresses are refused.
  std::vector<std::string> image_urls;
  bool image_urls_private = false;  // also where such a host has an address that is not of the public internet
  bool audit_reads = false;         // write down what changes nothing too
  // Traces go there by OTLP over HTTP, as JSON: the address of a collector, to which "/v1/traces" is added unless it
  // ends so. Empty: nowhere.
  std::string otlp_endpoint;
  std::vector<std::string> otlp_headers;  // of those requests: "Name: value"
  double trace_sample = 0.01;             // the share of requests that is traced; one whose caller is traced always is
  std::int64_t head_ms = 10'000, body_ms = 120'000, idle_ms = 75'000, write_ms = 60'000;  // a client's time for each

  bool tls() const { return !tls_certificate.empty(); }
};

class Server {
 public:
  // Listens from now on. kDenied: an address that other machines reach, and no key exists. kBusy: somebody else listens
  // there.
  // `env` and `engine` must outlive it.
  static Result<std::unique_ptr<Server>> start(Env& env, Engine& engine, const ServerOptions& options);
  virtual ~Server() = default;  // stops at once

  virtual std::uint16_t port() const = 0;
  virtual std::string url() const = 0;  // "http://127.0.0.1:7733"
  // While it serves: limits, times, deadline_ms, image_urls and audit_reads are those of `options` for requests that
  // come from now on; those under way keep theirs. The log file is opened anew, and where HTTPS is spoken the
  // certificate and its key are read again: the next handshake has them. The rest of `options` is passed over: address,
  // port, workers, folder, and whether HTTPS is spoken stay as they are. Not ok: nothing has changed.
  virtual Status reload(const ServerOptions& options) = 0;
  // Takes no new request, lets those that are under way end, then stops. False: they did not end within `ms`.
  virtual bool drain(std::int64_t ms) = 0;
};

}  // namespace pictor
