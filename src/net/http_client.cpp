// The only file that knows libcurl: single exchanges, and addresses.
//
// The multi interface is used for one transfer at a time: so that a cancellation and a stall are seen within 0.1 s, and
// so that connections are kept between exchanges.
#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <mutex>

#include "net/reach.h"
#include "net/transport.h"

namespace pictor {
namespace {

constexpr int kPollMs = 100;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// One exchange while it runs: what the callbacks of libcurl see.
struct Call {
  const HttpExchange& exchange;
  HttpAnswerHead head;
  std::size_t head_bytes = 0;
  bool begun = false;
  std::uint64_t body_bytes = 0;
  Status refused;    // by the sink, or by a limit
  Status forbidden;  // by the options' reach

  explicit Call(const HttpExchange& wanted) : exchange(wanted) {}

  bool on_header(std::string_view line) {
    if (begun) return true;  // trailers after a chunked body say nothing that we use
    head_bytes += line.size();
    if (head_bytes > limits::kHttpHeadBytesMax) {
      refused = Status(Code::kLimit,
                       "the answer's headers have more than " + std::to_string(limits::kHttpHeadBytesMax) + " bytes");
      return false;
    }
    if (line.starts_with("HTTP/")) return on_status(line);
    line = trimmed(line);
    if (line.empty()) return head.status / 100 == 1 || begin();  // 1xx: the answer proper is still to come
    const auto colon = line.find(':');
    if (colon != std::string_view::npos) {
      head.headers[lower(trimmed(line.substr(0, colon)))] = std::string(trimmed(line.substr(colon + 1)));
    }
    return true;
  }

  bool on_status(std::string_view line) {
    head = {};
    const auto blank = line.find(' ');
    if (blank != std::string_view::npos) {
      const auto digits = line.substr(blank + 1, 3);
      std::from_chars(digits.data(), digits.data() + digits.size(), head.status);
    }
    return true;
  }

  bool begin() {
    begun = true;
    refused = exchange.sink->begin(head);
    return refused.is_ok();
  }

  bool on_body(ByteView bytes) {
    body_bytes += bytes.size();
    refused = exchange.sink->take(bytes);
    return refused.is_ok();
  }
};

std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* call) {
  return static_cast<Call*>(call)->on_header({data, size * count}) ? size * count : 0;
}

std::size_t body_callback(char* data, std::size_t size, std::size_t count, void* call) {
  return static_cast<Call*>(call)->on_body(as_bytes({data, size * count})) ? size * count : 0;
}

std::string host_of(const std::string& url) {
  const auto parsed = parse_url(url);
  return parsed.is_ok() ? parsed->host : shown_url(url);
}

// The one place where a connection begins: the address is that which is connected to.
curl_socket_t open_public_socket(void* call, curlsocktype, curl_sockaddr* to) {
  if (!is_public_address(&to->addr, to->addrlen)) {
    auto& of = *static_cast<Call*>(call);
    of.forbidden = Status(Code::kDenied, "'" + host_of(of.exchange.url) +
                                             "' has an address that is not of the public internet: it is not asked");
    return CURL_SOCKET_BAD;
  }
  return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

struct Meaning {
  Code code;
  bool transient;
  std::string words;
};

// What a failure of libcurl means to the caller.
Meaning meaning_of(CURLcode code, const Call& call, const HttpOptions& options) {
  const auto host = "'" + host_of(call.exchange.url) + "'";
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {Code::kIo, true, "the address of " + host + " is not found (DNS): check the name, and the network"};
    case CURLE_COULDNT_RESOLVE_PROXY:
      return {Code::kIo, true, "the proxy's address is not found (DNS): check http_proxy and https_proxy"};
    case CURLE_COULDNT_CONNECT:
      return {Code::kIo, true,
              "no connection to " + host + ": is it up, and does a firewall or a proxy stand between?"};
    case CURLE_OPERATION_TIMEDOUT:
      return {Code::kIo, true, "no connection to " + host + " within " + std::to_string(options.connect_ms) + " ms"};
    case CURLE_PEER_FAILED_VERIFICATION:
      return {Code::kDenied, false,
              "the certificate of " + host +
                  " is not trusted: is the clock right? Where a proxy "
                  "opens TLS, its certificate must be among the trusted ones"};
    case CURLE_SSL_CACERT_BADFILE: return {Code::kInvalid, false, "the file of trusted certificates cannot be read"};
    case CURLE_SSL_CONNECT_ERROR: return {Code::kIo, true, "no TLS with " + host};
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return {Code::kIo, true,
              "the connection to " + host + " broke after " + std::to_string(call.body_bytes) + " bytes of the answer"};
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: return {Code::kUnreadable, false, host + " does not answer in HTTP"};
    case CURLE_OUT_OF_MEMORY: return {Code::kLimit, false, "no memory for the connection"};
    default: return {Code::kIo, false, "the request to " + host + " failed"};
  }
}

class CurlTransport : public Transport {
 public:
  CurlTransport(Env& env, const HttpOptions& options) : env_(env), options_(options) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    multi_ = curl_multi_init();
    easy_ = curl_easy_init();
  }
  ~CurlTransport() override {
    curl_easy_cleanup(easy_);
    curl_multi_cleanup(multi_);
  }
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  HttpOutcome perform(const HttpExchange& exchange) override {
    if (multi_ == nullptr || easy_ == nullptr) return {Status(Code::kLimit, "no memory for a connection"), false, {}};
    if (options_.reach) {
      const Status allowed = check_reach(*options_.reach, exchange.url);
      if (!allowed.is_ok()) return {allowed, false, {}};
    }
    Call call(exchange);
    curl_slist* headers = nullptr;
    for (const auto& header : exchange.headers) headers = curl_slist_append(headers, header.c_str());
    std::array<char, CURL_ERROR_SIZE> words{};
    set_up(call, headers, words.data());
    curl_multi_add_handle(multi_, easy_);
    HttpOutcome outcome = pump(call);
    curl_multi_remove_handle(multi_, easy_);
    curl_easy_reset(easy_);
    curl_slist_free_all(headers);
    if (!outcome.status.is_ok() && words[0] != '\0' && !options_.reach) {
      outcome.status = Status(outcome.status.code(), outcome.status.message() + " (" + words.data() + ")");
    }
    outcome.head = std::move(call.head);
    return outcome;
  }

