#include "observe/metrics.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cmath>

namespace pictor {
namespace {

constexpr std::size_t kMetrics = static_cast<std::size_t>(MetricId::kCount);
constexpr std::size_t kLabelsMax = 8;
constexpr std::size_t kBucketsMax = 15;  // the last one has no bound

std::size_t index_of(MetricId id) { return static_cast<std::size_t>(id); }
const MetricRow& row_of(MetricId id) { return metrics_table()[index_of(id)]; }
std::size_t labels_of(const MetricRow& row) { return std::max<std::size_t>(row.values.size(), 1); }

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

// {result="added",le="0.5"}, or nothing when both are empty.
std::string label_text(const MetricRow& row, std::size_t label, const std::string& bound) {
  std::string out;
  if (!row.label.empty()) out = std::string(row.label) + "=\"" + prometheus_escaped(row.values[label], true) + "\"";
  if (!bound.empty()) out += (out.empty() ? "le=\"" : ",le=\"") + bound + "\"";
  return out.empty() ? out : "{" + out + "}";
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

Metrics& Metrics::global() {
  static auto* metrics = new Metrics;
  return *metrics;
}

Metrics::Metrics() : series_(std::make_unique<Series[]>(kMetrics * kLabelsMax)) {}
Metrics::~Metrics() = default;

Metrics::Series& Metrics::series(MetricId id, std::size_t label) const {
  return series_[index_of(id) * kLabelsMax + std::min(label, kLabelsMax - 1)];
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

std::string Metrics::prometheus_text() const {
  std::string out;
  for (const auto& row : metrics_table()) {
    const std::string_view name = row.name;
    append(out, {"# HELP ", name, " ", prometheus_escaped(row.help, false), "\n"});
    append(out, {"# TYPE ", name, " ", kind_text(row.kind), "\n"});
    for (std::size_t label = 0; label < labels_of(row); ++label) {
      const Series& from = series(row.id, label);
      const std::string sum = number_text(from.sum.load(std::memory_order_relaxed));
      if (row.kind != MetricKind::kHistogram) {
        append(out, {name, label_text(row, label, ""), " ", sum, "\n"});
        continue;
      }
      std::uint64_t count = 0;
      for (std::size_t bucket = 0; bucket <= row.bounds.size(); ++bucket) {
        count += from.buckets[bucket].load(std::memory_order_relaxed);
        const std::string bound = bucket < row.bounds.size() ? number_text(row.bounds[bucket]) : "+Inf";
        append(out, {name, "_bucket", label_text(row, label, bound), " ", std::to_string(count), "\n"});
      }
      append(out, {name, "_sum", label_text(row, label, ""), " ", sum, "\n"});
      append(out, {name, "_count", label_text(row, label, ""), " ", std::to_string(count), "\n"});
    }
  }
  return out;
}

}  // namespace pictor
