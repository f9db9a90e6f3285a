// The numbers behind metrics_table.h, and their text for Prometheus.
//
// Thread safety: all calls from any thread; adding is a few relaxed atomic instructions, no lock. What prometheus_text
// reads while others add is each number at some moment, not all at one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "observe/metrics_table.h"

namespace pictor {

// Text as the exposition format wants it in a help line, or between the quotes of a label's value.
std::string prometheus_escaped(std::string_view text, bool in_quotes);

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

  // A counter's or gauge's number, a histogram's sum.
  double value(MetricId id, std::size_t label = 0) const;
  std::uint64_t observations(MetricId id, std::size_t label = 0) const;  // of a histogram

  // Text exposition format 0.0.4, every metric of the table in its order.
  std::string prometheus_text() const;

 private:
  struct Series;
  void add_to(MetricId id, std::size_t label, double by);
  void set_to(MetricId id, std::size_t label, double value);
  void observe_in(MetricId id, std::size_t label, double value);
  Series& series(MetricId id, std::size_t label) const;

  std::unique_ptr<Series[]> series_;
};

}  // namespace pictor
