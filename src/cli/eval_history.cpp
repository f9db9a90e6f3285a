// The scored runs that a data folder remembers, and pictor eval history.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/eval_output.h"
#include "cli/table.h"
#include "cli/text.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

std::string folder_of(Session& session) { return join_path(session.options().data, "eval"); }
std::string file_of(Session& session) { return join_path(folder_of(session), "history.jsonl"); }

Json past_json(const EvalPast& past) {
  Json measures = Json::array();
  for (const auto& [name, value] : past.measures) {
    measures.push_back({{"name", name}, {"mean", value.mean}, {"low", value.low}, {"high", value.high}});
  }
  return {
      {"at_us", past.at_us},           {"kind", past.kind},       {"collection", past.collection},  {"run", past.run},
      {"judgements", past.judgements}, {"queries", past.queries}, {"measures", std::move(measures)}};
}

std::optional<EvalPast> past_of(const std::string& line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  try {
    EvalPast past;
    past.at_us = json.at("at_us").get<std::int64_t>();
    past.kind = json.at("kind").get<std::string>();
    past.collection = json.at("collection").get<std::string>();
    past.run = json.at("run").get<std::string>();
    past.judgements = json.at("judgements").get<std::string>();
    past.queries = json.at("queries").get<std::uint64_t>();
    for (const Json& one : json.at("measures")) {
      const Estimate value{one.at("mean").get<double>(), one.at("low").get<double>(), one.at("high").get<double>()};
      past.measures.emplace_back(one.at("name").get<std::string>(), value);
    }
    return past;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

Result<std::vector<std::string>> lines_of(Session& session) {
  std::vector<std::string> lines;
  const auto file = read_file(session.env(), file_of(session), limits::kEvalHistoryBytesMax);
  if (!file.is_ok() && file.status().code() == Code::kNotFound) return lines;
  PICTOR_TRY(file.status());
  for (std::string& line : split(as_text(*file), '\n')) {
    if (!line.empty()) lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

Status remember(Session& session, const EvalSummary& summary) {
  EvalPast past{session.env().wall_us(),
                summary.kind,
                summary.collection,
                summary.run,
                summary.judgements,
                summary.evaluation.scored.queries.size(),
                {}};
  for (std::size_t i = 0; i < summary.evaluation.measures.size(); ++i) {
    past.measures.emplace_back(summary.evaluation.measures[i].name(), summary.evaluation.overall[i]);
  }
  Env& env = session.env();
  PICTOR_TRY(env.make_dirs(folder_of(session)));
  PICTOR_ASSIGN(const auto lock, env.lock(join_path(folder_of(session), "LOCK")));
  PICTOR_ASSIGN(std::vector<std::string> lines, lines_of(session));
  lines.push_back(past_json(past).dump(-1, ' ', false, Json::error_handler_t::replace));
  // The oldest go, by number and by bytes.
  std::uint64_t bytes = 0;
  std::size_t first = lines.size();
  while (first > 0 && lines.size() - first < limits::kEvalHistoryRowsMax) {
    bytes += lines[first - 1].size() + 1;
    if (bytes > limits::kEvalHistoryBytesMax) break;
    --first;
  }
  std::string text;
  for (; first < lines.size(); ++first) text += lines[first] + "\n";
  return write_file_atomic(env, file_of(session), as_bytes(text));
}

Result<std::vector<EvalPast>> remembered(Session& session) {
  PICTOR_ASSIGN(const std::vector<std::string> lines, lines_of(session));
  std::vector<EvalPast> runs;
  for (const std::string& line : lines) {
    if (auto past = past_of(line)) runs.push_back(std::move(*past));
  }
  return runs;
}

std::string eval_history_json(const std::vector<EvalPast>& runs) {
  Json list = Json::array();
  for (const EvalPast& past : runs) list.push_back(past_json(past));
  return Json{{"runs", std::move(list)}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

namespace {

struct HistoryFlags {
  std::string collection, measure;
  std::size_t limit = 20;
};

const Estimate* value_of(const EvalPast& past, const std::string& measure) {
  for (const auto& [name, value] : past.measures) {
    if (name == measure) return &value;
  }
  return nullptr;
}

Status show(Session& session, const HistoryFlags& flags) {
  std::string measure = flags.measure;
  if (!measure.empty()) {
    PICTOR_ASSIGN(const Measure parsed, parse_measure(measure));
    measure = parsed.name();
  }
  PICTOR_ASSIGN(std::vector<EvalPast> runs, remembered(session));
  std::erase_if(runs, [&](const EvalPast& past) {
    return (!flags.collection.empty() && past.collection != flags.collection) || past.measures.empty() ||
           (!measure.empty() && value_of(past, measure) == nullptr);
  });
  if (runs.size() > flags.limit) runs.erase(runs.begin(), runs.end() - static_cast<std::ptrdiff_t>(flags.limit));
  if (session.json()) {
    session.out() << eval_history_json(runs) << "\n";
    return Status::ok();
  }
  if (runs.empty()) {
    session.out() << "No scored run is remembered here\n";
    return Status::ok();
  }
  Table table({{"when", TableColumn::Kind::kNumber},
               {"what", TableColumn::Kind::kPath, 10},
               {"judgements", TableColumn::Kind::kPath, 10},
               {"queries", TableColumn::Kind::kNumber},
               {"metric"},
               {"mean", TableColumn::Kind::kNumber},
               {"interval", TableColumn::Kind::kNumber}});
  for (const EvalPast& past : runs) {
    const std::string& name = measure.empty() ? past.measures[0].first : measure;
    const Estimate& value = *value_of(past, name);
    table.add({date_text(past.at_us).substr(0, 16), past.collection.empty() ? past.run : past.collection,
               past.judgements.empty() ? "altered" : past.judgements, with_commas(past.queries), name,
               fixed(value.mean, 4), fixed(value.low, 3) + " - " + fixed(value.high, 3)});
  }
  session.out() << table.text(session.terminal().width);
  return Status::ok();
}

}  // namespace

Command add_eval_history_action(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("history", "List the runs that were scored with this data folder");
  auto flags = std::make_shared<HistoryFlags>();
  app.add_option("-c,--collection", flags->collection, "Only runs over this collection")->type_name("NAME");
  app.add_option("-m,--measure", flags->measure, "The metric that is shown; else the first of each run")
      ->type_name("NAME");
  app.add_option("--limit", flags->limit, "The newest so many")->type_name("N")->capture_default_str();
  set_examples(app, {"pictor eval history", "pictor eval history -c shop --measure nDCG@10 --json"});
  return {&app, [flags](Session& session) { return show(session, *flags); }};
}

}  // namespace pictor
