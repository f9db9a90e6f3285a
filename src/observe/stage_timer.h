// A stage of a query, from here to the end of its scope: into its histogram, and as a span of this thread's trace.
#pragma once

#include "observe/metrics.h"
#include "observe/stopwatch.h"
#include "observe/trace.h"

namespace pictor {

class QueryStageTimer {
 public:
  explicit QueryStageTimer(QueryStage stage) : stage_(stage), span_(name_of(stage)), begin_ns_(machine_ns()) {}
  ~QueryStageTimer() {
    Metrics::global().observe(metric::kQueryStageSeconds, stage_, static_cast<double>(machine_ns() - begin_ns_) * 1e-9);
  }
  QueryStageTimer(const QueryStageTimer&) = delete;
  QueryStageTimer& operator=(const QueryStageTimer&) = delete;

 private:
  QueryStage stage_;
  TraceSpan span_;
  std::int64_t begin_ns_;
};

template <typename Work>
auto timed(QueryStage stage, const Work& work) {
  const QueryStageTimer timer(stage);
  return work();
}

}  // namespace pictor
