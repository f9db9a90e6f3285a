// Requests as callers make them: redirects, tokens, what a status means, patience.
#include "net/http_session.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace pictor {
namespace {

constexpr std::int64_t kWaitSliceUs = 100'000;        // how soon a cancellation is seen
constexpr const char* kOwnWords = "x-error-message";  // what a server says of itself

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Lets the body of a 2xx answer through; of others, a little is read and dropped, so that the connection can be kept.
class OnlySuccess : public HttpSink {
 public:
  explicit OnlySuccess(HttpSink& sink) : sink_(sink) {}

  Status begin(const HttpAnswerHead& head) override {
    success_ = head.status / 100 == 2;
    if (!success_) return Status::ok();
    const auto encoding = head.header("content-encoding");
    if (!encoding.empty() && encoding != "identity") {
      return {Code::kUnreadable, "the answer is packed as '" + encoding.substr(0, 32) + "', which was not asked for"};
    }
    return sink_.begin(head);
  }
  Status take(ByteView bytes) override {
    if (success_) return sink_.take(bytes);
    unwanted_ += bytes.size();
    if (unwanted_ <= limits::kHttpUnwantedBytesMax) return Status::ok();
    cut_ = true;
    return {Code::kLimit, "the body of an answer that is only a status is too long"};
  }
  bool cut() const { return cut_; }  // the exchange ended by us; its status stands

 private:
  HttpSink& sink_;
  bool success_ = false;
  bool cut_ = false;
  std::uint64_t unwanted_ = 0;
};

class TextSink : public HttpSink {
 public:
  explicit TextSink(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  Status begin(const HttpAnswerHead& head) override {
    text_.clear();
    const auto length = head.content_length();
    if (length && *length > bytes_max_) return too_long(std::to_string(*length));
    return Status::ok();
  }
  Status take(ByteView bytes) override {
    if (bytes.size() > bytes_max_ - text_.size()) return too_long("more");
    text_.append(as_text(bytes));
    return Status::ok();
  }
  std::string take_text() { return std::move(text_); }

 private:
  Status too_long(const std::string& seen) const {
    return {Code::kLimit, "the answer has " + seen + " bytes, at most " + std::to_string(bytes_max_) + " are read"};
  }
  std::uint64_t bytes_max_;
  std::string text_;
};

// What a server says of itself, made fit for a message.
std::string plain(const std::string& text) {
  std::string out;
  for (const char c : text.substr(0, 200)) out.push_back(static_cast<unsigned char>(c) < 32 || c == 127 ? ' ' : c);
  return out;
}

HttpOutcome failure(const HttpAnswerHead& head, const Url& url, bool had_token) {
  const auto number = std::to_string(head.status);
  std::string words = "'" + shown_url(url.whole) + "' answers " + number;
  const auto said = plain(head.header(kOwnWords));
  if (!said.empty()) words += " (" + said + ")";
  const auto token = had_token ? "the access token given is not accepted for it" : "it may need an access token";
  switch (head.status) {
    case 401:
    case 403:
    case 407: return {Status(Code::kDenied, words + ": " + token), false, head};
    case 404:
    case 410: return {Status(Code::kNotFound, words + ": there is no such thing"), false, head};
    case 429: return {Status(Code::kBusy, words + ": too many requests, try again later"), true, head};
    case 408:
    case 425:
    case 500:
    case 502:
    case 503:
    case 504: return {Status(Code::kIo, words + ": the server fails for now, try again later"), true, head};
    default: return {Status(Code::kIo, words + ", 200 is wanted"), false, head};
  }
}

std::optional<std::int64_t> asked_wait_s(const HttpAnswerHead& head) {
  const auto text = head.header("retry-after");
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return seconds;
}

Status check_token(const std::string& token) {
  const bool fit = token.size() <= limits::kHttpTokenBytesMax &&
                   std::ranges::all_of(token, [](char c) { return c > ' ' && c < 127; });
  if (fit) return Status::ok();
  return {Code::kInvalid, "the access token has blanks or characters that no token has: was it copied whole?"};
}

Status check_headers(const HttpPost& post) {
  const auto is_plain = [](const std::string& text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) > 31 && c != 127; });
  };
  for (const std::string& header : post.headers) {
    const auto colon = header.find(':');
    if (colon != std::string::npos && colon > 0 && is_plain(header)) continue;
    return {Code::kInvalid, "a header of the request is not 'Name: value' in one line"};  // it may be a secret
  }
  if (is_plain(post.type)) return Status::ok();
  return {Code::kInvalid, "the type of the body has control characters"};
}

}  // namespace

