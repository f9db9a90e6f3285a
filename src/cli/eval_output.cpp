#include "cli/eval_output.h"

#include <nlohmann/json.hpp>

#include "cli/table.h"
#include "cli/text.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json estimates_json(const std::vector<Measure>& measures, const std::vector<Estimate>& values) {
  Json list = Json::array();
  for (std::size_t i = 0; i < measures.size(); ++i) {
    list.push_back(
        {{"name", measures[i].name()}, {"mean", values[i].mean}, {"low", values[i].low}, {"high", values[i].high}});
  }
  return list;
}

Json gates_json(const std::vector<EvalGate>& gates) {
  Json list = Json::array();
  for (const EvalGate& gate : gates) {
    list.push_back(
        {{"name", gate.measure.name()}, {"least", gate.least}, {"value", gate.seen}, {"holds", gate.holds()}});
  }
  return list;
}

Json options_json(const EvaluationOptions& options) {
  return {{"relevant", options.relevant},
          {"only_answered", options.only_answered},
          {"samples", options.samples.samples},
          {"confidence", options.samples.confidence},
          {"seed", options.samples.seed}};
}

Json pair_json(const EvalPair& pair) {
  Json tests = Json::array();
  for (const PairedScores& test : pair.comparison.tests) {
    tests.push_back({{"name", test.measure},
                     {"slice", or_null(test.slice)},
                     {"value", test.slice.empty() ? Json() : Json(test.value)},
                     {"queries", test.queries},
                     {"better", test.better},
                     {"worse", test.worse},
                     {"mean", test.first},
                     {"against", test.second},
                     {"difference", test.difference.mean},
                     {"low", test.difference.low},
                     {"high", test.difference.high},
                     {"p", test.p},
                     {"p_holm", test.p_holm}});
  }
  Json json = {{"run", pair.run},
               {"against", pair.against},
               {"judgements", pair.judgements},
               {"queries", pair.comparison.queries.size()}};
  json.update(options_json(pair.options));
  json["tests"] = std::move(tests);
  json["gates"] = gates_json(pair.gates);
  return json;
}

std::string interval_text(const Estimate& one) { return fixed(one.low, 4) + " - " + fixed(one.high, 4); }

std::string slice_text(const std::string& slice, const std::string& value) {
  return slice.empty() ? "all" : slice + " = " + (value.empty() ? "(none)" : value);
}

std::string percent_text(double share) {
  const std::string text = fixed(100 * share, 1);
  return (text.ends_with(".0") ? text.substr(0, text.size() - 2) : text) + " %";
}

}  // namespace

std::string eval_json(const EvalSummary& summary, const EvalPair* pair) {
  const Evaluation& evaluation = summary.evaluation;
  Json slices = Json::array();
  for (const SliceScores& one : evaluation.slices) {
    slices.push_back({{"slice", one.slice},
                      {"value", one.value},
                      {"queries", one.queries},
                      {"measures", estimates_json(evaluation.measures, one.measures)}});
  }
  Json json = {{"kind", summary.kind},
               {"collection", or_null(summary.collection)},
               {"run", or_null(summary.run)},
               {"judgements", or_null(summary.judgements)},
               {"queries", evaluation.scored.queries.size()},
               {"unanswered", evaluation.scored.unanswered},
               {"unjudged", evaluation.scored.unjudged}};
  json.update(options_json(summary.options));
  json["measures"] = estimates_json(evaluation.measures, evaluation.overall);
  json["slices"] = std::move(slices);
  json["gates"] = gates_json(summary.gates);
  if (summary.times) {
    json["asked"] = {{"queries", summary.queries_asked},
                     {"failed", summary.failed_count},
                     {"causes", summary.failed},
                     {"seconds", summary.times->seconds},
                     {"median_ms", summary.times->median_ms},
                     {"p99_ms", summary.times->p99_ms}};
  }
  json["comparison"] = pair == nullptr ? Json() : pair_json(*pair);
  return dumped(json);
}

std::string eval_pair_json(const EvalPair& pair) { return dumped(pair_json(pair)); }

void print_eval(Session& session, const EvalSummary& summary) {
  const Evaluation& evaluation = summary.evaluation;
  std::ostream& out = session.out();
  const std::string interval = percent_text(summary.options.samples.confidence) + " interval";
  Table table({{"metric"}, {"mean", TableColumn::Kind::kNumber}, {interval, TableColumn::Kind::kNumber}});
  for (std::size_t i = 0; i < evaluation.measures.size(); ++i) {
    const Estimate& one = evaluation.overall[i];
    table.add({evaluation.measures[i].name(), fixed(one.mean, 4), interval_text(one)});
  }
  out << table.text(session.terminal().width);
  if (!evaluation.slices.empty()) {
    const std::string first = evaluation.measures[0].name();
    Table slices({{"slice", TableColumn::Kind::kText, 16},
                  {"queries", TableColumn::Kind::kNumber},
                  {first, TableColumn::Kind::kNumber},
                  {interval, TableColumn::Kind::kNumber}});
    for (const SliceScores& one : evaluation.slices) {
      slices.add({slice_text(one.slice, one.value), with_commas(one.queries), fixed(one.measures[0].mean, 4),
                  interval_text(one.measures[0])});
    }
    out << "\n" << slices.text(session.terminal().width);
  }
  const ScoredRun& scored = evaluation.scored;
  std::string facts = plural(scored.queries.size(), "query", "queries");
  if (scored.unanswered > 0) {
    facts += ", " + with_commas(scored.unanswered) + " judged but not answered" +
             (summary.options.only_answered ? " (left out)" : " (0)");
  }
  if (scored.unjudged > 0) facts += ", " + with_commas(scored.unjudged) + " answered but not judged (left out)";
  if (summary.failed_count > 0) facts += ", " + with_commas(summary.failed_count) + " could not be asked";
  if (summary.times) {
    facts += ", median " + fixed(summary.times->median_ms, 1) + " ms, p99 " + fixed(summary.times->p99_ms, 1) + " ms";
  }
  out << session.dim(facts) << "\n";
}

void print_eval_pair(Session& session, const EvalPair& pair) {
  const bool sliced = !pair.comparison.tests.empty() && !pair.comparison.tests.back().slice.empty();
  std::vector<TableColumn> columns = {{"metric"}};
  if (sliced) columns.push_back({"slice", TableColumn::Kind::kText, 10});
  for (const char* title : {"run", "against", "diff", "interval", "p (Holm)"}) {
    columns.push_back({title, TableColumn::Kind::kNumber});
  }
  Table table(std::move(columns));
  for (const PairedScores& test : pair.comparison.tests) {
    std::vector<std::string> cells = {test.measure};
    if (sliced) cells.push_back(slice_text(test.slice, test.value));
    const std::string sign = test.difference.mean > 0 ? "+" : "";
    cells.insert(cells.end(), {fixed(test.first, 3), fixed(test.second, 3), sign + fixed(test.difference.mean, 3),
                               fixed(test.difference.low, 3) + " - " + fixed(test.difference.high, 3),
                               test.p_holm < 0.0001 ? "<0.0001" : fixed(test.p_holm, 4)});
    table.add(std::move(cells));
  }
  session.out() << table.text(session.terminal().width)
                << session.dim(plural(pair.comparison.queries.size(), "query", "queries") + ", " +
                               plural(pair.comparison.tests.size(), "test", "tests") +
                               "; p below 0.05 speaks against chance")
                << "\n";
}

}  // namespace pictor
