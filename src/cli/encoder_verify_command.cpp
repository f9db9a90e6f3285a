// pictor encoder verify: the files against their hashes, the bits against their fingerprint, or another stack against
// ours: where it departs, and why.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/encoder_actions.h"
#include "cli/encoder_tools_json.h"
#include "cli/json_output.h"
#include "cli/table.h"
#include "cli/text.h"

namespace pictor {
namespace {

std::string small(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", value);
  return text;
}

std::string stage_name(const StageReport& row) {
  return row.head.empty() ? row.stage : row.stage + " (" + row.head + ")";
}

void print_stages(Session& session, const ForeignReport& report) {
  constexpr auto kNumber = TableColumn::Kind::kNumber;
  Table table({{"of"},
               {"stage", TableColumn::Kind::kText, 12},
               {"items", kNumber},
               {"equal", kNumber},
               {"close", kNumber},
               {"differ", kNumber},
               {"most apart", kNumber},
               {"cosine", kNumber}});
  for (const auto& row : report.stages) {
    const bool numbers = row.stage != "token_ids" && row.numbers_ours == row.numbers_theirs;
    table.add({row.kind, stage_name(row), std::to_string(row.items), std::to_string(row.equal),
               std::to_string(row.close), std::to_string(row.differ), numbers ? small(row.max_abs) : "-",
               numbers ? fixed(row.cosine, 6) : "-"});
  }
  session.out() << table.text(session.terminal().width);
}

void print_departure(Session& session, const ForeignReport& report, const DepartureCause& cause) {
  auto& out = session.out();
  out << printable(cause.kind) << " depart at " << session.bold(printable(cause.stage));
  for (const auto& row : report.stages) {
    if (row.kind != cause.kind || row.stage != cause.stage || row.differ == 0) continue;
    out << ": '" << printable(row.worst) << "'";
    if (row.numbers_ours != row.numbers_theirs) {
      out << " has " << with_commas(row.numbers_theirs) << " numbers, ours " << with_commas(row.numbers_ours);
    } else {
      out << " from number " << with_commas(row.first_index) << " on, by " << small(row.max_abs) << " at most";
    }
    break;
  }
  out << "\n";
  if (cause.changes.empty()) {
    out << "  no cause was found by trying\n";
    return;
  }
  for (const auto& change : cause.changes) {
    for (const auto& line : wrap("theirs: " + printable(change), session.terminal().width - 2)) {
      out << "  " << line << "\n";
    }
  }
  out << "  this accounts for " << cause.explained << " of " << plural(cause.tried, "item", "items")
      << " that were tried\n";
}

Status compare_with_foreign(Session& session, const ForeignRequest& request) {
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  PICTOR_ASSIGN(const auto report, engine->encoder_tools().compare(request));
  if (session.json()) {
    session.out() << foreign_json(report) << "\n";
  } else {
    for (const auto& note : report.notes) session.err() << "pictor: note: " << printable(note) << "\n";
    print_stages(session, report);
    for (const auto& cause : report.departures) print_departure(session, report, cause);
    if (report.departures.empty() && !session.options().quiet) {
      session.out() << "no stage departs from encoder " << printable(report.encoder) << "\n";
    }
  }
  if (report.departures.empty()) return Status::ok();
  return {Code::kMismatch, "the other stack departs from encoder '" + report.encoder + "' at stage '" +
                               report.departures.front().stage + "' of " + report.departures.front().kind};
}

struct Options {
  std::string encoder, against, head;
  bool fingerprint = false;
  std::uint64_t images = 1000;
};

Status run(Session& session, const Options& options) {
  if (!options.against.empty()) return compare_with_foreign(session, {options.encoder, options.against, options.head});
  PICTOR_ASSIGN(Engine * engine, session.engine(true));
  PICTOR_TRY(engine->verify_encoder(options.encoder));
  if (options.fingerprint) return encoder_fingerprint(session, options.encoder, options.images, true);
  if (session.json()) {
    session.out() << faults_json({}) << "\n";
  } else if (!session.options().quiet) {
    session.out() << "every file of encoder " << printable(options.encoder) << " has the hash of its card\n";
  }
  return Status::ok();
}

}  // namespace

Command add_encoder_verify_action(CLI::App& encoder) {
  CLI::App& app = *encoder.add_subcommand("verify", "Verify an encoder: its files, its bits, another stack");
  auto options = std::make_shared<Options>();
  add_encoder_argument(app, options->encoder);
  auto* fingerprint = app.add_flag("--fingerprint", options->fingerprint,
                                   "Make the vectors of generated inputs, too, and compare with the known fingerprint");
  add_fingerprint_count_option(app, options->images)
      ->description("Of --fingerprint: so many generated pictures, and texts")
      ->needs(fingerprint);
  auto* against = app.add_option("--against", options->against,
                                 "Instead: what another stack recorded, stage by stage; says where it departs")
                      ->type_name("FILE")
                      ->excludes(fingerprint);
  app.add_option("--head", options->head, "The head that the vectors of --against are of; else the first that fits")
      ->type_name("NAME")
      ->needs(against);
  set_examples(app, {"pictor encoder verify clip --fingerprint", "pictor encoder verify clip --against records.jsonl"});
  return {&app, [options](Session& session) { return run(session, *options); }};
}

}  // namespace pictor
