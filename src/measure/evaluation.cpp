#include "measure/evaluation.h"

#include <algorithm>
#include <map>

#include "measure/paired.h"

namespace pictor {
namespace {

ScoredRun score(const Judgements& judgements, const RankedRun& run, const EvaluationOptions& options) {
  ScoredRun out;
  for (const auto& [query, grades] : judgements.queries) {
    const auto found = run.queries.find(query);
    const bool answered = found != run.queries.end();
    out.unanswered += answered ? 0 : 1;
    if (!answered && options.only_answered) continue;
    QueryScores scores{query, {}, answered};
    const std::span<const RankedItem> ranking = answered ? std::span(found->second) : std::span<const RankedItem>();
    for (const Measure& measure : options.measures) {
      scores.values.push_back(measured(measure, grades, ranking, options.relevant));
    }
    out.queries.push_back(std::move(scores));
  }
  for (const auto& [query, ranking] : run.queries) {
    out.unjudged += judgements.queries.contains(query) ? 0 : 1;
  }
  return out;
}

// Positions of queries, by column and what it says of them.
using SliceRows = std::map<std::string, std::map<std::string, std::vector<std::size_t>>>;

Result<SliceRows> slice_rows(const Judgements& judgements, const std::vector<std::string>& queries) {
  SliceRows rows;
  for (const auto& [query, values] : judgements.slices) {
    for (const auto& [slice, value] : values) rows[slice];
  }
  if (rows.size() > limits::kSlicesMax) {
    return Status(Code::kLimit, "queries are told apart by " + std::to_string(rows.size()) + " columns, at most " +
                                    std::to_string(limits::kSlicesMax) + " are allowed");
  }
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const auto found = judgements.slices.find(queries[i]);
    for (auto& [slice, values] : rows) {
      std::string value;
      if (found != judgements.slices.end() && found->second.contains(slice)) value = found->second.at(slice);
      values[value].push_back(i);
      if (values.size() > limits::kSliceValuesMax) {
        return Status(Code::kLimit, "column " + shown(slice) + " has more than " +
                                        std::to_string(limits::kSliceValuesMax) +
                                        " different values; queries are told apart by few");
      }
    }
  }
  return rows;
}

std::vector<double> rows_of(const std::vector<std::vector<double>>& table, const std::vector<std::size_t>& rows) {
  std::vector<double> out;
  for (const std::size_t row : rows) out.insert(out.end(), table[row].begin(), table[row].end());
  return out;
}

std::vector<std::size_t> all_of(std::size_t count) {
  std::vector<std::size_t> rows(count);
  for (std::size_t i = 0; i < count; ++i) rows[i] = i;
  return rows;
}

Status check(const EvaluationOptions& options, std::uint64_t queries) {
  if (options.measures.empty() || options.measures.size() > limits::kMeasuresMax) {
    return {Code::kInvalid, "there are " + std::to_string(options.measures.size()) + " metrics, wanted 1 to " +
                                std::to_string(limits::kMeasuresMax)};
  }
  if (queries == 0) {
    return {Code::kMismatch, "no query of the run is judged: the ids of queries must be the same in both"};
  }
  return check_samples(options.samples, queries);
}

// The tests of one set of queries, a measure each.
void add_tests(const EvaluationOptions& options, const std::vector<std::vector<double>>& first,
               const RunComparison& compared, const std::vector<std::size_t>& rows, const PairedScores& which,
               std::vector<PairedScores>& out) {
  const std::size_t columns = options.measures.size();
  const std::vector<double> differences = rows_of(compared.differences, rows);
  const auto intervals = estimates(differences, columns, options.samples);
  for (std::size_t column = 0; column < columns; ++column) {
    PairedScores test = which;
    test.measure = options.measures[column].name();
    test.queries = rows.size();
    test.difference = intervals[column];
    std::vector<double> of_column;
    for (const std::size_t row : rows) {
      const double difference = compared.differences[row][column];
      of_column.push_back(difference);
      test.better += difference > 0 ? 1 : 0;
      test.worse += difference < 0 ? 1 : 0;
      test.first += first[row][column] / static_cast<double>(rows.size());
    }
    test.second = test.first - test.difference.mean;
    test.p = randomization_p(of_column, options.samples);
    out.push_back(std::move(test));
  }
}

}  // namespace

Result<Evaluation> evaluate(const Judgements& judgements, const RankedRun& run, const EvaluationOptions& options) {
  Evaluation out;
  out.measures = options.measures;
  out.scored = score(judgements, run, options);
  const std::size_t answered = static_cast<std::size_t>(std::count_if(
      out.scored.queries.begin(), out.scored.queries.end(), [](const QueryScores& one) { return one.answered; }));
  PICTOR_TRY(check(options, answered));
  PICTOR_TRY(check_samples(options.samples, out.scored.queries.size()));
  std::vector<std::string> queries;
  std::vector<std::vector<double>> table;
  for (const QueryScores& one : out.scored.queries) {
    queries.push_back(one.query);
    table.push_back(one.values);
  }
  const std::size_t columns = options.measures.size();
  out.overall = estimates(rows_of(table, all_of(table.size())), columns, options.samples);
  PICTOR_ASSIGN(const SliceRows slices, slice_rows(judgements, queries));
  for (const auto& [slice, values] : slices) {
    for (const auto& [value, rows] : values) {
      out.slices.push_back({slice, value, rows.size(), estimates(rows_of(table, rows), columns, options.samples)});
    }
  }
  return out;
}

Result<RunComparison> compare_runs(const Judgements& judgements, const RankedRun& first, const RankedRun& second,
                                   const EvaluationOptions& options) {
  const ScoredRun ours = score(judgements, first, options), theirs = score(judgements, second, options);
  RunComparison out;
  std::vector<std::vector<double>> values;
  for (std::size_t i = 0, j = 0; i < ours.queries.size() && j < theirs.queries.size();) {
    const QueryScores &a = ours.queries[i], &b = theirs.queries[j];
    if (a.query != b.query) {
      ++(a.query < b.query ? i : j);
      continue;
    }
    out.queries.push_back(a.query);
    values.push_back(a.values);
    std::vector<double>& difference = out.differences.emplace_back(a.values);
    for (std::size_t column = 0; column < difference.size(); ++column) difference[column] -= b.values[column];
    ++i, ++j;
  }
  PICTOR_TRY(check(options, out.queries.size()));
  add_tests(options, values, out, all_of(out.queries.size()), {}, out.tests);
  PICTOR_ASSIGN(const SliceRows slices, slice_rows(judgements, out.queries));
  for (const auto& [slice, by_value] : slices) {
    for (const auto& [value, rows] : by_value) {
      PairedScores which;
      which.slice = slice;
      which.value = value;
      add_tests(options, values, out, rows, which, out.tests);
    }
  }
  std::vector<double> p;
  for (const PairedScores& test : out.tests) p.push_back(test.p);
  const std::vector<double> corrected = holm(p);
  for (std::size_t i = 0; i < corrected.size(); ++i) out.tests[i].p_holm = corrected[i];
  return out;
}

}  // namespace pictor
