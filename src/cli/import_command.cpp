// pictor import: vectors that were made elsewhere, into a collection of their own.
#include <CLI/CLI.hpp>
#include <map>

#include "cli/interrupt.h"
#include "cli/json_output.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "cli/provenance_output.h"
#include "cli/text.h"
#include "cli/vectors_output.h"
#include "exchange/exchange.h"

namespace pictor {
namespace {

struct Options {
  std::string file, collection, ids, id_prefix, encoder_name, head, dataset, refused;
  std::optional<Metric> metric;
  bool again = false, dry_run = false, strict = false, no_graphs = false, no_progress = false;
};

ProgressPrinter::Mode mode_of(Session& session, const Options& options) {
  if (options.no_progress || session.options().quiet) return ProgressPrinter::Mode::kOff;
  return session.terminal().err_is_tty ? ProgressPrinter::Mode::kBar : ProgressPrinter::Mode::kLines;
}

// What has no total of its own: it is read whole, so that receipts name it and a run that was stopped is known again.
Result<std::string> sum_of(Session& session, const std::string& path, const Options& options,
                           const std::atomic<bool>& cancel) {
  ProgressPrinter printer(session.err(), mode_of(session, options), session.terminal().width,
                          {"MiB", "MiB", "MiB/s read"});
  const std::int64_t start_us = session.env().monotonic_us();
  const auto tell = [&](std::uint64_t done, std::uint64_t total) {
    IngestProgress progress;
    progress.seen = done / limits::kMiB;
    progress.total = total / limits::kMiB;
    progress.seconds = static_cast<double>(session.env().monotonic_us() - start_us) * 1e-6;
    if (done % (16 * limits::kMiB) == 0) printer.update(progress);
    return !cancel.load();
  };
  const auto sum = sum_of_file(session.env(), path, tell);
  printer.finish();
  PICTOR_TRY(sum.status());
  return sum->hex();
}

// Lines about what is refused, between those of the progress; or a file of them.
class Reporter {
 public:
  Reporter(Session& session, const Options& options)
      : session_(session),
        printer_(session.err(), mode_of(session, options), session.terminal().width, {"vector", "vectors", "vec/s"}) {}

  Status open(const std::string& path) {
    if (path.empty()) return Status::ok();
    PICTOR_ASSIGN(file_, OutputFile::create(session_.env(), path, true));
    return Status::ok();
  }
  void progress(const ImportProgress& counts) {
    IngestProgress progress;
    progress.seen = counts.seen;
    progress.total = counts.total;
    progress.quarantined = counts.refused;
    progress.seconds = counts.seconds;
    printer_.update(progress);
  }
  void refused(const RefusedVector& refused) {
    if (file_ != nullptr && status_.is_ok()) status_ = file_->write(refused_json(refused) + "\n");
    if (file_ != nullptr || session_.options().quiet || ++lines_ > kLinesMax) return;
    printer_.line("refused: " + printable(refused.place) + " (" + printable(refused.id) +
                  "): " + printable(refused.cause.message()));
    if (lines_ == kLinesMax) printer_.line("what else is refused is only counted; --refused FILE lists all");
  }
  Status finish() {
    printer_.finish();
    if (file_ == nullptr) return Status::ok();
    PICTOR_TRY(status_);
    return file_->finish();
  }

 private:
  static constexpr int kLinesMax = 20;

