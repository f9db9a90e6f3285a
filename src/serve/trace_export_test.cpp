// Traces as OTLP, and what of them reaches a collector.
#include "serve/trace_export.h"

#include <nlohmann/json.hpp>

#include "serve/collector_testing.h"
#include "serve/otlp_json.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

// All spans that it was sent, in their order.
std::vector<Json> spans_of(const std::vector<TinyRequest>& requests) {
  std::vector<Json> spans;
  for (const TinyRequest& request : requests) {
    const Json body = Json::parse(request.body, nullptr, false);
    EXPECT_TRUE(body.is_object()) << request.body;
    if (!body.is_object()) continue;
    for (const Json& resource : body.at("resourceSpans")) {
      for (const Json& scope : resource.at("scopeSpans")) {
        for (const Json& span : scope.at("spans")) spans.push_back(span);
      }
    }
  }
  return spans;
}

double spans_counted(TraceResult result) {
  return Metrics::global().value(MetricId::kTraceSpans, static_cast<std::size_t>(result));
}

FinishedTrace trace_of(std::size_t spans) {
  FinishedTrace trace;
  trace.context = continue_trace(Env::real(), "00-" + kTestTraceId + "-" + kTestParentId + "-01", "rojo=1", 1);
  for (std::size_t i = 0; i < spans; ++i) {
    trace.spans.push_back({trace.context.span + i,
                           i == 0 ? 0 : trace.context.span,
                           "s",
                           1'700'000'000'000'001,
                           1'700'000'000'000'003,
                           {}});
  }
  return trace;
}

