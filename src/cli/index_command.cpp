// pictor index: pictures from folders, files, globs, archives and manifests into a collection.
#include <CLI/CLI.hpp>
#include <map>
#include <mutex>

#include "cli/indexing.h"
#include "cli/interrupt.h"
#include "cli/json_output.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "cli/provenance_output.h"
#include "cli/session.h"
#include "cli/source.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Options {
  std::vector<std::string> inputs;
  std::string collection = "default", encoder, keep, tokens, quarantine;
  std::uint32_t tokens_dim = 0;
  SourceOptions source;
  IndexingOptions indexing;
  bool reproducible = false;
  bool force = false, no_graphs = false, no_progress = false, strict = false;
  std::size_t batch = 0;
};

// Takes what the engine reports while it runs; its calls may come from any thread.
class Reporter {
 public:
  Reporter(Session& session, const Options& options)
      : session_(session), printer_(session.err(), mode(session, options), session.terminal().width) {}

  Status open(const std::string& path) {
    if (path.empty()) return Status::ok();
    PICTOR_ASSIGN(file_, OutputFile::create(session_.env(), path, true));
    return Status::ok();
  }

  void progress(const IngestProgress& progress) {
    const std::lock_guard<std::mutex> lock(mutex_);
    printer_.update(progress);
  }

  void refused(const Quarantined& refused) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++by_cause_[std::string(code_name(refused.cause.code()))];
    if (file_ != nullptr && file_status_.is_ok()) file_status_ = file_->write(quarantined_json(refused) + "\n");
    if (file_ == nullptr && !session_.options().quiet) {
      printer_.line("refused: " + printable(refused.source) + ": " + printable(refused.cause.message()));
    }
  }

  Status finish() {
    const std::lock_guard<std::mutex> lock(mutex_);
    printer_.finish();
    if (file_ == nullptr) return Status::ok();
    PICTOR_TRY(file_status_);
    return file_->finish();
  }

  std::vector<std::pair<std::string, std::uint64_t>> by_cause() const { return {by_cause_.begin(), by_cause_.end()}; }

 private:
  static ProgressPrinter::Mode mode(Session& session, const Options& options) {
    if (options.no_progress || session.options().quiet) return ProgressPrinter::Mode::kOff;
    return session.terminal().err_is_tty ? ProgressPrinter::Mode::kBar : ProgressPrinter::Mode::kLines;
  }

  Session& session_;
  std::mutex mutex_;
  ProgressPrinter printer_;
  std::unique_ptr<OutputFile> file_;
  Status file_status_;
  std::map<std::string, std::uint64_t> by_cause_;
};

std::string skipped_text(const SkipCounts& skipped) {
  std::string text;
  const auto add = [&](std::uint64_t count, const std::string& what) {
    if (count > 0) text += (text.empty() ? "" : ", ") + with_commas(count) + " " + what;
  };
  add(skipped.not_pictures, "not pictures by name (--all-files takes them)");
  add(skipped.hidden, "hidden (--hidden)");
  add(skipped.linked_folders, "linked folders (--follow-links)");
  add(skipped.same_content, "with the same content as another");
  return text;
}

void print_summary(Session& session, const IndexSummary& summary, const Options& options) {
  const IngestProgress& counts = summary.report.counts;
  const double rate = counts.seconds > 0 ? static_cast<double>(counts.seen) / counts.seconds : 0;
  std::ostream& out = session.out();
  out << session.bold((summary.report.cancelled ? "Stopped after " : "Indexed ") +
                      plural(counts.seen, "picture", "pictures") + " into '" + summary.collection + "'")
      << " in " << fixed(counts.seconds, 1) << " s (" << fixed(rate, 1) << " img/s, "
      << fixed(core_seconds(summary.report), 1) << " core-seconds)\n";
  const auto row = [&](const char* name, std::uint64_t count, const std::string& note) {
    if (count > 0) out << "  " << pad_right(name, 10) << pad_left(with_commas(count), 10) << note << "\n";
  };
  row("added", counts.added, "");
  row("replaced", counts.replaced, "");
  row("unchanged", counts.unchanged, "");
  row("reused", counts.reused, "  vectors taken from equal pictures");
  row("refused", counts.quarantined, options.quarantine.empty() ? "" : "  listed in " + printable(options.quarantine));
  row(summary.graphs.kind == "lists" ? "lists" : "graphs", summary.graphs.made,
      "  over " + plural(summary.graphs.rows, "vector", "vectors") + ", in " + fixed(summary.graphs.seconds, 1) + " s");
  for (const auto& [cause, count] : summary.refused_by_cause) {
    out << "    " << pad_right(cause, 12) << pad_left(with_commas(count), 6) << "\n";
  }
  if (const std::string skipped = skipped_text(summary.skipped); !skipped.empty()) {
    for (const std::string& line : wrap("skipped: " + skipped, 76)) out << "  " << line << "\n";
  }
}

