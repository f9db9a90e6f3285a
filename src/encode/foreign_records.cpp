#include "encode/foreign_records.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

namespace pictor {
namespace {

using Json = nlohmann::json;

constexpr const char* kManifest = "manifest.json";
constexpr const char* kLines = "records.jsonl";
constexpr std::array<std::string_view, 11> kPictureEndings = {".jpg", ".jpeg", ".png",  ".webp", ".gif", ".bmp",
                                                              ".tif", ".tiff", ".heic", ".heif", ".avif"};

struct BadRecord {
  Status status;
};

[[noreturn]] void refuse_record(const std::string& where, const std::string& what) {
  throw BadRecord{Status(Code::kUnreadable, where + ": " + what)};
}

std::string beside(const std::string& folder, const std::string& name) {
  return (std::filesystem::path(folder) / name).lexically_normal();  // an absolute name stays what it is
}

std::string text_of(const Json& object, const char* name, const std::string& where) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) refuse_record(where, "'" + std::string(name) + "' is not a text");
  return found->get<std::string>();
}

std::uint64_t whole_of(const Json& object, const char* name, const std::string& where) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_unsigned()) {
    refuse_record(where, "'" + std::string(name) + "' is not a whole number from 0 on");
  }
  return found->get<std::uint64_t>();
}

NumberType type_of(const std::string& name, const std::string& where) {
  if (name == "u8") return NumberType::kU8;
  if (name == "f32") return NumberType::kF32;
  if (name == "i64") return NumberType::kI64;
  refuse_record(where, "'dtype' is '" + name + "'; u8, f32 and i64 are read");
}

std::vector<std::int64_t> shape_of(const Json& object, const std::string& where) {
  std::vector<std::int64_t> shape;
  const auto found = object.find("shape");
  if (found == object.end()) return shape;
  if (!found->is_array() || found->size() > limits::kModelDimensionsMax) refuse_record(where, "'shape' is no shape");
  for (const auto& size : *found) {
    if (!size.is_number_unsigned() || size.get<std::uint64_t>() > limits::kImageDecodedBytesMax) {
      refuse_record(where, "'shape' has a size that is none");
    }
    shape.push_back(size.get<std::int64_t>());
  }
  return shape;
}

ForeignRecord manifest_record(const Json& entry, const std::string& folder, const std::string& where) {
  ForeignRecord out;
  out.stage = text_of(entry, "stage", where);
  if (entry.contains("head")) out.head = text_of(entry, "head", where);
  out.type = type_of(text_of(entry, "dtype", where), where);
  out.shape = shape_of(entry, where);
  out.file = beside(folder, text_of(entry, "file", where));
  out.offset = whole_of(entry, "offset", where);
  out.bytes = whole_of(entry, "bytes", where);
  if (out.bytes > limits::kImageDecodedBytesMax) refuse_record(where, "more than is read of one record");
  return out;
}

ForeignSet read_manifest(const Json& manifest, const std::string& folder) {
  ForeignSet out;
  if (!manifest.is_object()) refuse_record(kManifest, "not a JSON object");
  for (const auto& head : manifest.value("heads", Json::array())) {
    out.heads.push_back({text_of(head, "name", "heads"), text_of(head, "tower", "heads"),
                         text_of(head, "output", "heads"), text_of(head, "pool", "heads")});
  }
  std::map<std::string, std::size_t> places;
  for (const auto& item : manifest.value("items", Json::array())) {
    const std::string where = "items[" + std::to_string(out.items.size()) + "]";
    ForeignItem one;
    one.name = text_of(item, "item", where);
    one.is_picture = text_of(item, "kind", where) == "picture";
    (one.is_picture ? one.file : one.text) = text_of(item, one.is_picture ? "file" : "text", where);
    if (one.is_picture) one.file = beside(folder, one.file);
    places[one.name] = out.items.size();
    out.items.push_back(std::move(one));
    if (out.items.size() > limits::kForeignItemsMax) refuse_record(where, "more items than are read");
  }
  std::size_t count = 0;
  for (const auto& entry : manifest.value("records", Json::array())) {
    const std::string where = "records[" + std::to_string(count++) + "]";
    if (count > limits::kForeignRecordsMax) refuse_record(where, "more records than are read");
    const auto item = places.find(text_of(entry, "item", where));
    if (item == places.end()) refuse_record(where, "'item' is in no 'items'");
    out.items[item->second].records.push_back(manifest_record(entry, folder, where));
  }
  return out;
}

