#include "cli/top_view.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cli/table.h"
#include "cli/text.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kRequests = "pictor_http_requests_total";
constexpr std::string_view kTooMany = "pictor_http_too_many_total";
constexpr std::string_view kOperations = "pictor_http_operation_seconds";
constexpr std::string_view kStages = "pictor_query_stage_seconds";
constexpr std::string_view kWorking = "pictor_http_working";
constexpr std::string_view kWaiting = "pictor_http_waiting";
constexpr std::string_view kLimit = "pictor_http_limit";
constexpr std::string_view kConnections = "pictor_http_connections";
constexpr std::string_view kBodyBytes = "pictor_http_body_bytes";
constexpr std::string_view kCache = "pictor_vector_cache_total";
constexpr std::string_view kTogether = "pictor_encode_together_items";
constexpr std::string_view kEncodeWaiting = "pictor_encode_queue_items";
constexpr std::string_view kEncodeWait = "pictor_encode_wait_seconds";
constexpr std::string_view kItems = "pictor_collection_items";
constexpr std::string_view kFresh = "pictor_collection_fresh_rows";
constexpr std::string_view kSegments = "pictor_collection_segments";
constexpr std::string_view kBytes = "pictor_collection_bytes";
constexpr std::string_view kRecall = "pictor_collection_recall";
constexpr std::string_view kRecallLow = "pictor_collection_recall_low";
constexpr std::string_view kBuild = "pictor_build_info";
constexpr std::string_view kResident = "process_resident_memory_bytes";
constexpr std::string_view kProcessor = "process_cpu_seconds_total";
constexpr std::string_view kStarted = "process_start_time_seconds";
constexpr std::string_view kFiles = "process_open_fds";

constexpr std::array kNames = {kRequests,   kTooMany,     kOperations, kStages,    kWorking,  kWaiting,
                               kLimit,      kConnections, kBodyBytes,  kCache,     kTogether, kEncodeWaiting,
                               kEncodeWait, kItems,       kFresh,      kSegments,  kBytes,    kRecall,
                               kRecallLow,  kBuild,       kResident,   kProcessor, kStarted,  kFiles};

std::vector<TopTimed> timed_of(const MetricsChange& change, std::string_view name, const std::string& label) {
  const std::string histogram(name);
  std::vector<TopTimed> all;
  for (const std::string& value : change.now().values_of(histogram + "_count", label)) {
    const MetricLabels wanted = {{label, value}};
    const double rate = change.rate(histogram + "_count", wanted);
    if (rate <= 0) continue;
    all.push_back({value, rate, change.quantile(0.5, histogram, wanted), change.quantile(0.99, histogram, wanted)});
  }
  return all;
}

std::vector<TopCollection> collections_of(const MetricsText& now) {
  std::vector<TopCollection> all;
  for (const std::string& name : now.values_of(kItems, "collection")) {
    const MetricLabels wanted = {{"collection", name}};
    const MetricLabels at_ten = {{"collection", name}, {"at", "10"}};
    all.push_back({name, now.sum(kItems, wanted).value_or(0), now.sum(kFresh, wanted).value_or(0),
                   now.sum(kSegments, wanted).value_or(0), now.sum(kBytes, wanted).value_or(0),
                   now.sum(kRecall, at_ten), now.sum(kRecallLow, at_ten)});
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.items > b.items; });
  return all;
}

std::string ms_text(const std::optional<double>& seconds) {
  if (!seconds) return "-";
  const double ms = *seconds * 1e3;
  return fixed(ms, ms < 1 ? 3 : ms < 100 ? 1 : 0);
}

// What a server says may be no number at all.
std::uint64_t whole(double number) { return number >= 0 && number < 1e18 ? static_cast<std::uint64_t>(number) : 0; }
std::string count_text(double number) { return with_commas(whole(number)); }
std::string size_text(double bytes) { return bytes_text(whole(bytes)); }
std::string rate_text(double rate) { return fixed(rate, 1); }