// What the exit status says: some pictures refused is no error unless all were, or --strict asks for it.
Status outcome(const IndexSummary& summary, bool strict) {
  const IngestProgress& counts = summary.report.counts;
  if (summary.report.cancelled) {
    return {Code::kCancelled, "stopped after " + plural(counts.seen, "picture", "pictures") +
                                  "; what was added stays. The same command goes on from here"};
  }
  const std::uint64_t taken = counts.seen - std::min(counts.seen, counts.quarantined);
  if (counts.quarantined > 0 && (strict || taken == 0)) {
    return {Code::kUnreadable, plural(counts.quarantined, "picture was", "pictures were") + " refused" +
                                   (taken == 0 ? "; none could be indexed" : " (--strict)")};
  }
  if (counts.seen == 0) return {Code::kNotFound, "no picture was found in the inputs"};
  return Status::ok();
}

// Where there is much to search: graphs or lists, so that a search need not look at every picture. All is stored by
// now: without them, or when this is stopped, answers are the same and only slower.
Result<IndexesReport> build_indexes(Session& session, Engine& engine, const Options& options, IndexesRequest request,
                                    const std::atomic<bool>& cancel) {
  std::unique_ptr<WorkBar> bar = options.no_progress ? nullptr : std::make_unique<WorkBar>(session);
  request.collection = options.collection;
  request.cancel = &cancel;
  if (bar != nullptr) request.progress = bar->function();
  return engine.build_indexes(request);
}

Status run(Session& session, const Options& options) {
  IndexesRequest indexes;
  PICTOR_TRY(apply(options.indexing, indexes));
  PICTOR_ASSIGN(const auto source, open_inputs(session.env(), options.inputs, options.source));
  session.options().reproducible = options.reproducible;
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  Reporter reporter(session, options);
  PICTOR_TRY(reporter.open(options.quarantine));
  const InterruptGuard interrupt;
  IngestRequest request;
  request.collection = options.collection;
  request.encoder = options.encoder;
  request.keep = options.keep;
  request.tokens = options.tokens;
  request.tokens_dim = options.tokens_dim;
  request.force = options.force;
  request.batch = options.batch;
  request.cancel = &interrupt.flag();
  request.progress = [&](const IngestProgress& progress) { reporter.progress(progress); };
  request.quarantined = [&](const Quarantined& refused) { reporter.refused(refused); };
  Result<IngestReport> report = engine->ingest(request, *source);
  const Status finished = reporter.finish();
  PICTOR_TRY(report.status());
  IndexSummary summary{options.collection, std::move(report).value(), source->skipped(), reporter.by_cause(), {}};
  if (!summary.report.cancelled && !options.no_graphs) {
    PICTOR_ASSIGN(summary.graphs, build_indexes(session, *engine, options, indexes, interrupt.flag()));
  }
  if (session.json()) {
    session.out() << index_json(summary) << "\n";
  } else if (!session.options().quiet) {
    print_summary(session, summary, options);
  }
  for (const std::string& warning : summary.report.warnings) session.log(Verbosity::kWarn, warning);
  PICTOR_TRY(finished);
  return outcome(summary, options.strict);
}