// Numbers in the line itself, or the name of a raw file.
ForeignRecord line_record(const std::string& stage, const Json& value, const std::string& folder,
                          const std::string& where) {
  ForeignRecord out;
  out.stage = stage;
  out.type = stage == kDecodedStage                         ? NumberType::kU8
             : stage == kTokensStage || stage == kMaskStage ? NumberType::kI64
                                                            : NumberType::kF32;
  if (value.is_string()) {
    out.file = beside(folder, value.get<std::string>());
    out.bytes = limits::kImageDecodedBytesMax;
    return out;
  }
  if (!value.is_array()) refuse_record(where, "'" + stage + "' is neither a list of numbers nor a file's name");
  out.given.reserve(value.size());
  for (const auto& number : value) {
    if (!number.is_number()) refuse_record(where, "'" + stage + "' is no plain list of numbers");
    out.given.push_back(number.get<double>());
  }
  return out;
}

ForeignItem read_line(const Json& line, const std::string& folder, const std::string& where) {
  if (!line.is_object()) refuse_record(where, "not a JSON object");
  ForeignItem out;
  out.is_picture = line.contains("picture");
  if (out.is_picture == line.contains("text")) refuse_record(where, "'picture' or 'text' is wanted, one of them");
  out.name = text_of(line, out.is_picture ? "picture" : "text", where);
  (out.is_picture ? out.file : out.text) = out.is_picture ? beside(folder, out.name) : out.name;
  std::string head;
  if (line.contains("head")) head = text_of(line, "head", where);
  for (const auto& [name, value] : line.items()) {
    if (name == "picture" || name == "text" || name == "head") continue;
    if (name == "outputs") {
      if (!value.is_object()) refuse_record(where, "'outputs' is no object of outputs by name");
      for (const auto& [output, numbers] : value.items()) {
        out.records.push_back(line_record(output, numbers, folder, where));
      }
      continue;
    }
    const auto known = {kDecodedStage, kTensorStage, kTokensStage, kMaskStage, kVectorStage};
    if (std::ranges::find(known, name) == known.end()) {
      refuse_record(where, "'" + name +
                               "' is not known; picture, text, head, decoded, tensor, token_ids, "
                               "attention_mask, outputs, vector are");
    }
    out.records.push_back(line_record(name, value, folder, where));
    if (name == kVectorStage) out.records.back().head = head;
  }
  return out;
}

ForeignSet read_lines(std::string_view text, const std::string& folder) {
  ForeignSet out;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = "line " + std::to_string(number);
    const Json parsed = Json::parse(line, nullptr, false);
    if (parsed.is_discarded()) refuse_record(where, "not JSON");
    out.items.push_back(read_line(parsed, folder, where));
    if (out.items.size() > limits::kForeignItemsMax) refuse_record(where, "more lines than are read");
  }
  return out;
}

