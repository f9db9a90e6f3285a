// Sends finished traces to a collector in the background: OTLP over HTTP, as JSON. Inside serve/ only.
//
// No request waits for it: a trace is put into a bounded queue, or dropped where that is full. A thread of its own
// takes what waits, some at once, and sends it; what cannot be sent after some tries is lost. Both are counted
// (pictor_trace_spans_total), and told in the log once a minute at most. Thread safety: all calls from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/base.h"
#include "observe/observe.h"
#include "pictor/server.h"

namespace pictor {

class TraceExporter {
 public:
  static constexpr std::size_t kSpansWaitingMax = 8192;  // some 4 MB
  static constexpr std::size_t kSpansSentMax = 512;      // at once, or one trace

  // kInvalid: the options' endpoint is no address, or a header is none.
  static Result<std::unique_ptr<TraceExporter>> start(Env& env, const ServerOptions& options);
  ~TraceExporter();  // sends what waits, for a moment
  TraceExporter(const TraceExporter&) = delete;
  TraceExporter& operator=(const TraceExporter&) = delete;

  void take(FinishedTrace trace);

 private:
  TraceExporter(Env& env, const ServerOptions& options);
  void run();
  std::vector<FinishedTrace> next_batch();  // REQUIRES: the lock is held
  void send(const std::vector<FinishedTrace>& batch);
  void tell(const Status& why, std::uint64_t lost);

  struct Client;
  Env& env_;
  const std::string url_;
  const std::vector<std::string> headers_;
  std::atomic<bool> cancel_{false};
  const std::unique_ptr<Client> client_;  // of the thread
  std::uint64_t lost_ = 0;                // since it was told; of the thread
  std::int64_t told_us_ = 0;              // 0: never

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<FinishedTrace> waiting_;
  std::size_t spans_waiting_ = 0;
  bool stopping_ = false, ended_ = false;
  std::thread thread_;
};

}  // namespace pictor
