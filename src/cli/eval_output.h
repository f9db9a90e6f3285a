// What pictor eval prints: tables for people, JSON documents (docs/reference/json.md), and the runs that are
// remembered.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/eval_actions.h"

namespace pictor {

struct EvalTimes {
  double seconds = 0, median_ms = 0, p99_ms = 0;  // of all queries; of one
};

// One scored run.
struct EvalSummary {
  std::string kind;        // "run", "auto", "score"
  std::string collection;  // empty: a run file
  std::string run;         // its file or tag
  std::string judgements;  // their file; empty: made
  Evaluation evaluation;
  EvaluationOptions options;
  std::optional<EvalTimes> times;
  std::vector<std::string> failed;  // queries that could not be asked, with the cause; the first of them
  std::uint64_t failed_count = 0;
  std::uint64_t queries_asked = 0;
  std::vector<EvalGate> gates;
};

// Two scored runs.
struct EvalPair {
  std::string run, against;  // files
  std::string judgements;
  RunComparison comparison;
  EvaluationOptions options;
  std::vector<EvalGate> gates;  // of differences
};

std::string eval_json(const EvalSummary& summary, const EvalPair* pair);
std::string eval_pair_json(const EvalPair& pair);
void print_eval(Session& session, const EvalSummary& summary);
void print_eval_pair(Session& session, const EvalPair& pair);

// A run that was scored before.
struct EvalPast {
  std::int64_t at_us = 0;
  std::string kind, collection, run, judgements;
  std::uint64_t queries = 0;
  std::vector<std::pair<std::string, Estimate>> measures;
};

// DATA/eval/history.jsonl, one scored run a line, the newest last and at most limits::kEvalHistoryRowsMax.
Status remember(Session& session, const EvalSummary& summary);
// Oldest first; empty when there are none. Lines that are not ours are left out.
Result<std::vector<EvalPast>> remembered(Session& session);
std::string eval_history_json(const std::vector<EvalPast>& runs);

}  // namespace pictor
