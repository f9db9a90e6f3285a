// pictor search: by picture, by words, by an item, or by a weighted mix of them.
#include <CLI/CLI.hpp>

#include <algorithm>

#include "cli/contact_sheet.h"
#include "cli/json_output.h"
#include "cli/output_file.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/terminal_picture.h"
#include "cli/text.h"
#include "exchange/exchange.h"

namespace pictor {
namespace {

constexpr std::uint32_t kSheetSide = 360;
constexpr std::uint32_t kTerminalSide = 240;
constexpr int kTerminalRows = 6;

struct Options {
  std::vector<std::string> images, texts, ids, vectors_of;
  std::vector<double> weights;
  std::string collection = "default", head, where, as_of, html, thumbnails = "auto";
  std::size_t k = 10;
  std::optional<std::int64_t> deadline_ms;
  std::optional<double> recall, min_probability;
  bool coded_scores = false;
  std::string rerank, words, fusion = "ranks";
  double words_weight = 0.5, diversity = 0;
  std::string boost, group_by;
  std::size_t group_size = 1, offset = 0;
  std::size_t candidates = 0;
  std::int64_t rerank_ms = 0;
  std::optional<std::uint64_t> row;  // of the files of vectors_of
  bool exact = false, explain = false, vectors = false, reproducible = false;
  const CLI::App* app = nullptr;
};

// One row of a file of vectors: which, must be said of a file that has several.
Result<std::vector<float>> vector_from(Env& env, const std::string& path, const std::optional<std::uint64_t>& row) {
  PICTOR_ASSIGN(const auto file, open_vector_file(env, path, {}));
  if (!row.has_value() && file->total().value_or(0) > 1) {
    return Status(Code::kInvalid,
                  "'" + path + "' has " + with_commas(*file->total()) + " vectors: say which one with --row, from 0");
  }
  VectorSource::Entry entry;
  for (std::uint64_t at = 0; at <= row.value_or(0); ++at) {
    PICTOR_ASSIGN(const bool more, file->next(entry));
    if (!more) return Status(Code::kNotFound, "'" + path + "' has no row " + std::to_string(row.value_or(0)));
  }
  if (!entry.problem.is_ok()) return entry.problem.in("'" + path + "', " + entry.vector.place);
  return std::move(entry.vector.numbers);
}

// Parts in the order of the command line, so that weights belong to them.
Result<std::vector<QueryPart>> make_parts(Session& session, const Options& options) {
  std::vector<QueryPart> parts;
  std::size_t image = 0, text = 0, id = 0, vector = 0;
  for (const CLI::Option* option : options.app->parse_order()) {
    const std::string name = option->get_single_name();
    QueryPart part;
    if (name == "image" && image < options.images.size()) {
      part.kind = QueryPart::Kind::kImage;
      PICTOR_ASSIGN(part.image, read_file(session.env(), options.images[image++], limits::kImageFileBytesMax));
    } else if (name == "text" && text < options.texts.size()) {
      part.kind = QueryPart::Kind::kText;
      part.text = options.texts[text++];
    } else if (name == "id" && id < options.ids.size()) {
      part.kind = QueryPart::Kind::kId;
      part.text = options.ids[id++];
    } else if (name == "vector" && vector < options.vectors_of.size()) {
      part.kind = QueryPart::Kind::kVector;
      PICTOR_ASSIGN(part.vector, vector_from(session.env(), options.vectors_of[vector++], options.row));
    } else {
      continue;
    }
    parts.push_back(std::move(part));
  }
  if (parts.empty() && options.words.empty()) {
    return Status(Code::kInvalid,
                  "nothing to search for: give --image FILE, --text WORDS, --id ID, --vector FILE or --words WORDS");
  }
  if (!options.weights.empty() && options.weights.size() != parts.size()) {
    return Status(Code::kInvalid, plural(options.weights.size(), "weight", "weights") + " for " +
                                      plural(parts.size(), "part", "parts") + " of the query; give one each");
  }
  for (std::size_t i = 0; i < options.weights.size(); ++i) parts[i].weight = options.weights[i];
  return parts;
}

std::string title_of(const Query& query, const Options& options) {
  std::string title;
  std::size_t image = 0, vector = 0;
  for (const QueryPart& part : query.parts) {
    if (!title.empty()) title += " + ";
    if (part.kind == QueryPart::Kind::kImage) title += options.images[image++];
    if (part.kind == QueryPart::Kind::kText) title += "\"" + part.text + "\"";
    if (part.kind == QueryPart::Kind::kId) title += "item " + part.text;
    if (part.kind == QueryPart::Kind::kVector) title += options.vectors_of[vector++];
    if (part.weight != 1.0) title += " x " + fixed(part.weight, 2);
  }
  if (!query.words.words.empty()) title += (title.empty() ? "" : " + ") + std::string("words ") + query.words.words;
  return title;
}

// Empty when the picture is gone, was not kept or cannot be shown: a search does not fail for that.
Bytes thumbnail_of(Session& session, Engine& engine, const Query& query, const std::string& id, std::uint32_t side,
                   ThumbnailFormat format) {
  Result<std::optional<Bytes>> picture = engine.picture_as_of(query.collection, id, query.as_of);
  if (!picture.is_ok() || !picture->has_value()) {
    if (!picture.is_ok()) session.log(Verbosity::kInfo, "picture of '" + id + "': " + picture.status().message());
    return {};
  }
  Result<Bytes> small = session.services().thumbnail(**picture, side, format);
  if (small.is_ok()) return std::move(small).value();
  session.log(Verbosity::kInfo, "thumbnail of '" + id + "': " + small.status().message());
  return {};
}

Status write_sheet(Session& session, Engine& engine, const Query& query, const Hits& hits, const Options& options) {
  SheetQuery asked;
  asked.collection = query.collection;
  asked.where = query.where;
  for (const QueryPart& part : query.parts) {
    if (part.kind == QueryPart::Kind::kText) asked.texts.push_back(part.text);
    if (part.kind == QueryPart::Kind::kId) asked.texts.push_back("like " + part.text);
    Bytes picture;
    if (part.kind == QueryPart::Kind::kImage) {
      Result<Bytes> small = session.services().thumbnail(part.image, kSheetSide, ThumbnailFormat::kJpeg);
      if (small.is_ok()) picture = std::move(small).value();
    } else if (part.kind == QueryPart::Kind::kId) {
      picture = thumbnail_of(session, engine, query, part.text, kSheetSide, ThumbnailFormat::kJpeg);
    }
    if (!picture.empty()) asked.pictures.push_back(std::move(picture));
  }
  std::vector<SheetCard> cards;
  for (const Hit& hit : hits.hits) {
    cards.push_back({&hit, thumbnail_of(session, engine, query, hit.id, kSheetSide, ThumbnailFormat::kJpeg)});
  }
  PICTOR_ASSIGN(const auto file, OutputFile::create(session.env(), options.html, true));
  PICTOR_TRY(file->write(contact_sheet(asked, hits, cards)));
  PICTOR_TRY(file->finish());
  if (!session.json() && !session.options().quiet)
    session.out() << "contact sheet: " << printable(options.html) << "\n";
  return Status::ok();
}

std::string size_text(const Hit& hit) {
  return hit.width == 0 ? "" : std::to_string(hit.width) + "x" + std::to_string(hit.height);
}

std::string table_text(const Hits& hits, std::size_t width) {
  const bool calibrated = !hits.hits.empty() && hits.hits[0].probability.has_value();
  std::vector<TableColumn> columns = {{"#", TableColumn::Kind::kNumber},
                                      {"score", TableColumn::Kind::kNumber},
                                      {"id", TableColumn::Kind::kPath, 16},
                                      {"size", TableColumn::Kind::kNumber},
                                      {"text", TableColumn::Kind::kText, 12}};
  if (calibrated) columns.insert(columns.begin() + 2, {"right", TableColumn::Kind::kNumber});
  Table table(columns);
  for (const Hit& hit : hits.hits) {
    std::vector<std::string> row = {std::to_string(table.rows() + 1), fixed(hit.score.value, 3), hit.id, size_text(hit),
                                    hit.text};
    if (calibrated) row.insert(row.begin() + 2, fixed(100 * hit.probability.value_or(0), 0) + " %");
    table.add(row);
  }
  return table.text(width);
}

void print_pictures(Session& session, Engine& engine, const Query& query, const Hits& hits) {
  PictureProtocol protocol = session.terminal().pictures;
  if (protocol == PictureProtocol::kNone) protocol = PictureProtocol::kKitty;  // --thumbnails always
  std::size_t rank = 0;
  for (const Hit& hit : hits.hits) {
    const Bytes small = thumbnail_of(session, engine, query, hit.id, kTerminalSide, wanted_format(protocol));
    if (!small.empty()) session.out() << terminal_picture(protocol, small, kTerminalRows);
    session.out() << session.bold(std::to_string(++rank) + "  " + fixed(hit.score.value, 3)) << "  "
                  << printable(hit.id) << (hit.text.empty() ? "" : "  " + printable(hit.text)) << "\n";
  }
}

std::string parts_text(const Hit& hit) {
  std::string text;
  for (const ScorePart& part : hit.parts) {
    if (!text.empty()) text += ", ";
    text += part.name + " " + fixed(part.value, 4) + (part.rank == 0 ? "" : " (" + with_commas(part.rank) + ".)");
  }
  for (const std::string& word : hit.words) text += (&word == hit.words.data() ? "; has " : ", ") + word;
  return text;
}

// What each stage thought of a hit, where there were several.
void print_parts(Session& session, const Hits& hits) {
  const auto told = [](const Hit& hit) { return !hit.parts.empty(); };
  if (std::none_of(hits.hits.begin(), hits.hits.end(), told)) return;
  Table table({{"#", TableColumn::Kind::kNumber},
               {"id", TableColumn::Kind::kPath, 16},
               {"stages: score (place)", TableColumn::Kind::kText, 20}});
  for (const Hit& hit : hits.hits) table.add({std::to_string(table.rows() + 1), hit.id, parts_text(hit)});
  session.out() << "\n" << table.text(session.terminal().width);
}

void print_hits(Session& session, Engine& engine, const Query& query, const Hits& hits, const Options& options) {
  const std::size_t width = session.terminal().width;
  std::ostream& out = session.out();
  out << session.bold(cut_end(printable(title_of(query, options)) + " in '" + printable(query.collection) + "'", width))
      << "\n";
  const bool pictures = options.thumbnails == "always" ||
                        (options.thumbnails == "auto" && session.terminal().pictures != PictureProtocol::kNone);
  if (hits.nothing_found.value_or(false))
    out << "Nothing was found: no item is a right answer with a probability of "
        << fixed(options.min_probability.value_or(0), 2) << " or more.\n";
  else if (hits.hits.empty())
    out << "Nothing was found.\n";
  else if (pictures)
    print_pictures(session, engine, query, hits);
  else
    out << table_text(hits, width);
  out << session.dim(plural(hits.hits.size(), "hit", "hits") + " of " + with_commas(hits.candidates) + ", " +
                     hits.recall + (query.as_of.is_now() ? "" : ", as of sequence " + with_commas(hits.sequence)) +
                     (hits.distance_error > 0 ? ", scores by codes" : "") +
                     (hits.head.empty() ? "" : ", head " + hits.head) + ", " + fixed(hits.ms, 1) + " ms" +
                     (hits.complete ? "" : ", NOT COMPLETE: a part did not answer"))
      << "\n";
  if (!options.explain) return;
  Table table(
      {{"room", TableColumn::Kind::kText}, {"what", TableColumn::Kind::kText, 20}, {"ms", TableColumn::Kind::kNumber}});
  for (const SearchStage& stage : hits.stages) table.add({stage.room, stage.what, fixed(stage.ms, 2)});
  out << "\n" << table.text(width) << with_commas(hits.distances) << " distances\n";
  print_parts(session, hits);
}

Status run(Session& session, const Options& options) {
  Query query;
  query.collection = options.collection;
  PICTOR_ASSIGN(query.parts, make_parts(session, options));
  query.head = options.head;
  query.k = options.k;
  query.where = options.where;
  query.recall = options.exact ? std::optional<double>(1.0) : options.recall;
  PICTOR_ASSIGN(query.as_of, parse_as_of(options.as_of));
  query.with_vectors = options.vectors;
  query.explain = options.explain;
  query.min_probability = options.min_probability;
  query.coded_scores = options.coded_scores;
  query.candidates = options.candidates;
  query.rerank = {options.rerank, options.rerank_ms};
  query.boost = options.boost;
  query.diversity = options.diversity;
  query.group_by = options.group_by;
  query.group_size = options.group_size;
  query.offset = options.offset;
  query.words = {options.words, options.fusion == "scores" ? Fusion::kScores : Fusion::kRanks, options.words_weight};
  if (const auto& ms = options.deadline_ms; ms.has_value()) {
    query.deadline_us = *ms == 0 ? 0 : session.env().monotonic_us() + *ms * 1000;
  }
  session.options().reproducible = options.reproducible;
  PICTOR_ASSIGN(Engine * engine, session.engine());
  PICTOR_ASSIGN(const Hits hits, engine->search(query));
  for (const std::string& warning : hits.warnings) session.log(Verbosity::kWarn, warning);
  if (session.json())
    session.out() << hits_json(hits) << "\n";
  else
    print_hits(session, *engine, query, hits, options);
  return options.html.empty() ? Status::ok() : write_sheet(session, *engine, query, hits, options);
}

void add_stage_options(CLI::App& app, Options& options) {
  CLI::Option* words = app.add_option("--words", options.words,
                                      "Words of the items' texts and metadata, any of them: boat, \"red boat\" (one "
                                      "after the other), boat* (begins with), -sail (not with)")
                           ->type_name("WORDS")
                           ->group("Stages");
  app.add_option("--fusion", options.fusion, "How vectors and words become one order: by their ranks or their scores")
      ->check(CLI::IsMember({"ranks", "scores"}).description(""))
      ->needs(words)
      ->type_name("ranks|scores")
      ->capture_default_str()
      ->group("Stages");
  app.add_option("--words-weight", options.words_weight, "Share of the words in that, the vectors have the rest")
      ->check(CLI::Range(0.0, 1.0).description(""))
      ->needs(words)
      ->type_name("SHARE")
      ->capture_default_str()
      ->group("Stages");
  CLI::Option* rerank = app.add_option("--rerank", options.rerank,
                                       "Put the first hits into another order, by 'tokens': each patch of the query's "
                                       "pictures and items finds its best one in a hit; the collection keeps tokens")
                            ->check(CLI::IsMember({"tokens"}).description(""))
                            ->type_name("tokens")
                            ->group("Stages");
  app.add_option("--rerank-budget", options.rerank_ms,
                 "Milliseconds for re-ranking, else 1000; what is late leaves the first order as it is")
      ->check(CLI::Range(std::int64_t{1}, limits::kRerankMsMax).description(""))
      ->needs(rerank)
      ->type_name("MS")
      ->group("Stages");
  app.add_option("--boost", options.boost,
                 "A new score from the score and the metadata: score + 0.2 * recency(added, 30) - 0.1 * (stock == 0)")
      ->type_name("EXPR")
      ->group("Stages");
  app.add_option("--diversity", options.diversity,
                 "How much a hit's likeness to those before it counts against it, 0 to 1")
      ->check(CLI::Range(0.0, 1.0).description(""))
      ->type_name("SHARE")
      ->capture_default_str()
      ->group("Stages");
  CLI::Option* group = app.add_option("--group-by", options.group_by,
                                      "One hit of those that have the same value under this name of the metadata")
                           ->type_name("NAME")
                           ->group("Stages");
  app.add_option("--group-size", options.group_size, "So many of them")
      ->check(CLI::Range(1, static_cast<int>(limits::kCandidatesMax)).description(""))
      ->needs(group)
      ->type_name("N")
      ->capture_default_str()
      ->group("Stages");
  app.add_option("--offset", options.offset,
                 "Leave out so many of the best: the next page, with --as-of that of the first")
      ->check(CLI::Range(0, static_cast<int>(limits::kCandidatesMax)).description(""))
      ->type_name("N")
      ->capture_default_str()
      ->group("Stages");
  app.add_option("--candidates", options.candidates, "First hits that later stages begin with, else 100")
      ->check(CLI::Range(1, static_cast<int>(limits::kCandidatesMax)).description(""))
      ->type_name("N")
      ->group("Stages");
}

}  // namespace

Command add_search_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("search", "Find pictures by picture, by words or by an item");
  auto options = std::make_shared<Options>();
  options->app = &app;
  app.add_option("-i,--image", options->images, "Like this picture file")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("FILE")
      ->group("Query");
  app.add_option("-t,--text", options->texts, "What the words say")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("WORDS")
      ->group("Query");
  app.add_option("--id", options->ids, "Like this item of the collection")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("ID")
      ->group("Query");
  app.add_option("--vector", options->vectors_of, "Like the vector in this file: .npy, JSON lines or a faiss index")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("FILE")
      ->group("Query");
  app.add_option("--row", options->row, "Which vector of that file, from 0; a file of one needs none")
      ->type_name("N")
      ->group("Query");
  app.add_option("-w,--weight", options->weights,
                 "Weights of the parts above, in the order given, as 1,0.5; a negative one leads away")
      ->delimiter(',')
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("N,...")
      ->group("Query");
  add_collection_option(app, options->collection);
  app.add_option("--head", options->head, "Head of the encoder; see pictor encoders")->type_name("NAME");
  add_where_option(app, options->where);
  add_as_of_option(app, options->as_of);
  app.add_option("-k", options->k, "Hits at most")
      ->check(CLI::Range(1, static_cast<int>(limits::kQueryKMax)).description(""))
      ->type_name("N")
      ->capture_default_str();
  CLI::Option* recall = app.add_option("--recall", options->recall,
                                       "Share of the true k nearest that is wanted, as a mean over queries; else the "
                                       "collection's own (pictor tune), else 0.98")
                            ->type_name("SHARE");
  app.add_option("--min-probability", options->min_probability,
                 "Leave out hits that are right with less probability, and say so when none is left; needs pictor "
                 "calibrate")
      ->check(CLI::Range(0.0, 1.0).description(""))
      ->type_name("P");
  app.add_flag("--exact", options->exact, "Look at every picture: recall 1")->excludes(recall);
  app.add_flag("--coded-scores", options->coded_scores,
               "Scores may come from the codes of graphs made for little memory: no vector is read, and the answer "
               "says how far they may be off");
  app.add_option("--deadline", options->deadline_ms,
                 "Give up after so many milliseconds, 0 never; else the collection's own, if it has one")
      ->check(CLI::Range(std::int64_t{0}, limits::kQueryDeadlineMsMax).description(""))
      ->type_name("MS");
  add_stage_options(app, *options);
  app.add_flag("--vectors", options->vectors, "Put the vectors into the JSON");
  add_reproducible_option(app, options->reproducible);
  app.add_flag("--explain", options->explain, "Show what each step did and how long it took");
  app.add_option("--html", options->html, "Write a contact sheet: one page with the pictures inside")
      ->type_name("FILE");
  app.add_option("--thumbnails", options->thumbnails, "Show pictures in the terminal")
      ->check(CLI::IsMember({"auto", "always", "never"}).description(""))
      ->type_name("auto|always|never")
      ->capture_default_str();
  set_examples(
      app,
      {"pictor search --text \"a red car\"", "pictor search --image cat.jpg -k 20 --html hits.html",
       "pictor search --id photos/cat.jpg --where 'year >= 2020'", "pictor search --image cat.jpg --rerank tokens",
       "pictor search --image shoe.jpg --words 'red leather -sandal'", "pictor search -c foreign --vector query.npy",
       "pictor search --image shoe.jpg --text red --weight 1,0.5 --json"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
