// The API as a handler of requests. Inside serve/ only.
#pragma once

#include <mutex>
#include <utility>

#include "serve/api.h"
#include "serve/refusals.h"
#include "serve/trace_export.h"

namespace pictor {

// Options that may be replaced while requests hold the old ones. Thread safety: all calls from any thread.
class LiveOptions {
 public:
  explicit LiveOptions(ServerOptions options) { set(std::move(options)); }
  OptionsOfRequest now() const {
    const std::lock_guard lock(mutex_);
    return options_;
  }
  void set(ServerOptions options) {
    auto next = std::make_shared<const ServerOptions>(std::move(options));
    const std::lock_guard lock(mutex_);
    options_ = std::move(next);
  }

 private:
  mutable std::mutex mutex_;
  OptionsOfRequest options_;
};

class ApiHandler final : public HttpHandler {
 public:
  ApiHandler(Env& env, Engine& engine, std::unique_ptr<Governor> governor, std::unique_ptr<Repeats> repeats,
             const ServerOptions& options);
  Admission admit(const HttpHead& head, const std::string& id) override;
  std::unique_ptr<HttpUpload> begin_upload(const HttpRequest& request) override;
  HttpReply handle(const HttpRequest& request) override;
  HttpReply refuse(const Status& why, int status, const HttpRequest* request) override;

  void take(const ServerOptions& options) { options_.set(options); }  // for requests from now on
  void stop_fetching() { api_.pictures.stop(); }
  void stands_behind(const HttpServer& http) { api_.http = &http; }
  // Traces go there from now on; before the first request.
  void export_to(std::unique_ptr<TraceExporter> exporter) { exporter_ = std::move(exporter); }

 private:
  // Who asks. kDenied: nobody who is known; kBusy: who has used up what it may.
  Result<std::shared_ptr<const Caller>> caller_of(const HttpHead& head, std::int64_t* retry_after_s) const;
  HttpReply answered(const HttpRequest& request, const Match& match);
  // As answered, while a trace of it is recorded and then sent.
  HttpReply traced(const HttpRequest& request, const Match& match);
  HttpReply answer(const Operation& operation, const Call& call);
  // `once` may be null: the request is as any other.
  HttpReply act(const HttpRequest& request, const Match& match, Once* once);
  HttpReply act_plain(const HttpRequest& request, const Match& match, Once* once);  // its body is not packed
  // The line is durable before the client is answered; where it cannot be, the client is told.
  HttpReply audited(const HttpRequest& request, const Match& match, HttpReply reply);
  Admission turned_away(const HttpHead& head, const std::string& id, const Match& match, const Caller* caller,
                        const Status& why, int status);
  // A line of the audit log, as long as there are not too many.
  void note_refused(const HttpHead& head, const std::string& id, const Match& match, const Caller* caller, int status);

  LiveOptions options_;
  const std::unique_ptr<Governor> governor_;
  const std::unique_ptr<Repeats> repeats_;
  Tenants tenants_;
  Api api_;
  std::vector<std::size_t> labels_;  // of metric::kHttpOperationSeconds, in the order of operations()
  std::unique_ptr<TraceExporter> exporter_;
  RefusalMeter refusals_;  // of the thread of connections
};

}  // namespace pictor
