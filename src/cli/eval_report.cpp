#include "cli/eval_report.h"

#include "cli/eval_plot.h"
#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::size_t kPastShown = 60;
constexpr std::size_t kSlicesDrawn = 40;  // the table has all

constexpr std::string_view kHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="pictor">
)";

constexpr std::string_view kStyle = R"(<style>
:root { --page: #f5f5f3; --card: #fff; --ink: #1b1c1e; --soft: #5d6168; --line: #e2e2de; --accent: #2f5fd0;
  --second: #b4541a; --third: #2b7f5f; }
@media (prefers-color-scheme: dark) { :root { --page: #131416; --card: #1d1f22; --ink: #ececea; --soft: #a0a4ab;
  --line: #2e3136; --accent: #8fb0ff; --second: #f0a06a; --third: #79cfae; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.45 system-ui, "Segoe UI", Roboto, "Noto Sans",
  "DejaVu Sans", sans-serif; }
header, main, footer { max-width: 1080px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 32px; }
.kicker { margin: 0; font-size: 12px; letter-spacing: .08em; text-transform: uppercase; color: var(--soft); }
h1 { margin: 2px 0 4px; font-size: clamp(22px, 3.2vw, 32px); line-height: 1.2; font-weight: 650; letter-spacing: -.015em;
  overflow-wrap: anywhere; }
h2 { margin: 0 0 10px; font-size: 18px; font-weight: 650; }
.facts { margin: 0; color: var(--soft); font-size: 14px; overflow-wrap: anywhere; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 18px 20px; margin: 18px 0;
  overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); font-weight: 600; }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th.n, td.n { text-align: right; white-space: nowrap; }
tr.sure td { font-weight: 650; }
figure { margin: 14px 0 0; }
figcaption { font-size: 13px; color: var(--soft); margin-bottom: 6px; }
svg { display: block; width: 100%; max-width: 760px; height: auto; font-size: 12px; }
svg text { fill: var(--soft); }
.grid { stroke: var(--line); } .zero { stroke: var(--soft); }
.bar { stroke: var(--accent); stroke-width: 3; stroke-linecap: round; opacity: .45; }
.dot, .fill { fill: var(--accent); } .worse { fill: var(--second); }
.path { fill: none; stroke: var(--accent); stroke-width: 2; } .point { fill: var(--accent); }
.band { fill: var(--accent); opacity: .13; }
.line1 .path { stroke: var(--second); } .line1 .point, .line1 .band { fill: var(--second); }
.line2 .path { stroke: var(--third); } .line2 .point, .line2 .band { fill: var(--third); }
footer { padding-top: 6px; padding-bottom: 36px; color: var(--soft); font-size: 13px; }
@media print { body { background: #fff; } section { break-inside: avoid; } }
</style>
)";

std::string cell(const std::string& text, bool is_number = false) {
  return std::string(is_number ? "<td class=\"n\">" : "<td>") + html_escape(text) + "</td>";
}

std::string header_row(const std::vector<std::pair<std::string, bool>>& titles) {
  std::string row = "<tr>";
  for (const auto& [title, is_number] : titles) {
    row += std::string(is_number ? "<th class=\"n\">" : "<th>") + html_escape(title) + "</th>";
  }
  return row + "</tr>\n";
}

std::string interval(const Estimate& one) { return fixed(one.low, 4) + " to " + fixed(one.high, 4); }

std::string section(const std::string& title, const std::string& inside) {
  return "<section>\n<h2>" + html_escape(title) + "</h2>\n" + inside + "</section>\n";
}

std::string measures_section(const Evaluation& evaluation) {
  std::string table = "<table>\n" + header_row({{"metric", false}, {"mean", true}, {"interval", true}});
  std::vector<PlotRow> rows;
  for (std::size_t i = 0; i < evaluation.measures.size(); ++i) {
    const Estimate& one = evaluation.overall[i];
    const std::string name = evaluation.measures[i].name();
    table += "<tr>" + cell(name) + cell(fixed(one.mean, 4), true) + cell(interval(one), true) + "</tr>\n";
    rows.push_back({name, one});
  }
  return section("Metrics", table + "</table>\n" + interval_plot("Means with their intervals", rows, false));
}

std::string curves_section(const std::vector<EvalCurve>& curves) {
  std::vector<PlotLine> lines;
  for (const EvalCurve& curve : curves) {
    PlotLine& line = lines.emplace_back(PlotLine{curve.name, {}});
    for (const auto& [k, value] : curve.points) line.points.emplace_back(std::to_string(k), value);
  }
  return section("By depth", line_plot("Means for growing k", lines));
}

std::string queries_section(const Evaluation& evaluation) {
  std::vector<double> values;
  for (const QueryScores& one : evaluation.scored.queries) values.push_back(one.values[0]);
  return section("Queries", histogram_plot("Queries by their " + evaluation.measures[0].name(), values));
}

std::string slices_section(const Evaluation& evaluation) {
  std::vector<std::pair<std::string, bool>> titles = {{"slice", false}, {"queries", true}};
  for (const Measure& measure : evaluation.measures) titles.emplace_back(measure.name(), true);
  std::string table = "<table>\n" + header_row(titles);
  std::vector<PlotRow> rows;
  for (const SliceScores& one : evaluation.slices) {
    const std::string name = one.slice + " = " + (one.value.empty() ? "(none)" : one.value);
    table += "<tr>" + cell(name) + cell(with_commas(one.queries), true);
    for (const Estimate& value : one.measures) table += cell(fixed(value.mean, 3), true);
    table += "</tr>\n";
    if (rows.size() < kSlicesDrawn) rows.push_back({name, one.measures[0]});
  }
  return section("Slices",
                 table + "</table>\n" + interval_plot(evaluation.measures[0].name() + " by slice", rows, false));
}

std::string pair_section(const EvalPair& pair) {
  std::string table = "<table>\n" + header_row({{"metric", false},
                                                {"slice", false},
                                                {"run", true},
                                                {"against", true},
                                                {"difference", true},
                                                {"interval", true},
                                                {"better", true},
                                                {"worse", true},
                                                {"p", true},
                                                {"p (Holm)", true}});
  std::vector<PlotRow> rows;
  for (const PairedScores& test : pair.comparison.tests) {
    const std::string slice =
        test.slice.empty() ? "all" : test.slice + " = " + (test.value.empty() ? "(none)" : test.value);
    table += std::string(test.p_holm < 0.05 ? "<tr class=\"sure\">" : "<tr>") + cell(test.measure) + cell(slice) +
             cell(fixed(test.first, 4), true) + cell(fixed(test.second, 4), true) +
             cell(fixed(test.difference.mean, 4), true) + cell(interval(test.difference), true) +
             cell(with_commas(test.better), true) + cell(with_commas(test.worse), true) + cell(fixed(test.p, 4), true) +
             cell(fixed(test.p_holm, 4), true) + "</tr>\n";
    if (test.slice.empty()) rows.push_back({test.measure, test.difference});
  }
  std::vector<double> differences;
  for (const auto& row : pair.comparison.differences) differences.push_back(row[0]);
  return section("Against " + pair.against,
                 table + "</table>\n" + interval_plot("Differences with their intervals", rows, true) +
                     difference_plot("Difference of " + rows[0].label + ", query by query", std::move(differences)));
}

// Runs with the same judgements that have the first metric.
std::string past_section(const EvalReport& report) {
  const std::string name = report.summary.evaluation.measures[0].name();
  PlotLine line{name, {}};
  for (const EvalPast& past : report.past) {
    if (past.judgements != report.summary.judgements) continue;
    for (const auto& [measure, value] : past.measures) {
      if (measure == name) line.points.emplace_back(date_text(past.at_us).substr(0, 10), value);
    }
  }
  if (line.points.size() < 2) return "";
  if (line.points.size() > kPastShown) {
    line.points.erase(line.points.begin(), line.points.end() - static_cast<std::ptrdiff_t>(kPastShown));
  }
  return section("History", line_plot(name + " of runs that were scored with these judgements", {line}));
}

std::string header_html(const EvalReport& report) {
  const EvalSummary& summary = report.summary;
  const ScoredRun& scored = summary.evaluation.scored;
  std::string facts = plural(scored.queries.size(), "query", "queries") + " of " + html_escape(summary.judgements);
  if (scored.unanswered > 0) facts += ", " + with_commas(scored.unanswered) + " not answered";
  if (scored.unjudged > 0) facts += ", " + with_commas(scored.unjudged) + " without judgements left out";
  facts += "; relevant from grade " + std::to_string(summary.options.relevant) + "; intervals of " +
           fixed(100 * summary.options.samples.confidence, 1) + " % by " +
           with_commas(summary.options.samples.samples) + " bootstrap samples, seed " +
           std::to_string(summary.options.samples.seed) + "; " + date_text(report.made_us);
  return "<header>\n<p class=\"kicker\">Evaluation</p>\n<h1>" + html_escape(summary.run) +
         "</h1>\n<p class=\"facts\">" + facts + "</p>\n</header>\n";
}

}  // namespace

Result<std::vector<EvalCurve>> eval_curves(const Judgements& judgements, const RankedRun& run,
                                           const EvaluationOptions& options) {
  constexpr std::size_t kDepths[] = {1, 2, 3, 5, 10, 20, 50, 100};
  std::vector<EvalCurve> curves;
  for (const MeasureKind kind : {MeasureKind::kRecall, MeasureKind::kHit, MeasureKind::kNdcg}) {
    EvaluationOptions at = options;
    at.measures.clear();
    for (const std::size_t k : kDepths) at.measures.push_back({kind, k});
    PICTOR_ASSIGN(const Evaluation evaluation, evaluate(judgements, run, at));
    const std::string name = Measure{kind, 0}.name();
    EvalCurve& curve = curves.emplace_back(EvalCurve{name + "@k", {}});
    for (std::size_t i = 0; i < at.measures.size(); ++i) curve.points.emplace_back(kDepths[i], evaluation.overall[i]);
  }
  return curves;
}

std::string eval_page(const EvalReport& report) {
  const Evaluation& evaluation = report.summary.evaluation;
  std::string html(kHead);
  html += "<title>" + html_escape(report.summary.run) + " - Pictor</title>\n";
  html += kStyle;
  html += "</head>\n<body>\n" + header_html(report) + "<main>\n" + measures_section(evaluation);
  if (report.pair) html += pair_section(*report.pair);
  if (!report.curves.empty()) html += curves_section(report.curves);
  html += queries_section(evaluation);
  if (!evaluation.slices.empty()) html += slices_section(evaluation);
  html += past_section(report);
  return html +
         "</main>\n<footer>Made by Pictor. Metrics as trec_eval computes them; p by a paired randomization test, "
         "corrected "
         "after Holm.</footer>\n</body>\n</html>\n";
}

}  // namespace pictor
