// The door of net: files and small documents from a web server, and small ones to it, over HTTP or HTTPS.
//
// What goes wrong on a network is met here: a connection that breaks, stalls or trickles is taken up again where it
// stopped; answers that ask for patience get it; every body has a limit; a token goes to the host it was given for and
// to no other, and never over plain HTTP except to this machine. Certificates are always verified. Proxies come from
// the environment, as libcurl reads it (http_proxy, https_proxy, no_proxy). What is fetched is not believed: the caller
// compares it with a hash. Where others choose the address, HttpReach says what may be asked.
//
// Thread safety: one call at a time a client; `cancel` may be set from any thread, and is seen within 0.1 s.
// Waits between tries go through the Env's clock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor {

// The web servers that may be asked, where others choose the addresses: they must not see through this machine what it
// alone can reach (SSRF). Hosts are looked at before each exchange, a redirect's as well, and the numeric address when
// a connection is made, the very one that it is made to: a name that means another address a moment later gains
// nothing. No proxy is used, since it would do the connecting. Errors have nothing of what a server says but its status
// and where it sends on to.
struct HttpReach {
  // "images.example.org"; "*.example.org": every name below it. On ports 80 and 443, unless it says ":8080".
  std::vector<std::string> hosts;
  bool private_addresses = false;  // also those that are not of the public internet: this machine's, its network's
};

struct HttpOptions {
  std::int64_t connect_ms = 20'000;      // until a connection stands, TLS included
  std::int64_t stall_ms = 30'000;        // a connection that brings fewer than `stall_bytes` in this time has stalled
  std::uint64_t stall_bytes = 4096;      //
  std::uint32_t retries_max = 6;         // tries in a row that brought nothing
  std::int64_t retry_first_ms = 500;     // wait before the first of them; doubled each time, up to
  std::int64_t retry_ms_max = 30'000;    // this
  std::int64_t retry_after_s_max = 120;  // a server that asks for a longer wait is not waited for
  std::uint32_t redirects_max = limits::kHttpRedirectsMax;
  std::string certificates_file;   // trusted instead of the system's; empty: the system's
  std::optional<HttpReach> reach;  // none: any server
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(const Status& why, std::int64_t wait_ms)> on_wait;  // before each wait, for people; may be null
};

struct HttpProgress {
  std::uint64_t bytes = 0;  // there, those of earlier runs included
  std::uint64_t total = 0;
  double bytes_per_second = 0;  // lately
};

struct HttpTarget {
  std::string url;
  std::string token;             // sent as "Authorization: Bearer"; empty: none
  std::int64_t deadline_us = 0;  // of one try, on Env::monotonic_us: after it kCancelled; 0: none. Of get() alone
};

struct HttpPost {
  HttpTarget request;
  std::string type;                  // of the body: "application/json"
  std::string body;                  //
  std::vector<std::string> headers;  // more of them: "Name: value"
};

struct HttpAsk {
  HttpTarget request;
  std::string method = "GET";
  std::string type;  // of the body; empty: there is none
  std::string body;
};

struct HttpAnswer {
  int status = 0;
  std::string body;
};

struct HttpDownload {
  HttpTarget request;
  std::string path;         // where the bytes are gathered; PATH.state beside it says of what they are a part
  std::string identity;     // names the content, its hash at best: bytes of another identity are not continued
  std::uint64_t bytes = 0;  // its size, known beforehand; a server that has another size is refused
  std::function<void(const HttpProgress&)> progress;  // at most ten times a second, and at the end; may be null
};

struct HttpDownloaded {
  std::uint64_t bytes_kept = 0;      // that were there from an earlier run
  std::uint64_t bytes_received = 0;  // in this one, those in vain included
};

class Transport;

class HttpClient {
 public:
  HttpClient(Env& env, const HttpOptions& options);
  HttpClient(Env& env, const HttpOptions& options, std::unique_ptr<Transport> transport);  // for tests of this room
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // The body of a 2xx answer. kLimit when it has more than `bytes_max` bytes; kNotFound, kDenied (a token is missing or
  // refused, or the certificate is not trusted), kBusy (asked to come later), kIo (the network), kUnreadable (no HTTP).
  Result<std::string> get(const HttpTarget& request, std::uint64_t bytes_max);

  // As get, of the answer to a body that is sent. What no answer came to is sent again, so that it may arrive twice. A
  // redirect is not followed: kUnreadable. kInvalid: a header that is none.
  Result<std::string> post(const HttpPost& post, std::uint64_t bytes_max);

  // One try, and the answer whatever its status; redirects are answers too. kLimit, kDenied, kIo as get.
  Result<HttpAnswer> ask(const HttpAsk& ask, std::uint64_t bytes_max);

  // After ok, `path` holds exactly `bytes` bytes, synced; neither verified nor renamed. After an error or a kill it
  // holds what had come, and the same call continues there.
  Result<HttpDownloaded> download(const HttpDownload& download);

  bool cancelled() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// kInvalid: `url` is no address of a web server.
Status check_address(const std::string& url);
// kInvalid: no rule of HttpReach::hosts.
Status check_host_rule(const std::string& rule);
// kInvalid: no address; kDenied: its host or port is none that `reach` names. The numeric address is looked at later.
Status check_reach(const HttpReach& reach, const std::string& url);
// "a b/c" -> "a%20b%2Fc": all but RFC 3986's unreserved characters.
std::string percent_encoded(std::string_view text);
// For messages: without the query, which may hold a signature.
std::string shown_url(std::string_view url);

// Removes what a download to `path` left, durably.
Status forget_download(Env& env, const std::string& path);

}  // namespace pictor
