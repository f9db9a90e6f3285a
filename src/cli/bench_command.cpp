// pictor bench: a quick look at how fast this machine is. bench/macro has the measurements that claims rest on.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "cli/json_output.h"
#include "cli/session.h"
#include "cli/source.h"
#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::size_t kPicturesMax = 256;  // held in memory, taken again and again
constexpr std::uint64_t kPictureBytesMax = 512 * limits::kMiB;

struct Options {
  std::vector<std::string> inputs;
  std::string collection, encoder, head;
  double seconds = 5;
  std::size_t queries = 200;
};

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(std::lround(share * static_cast<double>(values.size() - 1)))];
}

Result<std::vector<Bytes>> load(Session& session, const std::vector<std::string>& inputs) {
  PICTOR_ASSIGN(const auto source, open_inputs(session.env(), inputs, {}));
  std::vector<Bytes> pictures;
  std::uint64_t bytes = 0;
  while (pictures.size() < kPicturesMax && bytes < kPictureBytesMax) {
    IngestSource::Entry entry;
    PICTOR_ASSIGN(const bool more, source->next(entry));
    if (!more) break;
    if (!entry.problem.is_ok()) continue;
    Result<Bytes> file = entry.read();
    if (!file.is_ok()) continue;
    bytes += file->size();
    pictures.push_back(std::move(file).value());
  }
  if (pictures.empty()) return Status(Code::kNotFound, "no picture was found in the inputs");
  return pictures;
}

Status measure_embed(Session& session, Engine& engine, Options options, BenchFigures& figures) {
  if (options.head.empty()) {
    PICTOR_ASSIGN(options.head, first_head(engine, options.encoder, true));
  }
  PICTOR_ASSIGN(const std::vector<Bytes> pictures, load(session, options.inputs));
  Env& env = session.env();
  // The first call loads the encoder.
  Result<std::vector<float>> first = engine.embed_picture(options.encoder, options.head, pictures.front());
  for (std::size_t i = 1; !first.is_ok() && i < pictures.size() && first.status().code() == Code::kUnreadable; ++i) {
    first = engine.embed_picture(options.encoder, options.head, pictures[i]);
  }
  PICTOR_TRY(first.status());
  std::vector<double> times;
  const std::int64_t begin = env.monotonic_us();
  const auto end = begin + static_cast<std::int64_t>(options.seconds * 1e6);
  std::int64_t now = begin;
  for (std::size_t i = 0; now < end; ++i) {
    const Result<std::vector<float>> vector =
        engine.embed_picture(options.encoder, options.head, pictures[i % pictures.size()]);
    const std::int64_t after = env.monotonic_us();
    if (vector.is_ok()) times.push_back(static_cast<double>(after - now) / 1000);
    now = after;
  }
  figures.pictures = times.size();
  figures.seconds = static_cast<double>(now - begin) / 1e6;
  figures.median_ms = percentile(times, 0.5);
  figures.p95_ms = percentile(times, 0.95);
  return Status::ok();
}

Status measure_search(Session& session, Engine& engine, const Options& options, BenchFigures& figures) {
  PICTOR_ASSIGN(const CollectionInfo info, engine.stats(options.collection));
  std::vector<std::string> ids;
  const std::uint64_t step = std::max<std::uint64_t>(1, info.items / std::max<std::size_t>(1, options.queries));
  std::uint64_t seen = 0;
  PICTOR_TRY(engine.scan({options.collection}, [&](const StoredItem& item) {
    if (seen++ % step == 0 && ids.size() < options.queries) ids.push_back(item.id);
    return Status::ok();
  }));
  if (ids.empty()) return {Code::kNotFound, "collection '" + options.collection + "' is empty"};
  std::vector<double> times;
  for (std::size_t i = 0; i < options.queries; ++i) {
    Query query;
    query.collection = options.collection;
    query.head = options.head;
    QueryPart part;
    part.kind = QueryPart::Kind::kId;
    part.text = ids[i % ids.size()];
    query.parts.push_back(std::move(part));
    const std::int64_t begin = session.env().monotonic_us();
    PICTOR_TRY(engine.search(query).status());
    times.push_back(static_cast<double>(session.env().monotonic_us() - begin) / 1000);
  }
  figures.collection = options.collection;
  figures.items = info.items;
  figures.queries = times.size();
  figures.search_median_ms = percentile(times, 0.5);
  figures.search_p95_ms = percentile(times, 0.95);
  return Status::ok();
}

Status run(Session& session, const Options& options) {
  if (options.inputs.empty() && options.collection.empty()) {
    return {Code::kInvalid, "nothing to measure: give pictures, or a collection with --collection"};
  }
  session.options().vector_cache = false;  // the same pictures are embedded again and again
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  BenchFigures figures;
  figures.encoder = options.encoder.empty() ? "default" : options.encoder;
  if (!options.inputs.empty()) PICTOR_TRY(measure_embed(session, *engine, options, figures));
  if (!options.collection.empty()) PICTOR_TRY(measure_search(session, *engine, options, figures));
  std::ostream& out = session.out();
  if (session.json()) {
    out << bench_json(figures) << "\n";
    return Status::ok();
  }
  if (figures.pictures > 0) {
    out << "embed   " << plural(figures.pictures, "picture", "pictures") << " one by one in "
        << fixed(figures.seconds, 1) << " s: " << fixed(static_cast<double>(figures.pictures) / figures.seconds, 1)
        << " img/s, median " << fixed(figures.median_ms, 1) << " ms, p95 " << fixed(figures.p95_ms, 1) << " ms\n";
  }
  if (figures.queries > 0) {
    out << "search  " << plural(figures.queries, "query", "queries") << " over "
        << plural(figures.items, "item", "items") << ": median " << fixed(figures.search_median_ms, 2) << " ms, p95 "
        << fixed(figures.search_p95_ms, 2) << " ms\n";
  }
  return Status::ok();
}

}  // namespace

Command add_bench_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("bench", "Measure this machine quickly");
  auto options = std::make_shared<Options>();
  app.add_option("inputs", options->inputs, "Pictures to embed, as for pictor index; 256 at most are used")
      ->type_name("INPUT");
  app.add_option("-c,--collection", options->collection, "Search this collection")->type_name("NAME");
  app.add_option("--encoder", options->encoder, "Encoder; see pictor encoders")
      ->envname("PICTOR_ENCODER")
      ->type_name("NAME");
  app.add_option("--head", options->head, "Head of the encoder")->type_name("NAME");
  app.add_option("--seconds", options->seconds, "How long pictures are embedded")
      ->check(CLI::Range(0.1, 3600.0).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--queries", options->queries, "How many searches are made")
      ->check(CLI::Range(1, 1'000'000).description(""))
      ->type_name("N")
      ->capture_default_str();
  set_examples(app, {"pictor bench ~/photos", "pictor bench --collection default --queries 1000"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
