#include "cli/vectors_output.h"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "cli/json_output.h"
#include "cli/table.h"
#include "cli/text.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json, bool pretty = true) {
  return json.dump(pretty ? 2 : -1, ' ', false, Json::error_handler_t::replace);
}

double rate_of(const ImportProgress& counts) {
  return counts.seconds > 0 ? static_cast<double>(counts.seen) / counts.seconds : 0;
}

Json setting_object(const TuneSetting& setting) {
  return {{"asked", setting.asked},         {"recall", setting.recall},           {"low", setting.low},
          {"high", setting.high},           {"p50_ms", setting.p50_ms},           {"p99_ms", setting.p99_ms},
          {"distances", setting.distances}, {"exact_share", setting.exact_share}, {"meets", setting.meets}};
}

}  // namespace

const char* metric_name(Metric metric) {
  switch (metric) {
    case Metric::kCosine: return "cosine";
    case Metric::kInnerProduct: return "inner_product";
    case Metric::kL2: return "l2";
  }
  return "cosine";
}

const char* metric_text(Metric metric) {
  switch (metric) {
    case Metric::kCosine: return "cosine";
    case Metric::kInnerProduct: return "inner product";
    case Metric::kL2: return "L2";
  }
  return "?";
}

std::string short_number(double number) {
  std::array<char, 32> digits{};
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr};
}

std::string import_json(const ImportSummary& summary) {
  const ImportReport& report = summary.report;
  const ImportProgress& counts = report.counts;
  return dumped({{"collection", summary.collection},
                 {"file", summary.file},
                 {"format", summary.origin.format},
                 {"sha256", summary.origin.sha256},
                 {"encoder", report.encoder},
                 {"head", report.head},
                 {"dim", report.dim},
                 {"metric", metric_name(report.metric)},
                 {"space", report.space},
                 {"made", report.made},
                 {"seen", counts.seen},
                 {"added", counts.added},
                 {"replaced", counts.replaced},
                 {"known", counts.known},
                 {"refused", counts.refused},
                 {"seconds", counts.seconds},
                 {"vectors_per_second", rate_of(counts)},
                 {"graphs", Json::parse(indexes_json(summary.graphs))},
                 {"notes", report.notes},
                 {"dry_run", summary.dry_run},
                 {"cancelled", report.cancelled}});
}

void print_import(Session& session, const ImportSummary& summary) {
  const ImportReport& report = summary.report;
  const ImportProgress& counts = report.counts;
  std::ostream& out = session.out();
  const std::string verb = summary.dry_run ? "Would import " : report.cancelled ? "Stopped after " : "Imported ";
  out << session.bold(verb + plural(counts.seen, "vector", "vectors") + " of " + std::to_string(report.dim) +
                      " numbers into '" + printable(summary.collection) + "'")
      << " in " << fixed(counts.seconds, 1) << " s (" << fixed(rate_of(counts), 0) << " vec/s)\n";
  const auto row = [&](const char* name, const std::string& value) {
    out << "  " << pad_right(name, 10) << printable(value) << "\n";
  };
  row("from", summary.file + " (" + summary.origin.format + ")");
  row("encoder", report.encoder);
  row("metric", metric_text(report.metric));
  const auto count = [&](const char* name, std::uint64_t number, const std::string& note) {
    if (number > 0) row(name, pad_left(with_commas(number), 10) + note);
  };
  count("added", counts.added, "");
  count("replaced", counts.replaced, "");
  count("known", counts.known, "  imported before and left as they are (--again imports them once more)");
  count("refused", counts.refused, "");
  count(
      "graphs", summary.graphs.made,
      "  over " + plural(summary.graphs.rows, "vector", "vectors") + ", in " + fixed(summary.graphs.seconds, 1) + " s");
  for (const std::string& note : report.notes) out << "  " << printable(note) << "\n";
}

std::string refused_json(const RefusedVector& refused) {
  return dumped({{"place", refused.place},
                 {"id", refused.id},
                 {"code", code_name(refused.cause.code())},
                 {"cause", refused.cause.message()}},
                false);
}

std::string tune_json(const std::string& collection, const TuneReport& report) {
  Json settings = Json::array();
  for (const TuneSetting& setting : report.settings) settings.push_back(setting_object(setting));
  Json object = {{"collection", collection},
                 {"head", report.head},
                 {"items", report.items},
                 {"queries", report.queries},
                 {"seed", report.seed},
                 {"settings", settings},
                 {"chosen", report.chosen ? Json(report.settings[*report.chosen].asked) : Json(nullptr)},
                 {"before", report.recall_before ? Json(*report.recall_before) : Json(nullptr)},
                 {"written", report.written},
                 {"cancelled", report.cancelled}};
  if (!report.why.empty()) object["why"] = report.why;
  return dumped(object);
}

void print_tune(Session& session, const TuneRequest& request, const TuneReport& report) {
  std::ostream& out = session.out();
  Table table({{"", TableColumn::Kind::kText},
               {"asked", TableColumn::Kind::kText},
               {"recall@" + std::to_string(request.k), TableColumn::Kind::kNumber},
               {"of 95 %", TableColumn::Kind::kText},
               {"p50 ms", TableColumn::Kind::kNumber},
               {"p99 ms", TableColumn::Kind::kNumber},
               {"distances", TableColumn::Kind::kNumber},
               {"", TableColumn::Kind::kText}});
  for (std::size_t i = 0; i < report.settings.size(); ++i) {
    const TuneSetting& one = report.settings[i];
    const std::string how = one.exact_share == 1  ? "every row"
                            : one.exact_share > 0 ? fixed(100 * one.exact_share, 0) + " % every row"
                                                  : "";
    table.add({report.chosen == i ? ">"
               : one.meets        ? "+"
                                  : "",
               one.asked == 1 ? "exact" : short_number(one.asked), fixed(one.recall, 4),
               fixed(one.low, 3) + " to " + fixed(one.high, 3), fixed(one.p50_ms, 2), fixed(one.p99_ms, 2),
               with_commas(static_cast<std::uint64_t>(one.distances)), how});
  }
  out << table.text(session.terminal().width)
      << session.dim(plural(report.queries, "item", "items") + " of " + with_commas(report.items) +
                     " asked for their neighbours in head '" + printable(report.head) +
                     "'; + meets what was asked for; --seed " + std::to_string(report.seed) + " draws the same")
      << "\n";
  if (!report.chosen) return;
  const std::string before = report.recall_before ? short_number(*report.recall_before) : "none";
  const std::string chosen = short_number(report.settings[*report.chosen].asked);
  if (report.written) {
    out << "Written down: searches of '" << printable(request.collection) << "' take recall " << session.bold(chosen)
        << " unless they name another (before: " << before << ")\n";
  } else {
    out << "Would write down recall " << session.bold(chosen) << " (now: " << before << ")\n";
  }
}

}  // namespace pictor
