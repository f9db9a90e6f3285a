#include "cli/eval_actions.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <unordered_set>

#include "cli/text.h"

namespace pictor {
namespace {

Result<std::string> load_text(Session& session, const std::string& path) {
  PICTOR_ASSIGN(const Bytes bytes, read_file(session.env(), path, limits::kMeasureFileBytesMax));
  return std::string(as_text(bytes));
}

}  // namespace

CLI::Option* add_judgements_option(CLI::App& app, EvalFlags& flags) {
  return app
      .add_option("-j,--judgements", flags.judgements, "What is right: TREC qrels, or CSV with query, item and grade")
      ->type_name("FILE");
}

void add_scoring_options(CLI::App& app, EvalFlags& flags) {
  app.add_option("-m,--measures", flags.measures,
                 "Metrics: R@K, P@K, hit@K, mAP, mAP@K, MRR, MRR@K, nDCG, nDCG@K, nDCG-exp@K, judged@K")
      ->type_name("NAME,...")
      ->default_str("nDCG@10, MRR@10, mAP, R@1, R@10 and more");
  app.add_option("--relevant", flags.relevant, "The least grade of a relevant item")
      ->check(CLI::Range(-limits::kGradeMax, limits::kGradeMax).description(""))
      ->type_name("GRADE")
      ->capture_default_str();
  app.add_flag("--only-answered", flags.only_answered,
               "Leave out judged queries without an answer, as trec_eval does; else they count as 0");
  app.add_option("--samples", flags.samples.samples, "Bootstrap samples, and draws of the randomization test")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--confidence", flags.samples.confidence, "Of the intervals")
      ->type_name("SHARE")
      ->capture_default_str();
  app.add_option("--seed", flags.samples.seed, "The same seed gives the same figures")
      ->type_name("N")
      ->capture_default_str();
}

void add_gate_option(CLI::App& app, EvalFlags& flags, const std::string& what) {
  app.add_option("--fail-below", flags.fail_below, "End with status 1 where " + what + " is less; may be given again")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("NAME=VALUE");
}

Result<EvaluationOptions> evaluation_options(const EvalFlags& flags) {
  EvaluationOptions options;
  if (!flags.measures.empty()) {
    PICTOR_ASSIGN(options.measures, parse_measures(flags.measures));
  }
  options.relevant = flags.relevant;
  options.only_answered = flags.only_answered;
  options.samples = flags.samples;
  PICTOR_TRY(check_samples(options.samples, 1));
  return options;
}

Result<Judgements> load_judgements(Session& session, const std::string& path) {
  PICTOR_ASSIGN(const std::string text, load_text(session, path));
  ReadJudgements read = read_judgements(text);
  PICTOR_TRY(read.faults.status("judgements '" + path + "'"));
  if (read.judgements.count == 0) return Status(Code::kInvalid, "judgements '" + path + "' has none");
  return std::move(read.judgements);
}

Result<RankedRun> load_run(Session& session, const std::string& path) {
  PICTOR_ASSIGN(const std::string text, load_text(session, path));
  ReadRun read = read_run(text);
  PICTOR_TRY(read.faults.status("run '" + path + "'"));
  return std::move(read.run);
}

Result<std::vector<EvalQuery>> load_queries(Session& session, const std::string& path) {
  PICTOR_ASSIGN(const std::string text, load_text(session, path));
  ReadQueries read = read_queries(text);
  PICTOR_TRY(read.faults.status("queries '" + path + "'"));
  if (read.queries.empty()) return Status(Code::kInvalid, "queries '" + path + "' has none");
  return std::move(read.queries);
}

void keep_queries(Judgements& judgements, const std::vector<EvalQuery>& queries) {
  std::unordered_set<std::string_view> known;
  for (const EvalQuery& query : queries) {
    known.insert(query.id);
    if (!query.slices.empty()) judgements.slices[query.id].insert(query.slices.begin(), query.slices.end());
  }
  std::erase_if(judgements.queries, [&](const auto& one) { return !known.contains(one.first); });
  std::erase_if(judgements.slices, [&](const auto& one) { return !judgements.queries.contains(one.first); });
}

Result<std::vector<EvalGate>> parse_gates(const std::vector<std::string>& texts, std::vector<Measure>& measures) {
  std::vector<EvalGate> gates;
  for (const std::string& text : texts) {
    const std::size_t at = text.find('=');
    EvalGate gate;
    const std::string number = at == std::string::npos ? "" : text.substr(at + 1);
    const auto read = std::from_chars(number.data(), number.data() + number.size(), gate.least);
    if (read.ec != std::errc() || read.ptr != number.data() + number.size() || !std::isfinite(gate.least)) {
      return Status(Code::kInvalid, "--fail-below is '" + text + "', wanted a metric and a number, as nDCG@10=0.4");
    }
    PICTOR_ASSIGN(gate.measure, parse_measure(text.substr(0, at)));
    if (std::find(measures.begin(), measures.end(), gate.measure) == measures.end()) measures.push_back(gate.measure);
    gates.push_back(gate);
  }
  return gates;
}

void judge_gates(Session& session, const std::vector<EvalGate>& gates) {
  for (const EvalGate& gate : gates) {
    if (gate.holds()) continue;
    session.err() << "pictor: " << gate.measure.name() << " is " << fixed(gate.seen, 4) << ", below "
                  << fixed(gate.least, 4) << "\n";
    session.end_with(1);
  }
}

}  // namespace pictor
