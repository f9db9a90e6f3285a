// pictor calibrate: learns how likely hits are right, writes it down, and shows how well that was measured to hold.
#include <CLI/CLI.hpp>

#include "cli/csv.h"
#include "cli/interrupt.h"
#include "cli/json_output.h"
#include "cli/provenance_output.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Options {
  std::string collection = "default", pairs;
  std::size_t queries = CalibrationRequest().queries;
  std::uint64_t seed = 0;
  bool show = false;
};

// One record: kind, query, item, match. A picture is a file.
Result<MatchPair> pair_of(Env& env, const std::vector<std::string>& cells) {
  if (cells.size() != 4) {
    return Status(Code::kInvalid, std::to_string(cells.size()) + " columns, wanted 4: kind, query, item, match");
  }
  MatchPair pair;
  pair.query = cells[1];
  pair.item = cells[2];
  if (cells[0] != "words" && cells[0] != "picture") {
    return Status(Code::kInvalid, "the kind is '" + cells[0] + "', wanted picture or words");
  }
  if (cells[3] != "0" && cells[3] != "1") {
    return Status(Code::kInvalid, "the match is '" + cells[3] + "', wanted 0 or 1");
  }
  pair.right = cells[3] == "1";
  pair.is_words = cells[0] == "words";
  if (pair.is_words) {
    pair.text = cells[1];
  } else {
    PICTOR_ASSIGN(pair.image, read_file(env, cells[1], limits::kImageFileBytesMax));
  }
  return pair;
}

Result<std::vector<MatchPair>> read_pairs(Env& env, const std::string& path) {
  PICTOR_ASSIGN(auto file, env.open(path, OpenMode::kRead));
  CsvReader reader(std::move(file), ',');
  std::vector<MatchPair> pairs;
  for (;;) {
    std::vector<std::string> cells;
    Status problem;
    const Read read = reader.next(cells, problem);
    if (read == Read::kEnd) break;
    const std::string place = "'" + path + "', line " + std::to_string(reader.line());
    if (read == Read::kBad) return problem.in(place);
    if (pairs.empty() && !cells.empty() && cells[0] == "kind") continue;  // names of the columns
    auto pair = pair_of(env, cells);
    if (!pair.is_ok()) return pair.status().in(place);
    pairs.push_back(std::move(pair).value());
    if (pairs.size() > limits::kCalibratePairsMax) break;  // the engine says what the limit is
  }
  if (pairs.empty()) return Status(Code::kInvalid, "'" + path + "' has no pairs");
  return pairs;
}

void print_calibrations(Session& session, const std::string& collection, const std::vector<Calibration>& made) {
  std::ostream& out = session.out();
  if (made.empty()) {
    out << "'" << printable(collection) << "' is not calibrated: run pictor calibrate " << printable(collection)
        << "\n";
    return;
  }
  Table table({{"head", TableColumn::Kind::kText},
               {"queries", TableColumn::Kind::kText},
               {"learnt from", TableColumn::Kind::kText},
               {"held out", TableColumn::Kind::kNumber},
               {"ECE", TableColumn::Kind::kNumber},
               {"AUROC", TableColumn::Kind::kNumber},
               {"threshold", TableColumn::Kind::kNumber},
               {"refused", TableColumn::Kind::kNumber},
               {"lost", TableColumn::Kind::kNumber}});
  for (const Calibration& one : made) {
    table.add({one.head, one.kind, one.learnt, std::to_string(one.held_out), fixed(one.calibration_error, 3),
               fixed(one.auroc, 3), fixed(one.threshold, 2), fixed(100 * one.refused, 1) + " %",
               fixed(100 * one.lost, 1) + " %"});
  }
  out << table.text(session.terminal().width)
      << session.dim(
             "measured on queries that were held out; refused: of those without an answer, lost: of right "
             "answers, at the threshold; seed " +
             std::to_string(made[0].seed))
      << "\n";
}

Status show(Session& session, Engine& engine, const Options& options) {
  PICTOR_ASSIGN(const auto made, engine.vector_tools().calibrations(options.collection));
  if (session.json()) {
    session.out() << calibrations_json(made) << "\n";
  } else {
    print_calibrations(session, options.collection, made);
  }
  return Status::ok();
}

Status run(Session& session, const Options& options) {
  CalibrationRequest request;
  request.collection = options.collection;
  request.queries = options.queries;
  request.seed = options.seed;
  if (!options.pairs.empty()) {
    PICTOR_ASSIGN(request.pairs, read_pairs(session.env(), options.pairs));
  }
  PICTOR_ASSIGN(Engine * engine, session.engine());
  if (options.show) return show(session, *engine, options);
  const InterruptGuard interrupt;
  request.cancel = &interrupt.flag();
  const auto report = [&] {
    WorkBar bar(session);
    request.progress = bar.function();
    return engine->vector_tools().calibrate(request);
  }();
  PICTOR_TRY(report.status());
  if (session.json()) {
    session.out() << calibration_json(*report) << "\n";
  } else if (!session.options().quiet && !report->cancelled) {
    print_calibrations(session, options.collection, report->made);
    for (const std::string& note : report->notes) session.out() << printable(note) << "\n";
  }
  if (report->cancelled) return {Code::kCancelled, "stopped: nothing was written down"};
  return Status::ok();
}

}  // namespace

Command add_calibrate_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("calibrate", "Make scores probabilities, and nothing found an answer");
  auto options = std::make_shared<Options>();
  app.add_option("collection", options->collection, "Collection")->type_name("COLLECTION")->capture_default_str();
  CLI::Option* pairs = app.add_option("--pairs", options->pairs,
                                      "Learn from judged pairs: CSV of kind (picture, words), query (a file or a "
                                      "text), item, match (0, 1)")
                           ->type_name("FILE");
  app.add_option("--queries", options->queries,
                 "Items of each kind, drawn at random, whose altered copies or texts are asked for")
      ->check(CLI::Range(1, static_cast<int>(limits::kCalibrateQueriesMax)).description(""))
      ->type_name("N")
      ->capture_default_str()
      ->excludes(pairs);
  app.add_option("--seed", options->seed, "Draw and alter as a run with this seed")->type_name("N");
  app.add_flag("--show", options->show, "Show what is written down, and change nothing")->excludes(pairs);
  set_examples(app, {"pictor calibrate shop", "pictor calibrate shop --pairs judged.csv",
                     "pictor calibrate shop --show", "pictor search -c shop --image shoe.jpg --min-probability 0.5"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
