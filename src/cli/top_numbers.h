// What a server's /metrics says at one moment, and what two moments say of the time between them.
//
// Thread safety: values and const calls.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base.h"

namespace pictor {

// {{"lane", "bulk"}}: of the series with these labels, whatever others they have.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class MetricsText {
 public:
  // The text exposition format 0.0.4 of Prometheus. kUnreadable: a line is none of it; says which.
  static Result<MetricsText> parse(std::string_view text);

  struct Series {
    MetricLabels labels;
    double value = 0;
    std::string_view label(std::string_view name) const;  // empty: it has none
  };
  const std::vector<Series>& series(std::string_view name) const;
  // The sum of all series that fit; nothing when there is none.
  std::optional<double> sum(std::string_view name, const MetricLabels& wanted = {}) const;
  // The different values of a label, in the order of the text.
  std::vector<std::string> values_of(std::string_view name, std::string_view label) const;

 private:
  std::map<std::string, std::vector<Series>, std::less<>> series_;
};

// The time between two readings. A counter that is smaller than it was began anew: the server was started again.
class MetricsChange {
 public:
  // Both must outlive it. REQUIRES: seconds > 0.
  MetricsChange(const MetricsText& before, const MetricsText& now, double seconds)
      : before_(before), now_(now), seconds_(seconds) {}

  const MetricsText& now() const { return now_; }
  double gained(std::string_view counter, const MetricLabels& wanted = {}) const;
  double rate(std::string_view counter, const MetricLabels& wanted = {}) const {  // a second
    return gained(counter, wanted) / seconds_;
  }
  // Of a histogram's values in that time; nothing when there were none. Within a bucket values are taken to lie evenly,
  // as Prometheus does; beyond the last bound it is that bound.
  std::optional<double> quantile(double q, const std::string& histogram, const MetricLabels& wanted = {}) const;
  std::optional<double> mean(const std::string& histogram, const MetricLabels& wanted = {}) const;

 private:
  const MetricsText& before_;
  const MetricsText& now_;
  double seconds_;
};

}  // namespace pictor
