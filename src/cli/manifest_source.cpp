// Manifests: CSV or JSON lines that name pictures and say what is known of them.
//
// Columns (or keys) `path` or `file`, `id` and `text` are ours; all others become metadata. In CSV a cell that reads as
// a JSON number becomes one, an empty cell is left out, anything else is a string ("007" stays one). A line that cannot
// be used is an entry with a problem and its line number.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/csv.h"
#include "cli/source.h"
#include "cli/text.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// A cell that is a JSON number and nothing else, within what a double or an int64 holds exactly enough.
Json typed_cell(const std::string& cell) {
  const std::string text = trimmed(cell);
  const bool looks = !text.empty() && text.find_first_not_of("0123456789+-.eE") == std::string::npos;
  if (!looks || text.size() > 24) return cell;
  const Json number = Json::parse(text, nullptr, false);
  if (number.is_number_float() && !std::isfinite(number.get<double>())) return cell;
  const bool integer_digits = text.find_first_of(".eE") == std::string::npos;
  if (number.is_number_float() && integer_digits) return cell;  // too long for an integer: an identifier, not an amount
  return number.is_number() ? number : Json(cell);
}

// What one line says, before the file is looked at.
struct Line {
  std::string path, id, text;
  Json metadata = Json::object();
};

class ManifestSource : public RawSource {
 public:
  ManifestSource(Env& env, const std::string& manifest, const SourceOptions& options)
      : env_(env), manifest_(manifest), options_(options) {}

  bool next(RawEntry& out) override {
    Line line;
    Status problem;
    const Read got = read(line, problem);
    if (got == Read::kEnd) return false;
    if (got == Read::kRecord) problem = check(line);
    if (!problem.is_ok()) {
      out = {};
      out.path = out.full_path = manifest_;
      out.entry.item.source = to_utf8(absolute_path(manifest_)) + ":" + std::to_string(line_number());
      out.entry.problem = problem.in("line " + std::to_string(line_number()));
      return true;
    }
    const std::string path = line.path.front() == '/' ? line.path : join_path(folder(), line.path);
    out = file_entry(env_, path, line.path, options_);
    if (!out.entry.problem.is_ok()) {
      out.entry.problem = out.entry.problem.in(file_name(manifest_) + " line " + std::to_string(line_number()));
    }
    out.entry.item.id = line.id;
    if (!line.text.empty()) out.entry.item.text = line.text;
    Json metadata = Json::parse(path_metadata(line.path, out.entry.item.text, options_));
    metadata.update(line.metadata);
    out.entry.item.metadata = metadata.dump();
    return true;
  }

 protected:
  virtual Read read(Line& line, Status& problem) = 0;
  virtual std::uint64_t line_number() const = 0;

  Env& env_;
  std::string manifest_;
  SourceOptions options_;

 private:
  std::string folder() const {
    const std::string parent = parent_path(manifest_);
    return parent == "." ? "" : parent;
  }

  static Status check(const Line& line) {
    if (line.path.empty()) return {Code::kInvalid, "names no picture: its path is empty"};
    if (line.path.find('\0') != std::string::npos) return {Code::kInvalid, "has a zero byte in its path"};
    if (line.path.size() > limits::kPathBytesMax) {
      return {Code::kLimit, "has a path of " + std::to_string(line.path.size()) + " bytes, at most " +
                                std::to_string(limits::kPathBytesMax) + " are allowed"};
    }
    if (line.path.starts_with("http://") || line.path.starts_with("https://")) {
      return {Code::kUnsupported, "names a web address; download the picture and name the file"};
    }
    return Status::ok();
  }
};

// --- CSV ---

struct Columns {
  std::vector<std::string> names;
  std::size_t path = SIZE_MAX, id = SIZE_MAX, text = SIZE_MAX;
};