std::string HttpAnswerHead::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

std::optional<std::uint64_t> HttpAnswerHead::content_length() const {
  const auto text = header("content-length");
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return length;
}

bool Url::same_origin(const Url& other) const {
  return scheme == other.scheme && host == other.host && port == other.port;
}

bool Url::is_this_machine() const {
  return host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

std::string shown_url(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const auto scheme = url.find("://");
  const auto begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  const auto at = url.substr(0, url.find('/', begin)).rfind('@');
  std::string out(url.substr(0, begin));
  out += plain(std::string(at == std::string_view::npos ? url.substr(begin) : url.substr(at + 1)));
  return out.size() > 240 ? out.substr(0, 240) + "..." : out;
}

Status Patience::next(const HttpOutcome& failed, std::uint64_t brought) {
  if (!failed.transient) return failed.status;
  if (brought >= limits::kHttpProgressBytesMin) failures_ = 0;
  ++failures_;
  ++attempts_;
  if (failures_ > options_.retries_max || attempts_ >= limits::kHttpAttemptsMax) {
    return {failed.status.code(), failed.status.message() + "; given up after " + std::to_string(attempts_) +
                                      (attempts_ == 1 ? " try" : " tries")};
  }
  const auto asked_s = asked_wait_s(failed.head);
  if (asked_s && *asked_s > options_.retry_after_s_max) {
    return {Code::kBusy, failed.status.message() + "; it asks to wait " + std::to_string(*asked_s) + " s"};
  }
  const auto wait_us = asked_s ? *asked_s * 1'000'000 : backoff_us();
  if (options_.on_wait) options_.on_wait(failed.status, wait_us / 1000);
  return wait(wait_us);
}

// Doubled each time, and drawn from its upper half, so that many clients do not come back in step.
std::int64_t Patience::backoff_us() {
  std::int64_t whole_us = options_.retry_first_ms * 1000;
  for (std::uint32_t i = 1; i < failures_ && whole_us < options_.retry_ms_max * 1000; ++i) whole_us *= 2;
  whole_us = std::min(whole_us, options_.retry_ms_max * 1000);
  std::uint32_t drawn = 0;
  env_.random(std::as_writable_bytes(std::span(&drawn, 1)));
  return whole_us / 2 + static_cast<std::int64_t>(static_cast<double>(whole_us) / 2 * drawn / 4294967296.0);
}

Status Patience::wait(std::int64_t us) {
  while (us > 0) {
    if (is_cancelled(options_)) return {Code::kCancelled, "cancelled; what has come is kept"};
    env_.wait_us(std::min(us, kWaitSliceUs));
    us -= kWaitSliceUs;
  }
  return Status::ok();
}

Result<Url> HttpClient::State::checked(const HttpTarget& request) const {
  PICTOR_TRY(check_token(request.token));
  PICTOR_ASSIGN(auto url, parse_url(request.url));
  if (!request.token.empty() && url.scheme != "https" && !url.is_this_machine()) {
    return Status(Code::kDenied, "an access token is not sent to '" + shown_url(url.whole) +
                                     "' over plain http, where anybody can read it: use https, or give no token");
  }
  return url;
}

HttpOutcome HttpClient::State::fetch(const Url& url, const HttpTarget& request, const std::vector<std::string>& headers,
                                     HttpSink& sink) {
  const std::string& token = request.token;
  Url at = url;
  std::set<std::string> seen;
  for (;;) {
    if (is_cancelled(options)) return {Status(Code::kCancelled, "cancelled; what has come is kept"), false, {}};
    const bool with_token = !token.empty() && at.same_origin(url);
    OnlySuccess gate(sink);
    HttpExchange exchange{at.whole, headers, &gate};
    exchange.deadline_us = request.deadline_us;
    exchange.headers.emplace_back("Accept-Encoding: identity");
    if (with_token) exchange.headers.push_back("Authorization: Bearer " + token);
    auto outcome = transport->perform(exchange);
    if (options.reach) outcome.head.headers.erase(kOwnWords);
    if (!outcome.status.is_ok() && !gate.cut()) {
      if (options.reach && !seen.empty()) outcome.status = outcome.status.in("'" + shown_url(url.whole) + "' sends on");
      return outcome;
    }
    if (!is_redirect(outcome.head.status)) {
      return outcome.head.status / 100 == 2 ? outcome : failure(outcome.head, at, with_token);
    }
    seen.insert(at.whole);
    auto next = join_url(at, outcome.head.header("location"));
    const auto refused = [&](const std::string& why) {
      return HttpOutcome{Status(Code::kUnreadable, "'" + shown_url(at.whole) + "' sends on " + why), false,
                         outcome.head};
    };
    if (!next.is_ok()) return refused("to what is not followed: " + next.status().message());
    if (at.scheme == "https" && next->scheme != "https") {
      return refused("from https to '" + shown_url(next->whole) + "', which is not followed");
    }
    if (seen.contains(next->whole)) return refused("to where it was before: it goes in a circle");
    if (seen.size() > options.redirects_max) {
      return refused("once more after " + std::to_string(options.redirects_max) + " redirects");
    }
    at = std::move(*next);
  }
}

HttpClient::HttpClient(Env& env, const HttpOptions& options)
    : HttpClient(env, options, make_curl_transport(env, options)) {}

HttpClient::HttpClient(Env& env, const HttpOptions& options, std::unique_ptr<Transport> transport)
    : state_(new State{env, options, std::move(transport)}) {}

HttpClient::~HttpClient() = default;

Result<std::string> HttpClient::get(const HttpTarget& request, std::uint64_t bytes_max) {
  PICTOR_ASSIGN(const auto url, state_->checked(request));
  Patience patience(state_->env, state_->options);
  for (;;) {
    TextSink sink(bytes_max);
    const auto outcome = state_->fetch(url, request, {}, sink);
    if (outcome.status.is_ok()) return sink.take_text();
    PICTOR_TRY(patience.next(outcome, 0));
  }
}

HttpOutcome HttpClient::State::send(const Url& url, const HttpPost& post, HttpSink& sink) {
  if (is_cancelled(options)) return {Status(Code::kCancelled, "cancelled; nothing was sent"), false, {}};
  OnlySuccess gate(sink);
  HttpExchange exchange{url.whole, post.headers, &gate, &post.body};
  exchange.headers.emplace_back("Accept-Encoding: identity");
  exchange.headers.push_back("Content-Type: " + post.type);
  exchange.headers.emplace_back("Expect:");  // a body as small as these is sent at once
  if (!post.request.token.empty()) exchange.headers.push_back("Authorization: Bearer " + post.request.token);
  auto outcome = transport->perform(exchange);
  if (!outcome.status.is_ok() && !gate.cut()) return outcome;
  if (outcome.head.status / 100 == 2) return outcome;
  if (!is_redirect(outcome.head.status)) return failure(outcome.head, url, !post.request.token.empty());
  return {Status(Code::kUnreadable, "'" + shown_url(url.whole) + "' sends on to '" +
                                        shown_url(outcome.head.header("location")) +
                                        "', and a body is sent to no other address: give that one"),
          false, outcome.head};
}

Result<std::string> HttpClient::post(const HttpPost& post, std::uint64_t bytes_max) {
  PICTOR_ASSIGN(const auto url, state_->checked(post.request));
  PICTOR_TRY(check_headers(post));
  Patience patience(state_->env, state_->options);
  for (;;) {
    TextSink sink(bytes_max);
    const auto outcome = state_->send(url, post, sink);
    if (outcome.status.is_ok()) return sink.take_text();
    PICTOR_TRY(patience.next(outcome, 0));
  }
}

Result<HttpAnswer> HttpClient::ask(const HttpAsk& ask, std::uint64_t bytes_max) {
  PICTOR_ASSIGN(const auto url, state_->checked(ask.request));
  TextSink sink(bytes_max);
  HttpExchange exchange{url.whole, {"Accept-Encoding: identity"}, &sink, nullptr, ask.method};
  if (!ask.type.empty()) {
    exchange.body = &ask.body;
    exchange.headers.push_back("Content-Type: " + ask.type);
    exchange.headers.emplace_back("Expect:");
  }
  if (!ask.request.token.empty()) exchange.headers.push_back("Authorization: Bearer " + ask.request.token);
  const auto outcome = state_->transport->perform(exchange);
  PICTOR_TRY(outcome.status);
  return HttpAnswer{outcome.head.status, sink.take_text()};
}

bool HttpClient::cancelled() const { return is_cancelled(state_->options); }

}  // namespace pictor
