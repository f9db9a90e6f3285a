#include "cli/top_numbers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace pictor {
namespace {

constexpr std::string_view kBlank = " \t";

bool fits(const MetricsText::Series& series, const MetricLabels& wanted) {
  return std::all_of(wanted.begin(), wanted.end(),
                     [&](const auto& label) { return series.label(label.first) == label.second; });
}

std::optional<double> number_of(std::string_view text) {
  if (text == "+Inf" || text == "Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Takes `"text"` with its escapes off the front.
std::optional<std::string> take_quoted(std::string_view& line) {
  if (line.empty() || line.front() != '"') return std::nullopt;
  std::string text;
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '"') {
      line.remove_prefix(i + 1);
      return text;
    }
    const bool escaped = line[i] == '\\' && i + 1 < line.size();
    if (escaped) ++i;
    text += escaped && line[i] == 'n' ? '\n' : line[i];
  }
  return std::nullopt;
}

// Takes "{name="value",...}" off the front.
bool take_labels(std::string_view& line, MetricLabels& labels) {
  if (line.empty() || line.front() != '{') return true;
  line.remove_prefix(1);
  while (!line.empty() && line.front() != '}') {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return false;
    const std::string name(line.substr(0, equals));
    line.remove_prefix(equals + 1);
    auto value = take_quoted(line);
    if (!value) return false;
    labels.emplace_back(name, std::move(*value));
    if (!line.empty() && line.front() == ',') line.remove_prefix(1);
  }
  if (line.empty()) return false;
  line.remove_prefix(1);
  return true;
}

// What a bucket gained, by its bound.
std::map<double, double> buckets_of(const MetricsText& before, const MetricsText& now, const std::string& histogram,
                                    const MetricLabels& wanted) {
  std::map<double, double> now_by_bound, before_by_bound;
  const auto add = [&](const MetricsText& text, std::map<double, double>& by_bound) {
    for (const auto& series : text.series(histogram + "_bucket")) {
      const auto bound = number_of(series.label("le"));
      if (bound && !std::isnan(*bound) && fits(series, wanted)) by_bound[*bound] += series.value;
    }
  };
  add(now, now_by_bound);
  add(before, before_by_bound);
  const bool anew = std::any_of(now_by_bound.begin(), now_by_bound.end(),
                                [&](const auto& bucket) { return bucket.second < before_by_bound[bucket.first]; });
  if (anew) return now_by_bound;
  for (auto& [bound, count] : now_by_bound) count -= before_by_bound[bound];
  return now_by_bound;
}

}  // namespace

std::string_view MetricsText::Series::label(std::string_view name) const {
  for (const auto& [known, value] : labels) {
    if (known == name) return value;
  }
  return {};
}

Result<MetricsText> MetricsText::parse(std::string_view text) {
  MetricsText read;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.empty() || line.front() == '#') continue;
    const std::string name(line.substr(0, line.find_first_of(" \t{")));
    line.remove_prefix(name.size());
    Series series;
    const bool labelled = take_labels(line, series.labels);
    const std::size_t first = line.find_first_not_of(kBlank);
    line.remove_prefix(std::min(first, line.size()));
    const auto value = number_of(line.substr(0, line.find_first_of(kBlank)));  // a time may follow
    if (name.empty() || !labelled || !value) {
      return Status(Code::kUnreadable, "line " + std::to_string(number) + " is no metric of Prometheus' text format");
    }
    series.value = *value;
    read.series_[name].push_back(std::move(series));
  }
  return read;
}

const std::vector<MetricsText::Series>& MetricsText::series(std::string_view name) const {
  static const std::vector<Series> kNone;
  const auto found = series_.find(name);
  return found == series_.end() ? kNone : found->second;
}

std::optional<double> MetricsText::sum(std::string_view name, const MetricLabels& wanted) const {
  std::optional<double> sum;
  for (const Series& one : series(name)) {
    if (fits(one, wanted)) sum = sum.value_or(0) + one.value;
  }
  return sum;
}

std::vector<std::string> MetricsText::values_of(std::string_view name, std::string_view label) const {
  std::vector<std::string> values;
  for (const Series& one : series(name)) {
    const std::string_view value = one.label(label);
    if (std::find(values.begin(), values.end(), value) == values.end()) values.emplace_back(value);
  }
  return values;
}

double MetricsChange::gained(std::string_view counter, const MetricLabels& wanted) const {
  const double now = now_.sum(counter, wanted).value_or(0);
  const double before = before_.sum(counter, wanted).value_or(0);
  return now < before ? now : now - before;
}

std::optional<double> MetricsChange::quantile(double q, const std::string& histogram,
                                              const MetricLabels& wanted) const {
  const auto buckets = buckets_of(before_, now_, histogram, wanted);
  if (buckets.empty() || buckets.rbegin()->second <= 0) return std::nullopt;
  const double rank = q * buckets.rbegin()->second;
  double bound_below = 0, count_below = 0;
  for (const auto& [bound, count] : buckets) {
    if (count >= rank && count > count_below) {
      if (std::isinf(bound)) return bound_below;
      return bound_below + (bound - bound_below) * (rank - count_below) / (count - count_below);
    }
    bound_below = bound;
    count_below = count;
  }
  return bound_below;
}

std::optional<double> MetricsChange::mean(const std::string& histogram, const MetricLabels& wanted) const {
  const double count = gained(histogram + "_count", wanted);
  if (count <= 0) return std::nullopt;
  return gained(histogram + "_sum", wanted) / count;
}

}  // namespace pictor
