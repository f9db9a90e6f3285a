#include "observe/observe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <vector>

namespace pictor {
namespace {

constexpr std::int64_t kSomeTimeUs = 1'709'210'096'000'789;  // 2024-02-29T12:34:56.000789Z

TEST(Log, a_text_line_has_time_level_event_and_fields) {
  EXPECT_EQ(log_line(LogFormat::kText, kSomeTimeUs, LogLevel::kInfo, "ingest_finished",
                     {{"pictures", 12}, {"path", "a \"b\"\n"}, {"rate", 1.5}, {"done", true}, {"bytes", 7U}}),
            "2024-02-29T12:34:56.000789Z info ingest_finished pictures=12 path=\"a \\\"b\\\"\\n\" rate=1.5 done=true "
            "bytes=7");
}

TEST(Log, dates_before_1970_and_at_the_ends_of_years_are_right) {
  const auto day = [](std::int64_t days) {
    return log_line(LogFormat::kText, days * 86'400'000'000, LogLevel::kInfo, "e", {}).substr(0, 10);
  };
  EXPECT_EQ(day(0), "1970-01-01");
  EXPECT_EQ(day(-1), "1969-12-31");
  EXPECT_EQ(day(11'016), "2000-02-29");
  EXPECT_EQ(day(11'017), "2000-03-01");
  EXPECT_EQ(day(19'722), "2023-12-31");
  EXPECT_EQ(day(47'540), "2100-02-28");
  EXPECT_EQ(day(47'541), "2100-03-01");
}

TEST(Log, a_json_line_is_json_whatever_its_texts_hold) {
  const std::string odd =
      std::string("\0\x01\x7F\t\"\\", 6) + "\xC3\xA9 \xFF \xC0\x80 \xED\xA0\x80 \xF0\x9F\x98\x80 \xE2\x82";
  const auto line = log_line(LogFormat::kJson, kSomeTimeUs, LogLevel::kError, odd,
                             {{odd, odd},
                              {"nan", std::numeric_limits<double>::quiet_NaN()},
                              {"least", std::numeric_limits<std::int64_t>::min()},
                              {"most", std::numeric_limits<std::uint64_t>::max()}});
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 0);
  const auto json = nlohmann::json::parse(line);  // checks UTF-8 too
  EXPECT_EQ(json["level"], "error");
  EXPECT_EQ(json["nan"], "nan");
  EXPECT_EQ(json["least"], std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(json["most"], std::numeric_limits<std::uint64_t>::max());
  const std::string event = json["event"];
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(event, std::string("\0\x01\x7F\t\"\\", 6) + "\xC3\xA9 " + bad + " " + bad + bad + " " + bad + bad + bad +
                       " \xF0\x9F\x98\x80 " + bad + bad);
}

TEST(Log, a_text_is_cut_at_its_limit) {
  const auto line = [](std::size_t bytes) {
    const std::string text(bytes, 'x');
    return log_line(LogFormat::kText, 0, LogLevel::kInfo, "e", {{"t", text}});
  };
  EXPECT_TRUE(line(limits::kLogTextBytesMax).ends_with("x\""));
  EXPECT_TRUE(line(limits::kLogTextBytesMax + 1).ends_with("x...\""));
  EXPECT_EQ(line(limits::kLogTextBytesMax + 5000).size(), line(limits::kLogTextBytesMax).size() + 3);
}

class LogToFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    file_ = join_path(folder_, "log");
  }
  void TearDown() override {
    EXPECT_TRUE(set_log(env_, {.level = LogLevel::kOff}).is_ok());
    std::filesystem::remove_all(folder_);
  }
  std::vector<std::string> lines() {
    const auto bytes = read_file(Env::real(), file_, 1 << 24);
    std::vector<std::string> lines;
    if (!bytes.is_ok()) return lines;
    const auto text = as_text(bytes.value());
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = text.find('\n', begin);
      if (end == std::string_view::npos) {
        lines.emplace_back("(a line without end)");
        break;
      }
      lines.emplace_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return lines;
  }
  SimulatedEnv env_{1};
  std::string folder_;
  std::string file_;
};

TEST_F(LogToFile, nothing_is_written_below_the_level_or_before_and_after) {
  log(LogLevel::kError, "before");
  EXPECT_FALSE(log_enabled(LogLevel::kError));
  ASSERT_TRUE(set_log(env_, {.level = LogLevel::kWarning, .file = file_}).is_ok());
  EXPECT_FALSE(log_enabled(LogLevel::kInfo));
  EXPECT_TRUE(log_enabled(LogLevel::kWarning));
  log(LogLevel::kInfo, "below");
  log(LogLevel::kWarning, "slow", {{"wait_ms", 12}});
  log(LogLevel::kOff, "no_level");
  ASSERT_TRUE(set_log(env_, {.level = LogLevel::kOff}).is_ok());
  log(LogLevel::kError, "after");
  EXPECT_EQ(lines(), (std::vector<std::string>{"2023-11-14T22:13:20.000000Z warning slow wait_ms=12"}));
}

TEST_F(LogToFile, lines_of_several_threads_are_whole) {
  ASSERT_TRUE(set_log(env_, {.level = LogLevel::kDebug, .format = LogFormat::kJson, .file = file_}).is_ok());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 50; ++i) log(LogLevel::kDebug, "tick{}", {{"thread", t}, {"i", i}});
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<std::pair<int, int>> seen;
  for (const auto& line : lines()) {
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json["event"], "tick{}") << "braces are text";
    seen.emplace(json["thread"], json["i"]);
  }
  EXPECT_EQ(seen.size(), 200U);
}

TEST_F(LogToFile, a_file_that_cannot_be_opened_is_named_and_the_old_log_goes_on) {
  ASSERT_TRUE(set_log(env_, {.file = file_}).is_ok());
  const auto status = set_log(env_, {.file = folder_});
  EXPECT_EQ(status.code(), Code::kIo);
  EXPECT_NE(status.message().find(folder_), std::string::npos) << status.message();
  log(LogLevel::kInfo, "still_here");
  EXPECT_EQ(lines().size(), 1U);
}

TEST(MetricsTable, rows_stand_at_their_ids_with_names_that_prometheus_takes) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < metrics_table().size(); ++i) {
    const auto& row = metrics_table()[i];
    EXPECT_EQ(static_cast<std::size_t>(row.id), i);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(row.name.starts_with("pictor_") || row.name.starts_with("process_"));
    EXPECT_TRUE(std::all_of(row.name.begin(), row.name.end(), [](char c) {
      return c == '_' || std::islower(static_cast<unsigned char>(c)) != 0;
    })) << row.name;
    EXPECT_EQ(row.kind == MetricKind::kCounter, row.name.ends_with("_total")) << row.name;
    EXPECT_EQ(row.kind == MetricKind::kHistogram, !row.bounds.empty()) << row.name;
    EXPECT_EQ(row.label.empty(), row.values.empty() && row.series_max == 0) << row.name;
    EXPECT_TRUE(row.values.empty() || row.series_max == 0) << row.name;
    EXPECT_TRUE(row.told || row.label_2.empty()) << row.name;
    EXPECT_LE(row.series_max, 100U) << row.name << ": every value of a label is a series that somebody stores";
    EXPECT_TRUE(std::is_sorted(row.bounds.begin(), row.bounds.end()));
    EXPECT_LE(row.bounds.size(), 14U) << "one more bucket has no bound";
    EXPECT_LE(row.values.size(), 10U);  // the stages of a query
    EXPECT_FALSE(row.unit.empty());
    EXPECT_TRUE(row.help.ends_with('.')) << row.help;
  }
}

template <typename Handle, typename Label>
void expect_handle(Handle handle, MetricKind kind, Label) {
  const auto& row = metrics_table()[static_cast<std::size_t>(handle.id)];
  EXPECT_EQ(row.kind, kind) << row.name;
  const auto wanted = std::is_same_v<Label, NoLabel> ? 0 : static_cast<std::size_t>(Label::kCount);
  EXPECT_EQ(row.values.size(), wanted) << row.name;
}
template <typename Label>
void expect_row(Counter<Label> handle) {
  expect_handle(handle, MetricKind::kCounter, Label{});
}
template <typename Label>
void expect_row(Gauge<Label> handle) {
  expect_handle(handle, MetricKind::kGauge, Label{});
}
template <typename Label>
void expect_row(Histogram<Label> handle) {
  expect_handle(handle, MetricKind::kHistogram, Label{});
}

TEST(MetricsTable, handles_have_the_kind_and_the_labels_of_their_rows) {
  expect_row(metric::kIngestPictures);
  expect_row(metric::kIngestBytes);
  expect_row(metric::kIngestStageSeconds);
  expect_row(metric::kSearchQueries);
  expect_row(metric::kSearchFailures);
  expect_row(metric::kSearchSeconds);
  expect_row(metric::kSearchDistances);
  expect_row(metric::kStoreCommits);
  expect_row(metric::kStoreCommitSeconds);
  expect_row(metric::kStoreSealedRows);
  expect_row(metric::kStoreFreshRows);
  expect_row(metric::kStoreSegments);
  expect_row(metric::kEncodePictures);
  expect_row(metric::kEncodeTexts);
  expect_row(metric::kEncodeBatchRows);
  expect_row(metric::kLogLinesLost);
  expect_row(metric::kPutBatchItems);
  expect_row(metric::kQueryStageSeconds);
  expect_row(metric::kSearchSimilarity);
  expect_row(metric::kEncodeNorm);
  expect_row(metric::kTraceSpans);
  expect_row(metric::kHttpTooMany);
  expect_row(metric::kHttpRepeats);
  expect_row(metric::kHttpWaitSeconds);
  expect_row(metric::kHttpWorking);
  expect_row(metric::kHttpLimit);
}

template <int kLabels>
void expect_told(Told<kLabels> handle) {
  const auto& row = metrics_table()[static_cast<std::size_t>(handle.id)];
  EXPECT_TRUE(row.told) << row.name;
  EXPECT_EQ((row.label.empty() ? 0 : 1) + (row.label_2.empty() ? 0 : 1), kLabels) << row.name;
}

TEST(MetricsTable, handles_of_what_is_told_have_the_labels_of_their_rows) {
  expect_told(metric::kCollections);
  expect_told(metric::kCollectionsAgeSeconds);
  expect_told(metric::kCollectionItems);
  expect_told(metric::kCollectionFreshRows);
  expect_told(metric::kCollectionDeadRows);
  expect_told(metric::kCollectionSegments);
  expect_told(metric::kCollectionDamagedSegments);
  expect_told(metric::kCollectionBytes);
  expect_told(metric::kCollectionResidentBytes);
  expect_told(metric::kCollectionRecall);
  expect_told(metric::kCollectionRecallLow);
  expect_told(metric::kCollectionRecallQueries);
  expect_told(metric::kBuildInfo);
  expect_told(metric::kProcessResidentBytes);
  expect_told(metric::kProcessVirtualBytes);
  expect_told(metric::kProcessCpuSeconds);
  expect_told(metric::kProcessStartSeconds);
  expect_told(metric::kProcessOpenFiles);
  expect_told(metric::kProcessFilesMax);
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, text_shows_counters_gauges_and_labels) {
  Metrics metrics;
  metrics.add(metric::kIngestPictures, IngestResult::kQuarantined, 3);
  metrics.add(metric::kIngestBytes, 1e15 + 1);
  metrics.observe(metric::kIngestStageSeconds, IngestStage::kDecode, 0.25);
  metrics.set(metric::kStoreSegments, 4);
  metrics.add(metric::kStoreSegments, -1);
  const auto text = metrics.prometheus_text();
  EXPECT_TRUE(has_line(text, "# TYPE pictor_ingest_pictures_total counter"));
  EXPECT_TRUE(has_line(text, "# HELP pictor_ingest_bytes_total Bytes of picture files read."));
  EXPECT_TRUE(has_line(text, "pictor_ingest_pictures_total{result=\"quarantined\"} 3"));
  EXPECT_TRUE(has_line(text, "pictor_ingest_pictures_total{result=\"added\"} 0"));
  EXPECT_TRUE(has_line(text, "pictor_ingest_bytes_total 1000000000000001"));
  EXPECT_TRUE(has_line(text, "pictor_ingest_stage_seconds_sum{stage=\"decode\"} 0.25"));
  EXPECT_TRUE(has_line(text, "# TYPE pictor_store_segments gauge"));
  EXPECT_TRUE(has_line(text, "pictor_store_segments 3"));
  EXPECT_EQ(name_of(IngestStage::kDecode), "decode");
}

TEST(Metrics, a_histogram_counts_up_to_and_with_each_bound) {
  Metrics metrics;
  for (const double value : {1.0, 1.5, 2.0, 257.0}) metrics.observe(metric::kEncodeBatchRows, value);
  metrics.observe(metric::kSearchSeconds, QueryKind::kText, 0.003);
  const auto text = metrics.prometheus_text();
  EXPECT_TRUE(has_line(text, "pictor_encode_batch_rows_bucket{le=\"1\"} 1"));
  EXPECT_TRUE(has_line(text, "pictor_encode_batch_rows_bucket{le=\"2\"} 3"));
  EXPECT_TRUE(has_line(text, "pictor_encode_batch_rows_bucket{le=\"256\"} 3"));
  EXPECT_TRUE(has_line(text, "pictor_encode_batch_rows_bucket{le=\"+Inf\"} 4"));
  EXPECT_TRUE(has_line(text, "pictor_encode_batch_rows_sum 261.5"));
  EXPECT_TRUE(has_line(text, "pictor_encode_batch_rows_count 4"));
  EXPECT_TRUE(has_line(text, "pictor_search_seconds_bucket{kind=\"text\",le=\"0.005\"} 1"));
  EXPECT_TRUE(has_line(text, "pictor_search_seconds_bucket{kind=\"image\",le=\"+Inf\"} 0"));
  EXPECT_EQ(metrics.observations(MetricId::kEncodeBatchRows), 4U);
}

TEST(Metrics, a_label_that_is_named_at_run_time_has_so_many_values_and_then_other) {
  Metrics metrics;
  const auto handle = metric::kHttpOperationSeconds;
  EXPECT_EQ(metrics.prometheus_text().find("pictor_http_operation_seconds"), std::string::npos);
  const std::size_t search = metrics.label_of(handle, "search");
  EXPECT_EQ(metrics.label_of(handle, "search"), search);
  const std::size_t most = metrics_table()[static_cast<std::size_t>(handle.id)].series_max;
  std::set<std::size_t> numbers = {search};
  for (std::size_t i = 1; i < most; ++i) numbers.insert(metrics.label_of(handle, "o" + std::to_string(i)));
  EXPECT_EQ(numbers.size(), most);
  EXPECT_FALSE(has_line(metrics.prometheus_text(), "pictor_http_operation_seconds_count{operation=\"other\"} 0"));
  const std::size_t late = metrics.label_of(handle, "late");
  EXPECT_EQ(metrics.label_of(handle, "later"), late);
  metrics.observe(handle, search, 0.02);
  metrics.observe(handle, late, 1);
  metrics.observe(handle, late + 1000, 1);
  const auto text = metrics.prometheus_text();
  EXPECT_TRUE(has_line(text, "pictor_http_operation_seconds_bucket{operation=\"search\",le=\"0.025\"} 1"));
  EXPECT_TRUE(has_line(text, "pictor_http_operation_seconds_count{operation=\"other\"} 2"));
  EXPECT_EQ(text.find("operation=\"late"), std::string::npos);
  EXPECT_TRUE(has_line(text, "pictor_http_wait_seconds_count{lane=\"bulk\"} 0")) << "the next row has its own place";
}

TEST(Metrics, what_is_told_stands_in_its_row_with_both_labels_and_has_a_limit) {
  const Metrics metrics;
  MetricSamples samples;
  samples.add(metric::kCollections, 2);
  samples.add(metric::kCollectionRecall, "a\"b", "10", 0.5);
  samples.add(metric::kCollectionRecall, "a\"b", "100", 0.25);
  for (int i = 0; i < 150; ++i) samples.add(metric::kCollectionItems, "c" + std::to_string(i), i);
  const auto text = metrics.prometheus_text(samples.all());
  EXPECT_TRUE(has_line(text, "pictor_collections 2"));
  EXPECT_TRUE(has_line(text, "pictor_collection_recall{collection=\"a\\\"b\",at=\"10\"} 0.5"));
  EXPECT_TRUE(has_line(text, "pictor_collection_recall{collection=\"a\\\"b\",at=\"100\"} 0.25"));
  EXPECT_TRUE(has_line(text, "pictor_collection_items{collection=\"c99\"} 99"));
  EXPECT_EQ(text.find("\"c100\""), std::string::npos);
  EXPECT_EQ(metrics.prometheus_text().find("pictor_collection"), std::string::npos);
}

TEST(Metrics, the_process_tells_of_its_memory_time_and_files) {
  MetricSamples samples;
  add_process_samples(samples);
  std::map<MetricId, double> seen;
  for (const MetricSample& sample : samples.all()) seen[sample.id] = sample.value;
  EXPECT_GT(seen[MetricId::kProcessResidentBytes], 1e6);
  EXPECT_GT(seen[MetricId::kProcessVirtualBytes], seen[MetricId::kProcessResidentBytes]);
  EXPECT_GT(seen[MetricId::kProcessFilesMax], seen[MetricId::kProcessOpenFiles]);
  const double now = static_cast<double>(Env::real().wall_us()) * 1e-6;
  EXPECT_LT(seen[MetricId::kProcessStartSeconds], now + 2);
  EXPECT_GT(seen[MetricId::kProcessStartSeconds], now - 3600);
  const double files = seen[MetricId::kProcessOpenFiles];
  const auto held = Env::real().open("/proc/self/stat", OpenMode::kRead);
  ASSERT_TRUE(held.is_ok());
  MetricSamples again;
  add_process_samples(again);
  for (const MetricSample& sample : again.all()) {
    if (sample.id == MetricId::kProcessOpenFiles) {
      EXPECT_EQ(sample.value, files + 1);
    }
  }
}

TEST(Metrics, text_is_escaped_as_the_exposition_format_says) {
  EXPECT_EQ(prometheus_escaped("a\\b\"c\nd", true), "a\\\\b\\\"c\\nd");
  EXPECT_EQ(prometheus_escaped("a\\b\"c\nd", false), "a\\\\b\"c\\nd");
}

TEST(Metrics, nothing_is_lost_when_threads_add_at_once) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        metrics.add(metric::kStoreCommits);
        metrics.observe(metric::kStoreCommitSeconds, 0.5);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(metrics.value(MetricId::kStoreCommits), 20'000);
  EXPECT_EQ(metrics.observations(MetricId::kStoreCommitSeconds), 20'000U);
  EXPECT_EQ(metrics.value(MetricId::kStoreCommitSeconds), 10'000);
}

TEST(Stopwatch, a_stage_sums_wall_time_of_the_env_and_processor_time_of_the_thread) {
  SimulatedEnv env(1);
  StageTimes times;
  for (int i = 0; i < 2; ++i) {
    const StageTimer timer(env, times);
    env.advance_us(1'500'000);
    const auto until = thread_cpu_ns() + 2'000'000;
    while (thread_cpu_ns() < until) {
    }
  }
  EXPECT_DOUBLE_EQ(times.wall_seconds(), 3.0);
  EXPECT_GE(times.cpu_seconds(), 0.004);
  EXPECT_LT(times.cpu_seconds(), 1.0);
  EXPECT_EQ(times.count(), 2U);
}

}  // namespace
}  // namespace pictor
