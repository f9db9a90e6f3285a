// One connection of the server: reads requests, hands them to other threads, writes answers. Inside http.cpp only.
//
// All of it runs on the thread of connections but for what is pushed to the queue. A body is read whole before its
// request is handled, or, where the handler takes it as it comes (HttpUpload), a piece at a time: the next is read when
// the last was taken, so that a client sends no faster than that and no thread waits for it.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <chrono>
#include <limits>
#include <unordered_set>

#include "serve/http.h"
#include "serve/request_id.h"

namespace pictor {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using beast::error_code;
using std::chrono::milliseconds;

inline constexpr std::size_t kFirstReadBytes = 512;  // what an idle connection holds
inline constexpr std::size_t kLingerReadBytes = 16 * limits::kKiB;
inline constexpr int kRetryQueueMs = 50;

class AnySession {
 public:
  virtual ~AnySession() = default;
  virtual void begin() = 0;
  virtual void close_if_idle() = 0;
};

using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;

// What connections share. All but the atomics belong to the thread of connections.
struct Shared {
  Shared(Env& env, HttpHandler& handler, const ServerOptions& options)
      : env(env),
        handler(handler),
        options(options),
        queue(std::max<std::size_t>(2, options.workers), options.queue_max) {}

  bool hold_body(std::uint64_t bytes) {
    if (body_bytes.load() + bytes > options.bodies_bytes_max) return false;
    body_bytes.fetch_add(bytes);
    return true;
  }

  Env& env;
  HttpHandler& handler;
  ServerOptions options;
  const double trace_rate = options.otlp_endpoint.empty() ? -1 : options.trace_sample;  // below 0: nothing is sampled
  std::atomic<std::uint64_t> body_bytes{0}, connections{0};
  bool draining = false;
  std::unordered_set<AnySession*> sessions;
  std::shared_ptr<ssl::context> tls;  // null: plain HTTP
  std::function<void()> on_closed;    // a session ended
  // The order matters: threads of the queue end first, then the sessions that wait in `io`, then what they use.
  asio::io_context io{1};
  WorkQueue queue;
};

inline Status status_of_read(const error_code& error) {
  if (error == http::error::header_limit) {
    return {Code::kLimit, "the request's head has more than " + std::to_string(limits::kServerHeadBytesMax) + " bytes"};
  }
  if (error == http::error::body_limit) return {Code::kLimit, "the request's body is larger than this operation takes"};
  return {Code::kInvalid, "this is no HTTP/1.1 request: " + error.message()};
}

template <typename Stream>
class Session final : public AnySession, public std::enable_shared_from_this<Session<Stream>> {
 public:
  template <typename... Arguments>
  Session(Shared& shared, tcp::socket socket, Arguments&... arguments)
      : stream_(std::move(socket), arguments...), shared_(shared) {
    shared_.sessions.insert(this);
    shared_.connections.fetch_add(1);
    error_code ignored;
    wire().socket().set_option(tcp::no_delay(true), ignored);
    const auto end = wire().socket().remote_endpoint(ignored);
    client_ = end.address().to_string() + ":" + std::to_string(end.port());
  }
  ~Session() override {
    release_body();
    shared_.sessions.erase(this);
    shared_.connections.fetch_sub(1);
    if (shared_.on_closed) shared_.on_closed();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void begin() override {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      wire().expires_after(milliseconds(shared_.options.head_ms));
      stream_.async_handshake(ssl::stream_base::server, [self = this->shared_from_this()](const error_code& error) {
        if (error) return self->close();
        self->wait_for_request();
      });
    } else {
      wait_for_request();
    }
  }
  void close_if_idle() override {
    if (idle_) close();
  }

 private:
  beast::tcp_stream& wire() { return beast::get_lowest_layer(stream_); }

  void wait_for_request() {
    if (shared_.draining) return close();
    if (buffer_.size() > 0) return read_head();
    idle_ = true;
    buffer_.shrink_to_fit();
    wire().expires_after(milliseconds(shared_.options.idle_ms));
    stream_.async_read_some(buffer_.prepare(kFirstReadBytes),
                            [self = this->shared_from_this()](const error_code& error, std::size_t bytes) {
                              self->idle_ = false;
                              if (error) return self->close();
                              self->buffer_.commit(bytes);
                              self->read_head();
                            });
  }

