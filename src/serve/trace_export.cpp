#include "serve/trace_export.h"

#include <algorithm>
#include <chrono>

#include "net/net.h"
#include "serve/otlp_json.h"

namespace pictor {
namespace {

constexpr std::chrono::milliseconds kGather{1000};   // how long a trace waits for others
constexpr std::chrono::milliseconds kLastTry{3000};  // for what waits when the server stops
constexpr std::int64_t kTellEveryUs = 60'000'000;
constexpr std::uint64_t kAnswerBytesMax = 64 * limits::kKiB;
constexpr std::string_view kPath = "/v1/traces";

std::string address_of(std::string endpoint) {
  while (!endpoint.empty() && endpoint.back() == '/') endpoint.pop_back();
  return endpoint.ends_with(kPath) ? endpoint : endpoint + std::string(kPath);
}

HttpOptions http_options(const std::atomic<bool>& cancel) {
  HttpOptions options;
  options.connect_ms = 5000;
  options.stall_ms = 10'000;
  options.stall_bytes = 1;
  options.retries_max = 2;
  options.retry_after_s_max = 10;
  options.cancel = &cancel;
  return options;
}

void count(TraceResult result, std::uint64_t spans) {
  Metrics::global().add(metric::kTraceSpans, result, static_cast<double>(spans));
}

std::uint64_t spans_of(const std::vector<FinishedTrace>& traces) {
  std::uint64_t spans = 0;
  for (const FinishedTrace& trace : traces) spans += trace.spans.size();
  return spans;
}

}  // namespace

struct TraceExporter::Client {
  Client(Env& env, const std::atomic<bool>& cancel) : http(env, http_options(cancel)) {}
  HttpClient http;
};

TraceExporter::TraceExporter(Env& env, const ServerOptions& options)
    : env_(env),
      url_(address_of(options.otlp_endpoint)),
      headers_(options.otlp_headers),
      client_(std::make_unique<Client>(env, cancel_)) {}

Result<std::unique_ptr<TraceExporter>> TraceExporter::start(Env& env, const ServerOptions& options) {
  PICTOR_TRY(check_address(options.otlp_endpoint).in("the address for traces"));
  std::unique_ptr<TraceExporter> exporter(new TraceExporter(env, options));
  exporter->thread_ = std::thread([its = exporter.get()] { its->run(); });
  return Result<std::unique_ptr<TraceExporter>>(std::move(exporter));
}

TraceExporter::~TraceExporter() {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, kLastTry, [this] { return ended_ || !thread_.joinable(); });
    count(TraceResult::kDropped, spans_waiting_);
    waiting_.clear();
    spans_waiting_ = 0;
  }
  cancel_ = true;
  if (thread_.joinable()) thread_.join();
}

void TraceExporter::take(FinishedTrace trace) {
  const std::size_t spans = trace.spans.size();
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && spans_waiting_ + spans <= kSpansWaitingMax) {
      spans_waiting_ += spans;
      waiting_.push_back(std::move(trace));
      if (spans_waiting_ < kSpansSentMax) return;  // the thread looks by itself
      changed_.notify_all();
      return;
    }
  }
  count(TraceResult::kDropped, spans);
}

std::vector<FinishedTrace> TraceExporter::next_batch() {
  std::vector<FinishedTrace> batch;
  std::size_t spans = 0;
  while (!waiting_.empty() && (batch.empty() || spans + waiting_.front().spans.size() <= kSpansSentMax)) {
    spans += waiting_.front().spans.size();
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  spans_waiting_ -= spans;
  return batch;
}

void TraceExporter::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_ || !waiting_.empty()) {
    if (!stopping_ && spans_waiting_ < kSpansSentMax) {
      changed_.wait_for(lock, kGather, [this] { return stopping_ || spans_waiting_ >= kSpansSentMax; });
    }
    const auto batch = next_batch();
    if (batch.empty()) continue;
    lock.unlock();
    send(batch);
    lock.lock();
  }
  ended_ = true;
  changed_.notify_all();
}

void TraceExporter::send(const std::vector<FinishedTrace>& batch) {
  const std::uint64_t spans = spans_of(batch);
  const HttpPost request{HttpTarget{url_, "", 0}, "application/json", otlp_json(batch), headers_};
  const auto answer = client_->http.post(request, kAnswerBytesMax);
  if (!answer.is_ok()) {
    count(TraceResult::kFailed, spans);
    return tell(answer.status(), spans);
  }
  const OtlpRejected rejected = otlp_rejected(*answer);
  const std::uint64_t failed = std::min(rejected.spans, spans);
  count(TraceResult::kSent, spans - failed);
  if (failed == 0) return;
  count(TraceResult::kFailed, failed);
  tell({Code::kInvalid, "the collector rejects some: " + rejected.why}, failed);
}

void TraceExporter::tell(const Status& why, std::uint64_t lost) {
  lost_ += lost;
  const std::int64_t now_us = env_.monotonic_us();
  if (told_us_ != 0 && now_us - told_us_ < kTellEveryUs) return;
  log(LogLevel::kWarning, "traces_not_sent", {{"cause", why.message()}, {"spans_lost", lost_}});
  told_us_ = std::max<std::int64_t>(now_us, 1);
  lost_ = 0;
}

}  // namespace pictor
