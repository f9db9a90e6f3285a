// What get() and download() share: one try with its redirects, and the patience between tries.
#pragma once

#include "net/transport.h"

namespace pictor {

inline bool is_cancelled(const HttpOptions& options) {
  return options.cancel != nullptr && options.cancel->load(std::memory_order_relaxed);
}

struct HttpClient::State {
  Env& env;
  const HttpOptions options;
  const std::unique_ptr<Transport> transport;

  // The request's address, when it may be asked with that token.
  Result<Url> checked(const HttpTarget& request) const;
  // One try: redirects are followed, and the token goes to the first address's origin only. Anything but a 2xx answer
  // that `sink` took is an error. `url` is the request's.
  HttpOutcome fetch(const Url& url, const HttpTarget& request, const std::vector<std::string>& headers, HttpSink& sink);
  // One try of a body that is sent: as fetch, but a redirect is an error.
  HttpOutcome send(const Url& url, const HttpPost& post, HttpSink& sink);
};

// Counts the tries of one call and waits between them.
class Patience {
 public:
  Patience(Env& env, const HttpOptions& options) : env_(env), options_(options) {}

  // Ok after the wait, when there is to be another try; else why there is none. `brought`: bytes that the failed one
  // brought nearer.
  Status next(const HttpOutcome& failed, std::uint64_t brought);

 private:
  std::int64_t backoff_us();
  Status wait(std::int64_t us);

  Env& env_;
  const HttpOptions& options_;
  std::uint32_t failures_ = 0;  // in a row
  std::uint32_t attempts_ = 0;
};

}  // namespace pictor