  Session& session_;
  ProgressPrinter printer_;
  std::unique_ptr<OutputFile> file_;
  Status status_;
  int lines_ = 0;
};

Status outcome(const ImportSummary& summary, bool strict) {
  const ImportProgress& counts = summary.report.counts;
  if (summary.report.cancelled) {
    return {Code::kCancelled, "stopped after " + plural(counts.seen, "vector", "vectors") +
                                  "; what was stored stays. The same command goes on from here"};
  }
  if (counts.refused > 0 && (strict || counts.refused == counts.seen)) {
    return {Code::kUnreadable, plural(counts.refused, "vector was", "vectors were") + " refused" +
                                   (counts.refused == counts.seen ? "; none could be imported" : " (--strict)")};
  }
  return Status::ok();
}

Result<ImportRequest> request_of(Session& session, const VectorFile& file, const Options& options,
                                 const std::atomic<bool>& cancel) {
  ImportRequest request;
  request.collection = options.collection;
  request.encoder_name = options.encoder_name;
  request.head = options.head;
  request.metric = options.metric;
  request.again = options.again;
  request.dry_run = options.dry_run;
  request.cancel = &cancel;
  request.origin.file = to_utf8(file_name(options.file));
  request.origin.format = file.format();
  PICTOR_ASSIGN(request.origin.sha256, sum_of(session, options.file, options, cancel));
  if (!file.ids_file().empty()) {
    PICTOR_ASSIGN(request.origin.ids, sum_of(session, file.ids_file(), options, cancel));
  }
  return request;
}

// What was read must be what was summed.
Status check_unchanged(Env& env, const std::string& path, const FileInfo& before) {
  PICTOR_ASSIGN(const auto now, env.info(path));
  if (now.size == before.size && now.modified_us == before.modified_us) return Status::ok();
  return {Code::kMismatch, "'" + path +
                               "' was changed while it was imported: what was stored names a sum that is not "
                               "its own. Drop the collection, or import the file again into another one"};
}

Status run(Session& session, const Options& options) {
  PICTOR_ASSIGN(const auto before, session.env().info(options.file));
  PICTOR_ASSIGN(const auto file, open_vector_file(session.env(), options.file,
                                                  {options.ids, options.id_prefix, options.head, options.dataset}));
  const InterruptGuard interrupt;
  PICTOR_ASSIGN(auto request, request_of(session, *file, options, interrupt.flag()));
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  Reporter reporter(session, options);
  PICTOR_TRY(reporter.open(options.refused));
  request.progress = [&](const ImportProgress& counts) { reporter.progress(counts); };
  request.refused = [&](const RefusedVector& refused) { reporter.refused(refused); };
  auto report = engine->vector_tools().import(request, *file);
  const Status finished = reporter.finish();
  PICTOR_TRY(report.status());
  PICTOR_TRY(check_unchanged(session.env(), options.file, before));
  ImportSummary summary{options.collection, options.file, request.origin, options.dry_run, std::move(*report), {}};
  auto& notes = summary.report.notes;
  notes.insert(notes.begin(), file->notes().begin(), file->notes().end());
  if (!file->ids_file().empty()) notes.insert(notes.begin(), "ids from " + file->ids_file());
  if (!summary.report.cancelled && !options.no_graphs && !options.dry_run && summary.report.counts.seen > 0) {
    WorkBar bar(session);
    IndexesRequest graphs;
    graphs.collection = options.collection;
    graphs.cancel = &interrupt.flag();
    if (!options.no_progress) graphs.progress = bar.function();
    PICTOR_ASSIGN(summary.graphs, engine->build_indexes(graphs));
  }
  if (session.json()) {
    session.out() << import_json(summary) << "\n";
  } else if (!session.options().quiet) {
    print_import(session, summary);
  }
  PICTOR_TRY(finished);
  return outcome(summary, options.strict);
}

}  // namespace

Command add_import_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("import", "Bring vectors that were made elsewhere into a collection");
  auto options = std::make_shared<Options>();
  app.add_option("file", options->file,
                 "A .npy array of rows, JSON lines with \"id\" and \"vector\", HDF5, or a faiss index (Flat, HNSWFlat, "
                 "IVFFlat, "
                 "with or without IDMap)")
      ->required()
      ->type_name("FILE");
  add_collection_option(app, options->collection)->required();
  app.add_option("--ids", options->ids,
                 "File of the ids, one each: .npy of integers, .jsonl, or text with one a line; else NAME.ids.jsonl "
                 "beside NAME.npy, else the file's own, else row numbers")
      ->type_name("FILE");
  app.add_option("--id-prefix", options->id_prefix, "Text put before every id")->type_name("TEXT");
  app.add_option("--encoder-name", options->encoder_name,
                 "What made the vectors, as far as you know: receipts say that you said so")
      ->type_name("NAME");
  const std::map<std::string, Metric> metrics = {
      {"cosine", Metric::kCosine}, {"l2", Metric::kL2}, {"inner_product", Metric::kInnerProduct}};
  app.add_option("--metric", options->metric, "How a new collection compares; else as the faiss index, else cosine")
      ->transform(CLI::CheckedTransformer(metrics).description(""))
      ->type_name("cosine|l2|inner_product");
  app.add_option("--head", options->head, "Head of a new collection, and of JSON lines that have several")
      ->type_name("NAME");
  app.add_option("--dataset", options->dataset, "Data set of an HDF5 file; else vectors, else train")
      ->type_name("NAME");
  app.add_flag("--again", options->again, "Import once more what an earlier run has imported of this file");
  app.add_flag("--dry-run", options->dry_run, "Read and check everything, store nothing");
  app.add_flag("--strict", options->strict, "Exit with status 6 when any vector was refused");
  app.add_option("--refused", options->refused, "Write what was refused to this file, a JSON object a line")
      ->type_name("FILE");
  app.add_flag("--no-graphs", options->no_graphs, "Leave graphs to pictor rebuild --missing");
  app.add_flag("--no-progress", options->no_progress, "No progress bar or lines");
  set_examples(app, {"pictor import vectors.npy -c shop --ids ids.txt --encoder-name clip-vit-b-32",
                     "pictor import items.jsonl -c shop --metric l2", "pictor import index.faiss -c old --dry-run"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
