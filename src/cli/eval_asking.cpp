#include "cli/eval_asking.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "cli/output_file.h"
#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::size_t kCausesTold = 20;

}  // namespace

Status EvalAsker::ask(Result<EvalAsked> asked, const std::string& id) {
  ++summary_.queries_asked;
  auto& items = run_.queries[id];
  if (!asked.is_ok()) return failed(id, asked.status());
  const std::int64_t begin = session_.env().monotonic_us();
  const Result<Hits> hits = engine_.search(asked->query);
  times_.push_back(static_cast<double>(session_.env().monotonic_us() - begin) / 1000);
  if (!hits.is_ok()) return failed(id, hits.status());
  for (const Hit& hit : hits->hits) {
    if (hit.id != asked->itself && items.size() < k_) items.push_back({hit.id, hit.score.value});
  }
  return Status::ok();
}

RankedRun EvalAsker::finish(const std::string& tag) {
  std::sort(times_.begin(), times_.end());
  EvalTimes times;
  for (const double ms : times_) times.seconds += ms / 1000;
  if (!times_.empty()) {
    const auto last = static_cast<double>(times_.size() - 1);
    times.median_ms = times_[static_cast<std::size_t>(std::lround(0.5 * last))];
    times.p99_ms = times_[static_cast<std::size_t>(std::lround(0.99 * last))];
  }
  summary_.times = times;
  run_.tag = tag;
  run_.sort();
  return std::move(run_);
}

Status EvalAsker::failed(const std::string& id, const Status& cause) {
  const Code code = cause.code();
  const bool own = code == Code::kInvalid || code == Code::kNotFound || code == Code::kUnreadable ||
                   code == Code::kLimit || code == Code::kUnsupported;
  if (!own) return cause.in("query '" + id + "'");
  if (summary_.failed.size() < kCausesTold) summary_.failed.push_back(id + ": " + cause.message());
  ++summary_.failed_count;
  return Status::ok();
}

void add_asking_options(CLI::App& app, EvalRunFlags& flags) {
  app.add_option("-o,--output", flags.output, "Write the answers to this TREC run file")->type_name("FILE");
  app.add_option("-k", flags.k, "Hits a query at most")
      ->check(CLI::Range(1, static_cast<int>(limits::kQueryKMax)).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--head", flags.head, "Head of the encoder; see pictor encoders")->type_name("NAME");
  CLI::Option* recall =
      app.add_option("--recall", flags.recall, "Share of the true k nearest that is wanted")->type_name("SHARE");
  app.add_flag("--exact", flags.exact, "Look at every picture: recall 1")->excludes(recall);
  app.add_option("--tag", flags.tag, "What the run file calls this run")->type_name("NAME")->capture_default_str();
  app.add_flag("--no-history", flags.eval.no_history, "Do not remember this run");
}

Query eval_query_of(const EvalRunFlags& flags) {
  Query query;
  query.collection = flags.collection;
  query.head = flags.head;
  query.k = flags.k;
  query.recall = flags.exact ? std::optional<double>(1.0) : flags.recall;
  return query;
}

Result<EvalSummary> begin_eval(const EvalRunFlags& flags, const char* kind) {
  EvalSummary summary;
  summary.kind = kind;
  summary.collection = flags.collection;
  summary.run = flags.output.empty() ? flags.tag : flags.output;
  summary.judgements = flags.eval.judgements;
  PICTOR_ASSIGN(summary.options, evaluation_options(flags.eval));
  PICTOR_ASSIGN(summary.gates, parse_gates(flags.eval.fail_below, summary.options.measures));
  return summary;
}

Status write_eval_file(Session& session, const std::string& path, const std::string& text) {
  PICTOR_ASSIGN(const auto file, OutputFile::create(session.env(), path, true));
  PICTOR_TRY(file->write(text));
  return file->finish();
}

void tell_failed(Session& session, const EvalSummary& summary) {
  for (const std::string& cause : summary.failed) session.log(Verbosity::kWarn, "query " + cause);
  if (summary.failed_count > summary.failed.size()) {
    session.log(Verbosity::kWarn, "and " + std::to_string(summary.failed_count - summary.failed.size()) + " more");
  }
}

Status tell_eval(Session& session, const EvalRunFlags& flags, EvalSummary& summary, const RankedRun& run,
                 const Judgements& judgements) {
  if (!flags.output.empty()) PICTOR_TRY(write_eval_file(session, flags.output, write_run(run)));
  tell_failed(session, summary);
  if (summary.failed_count == summary.queries_asked) {
    return {Code::kInvalid, "no query could be asked; the first: " + summary.failed.front()};
  }
  PICTOR_ASSIGN(summary.evaluation, evaluate(judgements, run, summary.options));
  for (EvalGate& gate : summary.gates) {
    for (std::size_t i = 0; i < summary.evaluation.measures.size(); ++i) {
      if (summary.evaluation.measures[i] == gate.measure) gate.seen = summary.evaluation.overall[i].mean;
    }
  }
  if (session.json()) {
    session.out() << eval_json(summary, nullptr) << "\n";
  } else {
    print_eval(session, summary);
  }
  judge_gates(session, summary.gates);
  return flags.eval.no_history ? Status::ok() : remember(session, summary);
}

Status eval_stopped() { return {Code::kCancelled, "stopped: nothing was written"}; }

}  // namespace pictor
