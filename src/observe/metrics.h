// The numbers behind metrics_table.h, and their text for Prometheus.
//
// Thread safety: all calls from any thread; adding is a few relaxed atomic instructions, no lock. What prometheus_text
// reads while others add is each number at some moment, not all at one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "observe/metrics_table.h"

namespace pictor {

// Text as the exposition format wants it in a help line, or between the quotes of a label's value.
std::string prometheus_escaped(std::string_view text, bool in_quotes);

// What is told when somebody reads: values of rows that have no number of their own, as the sizes of collections.
struct MetricSample {
  MetricId id;
  std::string value_1, value_2;  // of its labels
  double value = 0;
};

class MetricSamples {
 public:
  void add(Told<0> row, double value) { all_.push_back({row.id, "", "", value}); }
  void add(Told<1> row, std::string of, double value) { all_.push_back({row.id, std::move(of), "", value}); }
  void add(Told<2> row, std::string of, std::string and_of, double value) {
    all_.push_back({row.id, std::move(of), std::move(and_of), value});
  }
  std::span<const MetricSample> all() const { return all_; }

 private:
  std::vector<MetricSample> all_;
};

class Metrics {
 public:
  static Metrics& global();  // never destroyed

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // REQUIRES: by >= 0.
  void add(Counter<NoLabel> counter, double by = 1) { add_to(counter.id, 0, by); }
  template <typename Label>
  void add(Counter<Label> counter, Label label, double by = 1) {
    add_to(counter.id, static_cast<std::size_t>(label), by);
  }
  void set(Gauge<NoLabel> gauge, double value) { set_to(gauge.id, 0, value); }
  template <typename Label>
  void set(Gauge<Label> gauge, Label label, double value) {
    set_to(gauge.id, static_cast<std::size_t>(label), value);
  }
  void add(Gauge<NoLabel> gauge, double by) { add_to(gauge.id, 0, by); }  // negative too
  template <typename Label>
  void add(Gauge<Label> gauge, Label label, double by) {
    add_to(gauge.id, static_cast<std::size_t>(label), by);
  }
  void observe(Histogram<NoLabel> histogram, double value) { observe_in(histogram.id, 0, value); }
  template <typename Label>
  void observe(Histogram<Label> histogram, Label label, double value) {
    observe_in(histogram.id, static_cast<std::size_t>(label), value);
  }

  // The number that stands for a name from now on; of one too many, that of "other". Takes a lock: to be asked once.
  std::size_t label_of(OpenHistogram histogram, std::string_view name);
  void observe(OpenHistogram histogram, std::size_t label, double value) { observe_in(histogram.id, label, value); }

  // A counter's or gauge's number, a histogram's sum.
  double value(MetricId id, std::size_t label = 0) const;
  std::uint64_t observations(MetricId id, std::size_t label = 0) const;  // of a histogram

  // Text exposition format 0.0.4, every metric of the table in its order; those that are told only if they are among
  // the samples, the first `series_max` different values of their label alone.
  std::string prometheus_text(std::span<const MetricSample> told = {}) const;

 private:
  struct Series;
  struct Names;
  void add_to(MetricId id, std::size_t label, double by);
  void set_to(MetricId id, std::size_t label, double value);
  void observe_in(MetricId id, std::size_t label, double value);
  Series& series(MetricId id, std::size_t label) const;
  void append_kept(std::string& out, const MetricRow& row) const;
  void append_series(std::string& out, const MetricRow& row, std::size_t label, std::string_view value) const;

  std::unique_ptr<Series[]> series_;
  std::unique_ptr<Names> names_;  // of labels whose values are named while the process runs
};

}  // namespace pictor