 private:
  void set_up(Call& call, curl_slist* headers, char* words) {
    curl_easy_setopt(easy_, CURLOPT_URL, call.exchange.url.c_str());
    if (const std::string* body = call.exchange.body; body != nullptr) {
      curl_easy_setopt(easy_, CURLOPT_POST, 1L);
      curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
      curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, body->c_str());
    }
    if (!call.exchange.method.empty()) curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, call.exchange.method.c_str());
    curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy_, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    curl_easy_setopt(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options_.certificates_file.empty()) {
      curl_easy_setopt(easy_, CURLOPT_CAINFO, options_.certificates_file.c_str());
      curl_easy_setopt(easy_, CURLOPT_CAPATH, nullptr);
    }
    if (options_.reach) {
      curl_easy_setopt(easy_, CURLOPT_PROXY, "");
      curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);  // a deadline does not wait for a name that is being looked up
    }
    if (options_.reach && !options_.reach->private_addresses) {
      curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, &open_public_socket);
      curl_easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, &call);
    }
    curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_ms));
    curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy_, CURLOPT_USERAGENT, "pictor");
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, words);
    curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &header_callback);
    curl_easy_setopt(easy_, CURLOPT_HEADERDATA, &call);
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &body_callback);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, &call);
  }

  HttpOutcome pump(const Call& call) {
    std::int64_t window_began_us = env_.monotonic_us();
    std::uint64_t window_bytes = 0;
    for (int running = 1; running > 0;) {
      const CURLMcode failed = curl_multi_perform(multi_, &running);
      if (failed != CURLM_OK) return {Status(Code::kIo, curl_multi_strerror(failed)), false, {}};
      if (!call.forbidden.is_ok()) return {call.forbidden, false, {}};
      if (running == 0) break;
      if (options_.cancel != nullptr && options_.cancel->load()) {
        return {Status(Code::kCancelled, "cancelled; what has come is kept"), false, {}};
      }
      const auto now_us = env_.monotonic_us();
      if (call.exchange.deadline_us != 0 && now_us >= call.exchange.deadline_us) {
        return {Status(Code::kCancelled, "the deadline passed before all of it was there"), false, {}};
      }
      if (now_us - window_began_us >= options_.stall_ms * 1000) {
        if (call.body_bytes - window_bytes < options_.stall_bytes) return stalled(call, window_bytes);
        window_began_us = now_us;
        window_bytes = call.body_bytes;
      }
      curl_multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
    }
    return result(call);
  }

  HttpOutcome stalled(const Call& call, std::uint64_t window_bytes) const {
    return {Status(Code::kIo, "'" + host_of(call.exchange.url) +
                                  "' has stalled: " + std::to_string(call.body_bytes - window_bytes) + " bytes in " +
                                  std::to_string(options_.stall_ms) + " ms, at least " +
                                  std::to_string(options_.stall_bytes) + " are wanted"),
            true,
            {}};
  }

  HttpOutcome result(const Call& call) {
    CURLcode code = CURLE_GOT_NOTHING;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg == CURLMSG_DONE && message->easy_handle == easy_) code = message->data.result;
    }
    if (!call.refused.is_ok()) return {call.refused, false, {}};
    if (code == CURLE_OK && !call.begun) code = CURLE_GOT_NOTHING;
    if (code == CURLE_OK) return {};
    auto meaning = meaning_of(code, call, options_);
    return {Status(meaning.code, std::move(meaning.words)), meaning.transient, {}};
  }

  Env& env_;
  const HttpOptions options_;
  CURLM* multi_ = nullptr;
  CURL* easy_ = nullptr;
};

