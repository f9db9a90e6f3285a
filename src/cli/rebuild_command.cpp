// pictor rebuild: makes what is derived from stored vectors anew: graphs or lists.
#include <CLI/CLI.hpp>

#include "cli/indexing.h"
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
  IndexingOptions indexing;
};

void print(Session& session, const std::string& collection, const IndexesReport& report) {
  std::ostream& out = session.out();
  out << session.bold(indexes_text(report.made, report.kind) + " made of '" + printable(collection) + "'") << " in "
      << fixed(report.seconds, 1) << " s (" << plural(report.rows, "vector", "vectors") << ")\n";
  if (!report.why.empty()) {
    for (const std::string& line : wrap((report.kind == "lists" ? "lists: " : "graphs: ") + report.why, 76)) {
      out << "  " << line << "\n";
    }
  }
  if (report.kept > 0) out << "  " << plural(report.kept, "index was", "indexes were") << " there and whole\n";
  if (report.small > 0) {
    out << "  " << plural(report.small, "segment and head has", "segments and heads have") << " fewer than "
        << with_commas(limits::kGraphRowsMin) << " vectors: scanned, which is as quick\n";
  }
  if (report.bytes > 0) out << "  " << bytes_text(report.bytes) << " of indexes\n";
}

Status run(Session& session, const Options& options) {
  IndexesRequest request;
  request.collection = options.collection;
  request.again = !options.missing;
  PICTOR_TRY(apply(options.indexing, request));
  PICTOR_ASSIGN(Engine * engine, session.engine());
  const InterruptGuard interrupt;
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
  return {Code::kCancelled, "stopped; the indexes that were made stay. pictor rebuild --missing makes the rest"};
}

}  // namespace

Command add_rebuild_command(CLI::App& parent) {
  CLI::App& app =
      *parent.add_subcommand("rebuild", "Make a collection's indexes anew, graphs or lists; vectors are only read");
  auto options = std::make_shared<Options>();
  add_collection_option(app, options->collection);
  app.add_flag("--missing", options->missing, "Only those that are missing or damaged");
  add_indexing_options(app, options->indexing);
  set_examples(app,
               {"pictor rebuild", "pictor rebuild --collection shop --missing", "pictor rebuild --memory-budget 2GiB"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
