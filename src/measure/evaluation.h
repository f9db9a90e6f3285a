// A run scored against judgements: means with intervals, over all queries and by slice; or two runs compared.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "measure/measures.h"
#include "measure/samples.h"

namespace pictor {

struct EvaluationOptions {
  std::vector<Measure> measures = default_measures();
  int relevant = 1;  // the least grade of a relevant item
  // Judged queries that the run does not have are left out, as trec_eval does; else they count as 0 (trec_eval -c).
  // Queries of the run without judgements are left out always.
  bool only_answered = false;
  SampleOptions samples;
};

struct QueryScores {
  std::string query;
  std::vector<double> values;  // one a measure
  bool answered = true;
};

struct ScoredRun {
  std::vector<QueryScores> queries;  // in the order of their ids' bytes
  std::uint64_t unjudged = 0;        // queries of the run without judgements, left out
  std::uint64_t unanswered = 0;      // judged queries that the run does not have
};

struct SliceScores {
  std::string slice, value;  // the column, and what it says of these queries; empty: nothing
  std::uint64_t queries = 0;
  std::vector<Estimate> measures;
};

struct Evaluation {
  std::vector<Measure> measures;
  ScoredRun scored;
  std::vector<Estimate> overall;
  std::vector<SliceScores> slices;  // by column, then value
};

// One test: a measure over all queries, or over those of a slice.
struct PairedScores {
  std::string measure;
  std::string slice, value;  // empty: over all
  std::uint64_t queries = 0, better = 0, worse = 0;
  double first = 0, second = 0;  // means
  Estimate difference;           // first - second, by a paired bootstrap
  double p = 1;                  // of the randomization test
  double p_holm = 1;             // the same, corrected for all tests of this comparison
};

struct RunComparison {
  std::vector<PairedScores> tests;
  std::vector<std::string> queries;              // compared, in order
  std::vector<std::vector<double>> differences;  // one row a query, one column a measure
};

// kMismatch: no query of the run is judged; kLimit: a slice has too many values.
Result<Evaluation> evaluate(const Judgements& judgements, const RankedRun& run, const EvaluationOptions& options);
// Over the queries that both have scores of.
Result<RunComparison> compare_runs(const Judgements& judgements, const RankedRun& first, const RankedRun& second,
                                   const EvaluationOptions& options);

}  // namespace pictor
