#include "observe/metrics.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cmath>
#include <map>
#include <mutex>
#include <set>

namespace pictor {
namespace {

constexpr std::size_t kMetrics = static_cast<std::size_t>(MetricId::kCount);
constexpr std::size_t kBucketsMax = 15;  // the last one has no bound
constexpr std::string_view kOther = "other";

std::size_t index_of(MetricId id) { return static_cast<std::size_t>(id); }
const MetricRow& row_of(MetricId id) { return metrics_table()[index_of(id)]; }
bool is_open(const MetricRow& row) { return row.series_max > 0 && !row.told; }
// Series that are kept of a row.
std::size_t series_of(const MetricRow& row) {
  if (row.told) return 0;
  return is_open(row) ? std::size_t{row.series_max} + 1 : std::max<std::size_t>(row.values.size(), 1);
}

// Where the series of each row begin, and at the end how many there are.
const std::array<std::size_t, kMetrics + 1>& places() {
  static const auto all = [] {
    std::array<std::size_t, kMetrics + 1> begins{};
    for (std::size_t i = 0; i < kMetrics; ++i) begins[i + 1] = begins[i] + series_of(metrics_table()[i]);
    return begins;
  }();
  return all;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

std::string_view kind_text(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter: return "counter";
    case MetricKind::kGauge: return "gauge";
    case MetricKind::kHistogram: return "histogram";
  }
  return "untyped";
}

void add_label(std::string& out, std::string_view label, std::string_view value) {
  if (label.empty()) return;
  out += out.empty() ? "{" : ",";
  out += label;
  out += "=\"" + prometheus_escaped(value, true) + "\"";
}

// {result="added",le="0.5"}, or nothing when there is no label.
std::string label_text(std::string_view label, std::string_view value, std::string_view label_2,
                       std::string_view value_2) {
  std::string out;
  add_label(out, label, value);
  add_label(out, label_2, value_2);
  return out.empty() ? out : out + "}";
}

void append(std::string& out, std::initializer_list<std::string_view> parts) {
  for (const auto part : parts) out += part;
}

}  // namespace

std::string prometheus_escaped(std::string_view text, bool in_quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || (c == '"' && in_quotes)) out += '\\';
    out += c;
  }
  return out;
}

struct Metrics::Series {
  std::atomic<double> sum{0};
  std::array<std::atomic<std::uint64_t>, kBucketsMax> buckets{};
};

struct Metrics::Names {
  std::vector<std::string> of(MetricId id) const {
    const std::lock_guard lock(mutex);
    const auto found = names.find(id);
    return found == names.end() ? std::vector<std::string>() : found->second;
  }

  mutable std::mutex mutex;
  std::map<MetricId, std::vector<std::string>> names;  // in the order of their numbers; who came too late has none
};

Metrics& Metrics::global() {
  static auto* metrics = new Metrics;
  return *metrics;
}

Metrics::Metrics() : series_(std::make_unique<Series[]>(places()[kMetrics])), names_(std::make_unique<Names>()) {}
Metrics::~Metrics() = default;

Metrics::Series& Metrics::series(MetricId id, std::size_t label) const {
  const std::size_t begin = places()[index_of(id)];
  return series_[begin + std::min(label, places()[index_of(id) + 1] - begin - 1)];
}

std::size_t Metrics::label_of(OpenHistogram histogram, std::string_view name) {
  const std::lock_guard lock(names_->mutex);
  auto& names = names_->names[histogram.id];
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  const std::size_t most = row_of(histogram.id).series_max;
  if (names.size() >= most) return most;
  names.emplace_back(name);
  return names.size() - 1;
}

void Metrics::add_to(MetricId id, std::size_t label, double by) {
  series(id, label).sum.fetch_add(by, std::memory_order_relaxed);
}

void Metrics::set_to(MetricId id, std::size_t label, double value) {
  series(id, label).sum.store(value, std::memory_order_relaxed);
}

void Metrics::observe_in(MetricId id, std::size_t label, double value) {
  const auto bounds = row_of(id).bounds;
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
  Series& into = series(id, label);
  into.sum.fetch_add(value, std::memory_order_relaxed);
  into.buckets[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
}

double Metrics::value(MetricId id, std::size_t label) const {
  return series(id, label).sum.load(std::memory_order_relaxed);
}

std::uint64_t Metrics::observations(MetricId id, std::size_t label) const {
  std::uint64_t count = 0;
  for (const auto& bucket : series(id, label).buckets) count += bucket.load(std::memory_order_relaxed);
  return count;
}

void Metrics::append_series(std::string& out, const MetricRow& row, std::size_t label, std::string_view value) const {
  const Series& from = series(row.id, label);
  const std::string sum = number_text(from.sum.load(std::memory_order_relaxed));
  const std::string labels = label_text(row.label, value, "", "");
  if (row.kind != MetricKind::kHistogram) return append(out, {row.name, labels, " ", sum, "\n"});
  std::uint64_t count = 0;
  for (std::size_t bucket = 0; bucket <= row.bounds.size(); ++bucket) {
    count += from.buckets[bucket].load(std::memory_order_relaxed);
    const std::string bound = bucket < row.bounds.size() ? number_text(row.bounds[bucket]) : "+Inf";
    append(out, {row.name, "_bucket", label_text(row.label, value, "le", bound), " ", std::to_string(count), "\n"});
  }
  append(out, {row.name, "_sum", labels, " ", sum, "\n"});
  append(out, {row.name, "_count", labels, " ", std::to_string(count), "\n"});
}

void Metrics::append_kept(std::string& out, const MetricRow& row) const {
  if (!is_open(row)) {
    for (std::size_t label = 0; label < series_of(row); ++label) {
      append_series(out, row, label, row.values.empty() ? "" : row.values[label]);
    }
    return;
  }
  const auto names = names_->of(row.id);
  for (std::size_t label = 0; label < names.size(); ++label) append_series(out, row, label, names[label]);
  if (observations(row.id, row.series_max) > 0) append_series(out, row, row.series_max, kOther);
}

std::string Metrics::prometheus_text(std::span<const MetricSample> told) const {
  std::string out;
  for (const auto& row : metrics_table()) {
    std::string samples;
    std::set<std::string_view> values;
    for (const MetricSample& sample : told) {
      if (sample.id != row.id) continue;
      if (row.series_max > 0 && values.size() == row.series_max && !values.contains(sample.value_1)) continue;
      values.insert(sample.value_1);
      append(samples, {row.name, label_text(row.label, sample.value_1, row.label_2, sample.value_2), " ",
                       number_text(sample.value), "\n"});
    }
    if (!row.told) append_kept(samples, row);
    if (samples.empty()) continue;
    append(out, {"# HELP ", row.name, " ", prometheus_escaped(row.help, false), "\n"});
    append(out, {"# TYPE ", row.name, " ", kind_text(row.kind), "\n", samples});
  }
  return out;
}

}  // namespace pictor
