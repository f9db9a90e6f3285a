#include "measure/judgements.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace pictor {
namespace {

constexpr std::size_t kNone = SIZE_MAX;

struct JudgementColumns {
  std::size_t query = kNone, item = kNone, grade = kNone;
  std::vector<std::pair<std::size_t, std::string>> slices;
  std::size_t count = 0;
};

std::optional<int> grade_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  int grade = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), grade);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  if (grade < -limits::kGradeMax || grade > limits::kGradeMax) return std::nullopt;
  return grade;
}

std::string grade_fault(std::string_view text) {
  const std::string most = std::to_string(limits::kGradeMax);
  return "grade is " + shown(text) + ", wanted a whole number from -" + most + " to " + most;
}

std::string too_many(const char* what, std::uint64_t most) {
  return std::string("there are more than ") + std::to_string(most) + " " + what + "; what follows was not read";
}

// Takes one pair, or says what is wrong with it.
bool take(ReadJudgements& out, std::uint64_t line, std::string_view query, std::string_view item,
          std::string_view grade_text) {
  for (const auto& [what, name] : {std::pair("query", query), std::pair("item", item)}) {
    std::string fault = name_fault(what, name);
    if (fault.empty()) continue;
    out.faults.add(line, std::move(fault));
    return false;
  }
  const auto grade = grade_of(grade_text);
  if (!grade) {
    out.faults.add(line, grade_fault(grade_text));
    return false;
  }
  if (out.judgements.add(query, item, *grade)) return true;
  out.faults.add(line, "query " + shown(query) + " and item " + shown(item) + " are judged on an earlier line already");
  return false;
}

bool past_queries(ReadJudgements& out, std::uint64_t line) {
  if (out.judgements.queries.size() <= limits::kMeasureQueriesMax) return false;
  out.faults.add(line, too_many("queries", limits::kMeasureQueriesMax));
  return true;
}

void read_qrels(std::string_view text, ReadJudgements& out) {
  LineCursor lines(text);
  for (std::string_view line; lines.next(line);) {
    if (lines.line() > limits::kMeasureLinesMax) {
      out.faults.add(lines.line(), too_many("lines", limits::kMeasureLinesMax));
      return;
    }
    const auto fields = fields_of(line);
    if (fields.empty()) continue;
    if (fields.size() != 4) {
      out.faults.add(lines.line(),
                     "there are " + std::to_string(fields.size()) + " fields, wanted 4: QUERY 0 ITEM GRADE");
      continue;
    }
    take(out, lines.line(), from_trec_name(fields[0]), from_trec_name(fields[2]), fields[3]);
    if (past_queries(out, lines.line())) return;
  }
}

// Nothing: the cells are no header of judgements.
std::optional<JudgementColumns> columns_of(const std::vector<std::string>& cells) {
  JudgementColumns columns;
  columns.count = cells.size();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string name = lower_of(cells[i]);
    std::size_t* const own = name == "query"   ? &columns.query
                             : name == "item"  ? &columns.item
                             : name == "grade" ? &columns.grade
                                               : nullptr;
    if (own == nullptr) {
      columns.slices.emplace_back(i, cells[i]);
    } else if (*own == kNone) {
      *own = i;
    }
  }
  if (columns.query == kNone || columns.item == kNone || columns.grade == kNone) return std::nullopt;
  return columns;
}

void take_slices(ReadJudgements& out, std::uint64_t line, const JudgementColumns& columns,
                 const std::vector<std::string>& cells) {
  const std::string& query = cells[columns.query];
  for (const auto& [at, name] : columns.slices) {
    if (cells[at].empty() || name.empty()) continue;
    const auto [found, added] = out.judgements.slices[query].emplace(name, cells[at]);
    if (added || found->second == cells[at]) continue;
    out.faults.add(line, "query " + shown(query) + " has " + shown(name) + " = " + shown(cells[at]) +
                             ", an earlier line has " + shown(found->second) + ": it must be the same in all");
  }
}

bool header_is_sound(const JudgementColumns& columns, ReadJudgements& out, std::uint64_t line) {
  if (columns.slices.size() <= limits::kSlicesMax) return true;
  out.faults.add(line, "there are " + std::to_string(columns.slices.size()) +
                           " columns beside query, item and grade, at most " + std::to_string(limits::kSlicesMax) +
                           " are allowed");
  return false;
}

void read_csv(CsvText& csv, const JudgementColumns& columns, ReadJudgements& out) {
  std::vector<std::string> cells;
  std::string problem;
  std::uint64_t rows = 0;
  for (;;) {
    const CsvText::Got got = csv.next(cells, problem);
    if (got == CsvText::Got::kEnd) return;
    if (++rows > limits::kMeasureLinesMax) {
      out.faults.add(csv.line(), too_many("lines", limits::kMeasureLinesMax));
      return;
    }
    if (got == CsvText::Got::kBad) {
      out.faults.add(csv.line(), problem);
    } else if (cells.size() != columns.count) {
      out.faults.add(csv.line(), "there are " + std::to_string(cells.size()) + " cells, the header has " +
                                     std::to_string(columns.count));
    } else if (take(out, csv.line(), cells[columns.query], cells[columns.item], cells[columns.grade])) {
      take_slices(out, csv.line(), columns, cells);
    }
    if (past_queries(out, csv.line())) return;
  }
}

}  // namespace

bool Judgements::add(std::string_view query, std::string_view item, int grade) {
  auto found = queries.find(query);
  if (found == queries.end()) found = queries.emplace(std::string(query), Grades()).first;
  const bool added = found->second.emplace(std::string(item), grade).second;
  count += added ? 1 : 0;
  return added;
}

ReadJudgements read_judgements(std::string_view text) {
  ReadJudgements out;
  CsvText csv(text);
  std::vector<std::string> header;
  std::string problem;
  const CsvText::Got got = csv.next(header, problem);
  const auto columns = got == CsvText::Got::kRecord ? columns_of(header) : std::nullopt;
  if (!columns) {
    read_qrels(text, out);
  } else if (header_is_sound(*columns, out, csv.line())) {
    read_csv(csv, *columns, out);
  }
  return out;
}

std::string write_qrels(const Judgements& judgements) {
  std::string text;
  for (const auto& [query, grades] : judgements.queries) {
    for (const auto& [item, grade] : grades) {
      text += trec_name(query) + " 0 " + trec_name(item) + " " + std::to_string(grade) + "\n";
    }
  }
  return text;
}

}  // namespace pictor
