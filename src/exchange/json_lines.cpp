// Lines of JSON: an object with "vector", or with "vectors" by head as `pictor export` writes it.
#include <nlohmann/json.hpp>

#include "exchange/rows.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

Status wrong(std::string what) { return {Code::kUnreadable, std::move(what)}; }

// The tree of what nests deeper could not even be written out again.
bool is_shallow(std::string_view line) {
  std::uint32_t depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (in_text && c == '\\') ++i;
    if (c == '"') in_text = !in_text;
    if (in_text) continue;
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (depth > limits::kVectorJsonDepthMax) return false;
  }
  return true;
}

Result<Json> parse_line(std::string_view line) {
  if (!is_shallow(line)) {
    return Status(Code::kLimit, "nests deeper than " + std::to_string(limits::kVectorJsonDepthMax) + " levels");
  }
  Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded()) return wrong("is no JSON");
  return json;
}

Result<std::string> id_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_unsigned()) return std::to_string(value.get<std::uint64_t>());
  if (value.is_number_integer()) return std::to_string(value.get<std::int64_t>());
  return wrong("has an id that is neither a text nor a whole number");
}

Status take_text(const Json& object, const char* name, std::string& out) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return Status::ok();
  if (!found->is_string()) return wrong(std::string("has a '") + name + "' that is no text");
  out = found->get<std::string>();
  return Status::ok();
}

class JsonRows final : public Rows {
 public:
  JsonRows(SourceFile file, std::string head) : cursor_(std::move(file)), head_(std::move(head)) { pass_mark(); }

  // The first vector says how long all are.
  Status open() {
    Cursor first = cursor_;
    Status problem = wrong("has no line with a vector");
    std::string line;
    while (true) {
      PICTOR_ASSIGN(const bool more, first.line(line, limits::kVectorLineBytesMax));
      if (!more) return problem.in(cursor_.file().name);
      if (line.empty()) continue;
      VectorSource::Entry entry;
      problem = read(line, entry.vector);
      if (problem.is_ok()) {
        dim = static_cast<std::uint32_t>(entry.vector.numbers.size());
        return check_dim(cursor_.file(), dim);
      }
      return problem.in(cursor_.file().name + ": its first line");
    }
  }

  Result<bool> next(VectorSource::Entry& out) override {
    out = {};
    std::string line;
    while (line.empty()) {
      ++line_number_;
      const auto more = cursor_.line(line, limits::kVectorLineBytesMax);
      out.vector.place = "line " + std::to_string(line_number_);
      if (!more.is_ok() && more.status().code() == Code::kLimit) {
        out.problem = more.status();
        return true;
      }
      PICTOR_TRY(more.status());
      if (!*more) return false;
    }
    out.problem = read(line, out.vector);
    return true;
  }

 private:
  // A byte order mark.
  void pass_mark() {
    std::array<char, 3> begin{};
    if (cursor_.remaining() < begin.size()) return;
    const bool has = cursor_.read(std::as_writable_bytes(std::span(begin))).is_ok();
    if (!has || std::string_view(begin.data(), begin.size()) != "\xEF\xBB\xBF") cursor_.seek(0);
  }

  Status read(std::string_view line, ForeignVector& out) const {
    PICTOR_ASSIGN(const Json json, parse_line(line));
    if (!json.is_object()) return wrong("is no JSON object");
    if (const auto id = json.find("id"); id != json.end()) {
      PICTOR_ASSIGN(out.id, id_of(*id));
    }
    PICTOR_TRY(take_text(json, "text", out.text));
    PICTOR_TRY(take_text(json, "source", out.source));
    if (const auto metadata = json.find("metadata"); metadata != json.end() && !metadata->is_null()) {
      if (!metadata->is_object()) return wrong("has a 'metadata' that is no object");
      out.metadata = metadata->dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    PICTOR_ASSIGN(const Json* const array, vector_in(json));
    return numbers_of(*array, out.numbers);
  }

  Result<const Json*> vector_in(const Json& json) const {
    if (const auto vector = json.find("vector"); vector != json.end() && head_.empty()) return &*vector;
    const auto vectors = json.find("vectors");
    if (vectors == json.end() || !vectors->is_object()) {
      return wrong(head_.empty() ? "has no 'vector'" : "has no 'vectors' by head");
    }
    if (!head_.empty()) {
      const auto named = vectors->find(head_);
      if (named == vectors->end()) return wrong("has no vector of head '" + head_ + "'");
      return &*named;
    }
    if (vectors->size() == 1) return &vectors->begin().value();
    std::string names;
    for (const auto& [name, vector] : vectors->items()) names += (names.empty() ? "" : ", ") + name;
    return wrong("has vectors of " + std::to_string(vectors->size()) + " heads" +
                 (names.empty() ? "" : " (" + names + "): name one with --head"));
  }

  static Status numbers_of(const Json& array, std::vector<float>& out) {
    if (!array.is_array() || array.empty()) return wrong("has a vector that is no list of numbers");
    out.reserve(array.size());
    for (const Json& number : array) {
      if (!number.is_number()) {
        return wrong("has a vector whose number " + std::to_string(out.size()) + " is " + number.type_name() +
                     ", not a number");
      }
      out.push_back(static_cast<float>(number.get<double>()));
    }
    return Status::ok();
  }

  Cursor cursor_;
  const std::string head_;
  std::uint64_t line_number_ = 0;
};

class JsonIds final : public Ids {
 public:
  explicit JsonIds(SourceFile file) : cursor_(std::move(file)) {}
  Result<bool> next(std::string& id) override {
    std::string line;
    while (line.empty()) {
      ++line_number_;
      PICTOR_ASSIGN(const bool more, cursor_.line(line, limits::kVectorLineBytesMax));
      if (!more) return false;
    }
    auto read = id_in(line);
    if (!read.is_ok()) return read.status().in(cursor_.file().name + ": line " + std::to_string(line_number_));
    id = std::move(read).value();
    return true;
  }

 private:
  static Result<std::string> id_in(std::string_view line) {
    PICTOR_ASSIGN(const Json json, parse_line(line));
    if (!json.is_object()) return id_of(json);
    const auto id = json.find("id");
    if (id == json.end()) return wrong("has no 'id'");
    return id_of(*id);
  }

  Cursor cursor_;
  std::uint64_t line_number_ = 0;
};

class TextIds final : public Ids {
 public:
  explicit TextIds(SourceFile file) : cursor_(std::move(file)) {}
  Result<bool> next(std::string& id) override { return cursor_.line(id, limits::kItemIdBytesMax); }

 private:
  Cursor cursor_;
};

}  // namespace

bool is_json_lines(ByteView begin) {
  std::string_view text = as_text(begin);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

Result<std::unique_ptr<Rows>> open_json_lines(const SourceFile& file, const std::string& head) {
  auto rows = std::make_unique<JsonRows>(file, head);
  PICTOR_TRY(rows->open());
  rows->format = "JSON lines";
  return std::unique_ptr<Rows>(std::move(rows));
}

Result<std::unique_ptr<Ids>> open_ids(const SourceFile& file) {
  std::array<std::byte, 8> begin{};
  PICTOR_TRY(file.file->read_at(0, begin).status());
  if (is_npy(begin)) return open_npy_ids(file);
  const auto named = [&](std::string_view ending) { return file.name.ends_with(std::string(ending) + "'"); };
  if (named(".jsonl") || named(".json") || named(".ndjson")) {
    return std::unique_ptr<Ids>(std::make_unique<JsonIds>(file));
  }
  return std::unique_ptr<Ids>(std::make_unique<TextIds>(file));
}

}  // namespace pictor
