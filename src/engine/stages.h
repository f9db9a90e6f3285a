// Rows of the life of a query: timed for metrics and traces, and told when asked to explain. Inside engine/ only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "observe/observe.h"
#include "pictor/engine.h"

namespace pictor {

// A row of the query's life: who does it, its span in a trace, and its histogram, if it is timed as a whole.
struct StageName {
  const char* room;
  std::string_view span;
  std::optional<QueryStage> stage;
};
inline constexpr StageName kSnapshotTaken{"store", "snapshot", QueryStage::kSnapshot};
inline constexpr StageName kVectorMade{"encode", "vector", std::nullopt};
inline constexpr StageName kFiltered{"store", "filter", QueryStage::kFilter};
inline constexpr StageName kPlanned{"engine", "plan", std::nullopt};
inline constexpr StageName kCandidatesFound{"backend", "candidates", QueryStage::kCandidates};
inline constexpr StageName kTokensMade{"encode", "tokens", std::nullopt};
inline constexpr StageName kWordsFound{"store", "words", QueryStage::kWords};
inline constexpr StageName kFused{"rank", "fuse", std::nullopt};
inline constexpr StageName kReranked{"rank", "rerank", QueryStage::kRank};
inline constexpr StageName kBoosted{"rank", "boost", std::nullopt};
inline constexpr StageName kVaried{"rank", "vary", std::nullopt};
inline constexpr StageName kGraded{"match", "probability", std::nullopt};
inline constexpr StageName kItemsRead{"store", "items", QueryStage::kItems};

// Times each row of the query's life, for metrics and traces, and tells it when asked to explain.
class Stages {
 public:
  Stages(Env& env, const Query& query, Hits& hits)
      : env_(env), hits_(hits), explain_(query.explain), start_us_(env.monotonic_us()), last_us_(start_us_) {
    span_.emplace(kUnfinished);
  }

  void done(const StageName& name, const std::string& what) {
    const auto now = env_.monotonic_us();
    const auto us = static_cast<double>(now - last_us_);
    if (explain_) hits_.stages.push_back({name.room, what, us * 1e-3});
    if (name.stage) Metrics::global().observe(metric::kQueryStageSeconds, *name.stage, us * 1e-6);
    span_->rename(name.span);
    span_->note("pictor.what", what);
    span_.reset();
    span_.emplace(kUnfinished);
    last_us_ = now;
    hits_.ms = static_cast<double>(now - start_us_) * 1e-3;
  }
  void all_done() { span_->drop(); }

 private:
  static constexpr std::string_view kUnfinished = "unfinished";  // what a query that failed was at

  Env& env_;
  Hits& hits_;
  bool explain_;
  std::int64_t start_us_;
  std::int64_t last_us_;
  std::optional<TraceSpan> span_;  // of the row that is worked on
};

}  // namespace pictor