// Owns one address that libcurl takes apart.
class ParsedUrl {
 public:
  ParsedUrl() : handle_(curl_url()) {}
  ~ParsedUrl() { curl_url_cleanup(handle_); }
  ParsedUrl(const ParsedUrl&) = delete;
  ParsedUrl& operator=(const ParsedUrl&) = delete;

  // A relative one leads on from what was set before.
  bool set(const std::string& text) {
    return handle_ != nullptr &&
           curl_url_set(handle_, CURLUPART_URL, text.c_str(), CURLU_URLENCODE | CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;
  }
  std::string get(CURLUPart part) {
    char* text = nullptr;
    if (curl_url_get(handle_, part, &text, part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) != CURLUE_OK) return {};
    std::string out(text);
    curl_free(text);
    return out;
  }

 private:
  CURLU* handle_;
};

Result<Url> url_from(ParsedUrl& parsed, const std::string& text) {
  Url url;
  url.scheme = lower(parsed.get(CURLUPART_SCHEME));
  if (url.scheme != "http" && url.scheme != "https") {
    return Status(Code::kInvalid, "'" + shown_url(text) + "' begins with '" + url.scheme.substr(0, 32) +
                                      ":', http: or https: is wanted");
  }
  if (!parsed.get(CURLUPART_USER).empty() || !parsed.get(CURLUPART_PASSWORD).empty()) {
    return Status(Code::kInvalid, "an address with a user's name or a password in it is not used; give a token");
  }
  url.whole = parsed.get(CURLUPART_URL);
  url.host = lower(parsed.get(CURLUPART_HOST));
  url.port = parsed.get(CURLUPART_PORT);
  if (url.whole.empty() || url.host.empty()) {
    return Status(Code::kInvalid, "'" + shown_url(text) + "' is not an address");
  }
  return url;
}

Status check_text(const std::string& text) {
  if (text.size() > limits::kHttpUrlBytesMax) {
    return {Code::kLimit, "an address has " + std::to_string(text.size()) + " bytes, at most " +
                              std::to_string(limits::kHttpUrlBytesMax) + " are used"};
  }
  const bool plain = std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) > 31 && c != 127; });
  if (!plain) return {Code::kInvalid, "'" + shown_url(text) + "' is not an address: it has control characters"};
  return Status::ok();
}

}  // namespace

std::unique_ptr<Transport> make_curl_transport(Env& env, const HttpOptions& options) {
  return std::make_unique<CurlTransport>(env, options);
}

Result<Url> parse_url(const std::string& text) {
  PICTOR_TRY(check_text(text));
  ParsedUrl parsed;
  if (!parsed.set(text)) return Status(Code::kInvalid, "'" + shown_url(text) + "' is not an address");
  return url_from(parsed, text);
}

Status check_address(const std::string& url) { return parse_url(url).status(); }

Result<Url> join_url(const Url& base, const std::string& location) {
  PICTOR_TRY(check_text(location));
  ParsedUrl parsed;
  if (!parsed.set(base.whole) || !parsed.set(location)) {
    return Status(Code::kInvalid, "'" + shown_url(location) + "' is not an address");
  }
  return url_from(parsed, location);
}

}  // namespace pictor
