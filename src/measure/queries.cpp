#include "measure/queries.h"

#include <nlohmann/json.hpp>
#include <unordered_map>

namespace pictor {
namespace {

using Json = nlohmann::json;

class QueryReader {
 public:
  explicit QueryReader(ReadQueries& out) : out_(out) {}

  // The field of a query that a column or key of this name means; null: it is a slice.
  static std::string EvalQuery::*field(std::string_view name) {
    const std::string lower = lower_of(name);
    if (lower == "id" || lower == "query") return &EvalQuery::id;
    if (lower == "text") return &EvalQuery::text;
    if (lower == "picture" || lower == "image") return &EvalQuery::picture;
    if (lower == "item") return &EvalQuery::item;
    if (lower == "where" || lower == "filter") return &EvalQuery::where;
    return nullptr;
  }

  void take(EvalQuery query) {
    const std::uint64_t line = query.line;
    std::string fault = fault_of(query);
    if (fault.empty()) {
      const auto [found, added] = lines_.emplace(query.id, line);
      if (!added) fault = "query " + shown(query.id) + " is on line " + std::to_string(found->second) + " already";
    }
    if (fault.empty()) {
      out_.queries.push_back(std::move(query));
    } else {
      out_.faults.add(line, std::move(fault));
    }
  }

  // True: no more is to be read.
  bool is_full(std::uint64_t line, std::uint64_t rows) {
    if (rows < limits::kMeasureQueriesMax) return false;
    out_.faults.add(line, "there are more than " + std::to_string(limits::kMeasureQueriesMax) +
                              " queries; what follows was not read");
    return true;
  }

 private:
  static std::string fault_of(const EvalQuery& query) {
    if (std::string fault = name_fault("id", query.id); !fault.empty()) return fault;
    if (query.text.empty() && query.picture.empty() && query.item.empty()) {
      return "query " + shown(query.id) + " asks for nothing: wanted a text, a picture or an item";
    }
    if (query.slices.size() > limits::kSlicesMax) {
      return "there are " + std::to_string(query.slices.size()) + " other columns, at most " +
             std::to_string(limits::kSlicesMax) + " are allowed";
    }
    return "";
  }

  ReadQueries& out_;
  std::unordered_map<std::string, std::uint64_t> lines_;
};

void read_csv(std::string_view text, ReadQueries& out) {
  QueryReader reader(out);
  CsvText csv(text);
  std::vector<std::string> header, cells;
  std::string problem;
  if (csv.next(header, problem) != CsvText::Got::kRecord) {
    out.faults.add(1, problem.empty() ? "there is no header, wanted one with id and text, picture or item" : problem);
    return;
  }
  bool has_id = false;
  for (const std::string& name : header) has_id = has_id || QueryReader::field(name) == &EvalQuery::id;
  if (!has_id) {
    out.faults.add(csv.line(), "the header has no column 'id', wanted id and text, picture or item");
    return;
  }
  for (std::uint64_t rows = 0;; ++rows) {
    const CsvText::Got got = csv.next(cells, problem);
    if (got == CsvText::Got::kEnd || reader.is_full(csv.line(), rows)) return;
    if (got == CsvText::Got::kBad || cells.size() != header.size()) {
      out.faults.add(csv.line(), got == CsvText::Got::kBad
                                     ? problem
                                     : "there are " + std::to_string(cells.size()) + " cells, the header has " +
                                           std::to_string(header.size()));
      continue;
    }
    EvalQuery query;
    query.line = csv.line();
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (const auto field = QueryReader::field(header[i])) {
        query.*field = cells[i];
      } else if (!cells[i].empty() && !header[i].empty()) {
        query.slices[header[i]] = cells[i];
      }
    }
    reader.take(std::move(query));
  }
}

// What a JSON object says; a message when it cannot be used.
std::string query_of(const Json& object, EvalQuery& query) {
  if (!object.is_object()) return "wanted a JSON object, as {\"id\": \"q1\", \"text\": \"a red car\"}";
  for (const auto& [key, value] : object.items()) {
    if (value.is_null()) continue;
    if (value.is_structured()) return "field " + shown(key) + " is a list or an object, wanted a text or a number";
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (const auto field = QueryReader::field(key)) {
      query.*field = text;
    } else if (!text.empty() && !key.empty()) {
      query.slices[key] = text;
    }
  }
  return "";
}

void read_json_lines(std::string_view text, ReadQueries& out) {
  QueryReader reader(out);
  LineCursor lines(text);
  std::uint64_t rows = 0;
  for (std::string_view line; lines.next(line);) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    if (reader.is_full(lines.line(), rows++)) return;
    if (line.size() > limits::kManifestLineBytesMax) {
      out.faults.add(lines.line(), "the line has " + std::to_string(line.size()) + " bytes, at most " +
                                       std::to_string(limits::kManifestLineBytesMax) + " are allowed");
      continue;
    }
    const Json object = Json::parse(line, nullptr, false);
    EvalQuery query;
    query.line = lines.line();
    std::string fault = object.is_discarded() ? "this is no JSON" : query_of(object, query);
    if (!fault.empty()) {
      out.faults.add(lines.line(), std::move(fault));
    } else {
      reader.take(std::move(query));
    }
  }
}

}  // namespace

ReadQueries read_queries(std::string_view text) {
  ReadQueries out;
  text = without_mark(text);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '{') {
    read_json_lines(text, out);
  } else {
    read_csv(text, out);
  }
  return out;
}

}  // namespace pictor
