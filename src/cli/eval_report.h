// One self-contained page about a scored run: tables, intervals and plots as inline SVG, for light and dark.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/eval_output.h"

namespace pictor {

// A mean for each k.
struct EvalCurve {
  std::string name;  // "R@k"
  std::vector<std::pair<std::size_t, Estimate>> points;
};

struct EvalReport {
  EvalSummary summary;
  std::optional<EvalPair> pair;
  std::vector<EvalCurve> curves;
  std::vector<EvalPast> past;  // oldest first
  std::int64_t made_us = 0;
};

// R@k, hit@k and nDCG@k for growing k.
Result<std::vector<EvalCurve>> eval_curves(const Judgements& judgements, const RankedRun& run,
                                           const EvaluationOptions& options);
std::string eval_page(const EvalReport& report);

}  // namespace pictor
