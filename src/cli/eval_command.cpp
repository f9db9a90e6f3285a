// pictor eval: how good answers are. Here: scoring and comparing runs, and the page about them.
#include <CLI/CLI.hpp>

#include "cli/eval_output.h"
#include "cli/eval_report.h"
#include "cli/output_file.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct ScoreFlags {
  EvalFlags eval;
  std::string run, against, html;
};

// Judgements, of the queries of a file alone where one is named.
Result<Judgements> judgements_of(Session& session, const EvalFlags& flags) {
  PICTOR_ASSIGN(Judgements judgements, load_judgements(session, flags.judgements));
  if (!flags.queries.empty()) {
    PICTOR_ASSIGN(const std::vector<EvalQuery> queries, load_queries(session, flags.queries));
    keep_queries(judgements, queries);
  }
  return judgements;
}

Result<EvalPair> pair_of(Session& session, const ScoreFlags& flags, const Judgements& judgements, const RankedRun& run,
                         const EvaluationOptions& options) {
  EvalPair pair{flags.run, flags.against, flags.eval.judgements, {}, options, {}};
  PICTOR_ASSIGN(const RankedRun against, load_run(session, flags.against));
  PICTOR_ASSIGN(pair.comparison, compare_runs(judgements, run, against, options));
  return pair;
}

double mean_of(const Evaluation& evaluation, const Measure& measure) {
  for (std::size_t i = 0; i < evaluation.measures.size(); ++i) {
    if (evaluation.measures[i] == measure) return evaluation.overall[i].mean;
  }
  return 0;
}

struct ScoredFiles {
  EvalReport report;
  Judgements judgements;
  RankedRun run;
};

Result<ScoredFiles> score_files(Session& session, const ScoreFlags& flags) {
  ScoredFiles out;
  EvalSummary& summary = out.report.summary;
  PICTOR_ASSIGN(summary.options, evaluation_options(flags.eval));
  PICTOR_ASSIGN(summary.gates, parse_gates(flags.eval.fail_below, summary.options.measures));
  PICTOR_ASSIGN(out.judgements, judgements_of(session, flags.eval));
  PICTOR_ASSIGN(out.run, load_run(session, flags.run));
  PICTOR_ASSIGN(summary.evaluation, evaluate(out.judgements, out.run, summary.options));
  summary.kind = "score";
  summary.run = flags.run;
  summary.judgements = flags.eval.judgements;
  for (EvalGate& gate : summary.gates) gate.seen = mean_of(summary.evaluation, gate.measure);
  if (!flags.against.empty()) {
    PICTOR_ASSIGN(out.report.pair, pair_of(session, flags, out.judgements, out.run, summary.options));
  }
  return out;
}

Status run_score(Session& session, const ScoreFlags& flags) {
  PICTOR_ASSIGN(const ScoredFiles scored, score_files(session, flags));
  const EvalReport& report = scored.report;
  const EvalPair* pair = report.pair ? &*report.pair : nullptr;
  if (session.json()) {
    session.out() << eval_json(report.summary, pair) << "\n";
  } else {
    print_eval(session, report.summary);
    if (pair != nullptr) {
      session.out() << "\n";
      print_eval_pair(session, *pair);
    }
  }
  judge_gates(session, report.summary.gates);
  return flags.eval.no_history ? Status::ok() : remember(session, report.summary);
}

Status run_compare(Session& session, const ScoreFlags& flags) {
  PICTOR_ASSIGN(EvaluationOptions options, evaluation_options(flags.eval));
  PICTOR_ASSIGN(std::vector<EvalGate> gates, parse_gates(flags.eval.fail_below, options.measures));
  PICTOR_ASSIGN(const Judgements judgements, judgements_of(session, flags.eval));
  PICTOR_ASSIGN(const RankedRun run, load_run(session, flags.run));
  PICTOR_ASSIGN(EvalPair pair, pair_of(session, flags, judgements, run, options));
  for (EvalGate& gate : gates) {
    for (const PairedScores& test : pair.comparison.tests) {
      if (test.slice.empty() && test.measure == gate.measure.name()) gate.seen = test.difference.mean;
    }
  }
  pair.gates = std::move(gates);
  if (session.json()) {
    session.out() << eval_pair_json(pair) << "\n";
  } else {
    print_eval_pair(session, pair);
  }
  judge_gates(session, pair.gates);
  return Status::ok();
}

