#include "serve/picture_fetch.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "net/net.h"
#include "observe/observe.h"
#include "serve/picture_in.h"

namespace pictor {
namespace {

constexpr std::int64_t kConnectMs = 10'000, kStallMs = 10'000;

HttpOptions http_options(const ServerOptions& options, const std::atomic<bool>& cancel) {
  HttpOptions http;
  http.reach = HttpReach{options.image_urls, options.image_urls_private};
  http.connect_ms = kConnectMs;
  http.stall_ms = kStallMs;
  http.retries_max = 0;
  http.redirects_max = limits::kPictureRedirectsMax;
  http.cancel = &cancel;
  return http;
}

// What the client is told. Where private networks may be asked nobody learns what their machines answer: only that they
// gave no picture.
Status told(const Status& why, const ServerOptions& options) {
  switch (why.code()) {
    case Code::kLimit:
      return {Code::kLimit, "it has more than the " + std::to_string(options.body_bytes_max) + " bytes of a picture"};
    case Code::kCancelled: return {Code::kCancelled, "it was not there in time"};
    default: break;
  }
  if (options.image_urls_private) return {Code::kUnreadable, "it could not be fetched: the server's log says why"};
  return {Code::kUnreadable, why.message()};
}

// Fetches of one request: some threads take one after the other.
class Fetches {
 public:
  Fetches(Env& env, const FetchTerms& terms, const std::atomic<bool>& cancel, std::span<WantedPicture> wanted)
      : env_(env), terms_(terms), cancel_(cancel), wanted_(wanted), left_(terms.bytes_max) {}

  void run() {
    std::vector<std::thread> others;
    for (std::size_t i = 1; i < std::min<std::size_t>(limits::kPictureFetchThreads, wanted_.size()); ++i) {
      others.emplace_back([this] { work(); });
    }
    work();
    for (std::thread& other : others) other.join();
  }

 private:
  void work() {
    HttpClient http(env_, http_options(terms_.options, cancel_));
    for (std::size_t i = next_++; i < wanted_.size(); i = next_++) {
      WantedPicture& one = wanted_[i];
      one.status = take(http, one);
      if (one.status.is_ok()) continue;
      one.bytes.clear();
      one.status = one.status.in("the picture at '" + shown_url(one.address) + "'");
    }
  }

  Status take(HttpClient& http, WantedPicture& one) {
    const ServerOptions& options = terms_.options;
    const Status allowed = check_reach({options.image_urls, options.image_urls_private}, one.address);
    if (!allowed.is_ok())
      return allowed.code() == Code::kDenied ? Status(Code::kUnreadable, allowed.message()) : allowed;
    const std::int64_t deadline_us =
        std::min(terms_.deadline_us, env_.monotonic_us() + limits::kPictureFetchMsMax * 1000);
    const auto body = http.get({one.address, "", deadline_us}, options.body_bytes_max);
    if (!body.is_ok()) {
      log(LogLevel::kInfo, "picture_not_fetched",
          {{"address", shown_url(one.address)}, {"cause", body.status().message()}});
      return told(body.status(), options);
    }
    if (body->empty()) return {Code::kUnreadable, "it has no bytes"};
    if (!has_room_for(body->size())) {
      return {Code::kLimit, "the pictures of the request have more than " + std::to_string(terms_.bytes_max) +
                                " bytes together: send them in several"};
    }
    one.bytes = bytes_of(*body);
    return Status::ok();
  }

  bool has_room_for(std::uint64_t bytes) {
    std::uint64_t left = left_;
    while (bytes <= left) {
      if (left_.compare_exchange_weak(left, left - bytes)) return true;
    }
    return false;
  }

  Env& env_;
  const FetchTerms& terms_;
  const std::atomic<bool>& cancel_;
  const std::span<WantedPicture> wanted_;
  std::atomic<std::uint64_t> left_;
  std::atomic<std::size_t> next_{0};
};

}  // namespace

void PictureFetcher::fetch(std::span<WantedPicture> wanted, const FetchTerms& terms) {
  if (wanted.empty()) return;
  const auto refuse = [&](const Status& why) {
    for (WantedPicture& one : wanted) one.status = why;
  };
  if (terms.options.image_urls.empty()) {
    return refuse({Code::kUnsupported,
                   "an image is given as an address, and this server fetches none: send its bytes, as base64 or as a "
                   "data URL, or have its operator name the host (image-urls)"});
  }
  const bool counts = terms.lane == Lane::kInteractive;
  const std::size_t most = std::max<std::size_t>(1, terms.options.workers / 4);
  const std::size_t before = counts ? waiting_.fetch_add(1) : 0;
  if (before >= most) {
    refuse({Code::kBusy, "as many requests wait for pictures from addresses as may: try again in a moment"});
  } else {
    const TraceSpan span("fetch_pictures");
    Fetches(env_, terms, stopping_, wanted).run();
  }
  if (counts) waiting_.fetch_sub(1);
}

}  // namespace pictor
