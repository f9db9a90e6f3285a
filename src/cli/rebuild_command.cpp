// pictor rebuild: makes what is derived from stored vectors anew: graphs.
#include <CLI/CLI.hpp>

#include "cli/interrupt.h"
#include "cli/json_output.h"
#include "cli/provenance_output.h"
#include "cli/session.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Options {
  std::string collection = "default";
  bool missing = false;
};

void print(Session& session, const std::string& collection, const IndexesReport& report) {
  std::ostream& out = session.out();
  out << session.bold(plural(report.made, "graph", "graphs") + " made of '" + printable(collection) + "'") << " in "
      << fixed(report.seconds, 1) << " s (" << plural(report.rows, "vector", "vectors") << ")\n";
  if (report.kept > 0) out << "  " << plural(report.kept, "graph was", "graphs were") << " there and whole\n";
  if (report.small > 0) {
    out << "  " << plural(report.small, "segment and head has", "segments and heads have") << " fewer than "
        << with_commas(limits::kGraphRowsMin) << " vectors: scanned, which is as quick\n";
  }
  if (report.bytes > 0) out << "  " << bytes_text(report.bytes) << " of graphs\n";
}

Status run(Session& session, const Options& options) {
  PICTOR_ASSIGN(Engine * engine, session.engine());
  const InterruptGuard interrupt;
  IndexesRequest request;
  request.collection = options.collection;
  request.again = !options.missing;
  request.cancel = &interrupt.flag();
  IndexesReport report;
  {
    WorkBar bar(session);
    request.progress = bar.function();
    PICTOR_ASSIGN(report, engine->build_indexes(request));
  }
  if (session.json()) {
    session.out() << indexes_json(report) << "\n";
  } else if (!session.options().quiet) {
    print(session, options.collection, report);
  }
  if (!report.cancelled) return Status::ok();
  return {Code::kCancelled, "stopped; the graphs that were made stay. pictor rebuild --missing makes the rest"};
}

}  // namespace

Command add_rebuild_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("rebuild", "Make a collection's graphs anew; vectors are only read");
  auto options = std::make_shared<Options>();
  add_collection_option(app, options->collection);
  app.add_flag("--missing", options->missing, "Only those that are missing or damaged");
  set_examples(app, {"pictor rebuild", "pictor rebuild --collection shop --missing"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