// a.jpg with a.f32 (tensor), a.u8 (decoded), a.vector.f32 beside it.
ForeignSet read_folder(Env& env, const std::string& folder) {
  ForeignSet out;
  const auto entries = env.list(folder);
  if (!entries.is_ok()) throw BadRecord{entries.status()};
  for (const auto& entry : *entries) {
    const auto dot = entry.name.rfind('.');
    if (dot == std::string::npos || dot == 0) continue;
    std::string ending = entry.name.substr(dot);
    std::ranges::transform(ending, ending.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    if (std::ranges::find(kPictureEndings, ending) == kPictureEndings.end()) continue;
    ForeignItem item{entry.name, true, join_path(folder, entry.name), "", {}};
    const auto stem = join_path(folder, entry.name.substr(0, dot));
    const auto add = [&](const char* suffix, std::string_view stage, NumberType type) {
      const auto path = stem + suffix;
      if (!exists(env, path)) return;
      item.records.push_back({std::string(stage), "", type, {}, path, 0, limits::kImageDecodedBytesMax, {}});
    };
    add(".u8", kDecodedStage, NumberType::kU8);
    add(".f32", kTensorStage, NumberType::kF32);
    add(".vector.f32", kVectorStage, NumberType::kF32);
    if (!item.records.empty()) out.items.push_back(std::move(item));
    if (out.items.size() > limits::kForeignItemsMax) refuse_record(folder, "more pictures than are read");
  }
  return out;
}

ForeignSet read_any(Env& env, std::string path) {
  const auto info = env.info(path);
  if (!info.is_ok()) throw BadRecord{info.status()};
  if (info->kind == FileKind::kFolder) {
    const auto folder = path;
    for (const char* name : {kManifest, "stages/manifest.json", kLines}) {
      if (path == folder && exists(env, join_path(folder, name))) path = join_path(folder, name);
    }
    if (path == folder) return read_folder(env, folder);
  }
  const auto bytes = read_file(env, path, limits::kJsonBytesMax);
  if (!bytes.is_ok()) throw BadRecord{bytes.status()};
  const Json whole = Json::parse(as_text(*bytes), nullptr, false);
  if (whole.is_object() && whole.contains("records")) return read_manifest(whole, parent_path(path));
  return read_lines(as_text(*bytes), parent_path(path));
}

std::size_t size_of(NumberType type) { return type == NumberType::kU8 ? 1 : type == NumberType::kF32 ? 4 : 8; }

// The record's numbers as T, which the record must have.
template <typename T>
Result<std::vector<T>> numbers_of(Env& env, const ForeignRecord& record, NumberType type) {
  const std::string what = "the record of stage '" + record.stage + "'";
  if (record.file.empty()) {
    std::vector<T> out;
    out.reserve(record.given.size());
    for (const double value : record.given) {
      const bool fits = type == NumberType::kF32
                            ? std::fabs(value) <= static_cast<double>(std::numeric_limits<float>::max())
                            : (value == std::floor(value) && std::fabs(value) < 1e15 &&
                               (type != NumberType::kU8 || (value >= 0 && value <= 255)));
      if (!fits) return Status(Code::kMismatch, what + " has a number that cannot be one of it");
      out.push_back(static_cast<T>(value));
    }
    return out;
  }
  if (record.type != type) return Status(Code::kMismatch, what + " has another type of numbers than that stage");
  PICTOR_ASSIGN(const auto file, env.open(record.file, OpenMode::kRead));
  PICTOR_ASSIGN(const auto info, env.info(record.file));
  const std::uint64_t there = info.size > record.offset ? info.size - record.offset : 0;
  const std::uint64_t bytes = std::min(record.bytes, there);
  const bool open_end = record.bytes == limits::kImageDecodedBytesMax;
  if (bytes % size_of(type) != 0 || (bytes < record.bytes && !open_end)) {
    return Status(Code::kMismatch, what + ": '" + record.file + "' has " + std::to_string(there) + " bytes at " +
                                       std::to_string(record.offset) + ", " + std::to_string(record.bytes) +
                                       " are wanted");
  }
  std::vector<T> out(bytes / sizeof(T));
  std::size_t done = 0;
  while (done < bytes) {
    const std::span rest(reinterpret_cast<std::byte*>(out.data()) + done, bytes - done);
    PICTOR_ASSIGN(const auto count, file->read_at(record.offset + done, rest));
    if (count == 0) return Status(Code::kIo, what + ": '" + record.file + "' became shorter while it was read");
    done += count;
  }
  return out;
}

}  // namespace

const ForeignRecord* ForeignItem::find(std::string_view stage) const {
  const auto found = std::ranges::find(records, stage, &ForeignRecord::stage);
  return found == records.end() ? nullptr : &*found;
}

Result<ForeignSet> read_foreign(Env& env, const std::string& path) {
  try {
    auto set = read_any(env, path);
    const bool empty = std::ranges::all_of(set.items, [](const auto& item) { return item.records.empty(); });
    if (!empty) return set;
    return Status(Code::kNotFound, "'" + path +
                                       "' has no records: a manifest.json, a records.jsonl, or NAME.f32 "
                                       "beside pictures is wanted (docs/how/compare-your-stack.md)");
  } catch (const BadRecord& bad) {
    return bad.status.in("'" + path + "'");
  } catch (const Json::exception& error) {
    return Status(Code::kUnreadable, "'" + path + "': " + error.what());
  }
}

Result<std::vector<float>> floats_of(Env& env, const ForeignRecord& record) {
  return numbers_of<float>(env, record, NumberType::kF32);
}
Result<std::vector<std::int64_t>> integers_of(Env& env, const ForeignRecord& record) {
  return numbers_of<std::int64_t>(env, record, NumberType::kI64);
}
Result<std::vector<std::uint8_t>> pixels_of(Env& env, const ForeignRecord& record) {
  return numbers_of<std::uint8_t>(env, record, NumberType::kU8);
}

}  // namespace pictor
