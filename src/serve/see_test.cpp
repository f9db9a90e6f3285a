// Seeing a server: what its metrics say, and where its requests stand in traces.
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "engine/engine_testing.h"
#include "serve/collector_testing.h"
#include "serve/serve_testing.h"
#include "serve/server.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

const std::string kSampled = "traceparent: 00-" + kTestTraceId + "-" + kTestParentId + "-01\r\n";

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

class SeeTest : public EngineTest {
 protected:
  void TearDown() override {
    server_.reset();
    static_cast<void>(set_log(Env::real(), {.level = LogLevel::kOff}));
    EngineTest::TearDown();
  }
  void start(const std::string& endpoint = "", double rate = 0) {
    ServerOptions options;
    options.data_folder = options_.data_folder;
    options.port = 0;
    options.otlp_endpoint = endpoint;
    options.trace_sample = rate;
    options.log_file = join_path(folder_, "log");
    auto started = Server::start(Env::real(), *engine_, options);
    ASSERT_TRUE(started.is_ok()) << started.status().to_string();
    server_ = std::move(started).value();
  }
  Answer ask(std::string_view method, std::string_view target, std::string_view body = "",
             std::string_view fields = "") const {
    return TestClient(server_->port()).ask(method, target, body, fields);
  }
  void put(unsigned number, const std::string& fields = "") const {
    const Answer put = ask("PUT", "/v1/collections/test/items/p" + std::to_string(number), as_text(picture(number)),
                           "Content-Type: image/png\r\n" + fields);
    ASSERT_EQ(put.status, 201) << put.body;
  }
  Answer search(const std::string& body, const std::string& fields = "") const {
    return ask("POST", "/v1/collections/test/search", body, "Content-Type: application/json\r\n" + fields);
  }
  // The number of a line of /metrics that begins so; -1: there is none.
  static double number_of(const std::string& metrics, const std::string& series) {
    const std::size_t at = ("\n" + metrics).find("\n" + series + " ");
    return at == std::string::npos ? -1 : std::stod(metrics.substr(at + series.size() + 1));
  }
  std::vector<Json> log_lines() const {
    const auto bytes = read_file(Env::real(), join_path(folder_, "log"), 1 << 24);
    std::vector<Json> lines;
    if (!bytes.is_ok()) return lines;
    std::istringstream in{std::string(as_text(*bytes))};
    for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
    return lines;
  }

  std::unique_ptr<Server> server_;
};

TEST_F(SeeTest, metrics_tell_of_stages_operations_collections_and_the_process) {
  start();
  const auto before = ask("GET", "/metrics").body;
  for (unsigned i = 0; i < 12; ++i) put(i);
  ASSERT_EQ(search(Json{{"image", base64_of(picture(50))}, {"where", "@width > 1"}}.dump()).status, 200);
  ASSERT_EQ(search(R"({"text":"a picture that nobody asked for before"})").status, 200);
  // The numbers of collections are kept for a while: this server has read them before anything was put.
  server_.reset();
  start();
  const auto metrics = ask("GET", "/metrics").body;
  const auto gained = [&](const std::string& series) {
    const double now = number_of(metrics, series);
    EXPECT_GE(now, 0) << series;
    return now - std::max(number_of(before, series), 0.0);
  };
  EXPECT_EQ(gained(R"(pictor_http_operation_seconds_count{operation="putItem"})"), 12);
  EXPECT_EQ(gained(R"(pictor_http_operation_seconds_count{operation="searchCollection"})"), 2);
  for (const char* stage : {"snapshot", "candidates", "items", "encode"}) {
    EXPECT_GE(gained("pictor_query_stage_seconds_count{stage=\"" + std::string(stage) + "\"}"), 2) << stage;
  }
  for (const char* stage : {"decode", "prepare", "filter"}) {
    EXPECT_EQ(gained("pictor_query_stage_seconds_count{stage=\"" + std::string(stage) + "\"}"), 1) << stage;
  }
  for (const char* stage : {"look_up", "read", "hash", "decode", "prepare", "encode", "commit"}) {
    EXPECT_GE(gained("pictor_ingest_stage_seconds_count{stage=\"" + std::string(stage) + "\"}"), 12) << stage;
  }
  EXPECT_GE(gained(R"(pictor_search_similarity_count{hit="first"})"), 2);
  EXPECT_GE(gained(R"(pictor_search_similarity_count{hit="tenth"})"), 2);
  EXPECT_GE(gained(R"(pictor_encode_norm_count{of="picture"})"), 13);
  EXPECT_GE(gained(R"(pictor_encode_norm_count{of="text"})"), 1);
  EXPECT_EQ(gained("pictor_put_batch_items_sum"), 12);
  EXPECT_GE(gained(R"(pictor_http_wait_seconds_count{lane="bulk"})"), 12);
  EXPECT_EQ(number_of(metrics, "pictor_http_working"), 1);
  EXPECT_EQ(number_of(metrics, R"(pictor_http_limit{of="working"})"), 8);
  EXPECT_EQ(number_of(metrics, "pictor_collections"), 1);
  EXPECT_EQ(number_of(metrics, R"(pictor_collection_items{collection="test"})"), 12);
  EXPECT_EQ(number_of(metrics, R"(pictor_collection_fresh_rows{collection="test"})"), 12);
  EXPECT_GT(number_of(metrics, R"(pictor_collection_bytes{collection="test",of="database"})"), 0);
  EXPECT_GT(number_of(metrics, "process_resident_memory_bytes"), 1e6);
  EXPECT_NE(metrics.find("pictor_build_info{version=\"" + version_text() + "\",build=\""), std::string::npos);
}