void add_source_options(CLI::App& app, Options& options) {
  const std::map<std::string, IdFrom> kinds = {
      {"path", IdFrom::kPath}, {"full", IdFrom::kFull}, {"name", IdFrom::kName}, {"hash", IdFrom::kHash}};
  app.add_option("--id-from", options.source.id_from,
                 "What becomes the id: path (below the folder or archive you named), full (with what you typed), name "
                 "(of the file) or hash (of its bytes). An id in a manifest goes before")
      ->transform(CLI::CheckedTransformer(kinds).description(""))
      ->type_name("path|full|name|hash")
      ->default_str("path")
      ->group("Inputs");
  app.add_option("--id-prefix", options.source.id_prefix, "Text put before every id")
      ->type_name("TEXT")
      ->group("Inputs");
  app.add_flag("--metadata-from-txt", options.source.text_from_sidecar,
               "The first line of cat.txt beside cat.png becomes its text, and 'description' in its metadata")
      ->group("Inputs");
  app.add_flag("--metadata-from-path", options.source.metadata_from_path,
               "Put 'folder' and 'name' from the path into the metadata")
      ->group("Inputs");
  app.add_flag("--all-files", options.source.all_files, "Take files whatever their names end in")->group("Inputs");
  app.add_flag("--hidden", options.source.hidden, "Take names that begin with a dot")->group("Inputs");
  app.add_flag("--follow-links", options.source.follow_links, "Go into linked folders, each once")->group("Inputs");
}

}  // namespace

Command add_index_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("index", "Index pictures from folders, files, archives and manifests");
  auto options = std::make_shared<Options>();
  app.add_option(
         "inputs", options->inputs,
         "Folders, picture files, quoted patterns ('photos/**/*.jpg'), archives (.zip .tar .tar.gz .tar.zst "
         "...) and manifests (.csv .tsv .jsonl with a column 'path' or 'file', optionally 'id' and 'text'; other "
         "columns become metadata)")
      ->required()
      ->type_name("INPUT");
  add_collection_option(app, options->collection);
  app.add_option("--encoder", options->encoder, "Encoder of a new collection; see pictor encoders")
      ->envname("PICTOR_ENCODER")
      ->type_name("NAME");
  app.add_option("--keep", options->keep,
                 "What a new collection keeps of its pictures (reference: only where they are)")
      ->check(CLI::IsMember({"original", "thumbnail", "reference", "none"}).description(""))
      ->type_name("original|thumbnail|reference|none");
  app.add_option("--tokens", options->tokens,
                 "Patch tokens that a new collection keeps of every picture, from the same pass of the network")
      ->check(CLI::IsMember({"none", "f16", "int8"}).description(""))
      ->type_name("none|f16|int8");
  app.add_option("--tokens-dim", options->tokens_dim, "Keep only the first N numbers of each token")
      ->check(CLI::Range(1, static_cast<int>(limits::kTokenNumbersMax)).description(""))
      ->type_name("N");
  app.add_flag("--force", options->force, "Embed again what is unchanged");
  add_reproducible_option(app, options->reproducible);
  app.add_flag("--strict", options->strict, "Exit with status 6 when any picture was refused");
  app.add_option("--quarantine", options->quarantine, "Write what was refused to this file, a JSON object a line")
      ->type_name("FILE");
  app.add_option("--batch", options->batch, "Pictures in one batch; 0 chooses")
      ->check(CLI::Range(0, static_cast<int>(limits::kEncodeBatchMax)).description(""))
      ->type_name("N");
  add_indexing_options(app, options->indexing);
  app.add_flag("--no-graphs", options->no_graphs, "Leave graphs and lists to pictor rebuild --missing")
      ->excludes("--memory-budget")
      ->excludes("--index-type");
  app.add_flag("--no-progress", options->no_progress, "No progress bar or lines");
  add_source_options(app, *options);
  set_examples(app, {"pictor index ~/photos", "pictor index photos.tar.zst 'more/**/*.jpg' -c holidays",
                     "pictor index products.csv --collection shop --keep thumbnail",
                     "pictor index stamps/ --metadata-from-txt --metadata-from-path"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
