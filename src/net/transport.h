// One HTTP exchange: a request out, an answer in; no redirect is followed and nothing is tried again here.
//
// Thread safety: one exchange at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/net.h"

namespace pictor {

struct HttpAnswerHead {
  int status = 0;                              // 200, 404, ...
  std::map<std::string, std::string> headers;  // names in lower case; of two of one name the last

  std::string header(const std::string& name) const;    // empty when there is none
  std::optional<std::uint64_t> content_length() const;  // none when it is not said, or is no number
};

// Takes an answer. An error ends the exchange, and is what the exchange ends with.
class HttpSink {
 public:
  virtual ~HttpSink() = default;
  virtual Status begin(const HttpAnswerHead& head) = 0;  // once, before the body
  virtual Status take(ByteView bytes) = 0;
};

struct HttpExchange {
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  HttpSink* sink = nullptr;
  const std::string* body = nullptr;  // null: a GET, else a POST of it
  std::string method = {};            // empty: as the body says
  std::int64_t deadline_us = 0;       // as HttpTarget has it
};

struct HttpOutcome {
  Status status;           // ok: the whole answer was taken, whatever its code
  bool transient = false;  // another try may well succeed
  HttpAnswerHead head;     // status 0: no answer came
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual HttpOutcome perform(const HttpExchange& exchange) = 0;
};

// `env` and what `options.cancel` points to must outlive it.
std::unique_ptr<Transport> make_curl_transport(Env& env, const HttpOptions& options);

struct Url {
  std::string whole, scheme, host, port;  // scheme and host in lower case, port as a number

  bool same_origin(const Url& other) const;
  bool is_this_machine() const;
};

// kInvalid: not an address, or not one of http and https, or with a user's name in it.
Result<Url> parse_url(const std::string& text);
// Where `location`, whole or relative, leads from `base`.
Result<Url> join_url(const Url& base, const std::string& location);

}  // namespace pictor