Status run_report(Session& session, const ScoreFlags& flags) {
  PICTOR_ASSIGN(ScoredFiles scored, score_files(session, flags));
  PICTOR_ASSIGN(scored.report.curves, eval_curves(scored.judgements, scored.run, scored.report.summary.options));
  PICTOR_ASSIGN(scored.report.past, remembered(session));
  scored.report.made_us = session.env().wall_us();
  PICTOR_ASSIGN(const auto file, OutputFile::create(session.env(), flags.html, true));
  PICTOR_TRY(file->write(eval_page(scored.report)));
  PICTOR_TRY(file->finish());
  if (session.json()) {
    session.out() << eval_json(scored.report.summary, scored.report.pair ? &*scored.report.pair : nullptr) << "\n";
  } else if (!session.options().quiet) {
    session.out() << "report: " << printable(flags.html) << "\n";
  }
  judge_gates(session, scored.report.summary.gates);
  return Status::ok();
}

// What score, compare and report have in common.
void add_run_options(CLI::App& app, ScoreFlags& flags) {
  add_judgements_option(app, flags.eval)->required();
  app.add_option("-r,--run", flags.run, "Answers: a TREC run file, as pictor eval run writes it")
      ->required()
      ->type_name("FILE");
  app.add_option("--queries", flags.eval.queries, "Only the queries of this file, told apart by its other columns")
      ->type_name("FILE");
  add_scoring_options(app, flags.eval);
}

CLI::Option* add_against_option(CLI::App& app, ScoreFlags& flags) {
  return app.add_option("--against", flags.against, "Compare with this run, query by query")->type_name("FILE");
}

}  // namespace

Command add_eval_score_action(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("score", "Score a run against judgements");
  auto flags = std::make_shared<ScoreFlags>();
  add_run_options(app, *flags);
  add_against_option(app, *flags);
  add_gate_option(app, flags->eval, "the mean of a metric");
  app.add_flag("--no-history", flags->eval.no_history, "Do not remember this run");
  set_examples(app, {"pictor eval score -j judgements.qrels -r new.run",
                     "pictor eval score -j judgements.csv -r new.run --against old.run",
                     "pictor eval score -j j.qrels -r new.run --fail-below nDCG@10=0.4"});
  return {&app, [flags](Session& session) { return run_score(session, *flags); }};
}

Command add_eval_compare_action(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("compare", "Compare two runs query by query, and say how sure that is");
  auto flags = std::make_shared<ScoreFlags>();
  add_run_options(app, *flags);
  add_against_option(app, *flags)->required();
  add_gate_option(app, flags->eval, "run minus against, of a metric,");
  set_examples(app, {"pictor eval compare -j judgements.qrels -r new.run --against old.run",
                     "pictor eval compare -j j.qrels -r new.run --against old.run -m R@10"});
  return {&app, [flags](Session& session) { return run_compare(session, *flags); }};
}

Command add_eval_report_action(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("report", "Write one page about a run: tables, intervals, plots");
  auto flags = std::make_shared<ScoreFlags>();
  add_run_options(app, *flags);
  add_against_option(app, *flags);
  add_gate_option(app, flags->eval, "the mean of a metric");
  app.add_option("--html", flags->html, "The page, which needs nothing beside it")->required()->type_name("FILE");
  set_examples(app, {"pictor eval report -j judgements.qrels -r new.run --html report.html",
                     "pictor eval report -j j.csv -r new.run --against old.run --html r.html"});
  return {&app, [flags](Session& session) { return run_report(session, *flags); }};
}

Command add_eval_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("eval", "Measure how good answers are, with judgements or without");
  Command command{&app, nullptr, {}};
  command.actions.push_back(add_eval_run_action(app));
  command.actions.push_back(add_eval_auto_action(app));
  command.actions.push_back(add_eval_score_action(app));
  command.actions.push_back(add_eval_compare_action(app));
  command.actions.push_back(add_eval_report_action(app));
  command.actions.push_back(add_eval_history_action(app));
  app.require_subcommand(0, 1);
  set_examples(app,
               {"pictor eval auto photos", "pictor eval run shop -j judgements.csv --queries queries.csv -o new.run",
                "pictor eval score -j judgements.csv -r new.run --against old.run"});
  return command;
}

}  // namespace pictor