std::string too_many_text(const TopView& view) {
  std::string causes;
  for (const auto& [name, rate] : {std::pair("queue", view.too_many_queue), std::pair("bodies", view.too_many_bodies),
                                   std::pair("key", view.too_many_key)}) {
    if (rate > 0) causes += (causes.empty() ? " (" : ", ") + std::string(name) + " " + rate_text(rate);
  }
  return rate_text(view.too_many_queue + view.too_many_bodies + view.too_many_key) + causes +
         (causes.empty() ? "" : ")");
}

void add_table(const Table& table, std::size_t width, std::vector<std::string>& lines) {
  if (table.rows() == 0) return;
  lines.emplace_back();
  for (std::string& line : split(table.text(width), '\n')) {
    if (!line.empty()) lines.push_back(std::move(line));
  }
}

void add_timed(const char* title, const std::vector<TopTimed>& all, std::size_t width,
               std::vector<std::string>& lines) {
  Table table({{title, TableColumn::Kind::kText},
               {"A SECOND", TableColumn::Kind::kNumber},
               {"P50 MS", TableColumn::Kind::kNumber},
               {"P99 MS", TableColumn::Kind::kNumber}});
  for (const TopTimed& one : all) table.add({one.name, fixed(one.rate, 1), ms_text(one.p50_s), ms_text(one.p99_s)});
  add_table(table, width, lines);
}

Json timed_json(const std::vector<TopTimed>& all) {
  Json list = Json::array();
  const auto ms = [](const std::optional<double>& seconds) { return seconds ? Json(*seconds * 1e3) : Json(nullptr); };
  for (const TopTimed& one : all) {
    list.push_back({{"name", one.name}, {"rate", one.rate}, {"p50_ms", ms(one.p50_s)}, {"p99_ms", ms(one.p99_s)}});
  }
  return list;
}

Json or_null(const std::optional<double>& number) { return number ? Json(*number) : Json(nullptr); }

}  // namespace

std::span<const std::string_view> top_metric_names() { return kNames; }

TopView top_view(const MetricsChange& change, double seconds, double now_s) {
  const MetricsText& now = change.now();
  const auto gauge = [&](std::string_view name, const MetricLabels& wanted = {}) {
    return now.sum(name, wanted).value_or(0);
  };
  TopView view;
  view.seconds = seconds;
  if (!now.series(kBuild).empty()) view.version = now.series(kBuild).front().label("version");
  if (const auto started = now.sum(kStarted)) view.up_s = std::max(now_s - *started, 0.0);
  view.resident_bytes = gauge(kResident);
  view.cores = change.rate(kProcessor);
  view.open_files = gauge(kFiles);
  view.answered = change.rate(kRequests, {{"result", "answered"}});
  view.refused = change.rate(kRequests, {{"result", "refused"}});
  view.failed = change.rate(kRequests, {{"result", "failed"}});
  view.too_many_queue = change.rate(kTooMany, {{"cause", "queue"}});
  view.too_many_bodies = change.rate(kTooMany, {{"cause", "bodies"}});
  view.too_many_key = change.rate(kTooMany, {{"cause", "key"}});
  view.working = gauge(kWorking);
  view.working_max = gauge(kLimit, {{"of", "working"}});
  view.waiting = gauge(kWaiting);
  view.waiting_max = gauge(kLimit, {{"of", "waiting"}});
  view.connections = gauge(kConnections);
  view.body_bytes = gauge(kBodyBytes);
  const double looked_up = change.gained(kCache);
  if (looked_up > 0) view.cache_share = change.gained(kCache, {{"result", "hit"}}) / looked_up;
  view.together_items = change.mean(std::string(kTogether));
  view.encode_wait_p99_s = change.quantile(0.99, std::string(kEncodeWait));
  view.encode_waiting = gauge(kEncodeWaiting, {{"queue", "interactive"}});
  view.encode_waiting_bulk = gauge(kEncodeWaiting, {{"queue", "bulk"}});
  view.operations = timed_of(change, kOperations, "operation");
  std::stable_sort(view.operations.begin(), view.operations.end(),
                   [](const auto& a, const auto& b) { return a.rate > b.rate; });
  view.stages = timed_of(change, kStages, "stage");
  view.collections = collections_of(now);
  return view;
}