class CsvSource : public ManifestSource {
 public:
  CsvSource(Env& env, const std::string& manifest, const SourceOptions& options, CsvReader reader, Columns columns,
            char separator)
      : ManifestSource(env, manifest, options),
        reader_(std::move(reader)),
        columns_(std::move(columns)),
        separator_(separator) {}

  std::optional<std::uint64_t> count() override {
    auto file = env_.open(manifest_, OpenMode::kRead);
    if (!file.is_ok()) return std::nullopt;
    CsvReader reader(std::move(file).value(), separator_);
    std::vector<std::string> cells;
    Status problem;
    std::uint64_t records = 0;
    while (reader.next(cells, problem) != Read::kEnd) ++records;
    return records > 0 ? records - 1 : 0;
  }

 protected:
  std::uint64_t line_number() const override { return reader_.line(); }

  Read read(Line& line, Status& problem) override {
    std::vector<std::string> cells;
    const Read got = reader_.next(cells, problem);
    if (got != Read::kRecord) return got;
    if (cells.size() != columns_.names.size()) {
      problem = {Code::kInvalid, "has " + plural(cells.size(), "cell", "cells") + ", the header has " +
                                     std::to_string(columns_.names.size())};
      return Read::kBad;
    }
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (!is_utf8(cells[i])) {
        problem = {Code::kInvalid,
                   "is not UTF-8 in column '" + columns_.names[i] + "'; convert the manifest with iconv"};
        return Read::kBad;
      }
      if (i == columns_.path)
        line.path = trimmed(cells[i]);
      else if (i == columns_.id)
        line.id = trimmed(cells[i]);
      else if (i == columns_.text)
        line.text = cells[i];
      else if (!cells[i].empty())
        line.metadata[columns_.names[i]] = typed_cell(cells[i]);
    }
    return Read::kRecord;
  }

 private:
  CsvReader reader_;
  Columns columns_;
  char separator_;
};

Columns columns_of(const std::vector<std::string>& header) {
  Columns columns;
  for (const std::string& cell : header) {
    const std::string name = trimmed(cell);
    columns.names.push_back(name.empty() ? "column_" + std::to_string(columns.names.size() + 1) : name);
  }
  const auto find = [&](std::string_view wanted) {
    for (std::size_t i = 0; i < columns.names.size(); ++i) {
      if (lower_ascii(columns.names[i]) == wanted) return i;
    }
    return SIZE_MAX;
  };
  columns.path = find("path");
  if (columns.path == SIZE_MAX) columns.path = find("file");
  columns.id = find("id");
  columns.text = find("text");
  return columns;
}

Status check_columns(const Columns& columns) {
  std::string names;
  for (const std::string& name : columns.names) {
    if (std::count(columns.names.begin(), columns.names.end(), name) > 1) {
      return {Code::kInvalid, "its header has the column '" + printable(name) + "' twice"};
    }
    if (names.size() < 200) names += (names.empty() ? "" : ", ") + printable(to_utf8(name));
    if (!is_utf8(name)) return {Code::kInvalid, "its header is not UTF-8; convert the manifest with iconv"};
  }
  if (columns.path == SIZE_MAX) {
    return {Code::kInvalid, "its header has no column 'path' or 'file'; it has: " + names};
  }
  return Status::ok();
}

// Spreadsheets write commas, semicolons or tabs, by country; the one under which the header names a path is taken.
Result<std::unique_ptr<RawSource>> make_csv(Env& env, const std::string& manifest, const SourceOptions& options) {
  Status first_fault;
  for (const char separator : {',', ';', '\t'}) {
    PICTOR_ASSIGN(auto file, env.open(manifest, OpenMode::kRead));
    CsvReader reader(std::move(file), separator);
    std::vector<std::string> header;
    Status problem;
    const Read got = reader.next(header, problem);
    if (got == Read::kEnd) return Status(Code::kInvalid, "manifest '" + manifest + "' is empty");
    Columns columns = columns_of(header);
    if (got == Read::kRecord) problem = check_columns(columns);
    if (problem.is_ok()) {
      return std::unique_ptr<RawSource>(
          std::make_unique<CsvSource>(env, manifest, options, std::move(reader), std::move(columns), separator));
    }
    if (first_fault.is_ok()) first_fault = problem.in("manifest '" + manifest + "'");
  }
  return first_fault;
}