  void read_head() {
    parser_.emplace();
    parser_->header_limit(limits::kServerHeadBytesMax);
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());  // until it is known what is asked for
    wire().expires_after(milliseconds(shared_.options.head_ms));
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](const error_code& error, std::size_t) { self->on_head(error); });
  }

  void on_head(const error_code& error) {
    if (error == http::error::end_of_stream || error == beast::error::timeout) return close();
    if (error && error.category() != http::make_error_code(http::error::bad_method).category()) return close();
    keep_alive_ = !error && parser_->get().keep_alive();
    if (error) return refuse(status_of_read(error), error == http::error::header_limit ? 431 : 400);
    const Status taken = take_head();
    if (!taken.is_ok()) return refuse(taken, 400);
    Admission admission = shared_.handler.admit(request_->head, request_->id);
    if (admission.refused) return answer_unread(std::move(*admission.refused));
    lane_ = admission.lane;
    tenant_ = std::move(admission.tenant);
    request_->caller = std::move(admission.caller);
    request_->options = std::move(admission.options);
    const std::uint64_t length = request_->head.content_length.value_or(0);
    if (length > admission.body_bytes_max) {
      return refuse({Code::kLimit, "the body has " + std::to_string(length) + " bytes, wanted at most " +
                                       std::to_string(admission.body_bytes_max)},
                    413);
    }
    // What comes in pieces, or packed, may become as much.
    const bool unknown = parser_->chunked() || !request_->head.field("content-encoding").empty();
    const std::uint64_t most = unknown ? admission.body_bytes_max : length;
    const std::uint64_t held = std::min(most, admission.flows_bytes.value_or(most));
    if (!shared_.hold_body(held)) {
      Metrics::global().add(metric::kHttpTooMany, TooMany::kBodies);
      return refuse(busy("bodies of other requests fill the memory for them"), 429);
    }
    held_ = held;
    parser_->body_limit(admission.body_bytes_max);
    flows_ = admission.flows_bytes.has_value();
    if (beast::iequals(parser_->get()[http::field::expect], "100-continue")) return tell_to_continue();
    read_body();
  }

  static Status busy(const std::string& why) { return {Code::kBusy, why + ": try again in a moment"}; }

  Status take_head() {
    const auto& message = parser_->get();
    request_ = std::make_shared<HttpRequest>();
    HttpHead& head = request_->head;
    head.method = std::string(message.method_string());
    head.target = std::string(message.target());
    head.client = client_;
    for (const auto& field : message) {
      std::string name(field.name_string());
      std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
      head.fields.emplace_back(std::move(name), std::string(field.value()));
    }
    if (const auto length = parser_->content_length()) head.content_length = *length;
    request_->begun_us = shared_.env.monotonic_us();
    request_->trace = trace_of_request(shared_.env, head, shared_.trace_rate);
    request_->id = request_id_of(head.field("x-request-id"), request_->trace);
    return parse_target(head.target, head);
  }

  void tell_to_continue() {
    continue_.emplace(http::status::continue_, 11);
    wire().expires_after(milliseconds(shared_.options.write_ms));
    http::async_write(stream_, *continue_, [self = this->shared_from_this()](const error_code& error, std::size_t) {
      if (error) return self->close();
      self->read_body();
    });
  }

  void read_body() {
    if (flows_) return read_pieces();
    if (parser_->is_done()) return dispatch();
    wire().expires_after(milliseconds(shared_.options.body_ms));
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](const error_code& error, std::size_t) {
                       if (error == http::error::body_limit) return self->refuse(status_of_read(error), 413);
                       if (error) return self->close();
                       self->dispatch();
                     });
  }

  void dispatch() {
    wire().expires_never();
    request_->body = std::move(parser_->get().body());
    request_->body_bytes = request_->body.size();
    request_->received_us = shared_.env.monotonic_us();
    const bool queued = shared_.queue.push(
        lane_, tenant_,
        [self = this->shared_from_this(), request = request_, busy = asio::make_work_guard(shared_.io)]() mutable {
          auto reply = std::make_shared<HttpReply>(self->shared_.handler.handle(*request));
          request.reset();
          // Moved: a session ends on the thread of connections, never on this one.
          auto executor = self->stream_.get_executor();
          asio::post(executor, [self = std::move(self), reply] { self->answer(std::move(*reply)); });
        });
    if (!queued) refuse_for_now();
  }

  void read_pieces() {
    request_->received_us = shared_.env.monotonic_us();
    ended_ = Status::ok();
    if (parser_->is_done()) return give_piece();
    ended_.reset();
    pieces_.emplace(std::move(*parser_));
    parser_.reset();
    read_piece();
  }

  void read_piece() {
    piece_.resize(
        std::min(limits::kServerPieceBytes, request_->head.content_length.value_or(limits::kServerPieceBytes)));
    pieces_->get().body().data = piece_.data();
    pieces_->get().body().size = piece_.size();
    wire().expires_after(milliseconds(shared_.options.body_ms));
    http::async_read(stream_, buffer_, *pieces_,
                     [self = this->shared_from_this()](const error_code& error, std::size_t) {
                       self->on_piece(error, self->pieces_->get().body().size);
                     });
  }

  void on_piece(const error_code& error, std::size_t unused) {
    wire().expires_never();
    piece_.resize(piece_.size() - unused);
    request_->body_bytes += piece_.size();
    request_->received_us = shared_.env.monotonic_us();
    if (pieces_->is_done()) ended_ = Status::ok();
    if (error && error != http::error::need_buffer && !ended_) {
      const std::string after = std::to_string(request_->body_bytes) + " bytes";
      ended_ = Status(Code::kInvalid, "the body broke off after " + after);
      if (error == http::error::body_limit) ended_ = status_of_read(error);
      keep_alive_ = false;
    }
    give_piece();
  }

  // To the queue, where it waits its turn as requests do. A request that was begun is not refused any more.
  void give_piece() {
    const bool queued = shared_.queue.push(
        lane_, tenant_, [self = this->shared_from_this(), busy = asio::make_work_guard(shared_.io)]() mutable {
          std::shared_ptr<HttpReply> reply = self->take_piece();
          auto executor = self->stream_.get_executor();
          asio::post(executor, [self = std::move(self), reply] {
            if (reply) return self->answer_unread(std::move(*reply));
            self->read_piece();
          });
        });
    if (queued) return;
    if (request_->upload == nullptr) return refuse_for_now();
    retry_.emplace(stream_.get_executor(), milliseconds(kRetryQueueMs));
    retry_->async_wait([self = this->shared_from_this()](const error_code& error) {
      if (!error) self->give_piece();
    });
  }

  // On a thread of the queue, while this connection waits. Null: more is to be read.
  std::shared_ptr<HttpReply> take_piece() {
    const std::int64_t begun_us = shared_.env.monotonic_us();
    if (request_->upload == nullptr) request_->upload = shared_.handler.begin_upload(*request_);
    const bool wants_more = request_->upload != nullptr && request_->upload->take(piece_);
    if (wants_more && ended_) request_->upload->end(*ended_);
    request_->upload_us += shared_.env.monotonic_us() - begun_us;
    if (wants_more && !ended_) return nullptr;
    return std::make_shared<HttpReply>(shared_.handler.handle(*request_));
  }

  void refuse_for_now() {
    Metrics::global().add(metric::kHttpTooMany, TooMany::kQueue);
    refuse(busy("too many requests wait"), 429);
  }

  // What is left of the request is not read: the client is told, and the connection ends.
  void refuse(const Status& why, int status) { answer_unread(shared_.handler.refuse(why, status, request_.get())); }
  void answer_unread(HttpReply reply) {
    const bool nothing_unread = request_ && (pieces_ ? pieces_->is_done() : parser_ && parser_->is_done());
    if (!nothing_unread) {
      keep_alive_ = false;
      linger_ = true;
    }
    answer(std::move(reply));
  }

  void answer(HttpReply reply) {
    release_body();
    const bool head_only = request_ && request_->head.method == "HEAD";
    if (request_) {
      reply.fields.emplace_back("X-Request-Id", request_->id);
      reply.fields.emplace_back("traceparent", request_->trace.traceparent());
    }
    response_.emplace();
    response_->result(static_cast<unsigned>(reply.status));
    response_->set(http::field::server, "pictor");
    if (!reply.type.empty()) response_->set(http::field::content_type, reply.type);
    for (const auto& [name, value] : reply.fields) response_->set(name, value);
    response_->keep_alive(keep_alive_ && !shared_.draining);
    if (reply.status != 204 && reply.status != 304) response_->content_length(reply.body.size());
    if (!head_only) response_->body() = std::move(reply.body);
    request_.reset();
    parser_.reset();
    pieces_.reset();
    std::string().swap(piece_);
    wire().expires_after(milliseconds(shared_.options.write_ms));
    http::async_write(stream_, *response_, [self = this->shared_from_this()](const error_code& error, std::size_t) {
      const bool goes_on = !error && self->response_->keep_alive();
      self->response_.reset();
      if (goes_on) return self->wait_for_request();
      if (!error && self->linger_) return self->linger();
      self->close();
    });
  }

  // Reads on for a moment what the client is still sending: a connection that is closed under it loses the answer.
  void linger() {
    error_code ignored;
    if constexpr (std::is_same_v<Stream, PlainStream>) wire().socket().shutdown(tcp::socket::shutdown_send, ignored);
    wire().expires_after(milliseconds(limits::kServerLingerMs));
    linger_more(0);
  }
  void linger_more(std::uint64_t bytes) {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(kLingerReadBytes),
                            [self = this->shared_from_this(), bytes](const error_code& error, std::size_t more) {
                              if (error || bytes + more > limits::kServerLingerBytesMax) return self->close();
                              self->linger_more(bytes + more);
                            });
  }

  void release_body() {
    shared_.body_bytes.fetch_sub(held_);
    held_ = 0;
  }
  // Of TLS without its goodbye: every answer says how long it is, so that nothing can be cut off unseen.
  void close() {
    error_code ignored;
    wire().socket().shutdown(tcp::socket::shutdown_both, ignored);
    wire().close();
  }

  Stream stream_;
  Shared& shared_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::request_parser<http::buffer_body>> pieces_;  // in its place, once a body is taken as it comes
  std::string piece_;                                              // with its turn: of the queue's thread
  std::optional<Status> ended_;                                    // how the body did; none: there is more
  std::optional<asio::steady_timer> retry_;
  std::optional<http::response<http::empty_body>> continue_;
  std::optional<http::response<http::string_body>> response_;
  std::shared_ptr<HttpRequest> request_;
  std::string client_, tenant_;
  std::uint64_t held_ = 0;  // of Shared::body_bytes
  Lane lane_ = Lane::kInteractive;
  bool keep_alive_ = false, linger_ = false, idle_ = false, flows_ = false;
};

}  // namespace pictor