TEST_F(SeeTest, what_is_asked_for_too_often_reads_the_collections_once) {
  start();
  EXPECT_EQ(number_of(ask("GET", "/metrics").body, "pictor_collections"), 0);
  put(1);
  const auto again = ask("GET", "/metrics").body;
  EXPECT_EQ(number_of(again, "pictor_collections"), 0);
  EXPECT_GT(number_of(again, "pictor_collections_age_seconds"), 0);
}

TEST_F(SeeTest, an_answer_a_log_line_and_an_explanation_name_the_servers_span) {
  start();
  put(1);
  const Answer answer = search(R"({"text":"stripes","explain":true})", kSampled + "tracestate: rojo=1\r\n");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const std::string& given = answer.fields.at("traceparent");
  const auto parent = parse_traceparent(given);
  ASSERT_TRUE(parent.has_value()) << given;
  EXPECT_EQ(parent->trace_id, kTestTraceId);
  EXPECT_NE(parent->parent_id, kTestParentId);
  EXPECT_FALSE(parent->sampled) << "nothing is recorded where there is no collector";
  EXPECT_EQ(answer.fields.at("X-Request-Id"), kTestTraceId);
  const Json body = Json::parse(answer.body);
  EXPECT_EQ(body["trace_id"], kTestTraceId);
  EXPECT_EQ(body["span_id"], parent->parent_id);
  EXPECT_FALSE(Json::parse(search(R"({"text":"stripes"})").body).contains("trace_id"));
  std::size_t found = 0;
  for (const Json& line : log_lines()) {
    if (line["event"] != "request" || line["span_id"] != parent->parent_id) continue;
    EXPECT_EQ(line["trace_id"], kTestTraceId);
    EXPECT_EQ(line["operation"], "searchCollection");
    ++found;
  }
  EXPECT_EQ(found, 1U);
}

TEST_F(SeeTest, a_parent_that_is_malformed_or_twice_begins_a_new_trace) {
  start();
  std::set<std::string> traces;
  for (const std::string& fields :
       {std::string(), kSampled + kSampled, "traceparent: 00-" + kTestTraceId + "-0000000000000000-01\r\n",
        "traceparent: 00-" + kTestTraceId + "\r\n"}) {
    const auto parent = parse_traceparent(ask("GET", "/healthz", "", fields).fields.at("traceparent"));
    ASSERT_TRUE(parent.has_value()) << fields;
    EXPECT_NE(parent->trace_id, kTestTraceId) << fields;
    EXPECT_TRUE(traces.insert(parent->trace_id).second);
  }
  const Answer refused = ask("GET", "/v1/none", "", kSampled);
  EXPECT_EQ(refused.status, 404);
  EXPECT_NE(refused.fields.at("traceparent").find(kTestTraceId), std::string::npos) << "of errors, too";
}