// --- JSON lines ---

// Nesting of brackets outside strings, so that a hostile line is refused before it is parsed.
std::size_t nesting(std::string_view line) {
  std::size_t depth = 0, deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (in_string && line[i] == '\\')
      ++i;
    else if (line[i] == '"')
      in_string = !in_string;
    else if (!in_string && (line[i] == '{' || line[i] == '['))
      deepest = std::max(deepest, ++depth);
    else if (!in_string && (line[i] == '}' || line[i] == ']') && depth > 0)
      --depth;
  }
  return deepest;
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

class JsonLinesSource : public ManifestSource {
 public:
  JsonLinesSource(Env& env, const std::string& manifest, const SourceOptions& options, std::unique_ptr<File> file)
      : ManifestSource(env, manifest, options), in_(std::move(file)) {}

  std::optional<std::uint64_t> count() override {
    auto file = env_.open(manifest_, OpenMode::kRead);
    if (!file.is_ok()) return std::nullopt;
    LetterReader in(std::move(file).value());
    std::string text;
    Status problem;
    std::uint64_t lines = 0;
    for (Read got = read_line(in, text, problem); got != Read::kEnd; got = read_line(in, text, problem)) {
      lines += got == Read::kBad || !trimmed(text).empty() ? 1 : 0;
    }
    return lines;
  }

 protected:
  std::uint64_t line_number() const override { return line_; }

  Read read(Line& line, Status& problem) override {
    std::string text;
    do {
      line_ = in_.line();
      const Read got = read_line(in_, text, problem);
      if (got != Read::kRecord) return got;
    } while (trimmed(text).empty());
    problem = parse(text, line);
    return problem.is_ok() ? Read::kRecord : Read::kBad;
  }

 private:
  static Status parse(const std::string& text, Line& line) {
    if (nesting(text) > limits::kMetadataDepthMax + 1) {
      return {Code::kLimit, "is nested deeper than " + std::to_string(limits::kMetadataDepthMax)};
    }
    const Json object = Json::parse(text, nullptr, false);
    if (object.is_discarded()) return {Code::kInvalid, "is not JSON"};
    if (!object.is_object()) return {Code::kInvalid, "is JSON, but not an object"};
    const std::string path_key = object.contains("path") ? "path" : "file";
    if (!object.contains(path_key) || !object[path_key].is_string()) {
      return {Code::kInvalid, "has no string 'path' or 'file'"};
    }
    for (const auto& [key, value] : object.items()) {
      if (key == path_key)
        line.path = value.get<std::string>();
      else if (key == "id")
        line.id = text_of(value);
      else if (key == "text")
        line.text = value.is_null() ? "" : text_of(value);
      else if (key == "metadata" && value.is_object())
        line.metadata.update(value);
      else if (!value.is_null())
        line.metadata[key] = value;
    }
    return Status::ok();
  }

  LetterReader in_;
  std::uint64_t line_ = 1;
};

}  // namespace

Result<std::unique_ptr<RawSource>> make_manifest_source(Env& env, const std::string& manifest,
                                                        const SourceOptions& options) {
  const std::string lower = lower_ascii(manifest);
  if (lower.ends_with(".csv") || lower.ends_with(".tsv")) return make_csv(env, manifest, options);
  PICTOR_ASSIGN(auto file, env.open(manifest, OpenMode::kRead));
  return std::unique_ptr<RawSource>(std::make_unique<JsonLinesSource>(env, manifest, options, std::move(file)));
}

}  // namespace pictor
