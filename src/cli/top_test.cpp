// pictor top: what it reads, what it makes of it, and how it shows it; and where `pictor serve` sends traces.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/cli_testing.h"
#include "cli/text.h"
#include "cli/top_screen.h"
#include "cli/top_view.h"
#include "net/net_testing.h"
#include "observe/observe.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

MetricsText parsed(const std::string& text) {
  auto read = MetricsText::parse(text);
  EXPECT_TRUE(read.is_ok()) << read.status().to_string();
  return read.is_ok() ? std::move(read).value() : MetricsText();
}

TEST(MetricsText, reads_what_the_server_writes) {
  Metrics metrics;
  metrics.add(metric::kHttpRequests, HttpResult::kAnswered, 3);
  MetricSamples samples;
  samples.add(metric::kCollectionItems, "a\"b\\n\nc", 7);
  const auto text = parsed(metrics.prometheus_text(samples.all()));
  EXPECT_EQ(text.sum("pictor_http_requests_total", {{"result", "answered"}}), 3);
  EXPECT_EQ(text.sum("pictor_http_requests_total"), 3);
  EXPECT_EQ(text.sum("pictor_http_requests_total", {{"result", "none"}}), std::nullopt);
  EXPECT_EQ(text.values_of("pictor_collection_items", "collection"), std::vector<std::string>{"a\"b\\n\nc"});
  EXPECT_EQ(text.series("pictor_http_seconds_bucket").back().label("le"), "+Inf");
}

TEST(MetricsText, takes_spaces_times_and_odd_numbers_and_refuses_what_is_none) {
  const auto text = parsed("# HELP x y\n\nx 1 1700000000\nx{a=\"1\",} 2\nn NaN\ni +Inf\n");
  EXPECT_EQ(text.sum("x"), 3);
  EXPECT_TRUE(std::isnan(*text.sum("n")));
  EXPECT_TRUE(std::isinf(*text.sum("i")));
  for (const char* bad : {"x", "x one", "x{a=1} 1", "x{a=\"1} 1", "x{a=\"1\" 1", "{} 1", "<html>", "x{a"}) {
    const auto read = MetricsText::parse(std::string("y 1\n") + bad + "\n");
    EXPECT_EQ(read.status().code(), Code::kUnreadable) << bad;
    EXPECT_NE(read.status().message().find("line 2"), std::string::npos) << read.status().message();
  }
}

TEST(MetricsChange, rates_are_of_the_time_between_and_a_restart_begins_anew) {
  const auto before = parsed("a_total{k=\"1\"} 10\na_total{k=\"2\"} 5\n");
  const auto now = parsed("a_total{k=\"1\"} 30\na_total{k=\"2\"} 5\n");
  EXPECT_EQ(MetricsChange(before, now, 4).rate("a_total"), 5);
  EXPECT_EQ(MetricsChange(before, now, 4).rate("a_total", {{"k", "2"}}), 0);
  EXPECT_EQ(MetricsChange(before, parsed("a_total{k=\"1\"} 8\n"), 4).rate("a_total"), 2) << "8 since it was started";
  EXPECT_EQ(MetricsChange(parsed(""), now, 1).rate("a_total"), 35);
}

TEST(MetricsChange, quantiles_lie_evenly_within_their_bucket) {
  const auto before =
      parsed("h_bucket{le=\"1\"} 5\nh_bucket{le=\"2\"} 5\nh_bucket{le=\"+Inf\"} 5\nh_sum 1\nh_count 5\n");
  const auto now =
      parsed("h_bucket{le=\"1\"} 15\nh_bucket{le=\"2\"} 95\nh_bucket{le=\"+Inf\"} 105\nh_sum 201\nh_count 105\n");
  const MetricsChange change(before, now, 1);
  EXPECT_DOUBLE_EQ(*change.quantile(0.5, "h"), 1.5);
  EXPECT_DOUBLE_EQ(*change.quantile(0.05, "h"), 0.5);
  EXPECT_DOUBLE_EQ(*change.quantile(0.99, "h"), 2) << "past the last bound it is that";
  EXPECT_DOUBLE_EQ(*change.mean("h"), 2);
  EXPECT_EQ(MetricsChange(now, now, 1).quantile(0.5, "h"), std::nullopt);
  EXPECT_EQ(MetricsChange(now, now, 1).mean("h"), std::nullopt);
  EXPECT_EQ(change.quantile(0.5, "none"), std::nullopt);
  EXPECT_DOUBLE_EQ(*MetricsChange(now, before, 1).quantile(0.5, "h"), 0.5) << "all since the restart";
}

TEST(Top, asks_for_metrics_that_the_server_has) {
  std::set<std::string_view> names;
  for (const MetricRow& row : metrics_table()) names.insert(row.name);
  for (const std::string_view name : top_metric_names()) EXPECT_TRUE(names.contains(name)) << name;
}

