// pictor eval run: the queries of a file, put to the engine.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/eval_asking.h"
#include "cli/interrupt.h"
#include "cli/provenance_output.h"
#include "cli/text.h"

namespace pictor {
namespace {

// Paths of pictures are those below the folder of the file of queries.
Result<EvalAsked> asked_of(Session& session, const EvalRunFlags& flags, const EvalQuery& from) {
  EvalAsked asked{from.id, eval_query_of(flags), from.item};
  asked.query.where = from.where;
  if (!from.text.empty()) {
    QueryPart& part = asked.query.parts.emplace_back();
    part.kind = QueryPart::Kind::kText;
    part.text = from.text;
  }
  if (!from.item.empty()) {
    QueryPart& part = asked.query.parts.emplace_back();
    part.kind = QueryPart::Kind::kId;
    part.text = from.item;
    asked.query.k = std::min<std::size_t>(flags.k + 1, limits::kQueryKMax);
  }
  if (!from.picture.empty()) {
    const std::string folder = parent_path(flags.eval.queries);
    const bool absolute = from.picture.front() == '/';
    const std::string path = absolute || folder == "." ? from.picture : join_path(folder, from.picture);
    QueryPart& part = asked.query.parts.emplace_back();
    part.kind = QueryPart::Kind::kImage;
    PICTOR_ASSIGN(part.image, read_file(session.env(), path, limits::kImageFileBytesMax));
  }
  return asked;
}

Status run_queries(Session& session, const EvalRunFlags& flags) {
  PICTOR_ASSIGN(EvalSummary summary, begin_eval(flags, "run"));
  PICTOR_ASSIGN(const std::vector<EvalQuery> queries, load_queries(session, flags.eval.queries));
  Judgements judgements;
  if (flags.eval.judgements.empty() && flags.output.empty()) {
    return {Code::kInvalid, "nothing to do with the answers: give --judgements FILE, --output FILE or both"};
  }
  if (!flags.eval.judgements.empty()) {
    PICTOR_ASSIGN(judgements, load_judgements(session, flags.eval.judgements));
    keep_queries(judgements, queries);
    if (judgements.queries.empty()) return {Code::kMismatch, "no query of '" + flags.eval.queries + "' is judged"};
  }
  PICTOR_ASSIGN(Engine * engine, session.engine());
  PICTOR_TRY(engine->stats(flags.collection).status());
  EvalAsker asker(session, *engine, summary, flags.k);
  {
    const InterruptGuard interrupt;
    WorkBar bar(session);
    const auto progress = bar.function();
    for (const EvalQuery& query : queries) {
      if (interrupt.flag()) return eval_stopped();
      PICTOR_TRY(asker.ask(asked_of(session, flags, query), query.id));
      progress(summary.queries_asked, queries.size());
    }
  }
  const RankedRun run = asker.finish(flags.tag);
  if (!flags.eval.judgements.empty()) return tell_eval(session, flags, summary, run, judgements);
  PICTOR_TRY(write_eval_file(session, flags.output, write_run(run)));
  tell_failed(session, summary);
  if (!session.json() && !session.options().quiet) session.out() << "run: " << printable(flags.output) << "\n";
  return Status::ok();
}

}  // namespace

Command add_eval_run_action(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("run", "Ask a collection the queries of a file, and score the answers");
  auto flags = std::make_shared<EvalRunFlags>();
  app.add_option("collection", flags->collection, "Collection")->required()->type_name("COLLECTION");
  app.add_option("--queries", flags->eval.queries,
                 "CSV or JSON lines with id and text, picture or item; filter; other columns tell queries apart")
      ->required()
      ->type_name("FILE");
  add_judgements_option(app, flags->eval);
  add_asking_options(app, *flags);
  add_scoring_options(app, flags->eval);
  add_gate_option(app, flags->eval, "the mean of a metric");
  set_examples(app, {"pictor eval run shop --queries queries.csv -j judgements.csv -o new.run",
                     "pictor eval run shop --queries queries.jsonl -o exact.run --exact",
                     "pictor eval run shop --queries q.csv -j j.qrels --fail-below R@10=0.9"});
  return {&app, [flags](Session& session) { return run_queries(session, *flags); }};
}

}  // namespace pictor