std::vector<std::string> top_lines(const TopView& view, std::size_t width) {
  std::vector<std::string> lines;
  const auto line = [&](const std::string& text) { lines.push_back(cut_end(printable(text), width)); };
  line("pictor " + view.version + " at " + view.url + ", " + view.state +
       (view.up_s ? ", up " + duration_text(*view.up_s) : ""));
  line("requests/s " + rate_text(view.answered) + " answered, " + rate_text(view.refused) + " refused, " +
       rate_text(view.failed) + " failed; 429: " + too_many_text(view));
  line("places     " + count_text(view.working) + " of " + count_text(view.working_max) + " working, " +
       count_text(view.waiting) + " of " + count_text(view.waiting_max) + " waiting, " + count_text(view.connections) +
       " connections, bodies " + size_text(view.body_bytes));
  line("encoder    " + (view.together_items ? fixed(*view.together_items, 1) + " items a turn, " : std::string()) +
       count_text(view.encode_waiting) + " waiting and " + count_text(view.encode_waiting_bulk) +
       " in bulk, wait p99 " + ms_text(view.encode_wait_p99_s) + " ms");
  line("process    " + size_text(view.resident_bytes) + " resident, " + fixed(view.cores, 2) + " cores, " +
       count_text(view.open_files) + " files; cache " +
       (view.cache_share ? fixed(*view.cache_share * 100, 0) + " % hits" : std::string("not asked")));
  add_timed("OPERATION", view.operations, width, lines);
  add_timed("STAGE OF A QUERY", view.stages, width, lines);
  Table table({{"COLLECTION", TableColumn::Kind::kText},
               {"ITEMS", TableColumn::Kind::kNumber},
               {"FRESH", TableColumn::Kind::kNumber},
               {"SEGMENTS", TableColumn::Kind::kNumber},
               {"BYTES", TableColumn::Kind::kNumber},
               {"RECALL@10", TableColumn::Kind::kNumber}});
  for (const TopCollection& one : view.collections) {
    const std::string low = one.recall_low ? " (" + fixed(*one.recall_low, 3) + ")" : "";
    table.add({one.name, count_text(one.items), count_text(one.fresh_rows), count_text(one.segments),
               size_text(one.bytes), one.recall ? fixed(*one.recall, 3) + low : "-"});
  }
  add_table(table, width, lines);
  return lines;
}

std::string top_json(const TopView& view) {
  Json collections = Json::array();
  for (const TopCollection& one : view.collections) {
    collections.push_back({{"name", one.name},
                           {"items", whole(one.items)},
                           {"fresh_rows", whole(one.fresh_rows)},
                           {"segments", whole(one.segments)},
                           {"bytes", whole(one.bytes)},
                           {"recall_at_10", or_null(one.recall)},
                           {"recall_low", or_null(one.recall_low)}});
  }
  const Json json = {
      {"url", view.url},
      {"version", view.version},
      {"state", view.state},
      {"seconds", view.seconds},
      {"up_s", or_null(view.up_s)},
      {"requests", {{"answered", view.answered}, {"refused", view.refused}, {"failed", view.failed}}},
      {"too_many", {{"queue", view.too_many_queue}, {"bodies", view.too_many_bodies}, {"key", view.too_many_key}}},
      {"working", whole(view.working)},
      {"working_max", whole(view.working_max)},
      {"waiting", whole(view.waiting)},
      {"waiting_max", whole(view.waiting_max)},
      {"connections", whole(view.connections)},
      {"body_bytes", whole(view.body_bytes)},
      {"encoder",
       {{"items_a_turn", or_null(view.together_items)},
        {"waiting", whole(view.encode_waiting)},
        {"waiting_bulk", whole(view.encode_waiting_bulk)},
        {"wait_p99_ms", view.encode_wait_p99_s ? Json(*view.encode_wait_p99_s * 1e3) : Json(nullptr)}}},
      {"cache_share", or_null(view.cache_share)},
      {"resident_bytes", whole(view.resident_bytes)},
      {"cores", view.cores},
      {"open_files", whole(view.open_files)},
      {"operations", timed_json(view.operations)},
      {"stages", timed_json(view.stages)},
      {"collections", std::move(collections)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace pictor
