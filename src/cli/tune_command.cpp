// pictor tune: measures which recall to search a collection with, and writes it down.
#include <CLI/CLI.hpp>

#include "cli/interrupt.h"
#include "cli/provenance_output.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/vectors_output.h"

namespace pictor {
namespace {

Status outcome(const TuneReport& report) {
  if (report.cancelled) return {Code::kCancelled, "stopped: nothing was written down"};
  if (!report.chosen) return {Code::kUnsupported, report.why + "; nothing was written down"};
  return Status::ok();
}

Status run(Session& session, TuneRequest request) {
  PICTOR_ASSIGN(Engine * engine, session.engine());
  const InterruptGuard interrupt;
  request.cancel = &interrupt.flag();
  const auto report = [&] {
    WorkBar bar(session);
    request.progress = bar.function();
    return engine->vector_tools().tune(request);
  }();
  PICTOR_TRY(report.status());
  if (session.json()) {
    session.out() << tune_json(request.collection, *report) << "\n";
  } else if (!session.options().quiet && !report->cancelled) {
    print_tune(session, request, *report);
  }
  return outcome(*report);
}

}  // namespace

Command add_tune_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("tune", "Find the recall to search with, and write it down");
  auto request = std::make_shared<TuneRequest>();
  request->collection = "default";
  add_collection_option(app, request->collection);
  app.add_option("--recall", request->recall, "Share of the true k nearest that is wanted, as a mean over queries")
      ->type_name("SHARE")
      ->capture_default_str();
  app.add_option("--latency-ms", request->latency_ms,
                 "99 of 100 queries by a vector are to be answered within so many milliseconds")
      ->type_name("MS");
  app.add_option("--deadline", request->deadline_ms,
                 "Write this deadline down as well, in milliseconds, for whole queries; 0 takes it away")
      ->type_name("MS");
  app.add_option("-k", request->k, "Neighbours a query asks for")->type_name("N")->capture_default_str();
  app.add_option("--queries", request->queries, "Items that ask for their neighbours, drawn at random")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--seed", request->seed, "Draw the same items as a run with this seed")->type_name("N");
  app.add_option("--head", request->head, "Head of the vectors; else the first")->type_name("NAME");
  app.add_flag("--dry-run", request->dry_run, "Measure, and write nothing down");
  set_examples(app, {"pictor tune --recall 0.99", "pictor tune -c shop --recall 0.95 --latency-ms 2 --dry-run"});
  return {&app, [request](Session& session) { return run(session, *request); }};
}

}  // namespace pictor