// The server's metrics after so many searches of 20 ms.
std::string metrics_after(int searches) {
  Metrics metrics;
  const std::size_t search = metrics.label_of(metric::kHttpOperationSeconds, "searchCollection");
  for (int i = 0; i < searches; ++i) {
    metrics.add(metric::kHttpRequests, HttpResult::kAnswered);
    metrics.observe(metric::kHttpOperationSeconds, search, 0.02);
    metrics.observe(metric::kQueryStageSeconds, QueryStage::kEncode, 0.004);
    metrics.add(metric::kVectorCache, i % 4 == 0 ? CacheResult::kMiss : CacheResult::kHit);
  }
  metrics.add(metric::kHttpTooMany, TooMany::kKey, searches);
  metrics.set(metric::kHttpLimit, HttpPlace::kWorking, 8);
  MetricSamples samples;
  samples.add(metric::kBuildInfo, "1.2.3", "x", 1);
  samples.add(metric::kProcessResidentBytes, 3 << 20);
  samples.add(metric::kCollectionItems, "small\x1b[31m", 5);
  samples.add(metric::kCollectionItems, "large", 1234567);
  samples.add(metric::kCollectionBytes, "large", "database", 1 << 20);
  samples.add(metric::kCollectionBytes, "large", "segments", 1 << 20);
  samples.add(metric::kCollectionRecall, "large", "10", 0.985);
  samples.add(metric::kCollectionRecallLow, "large", "10", 0.95);
  samples.add(metric::kCollectionRecall, "large", "100", 0.5);
  return metrics.prometheus_text(samples.all());
}

bool has(const std::vector<std::string>& lines, const std::string& words) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(words) != std::string::npos; });
}

TEST(Top, shows_rates_times_and_collections_within_80_columns) {
  const auto before = parsed(metrics_after(4)), now = parsed(metrics_after(24));
  TopView view = top_view(MetricsChange(before, now, 2), 2, 0);
  view.url = "http://127.0.0.1:7733";
  view.state = "ready";
  const auto lines = top_lines(view, 80);
  for (const std::string& line : lines) {
    EXPECT_LE(display_width(line), 80U) << line;
    EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
  }
  EXPECT_EQ(lines[0], "pictor 1.2.3 at http://127.0.0.1:7733, ready");
  EXPECT_TRUE(has(lines, "requests/s 10.0 answered, 0.0 refused, 0.0 failed; 429: 10.0 (key 10.0)"));
  EXPECT_TRUE(has(lines, "0 of 8 working"));
  EXPECT_TRUE(has(lines, "3.0 MiB resident"));
  EXPECT_TRUE(has(lines, "75 % hits"));
  const auto row = [&](const std::string& name) {
    const auto found = std::find_if(lines.begin(), lines.end(), [&](const auto& l) { return l.starts_with(name); });
    return found == lines.end() ? std::string() : *found;
  };
  EXPECT_NE(row("searchCollection").find("10.0"), std::string::npos) << row("searchCollection");
  EXPECT_NE(row("searchCollection").find("17.5"), std::string::npos) << "the middle of its bucket, 10 to 25 ms";
  EXPECT_NE(row("encode ").find("10.0"), std::string::npos) << row("encode");
  EXPECT_NE(row("large").find("1,234,567"), std::string::npos);
  EXPECT_NE(row("large").find("2.0 MiB"), std::string::npos) << row("large");
  EXPECT_NE(row("large").find("0.985 (0.950)"), std::string::npos) << row("large");
  EXPECT_FALSE(row("small").empty());
  for (const std::string& line : top_lines(view, 40)) EXPECT_LE(display_width(line), 60U) << line;
  const Json json = Json::parse(top_json(view));
  EXPECT_EQ(json["requests"]["answered"], 10.0);
  EXPECT_EQ(json["too_many"]["key"], 10.0);
  EXPECT_EQ(json["operations"][0]["name"], "searchCollection");
  EXPECT_EQ(json["collections"][0]["items"], 1234567);
  EXPECT_EQ(json["collections"][1]["recall_at_10"], nullptr);
}

TEST(Top, a_picture_is_drawn_over_the_former_one_without_a_blank_between) {
  EXPECT_EQ(top_frame({"a", "b"}, 24), "\x1b[H\x1b[1ma\x1b[0m\x1b[K\nb\x1b[K\x1b[J");
  EXPECT_EQ(top_frame({"a", "b", "c"}, 2), "\x1b[H\x1b[1ma\x1b[0m\x1b[K\nb\x1b[K\x1b[J")
      << "no more than there is room";
  EXPECT_EQ(top_frame({"a"}, 1).find("\x1b[2J"), std::string::npos);
}

class TopCommand : public CliTest {
 protected:
  TopCommand() {
    ::unsetenv("PICTOR_URL");
    ::unsetenv("PICTOR_KEY");
  }
  ~TopCommand() override { ::unsetenv("PICTOR_KEY"); }
  TinyAnswer answer(const TinyRequest& request) {
    const auto key = request.fields.find("authorization");
    if (!key_.empty() && request.target == "/metrics" &&
        (key == request.fields.end() || key->second != "Bearer " + key_)) {
      return {401, ""};
    }
    if (request.target == "/readyz") return {ready_ ? 200 : 503, "{}"};
    return {request.target == "/metrics" ? 200 : 404, request.target == "/metrics" ? metrics_after(++looks_ * 10) : ""};
  }

