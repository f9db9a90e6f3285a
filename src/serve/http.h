// HTTP/1.1 as plain values, and the server that reads and writes them. Inside serve/ only.
//
// One thread does all reading and writing; requests are handled by others. What a client can make the server hold is
// bounded: connections, heads, bodies one by one and all together, requests that wait, and the time for each step.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base.h"
#include "observe/observe.h"
#include "pictor/server.h"
#include "serve/work_queue.h"

namespace pictor {

using HttpFields = std::vector<std::pair<std::string, std::string>>;

struct HttpHead {
  std::string method;                 // "GET"
  std::string target;                 // as it came
  std::vector<std::string> segments;  // of the path, percent-decoded
  HttpFields query;                   // percent-decoded, in order
  HttpFields fields;                  // names in lower case
  std::optional<std::uint64_t> content_length;
  std::string client;  // "127.0.0.1:40112"

  std::string_view field(std::string_view name) const;  // empty when there is none
  std::optional<std::string_view> parameter(std::string_view name) const;
};
// kInvalid: an escape that is none, or no path.
Status parse_target(std::string_view target, HttpHead& head);

struct Caller;  // govern
class Once;
// The options that a request was admitted under: one that is under way keeps them.
using OptionsOfRequest = std::shared_ptr<const ServerOptions>;

// Takes a body while it comes; the answer is then that of HttpHandler::handle. One call at a time, on any thread.
class HttpUpload {
 public:
  virtual ~HttpUpload() = default;
  virtual Once* once() { return nullptr; }        // of a request that is done once; null: of one as any other
  virtual bool take(std::string_view piece) = 0;  // false: no more is wanted, the answer is known
  virtual void end(const Status& how) = 0;        // ok: all of it was there; else why it broke off. Once at most
};

struct HttpRequest {
  HttpHead head;
  std::shared_ptr<const Caller> caller;  // as Admission has it
  OptionsOfRequest options;              // likewise
  std::string body;
  std::shared_ptr<HttpUpload> upload;  // that took the body, where it was taken as it came; then `body` is empty
  std::uint64_t body_bytes = 0;        // as they travelled
  std::int64_t upload_us = 0;          // time that the upload worked on them
  std::string id;                      // of logs and answers
  TraceContext trace;                  // where it stands in a trace
  std::int64_t begun_us = 0;           // when its head was there
  std::int64_t received_us = 0;        // when all of it was there, on Env::monotonic_us
};

// The items that a request was about, beside one that its address names: for the audit log, never sent.
struct Touched {
  std::vector<std::string> items = {};
  std::uint64_t refused = 0;  // others that came, and were not taken
};

struct HttpReply {
  int status = 200;
  std::string type = "application/json";
  HttpFields fields;
  std::string body;
  Touched touched = {};
  bool lasting = true;  // the same request would be answered so again; false: another time it may go better
};

// What becomes of a request whose head was read.
struct Admission {
  std::optional<HttpReply> refused;  // its body is not read, and the connection ends
  std::uint64_t body_bytes_max = 0;
  std::optional<std::uint64_t> flows_bytes;  // the body is taken as it comes, by what holds so many bytes at most
  Lane lane = Lane::kInteractive;
  std::shared_ptr<const Caller> caller;  // who asks
  std::string tenant;                    // whose requests wait in one row
  OptionsOfRequest options;
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual Admission admit(const HttpHead& head, const std::string& id) = 0;  // quick; on the thread of all connections
  // What takes the body of a request with Admission::flows_bytes; `request` outlives it. On any thread, before handle.
  // Null: it cannot be taken, and handle says why.
  virtual std::unique_ptr<HttpUpload> begin_upload(const HttpRequest& request) = 0;
  virtual HttpReply handle(const HttpRequest& request) = 0;  // on any thread
  // What went wrong before that; quick, and likewise. `request` is null where its head could not be read.
  virtual HttpReply refuse(const Status& why, int status, const HttpRequest* request) = 0;
};

struct HttpCounts {
  std::uint64_t connections = 0, body_bytes = 0;
  std::size_t waiting = 0, working = 0;
};

class HttpServer {
 public:
  static Result<std::unique_ptr<HttpServer>> start(Env& env, HttpHandler& handler, const ServerOptions& options);
  virtual ~HttpServer() = default;
  virtual std::uint16_t port() const = 0;
  virtual bool drain(std::int64_t ms) = 0;
  virtual HttpCounts counts() const = 0;
  // What takes these options (see Server::reload) when it is called; that returns once they are in force. Not ok: they
  // cannot be taken.
  virtual Result<std::function<void()>> reload(const ServerOptions& options) = 0;
};

}  // namespace pictor
