// pictor compact: merges segments, and drops history for good when asked to.
#include <CLI/CLI.hpp>

#include "cli/interrupt.h"
#include "cli/json_output.h"
#include "cli/provenance_output.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Options {
  std::string collection;
  bool all = false, drop_history = false, yes = false;
  std::uint32_t older_than = 0, mib_per_second = 0;
};

Status check(Session& session, const Options& options) {
  if (!options.drop_history && options.older_than != 0) {
    return {Code::kInvalid, "--older-than says which history --drop-history drops: add it"};
  }
  if (!options.drop_history) return Status::ok();
  const std::string which = options.older_than == 0
                                ? "all history"
                                : "what died more than " + plural(options.older_than, "day", "days") + " ago";
  return session.confirm("Drop " + which + " of '" + options.collection + "' for good?", options.yes);
}

void print(Session& session, const Compaction& made) {
  std::ostream& out = session.out();
  out << plural(made.segments_before, "segment", "segments") << " of " << bytes_text(made.bytes_before) << ", now "
      << plural(made.segments_after, "segment", "segments") << " of " << bytes_text(made.bytes_after) << " ("
      << bytes_text(made.bytes_written) << " written)\n";
  if (made.rows_dropped == 0 && made.blobs_dropped == 0) return;
  out << "Dropped " << plural(made.rows_dropped, "replaced or deleted item", "replaced or deleted items") << " and "
      << plural(made.blobs_dropped, "picture", "pictures") << " for good; history begins after number "
      << made.history_from << "\n";
}

Status run(Session& session, const Options& options) {
  PICTOR_TRY(check(session, options));
  PICTOR_ASSIGN(Engine * engine, session.engine());
  const InterruptGuard interrupt;
  CompactionRequest request;
  request.collection = options.collection;
  request.everything = options.all;
  request.drop_history = options.drop_history;
  request.older_than_days = options.older_than;
  request.mib_per_second = options.mib_per_second;
  request.cancel = &interrupt.flag();
  Result<Compaction> made = [&] {
    WorkBar bar(session);
    // A bar over mebibytes: it counts what is worked through.
    request.progress = [show = bar.function()](std::uint64_t done, std::uint64_t total) {
      show(done / limits::kMiB, total / limits::kMiB);
    };
    return engine->upkeep().compact(request);
  }();
  PICTOR_TRY(made.status());
  if (!made->stopped) PICTOR_TRY(make_missing_indexes(session, *engine, options.collection));
  if (session.json())
    session.out() << compaction_json(*made) << "\n";
  else if (!session.options().quiet)
    print(session, *made);
  if (made->stopped) return {Code::kCancelled, "stopped: what was merged until then stays"};
  return Status::ok();
}

}  // namespace

Command add_compact_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("compact", "Merge segments; drop history for good");
  auto options = std::make_shared<Options>();
  app.add_option("collection", options->collection, "Name of the collection")->required()->type_name("COLLECTION");
  app.add_flag("--all", options->all, "Merge all that can be; else what is worth its writing");
  app.add_flag("--drop-history", options->drop_history,
               "Drop replaced and deleted items for good: vectors, metadata and pictures");
  app.add_option("--older-than", options->older_than,
                 "--drop-history: only those that were replaced or deleted so many days ago")
      ->check(CLI::Range(1U, 36'500U).description(""))
      ->type_name("DAYS");
  app.add_option("--mib-per-second", options->mib_per_second, "Write no faster than that")
      ->check(CLI::Range(1U, 1'000'000U).description(""))
      ->type_name("N");
  app.add_flag("-y,--yes", options->yes, "Do not ask");
  set_examples(app, {"pictor compact photos", "pictor compact photos --all",
                     "pictor compact photos --drop-history --older-than 30"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