TEST_F(SeeTest, a_traced_search_reaches_the_collector_with_a_span_for_each_stage) {
  Collector collector;
  start(collector.url());
  put(1);
  const Answer answer = search(Json{{"image", base64_of(picture(51))}}.dump(), kSampled + "tracestate: rojo=1\r\n");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto given = parse_traceparent(answer.fields.at("traceparent"));
  EXPECT_TRUE(given->sampled);
  ASSERT_EQ(ask("GET", "/healthz").status, 200);  // without a parent, at a rate of 0: not traced
  server_.reset();                                // sends what waits
  std::map<std::string, Json> spans;
  for (const Json& span : spans_of(collector.requests(1))) {
    EXPECT_EQ(span["traceId"], kTestTraceId);
    EXPECT_EQ(span["traceState"], "rojo=1");
    EXPECT_TRUE(spans.emplace(span["name"].get<std::string>(), span).second) << span["name"];
  }
  ASSERT_TRUE(spans.contains("searchCollection"));
  const Json& root = spans["searchCollection"];
  EXPECT_EQ(root["spanId"], given->parent_id);
  EXPECT_EQ(root["parentSpanId"], kTestParentId);
  EXPECT_EQ(root["kind"], 2);
  std::map<std::string, Json> attributes;
  for (const Json& attribute : root["attributes"]) attributes[attribute["key"].get<std::string>()] = attribute["value"];
  EXPECT_EQ(attributes["http.request.method"], (Json{{"stringValue", "POST"}}));
  EXPECT_EQ(attributes["http.route"], (Json{{"stringValue", "/v1/collections/{collection}/search"}}));
  EXPECT_EQ(attributes["http.response.status_code"], (Json{{"intValue", "200"}}));
  for (const char* name : {"read_body", "wait", "snapshot", "vector", "plan", "candidates", "items"}) {
    ASSERT_TRUE(spans.contains(name)) << name;
    EXPECT_EQ(spans[name]["parentSpanId"], root["spanId"]) << name;
  }
  for (const char* name : {"decode", "prepare", "encode"}) {
    ASSERT_TRUE(spans.contains(name)) << name;
    EXPECT_EQ(spans[name]["parentSpanId"], spans["vector"]["spanId"]) << name;
  }
  EXPECT_EQ(spans["encode_wait"]["parentSpanId"], spans["encode"]["spanId"]);
  EXPECT_FALSE(spans.contains("unfinished"));
  for (const auto& [name, span] : spans) {
    const auto begin = std::stoull(span["startTimeUnixNano"].get<std::string>());
    const auto end = std::stoull(span["endTimeUnixNano"].get<std::string>());
    EXPECT_LE(begin, end) << name;
    EXPECT_GE(begin, std::stoull(root["startTimeUnixNano"].get<std::string>())) << name;
    EXPECT_LE(end, std::stoull(root["endTimeUnixNano"].get<std::string>())) << name;
  }
  // Names of what is stored stay here.
  for (const TinyRequest& request : collector.requests()) {
    EXPECT_EQ(request.body.find("collections/test"), std::string::npos);
  }
}

TEST_F(SeeTest, a_traced_put_has_the_stages_of_ingest_that_other_threads_worked_on) {
  Collector collector;
  start(collector.url());
  put(1, kSampled);
  server_.reset();
  std::map<std::string, Json> spans;
  for (const Json& span : spans_of(collector.requests(1))) spans[span["name"].get<std::string>()] = span;
  for (const char* name : {"putItem", "put_batch", "hash", "decode", "prepare", "encode", "commit"}) {
    ASSERT_TRUE(spans.contains(name)) << name;
  }
  EXPECT_EQ(spans["put_batch"]["parentSpanId"], spans["putItem"]["spanId"]);
  EXPECT_EQ(spans["decode"]["parentSpanId"], spans["put_batch"]["spanId"]);
}

TEST_F(SeeTest, a_query_that_fails_says_where_it_was) {
  Collector collector;
  start(collector.url());
  put(1);
  ASSERT_EQ(search(Json{{"image", base64_of(as_bytes("no picture"))}}.dump(), kSampled).status, 422);
  server_.reset();
  std::set<std::string> names;
  for (const Json& span : spans_of(collector.requests(1))) names.insert(span["name"].get<std::string>());
  EXPECT_TRUE(names.contains("unfinished"));
  EXPECT_TRUE(names.contains("decode"));
  EXPECT_FALSE(names.contains("candidates"));
}

TEST_F(SeeTest, all_or_none_are_traced_as_the_rate_says) {
  Collector collector;
  start(collector.url(), 1);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(ask("GET", "/healthz").status, 200);
  const Answer unsampled =
      ask("GET", "/healthz", "", "traceparent: 00-" + kTestTraceId + "-" + kTestParentId + "-00\r\n");
  EXPECT_FALSE(parse_traceparent(unsampled.fields.at("traceparent"))->sampled);
  server_.reset();
  std::set<std::string> traces;
  for (const Json& span : spans_of(collector.requests(1))) {
    traces.insert(span["traceId"].get<std::string>());
    EXPECT_FALSE(span["name"] == "getHealth" && span.contains("parentSpanId"));
  }
  EXPECT_EQ(traces.size(), 3U);
}

TEST_F(SeeTest, a_429_is_counted_by_its_cause) {
  ServerOptions options;
  options.data_folder = options_.data_folder;
  options.port = 0;
  options.bodies_bytes_max = 1000;
  auto started = Server::start(Env::real(), *engine_, options);
  ASSERT_TRUE(started.is_ok());
  server_ = std::move(started).value();
  const auto bodies = static_cast<std::size_t>(TooMany::kBodies);
  const double before = Metrics::global().value(MetricId::kHttpTooMany, bodies);
  EXPECT_EQ(search(std::string(2000, ' ')).status, 429);
  EXPECT_EQ(Metrics::global().value(MetricId::kHttpTooMany, bodies), before + 1);
}

}  // namespace
}  // namespace pictor