  std::string key_;
  bool ready_ = true;
  int looks_ = 0;
  TinyServer server_{[this](const TinyRequest& request) { return answer(request); }};
};

TEST_F(TopCommand, once_prints_what_one_interval_brought) {
  ASSERT_EQ(run({"top", "--once", "--interval", "0.1", "--url", server_.url() + "/"}), 0) << err();
  EXPECT_EQ(looks_, 2);
  EXPECT_TRUE(out().starts_with("pictor 1.2.3 at " + server_.url() + ", ready")) << out();
  EXPECT_NE(out().find("searchCollection"), std::string::npos) << out();
  EXPECT_EQ(out().find('\x1b'), std::string::npos) << "no terminal, no sequences";
  ready_ = false;
  ASSERT_EQ(run({"top", "--once", "--interval", "0.1", "--json", "--url", server_.url()}), 0) << err();
  const Json json = Json::parse(out());
  EXPECT_EQ(json["state"], "not ready: GET /readyz says why");
  EXPECT_NEAR(json["requests"]["answered"].get<double>() * json["seconds"].get<double>(), 10, 1e-6);
  EXPECT_GE(json["seconds"].get<double>(), 0.1);
}

TEST_F(TopCommand, the_key_is_taken_from_the_environment_and_asked_for_where_it_is_missing) {
  key_ = "pk_secret";
  EXPECT_EQ(run({"top", "--once", "--interval", "0.1", "--url", server_.url()}), static_cast<int>(Code::kDenied));
  EXPECT_NE(err().find("PICTOR_KEY"), std::string::npos) << err();
  ::setenv("PICTOR_KEY", "pk_secret", 1);
  EXPECT_EQ(run({"top", "--once", "--interval", "0.1", "--url", server_.url()}), 0) << err();
  ::setenv("PICTOR_KEY", "pk_other", 1);
  EXPECT_EQ(run({"top", "--once", "--interval", "0.1", "--url", server_.url()}), static_cast<int>(Code::kDenied));
  EXPECT_EQ(err().find("pk_other"), std::string::npos) << err();
}

TEST_F(TopCommand, what_is_no_server_of_ours_is_said) {
  EXPECT_EQ(run({"top", "--once", "--url", "http://127.0.0.1:1"}), static_cast<int>(Code::kIo)) << err();
  EXPECT_EQ(run({"top", "--once", "--url", "nowhere"}), static_cast<int>(Code::kInvalid)) << err();
  EXPECT_EQ(run({"top", "--once", "--interval", "0"}), static_cast<int>(Code::kInvalid)) << err();
  TinyServer other([](const TinyRequest&) { return TinyAnswer{200, "<html>"}; });
  EXPECT_EQ(run({"top", "--once", "--url", other.url()}), static_cast<int>(Code::kUnreadable)) << err();
}

class ServeOtlp : public CliTest {
 protected:
  ServeOtlp() {
    services_.start_server = [this](Env&, Engine&,
                                    const ServerOptions& options) -> Result<std::unique_ptr<pictor::Server>> {
      started_ = options;
      return Status(Code::kBusy, "that is enough");
    };
    forget();
  }
  ~ServeOtlp() override { forget(); }
  static void forget() {
    for (const char* name : {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"}) ::unsetenv(name);
  }
  ServerOptions started_;
};

TEST_F(ServeOtlp, come_from_the_command_line_or_the_environment_of_open_telemetry) {
  EXPECT_EQ(run({"serve"}), static_cast<int>(Code::kBusy)) << err();
  EXPECT_EQ(started_.otlp_endpoint, "");
  EXPECT_EQ(run({"serve", "--otlp-endpoint", "http://127.0.0.1:4318", "--trace-sample", "0.5"}), 8) << err();
  EXPECT_EQ(started_.otlp_endpoint, "http://127.0.0.1:4318");
  EXPECT_EQ(started_.trace_sample, 0.5);
  ::setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318", 1);
  ::setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b%2, X-Scope = me ,", 1);
  EXPECT_EQ(run({"serve"}), 8) << err();
  EXPECT_EQ(started_.otlp_endpoint, "http://collector:4318");
  EXPECT_EQ(started_.trace_sample, 0.01);
  EXPECT_EQ(started_.otlp_headers, (std::vector<std::string>{"api-key: a b%2", "X-Scope: me"}));
  ::setenv("OTEL_EXPORTER_OTLP_HEADERS", "secret", 1);
  EXPECT_EQ(run({"serve"}), static_cast<int>(Code::kInvalid));
  EXPECT_EQ(err().find("secret"), std::string::npos) << err();
  EXPECT_EQ(run({"serve", "--trace-sample", "1.5"}), static_cast<int>(Code::kInvalid));
}

}  // namespace
}  // namespace pictor