TEST(OtlpJson, is_the_mapping_of_the_protocol) {
  FinishedTrace trace = trace_of(2);
  trace.failed = true;
  trace.spans[0].name = "bad \xff";
  trace.spans[0].attributes = {
      {"a", std::string("text")}, {"b", std::int64_t{9'007'199'254'740'993}}, {"c", 0.5}, {"d", true}};
  const Json json = Json::parse(otlp_json(std::span(&trace, 1)));
  EXPECT_EQ(json.size(), 1U);
  const Json& of = json.at("resourceSpans").at(0);
  EXPECT_EQ(of.at("resource").at("attributes").at(0),
            (Json{{"key", "service.name"}, {"value", {{"stringValue", "pictor"}}}}));
  EXPECT_EQ(of.at("scopeSpans").at(0).at("scope").at("name"), "pictor");
  const Json& spans = of.at("scopeSpans").at(0).at("spans");
  ASSERT_EQ(spans.size(), 2U);
  EXPECT_EQ(spans[0]["traceId"], kTestTraceId);
  EXPECT_EQ(spans[0]["spanId"], trace.context.span_id());
  EXPECT_EQ(spans[0]["parentSpanId"], kTestParentId);
  EXPECT_EQ(spans[0]["traceState"], "rojo=1");
  EXPECT_EQ(spans[0]["name"], "bad \xEF\xBF\xBD");
  EXPECT_EQ(spans[0]["kind"], 2);
  EXPECT_EQ(spans[0]["startTimeUnixNano"], "1700000000000001000") << "a string: a double holds no such number";
  EXPECT_EQ(spans[0]["endTimeUnixNano"], "1700000000000003000");
  EXPECT_EQ(spans[0]["status"], (Json{{"code", 2}}));
  EXPECT_EQ(spans[0]["attributes"], Json::parse(R"([{"key":"a","value":{"stringValue":"text"}},
      {"key":"b","value":{"intValue":"9007199254740993"}},
      {"key":"c","value":{"doubleValue":0.5}},{"key":"d","value":{"boolValue":true}}])"));
  EXPECT_EQ(spans[1]["kind"], 1);
  EXPECT_EQ(spans[1]["parentSpanId"], trace.context.span_id());
  EXPECT_FALSE(spans[1].contains("status"));
  trace.context.parent_id.clear();
  trace.context.state.clear();
  const Json root = Json::parse(otlp_json(std::span(&trace, 1)))["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
  EXPECT_FALSE(root.contains("parentSpanId"));
  EXPECT_FALSE(root.contains("traceState"));
}

TEST(OtlpJson, what_a_collector_rejects_is_read) {
  EXPECT_EQ(otlp_rejected("").spans, 0U);
  EXPECT_EQ(otlp_rejected("{}").spans, 0U);
  EXPECT_EQ(otlp_rejected(R"({"partialSuccess":null})").spans, 0U);
  EXPECT_EQ(otlp_rejected(R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}})").spans, 3U);
  EXPECT_EQ(otlp_rejected(R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}})").why, "too old");
  EXPECT_EQ(otlp_rejected(R"({"partialSuccess":{"rejectedSpans":4}})").spans, 4U);
  EXPECT_EQ(otlp_rejected(R"({"partialSuccess":{"rejectedSpans":-4,"errorMessage":1}})").spans, 0U);
}

class TraceExporterTest : public ::testing::Test {
 protected:
  std::unique_ptr<TraceExporter> start(const std::string& endpoint) {
    ServerOptions options;
    options.otlp_endpoint = endpoint;
    options.otlp_headers = {"X-Scope-OrgID: me"};
    auto started = TraceExporter::start(Env::real(), options);
    EXPECT_TRUE(started.is_ok()) << started.status().to_string();
    return started.is_ok() ? std::move(started).value() : nullptr;
  }
  Collector collector_;
};

TEST_F(TraceExporterTest, what_waits_goes_together_and_the_rest_when_it_ends) {
  const double sent = spans_counted(TraceResult::kSent);
  auto exporter = start(collector_.url() + "/");
  for (int i = 0; i < 5; ++i) exporter->take(trace_of(3));
  const auto seen = collector_.requests(1);
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(spans_of(seen).size(), 15U);
  EXPECT_EQ(seen[0].target, "/v1/traces");
  EXPECT_EQ(seen[0].method, "POST");
  EXPECT_EQ(seen[0].fields.at("content-type"), "application/json");
  EXPECT_EQ(seen[0].fields.at("x-scope-orgid"), "me");
  exporter->take(trace_of(2));
  exporter.reset();
  EXPECT_EQ(spans_of(collector_.requests()).size(), 17U);
  EXPECT_EQ(spans_counted(TraceResult::kSent) - sent, 17);
  exporter = start(collector_.url() + "/v1/traces");
  exporter->take(trace_of(1));
  exporter.reset();
  EXPECT_EQ(collector_.requests().back().target, "/v1/traces");
}

TEST_F(TraceExporterTest, what_is_rejected_or_refused_is_counted_as_lost) {
  const double sent = spans_counted(TraceResult::kSent), failed = spans_counted(TraceResult::kFailed);
  collector_.answer_with({200, R"({"partialSuccess":{"rejectedSpans":"1","errorMessage":"old"}})"});
  auto exporter = start(collector_.url());
  exporter->take(trace_of(3));
  exporter.reset();
  EXPECT_EQ(spans_counted(TraceResult::kSent) - sent, 2);
  EXPECT_EQ(spans_counted(TraceResult::kFailed) - failed, 1);
  collector_.answer_with({400, ""});
  exporter = start(collector_.url());
  exporter->take(trace_of(3));
  exporter.reset();
  EXPECT_EQ(spans_counted(TraceResult::kFailed) - failed, 4);
}

TEST_F(TraceExporterTest, where_the_collector_is_slow_what_is_too_much_is_dropped_and_nobody_waits) {
  std::mutex gate;
  std::unique_lock closed(gate);
  TinyServer slow([&](const TinyRequest&) {
    const std::lock_guard open(gate);
    return TinyAnswer{200, "{}"};
  });
  const double dropped = spans_counted(TraceResult::kDropped);
  auto exporter = start(slow.url());
  const auto traces = static_cast<int>(3 * TraceExporter::kSpansWaitingMax / 64);
  const std::int64_t begin = Env::real().monotonic_us();
  for (int i = 0; i < traces; ++i) exporter->take(trace_of(64));
  EXPECT_LT(Env::real().monotonic_us() - begin, 5'000'000);
  const double lost = spans_counted(TraceResult::kDropped) - dropped;
  // What is being sent may have been taken out.
  EXPECT_GE(lost, 2 * static_cast<double>(TraceExporter::kSpansWaitingMax) - TraceExporter::kSpansSentMax);
  EXPECT_LE(lost, 2 * static_cast<double>(TraceExporter::kSpansWaitingMax));
  closed.unlock();
}

TEST_F(TraceExporterTest, an_end_does_not_wait_for_a_collector_that_does_not_answer) {
  std::mutex gate;
  std::unique_lock closed(gate);
  TinyServer silent([&](const TinyRequest&) {
    const std::lock_guard open(gate);
    return TinyAnswer{200, "{}"};
  });
  auto exporter = start(silent.url());
  for (int i = 0; i < 40; ++i) exporter->take(trace_of(64));
  const std::int64_t begin = Env::real().monotonic_us();
  exporter.reset();
  EXPECT_LT(Env::real().monotonic_us() - begin, 8'000'000);
  closed.unlock();
}

TEST(TraceExporter, an_address_that_is_none_is_refused_at_once) {
  ServerOptions options;
  options.otlp_endpoint = "collector:4318";
  EXPECT_EQ(TraceExporter::start(Env::real(), options).status().code(), Code::kInvalid);
}

}  // namespace
}  // namespace pictor
