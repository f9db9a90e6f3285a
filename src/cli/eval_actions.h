// The actions of pictor eval, and what they share: the files they read and the options of scoring.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"
#include "measure/measure.h"

namespace pictor {

Command add_eval_run_action(CLI::App& parent);
Command add_eval_auto_action(CLI::App& parent);
Command add_eval_score_action(CLI::App& parent);
Command add_eval_compare_action(CLI::App& parent);
Command add_eval_report_action(CLI::App& parent);
Command add_eval_history_action(CLI::App& parent);

struct EvalFlags {
  std::string judgements, queries, measures;
  int relevant = 1;
  bool only_answered = false, no_history = false;
  SampleOptions samples;
  std::vector<std::string> fail_below;
};

// --measures, --relevant, --only-answered, --samples, --confidence, --seed.
void add_scoring_options(CLI::App& app, EvalFlags& flags);
CLI::Option* add_judgements_option(CLI::App& app, EvalFlags& flags);
void add_gate_option(CLI::App& app, EvalFlags& flags, const std::string& what);

Result<EvaluationOptions> evaluation_options(const EvalFlags& flags);

// A file of ours in full; kUnreadable with every fault on a line of its own.
Result<Judgements> load_judgements(Session& session, const std::string& path);
Result<RankedRun> load_run(Session& session, const std::string& path);
Result<std::vector<EvalQuery>> load_queries(Session& session, const std::string& path);
// Judgements of these queries alone, with the queries' slices.
void keep_queries(Judgements& judgements, const std::vector<EvalQuery>& queries);

// What a figure must not be below.
struct EvalGate {
  Measure measure;
  double least = 0;
  double seen = 0;
  bool holds() const { return seen >= least; }
};
// METRIC=VALUE each; a metric that is not among the measures is added to them.
Result<std::vector<EvalGate>> parse_gates(const std::vector<std::string>& texts, std::vector<Measure>& measures);
// Tells those that do not hold, and has the program end with status 1.
void judge_gates(Session& session, const std::vector<EvalGate>& gates);

}  // namespace pictor
