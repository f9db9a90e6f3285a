// JSON of the hub and of our own notes about it, read into plain values; nothing here touches a disk or a network.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "encode/hub_files.h"
#include "encode/refused.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

[[noreturn]] void refuse(const std::string& message) { throw Refused{Status(Code::kUnreadable, message)}; }

// Text from outside, fit for a message.
std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 120)) out.push_back(static_cast<unsigned char>(c) < 32 || c == 127 ? '?' : c);
  return out + (text.size() > 120 ? "..." : "");
}

std::string value_shown(const Json& value) { return shown(value.dump(-1, ' ', true, Json::error_handler_t::replace)); }

std::string at(const std::string& where, std::string_view name) {
  return where.empty() ? std::string(name) : where + "." + std::string(name);
}

const Json& field(const Json& object, const char* name, const std::string& where) {
  if (!object.is_object()) refuse("'" + where + "' is " + object.type_name() + ", an object is wanted");
  const auto found = object.find(name);
  if (found == object.end()) refuse("'" + at(where, name) + "' is missing");
  return *found;
}

const Json* optional_field(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_of(const Json& value, const std::string& where, std::size_t bytes_max) {
  if (!value.is_string()) refuse("'" + where + "' is " + value_shown(value) + ", a text is wanted");
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > bytes_max) {
    refuse("'" + where + "' has " + std::to_string(text.size()) + " bytes, at most " + std::to_string(bytes_max) +
           " are read");
  }
  return text;
}

std::uint64_t bytes_of(const Json& value, const std::string& where) {
  constexpr std::uint64_t kMax = 1ULL << 53;  // beyond that JSON's numbers are no longer whole everywhere
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMax) {
    refuse("'" + where + "' is " + value_shown(value) + ", a whole number of bytes is wanted");
  }
  return value.get<std::uint64_t>();
}

std::string hex_of(const Json& value, const std::string& where, std::size_t digits) {
  auto text = text_of(value, where, limits::kShortTextBytesMax);
  const bool hex = std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (text.size() != digits || !hex) {
    refuse("'" + where + "' is '" + shown(text) + "', " + std::to_string(digits) + " hexadecimal digits are wanted");
  }
  return text;
}

Hash256 sha256_of(const Json& value, const std::string& where) { return *Hash256::from_hex(hex_of(value, where, 64)); }

std::string path_of(const Json& value, const std::string& where) {
  auto path = text_of(value, where, limits::kHubPathBytesMax);
  const auto fault = path_fault(path);
  if (!fault.empty()) refuse("'" + where + "' is '" + shown(path) + "': " + fault);
  return path;
}

const Json& list_of(const Json& value, const std::string& where, std::size_t size_max) {
  if (!value.is_array()) refuse("'" + where + "' is " + value.type_name() + ", a list is wanted");
  if (value.size() > size_max) {
    refuse("'" + where + "' has " + std::to_string(value.size()) + " entries, at most " + std::to_string(size_max) +
           " are read");
  }
  return value;
}

std::string entry(const char* list, std::size_t i) { return std::string(list) + "[" + std::to_string(i) + "]"; }

HubFile read_sibling(const Json& sibling, const std::string& where) {
  HubFile file;
  file.path = path_of(field(sibling, "rfilename", where), at(where, "rfilename"));
  const Json* size = optional_field(sibling, "size");
  const Json* blob = optional_field(sibling, "blobId");
  const Json* large = optional_field(sibling, "lfs");
  if (size != nullptr) file.bytes = bytes_of(*size, at(where, "size"));
  if (large == nullptr) {
    if (blob != nullptr && size != nullptr) file.git_sha1 = hex_of(*blob, at(where, "blobId"), 40);
    return file;
  }
  const auto lfs = at(where, "lfs");
  file.sha256 = sha256_of(field(*large, "sha256", lfs), at(lfs, "sha256"));
  const auto bytes = bytes_of(field(*large, "size", lfs), at(lfs, "size"));
  if (size != nullptr && bytes != file.bytes) {
    refuse("'" + at(lfs, "size") + "' is " + std::to_string(bytes) + ", but '" + at(where, "size") + "' is " +
           std::to_string(file.bytes));
  }
  file.bytes = bytes;
  return file;
}

// A text, or a list of texts.
std::string read_licence(const Json& root) {
  const Json* card = optional_field(root, "cardData");
  const Json* licence = card == nullptr || !card->is_object() ? nullptr : optional_field(*card, "license");
  if (licence == nullptr) return {};
  if (!licence->is_array()) return text_of(*licence, "cardData.license", limits::kShortTextBytesMax);
  std::string all;
  for (const auto& one : list_of(*licence, "cardData.license", 8)) {
    all += (all.empty() ? "" : ", ") + text_of(one, "cardData.license", limits::kShortTextBytesMax);
  }
  return all;
}

HubListing read_listing(const Json& root) {
  HubListing listing;
  listing.commit = hex_of(field(root, "sha", ""), "sha", 40);
  listing.licence = read_licence(root);
  const auto& siblings = list_of(field(root, "siblings", ""), "siblings", limits::kHubListingFilesMax);
  listing.files.reserve(siblings.size());
  std::set<std::string> seen;
  for (std::size_t i = 0; i < siblings.size(); ++i) {
    listing.files.push_back(read_sibling(siblings[i], entry("siblings", i)));
    if (!seen.insert(listing.files.back().path).second) {
      refuse("'" + entry("siblings", i) + ".rfilename' is '" + shown(listing.files.back().path) +
             "', which is there already");
    }
  }
  return listing;
}

PulledRepo read_pulled_json(const Json& root) {
  PulledRepo repo;
  if (bytes_of(field(root, "pulled", ""), "pulled") != 1) refuse("'pulled' is not 1: a newer Pictor made it");
  repo.repository = text_of(field(root, "repository", ""), "repository", limits::kShortTextBytesMax);
  repo.revision = text_of(field(root, "revision", ""), "revision", limits::kHubRevisionBytesMax);
  repo.commit = hex_of(field(root, "commit", ""), "commit", 40);
  repo.variant = text_of(field(root, "variant", ""), "variant", limits::kShortTextBytesMax);
  repo.licence = text_of(field(root, "licence", ""), "licence", limits::kCardTextBytesMax);
  const auto& files = list_of(field(root, "files", ""), "files", limits::kHubFilesMax);
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto where = entry("files", i);
    repo.files.push_back({path_of(field(files[i], "path", where), at(where, "path")),
                          sha256_of(field(files[i], "sha256", where), at(where, "sha256")),
                          bytes_of(field(files[i], "bytes", where), at(where, "bytes"))});
  }
  return repo;
}

std::vector<HubFile> read_pulling_json(const Json& root) {
  std::vector<HubFile> out;
  const auto& files = list_of(field(root, "files", ""), "files", limits::kHubFilesMax);
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto where = entry("files", i);
    out.push_back({path_of(field(files[i], "path", where), at(where, "path")),
                   bytes_of(field(files[i], "bytes", where), at(where, "bytes")), std::nullopt, ""});
  }
  return out;
}

// Looked at before the parse: the parser's own callback could say it too, but with a callback the parser takes a time
// that grows with the square of a list's length.
std::size_t nesting(std::string_view json) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

// Parses within limits, and gives the document to `read`; all that is wrong with either comes back as a Status.
template <typename Read>
auto read_json(std::string_view json, const std::string& what, Read read) -> Result<decltype(read(Json()))> {
  if (json.size() > limits::kHubListingBytesMax) {
    return Status(Code::kLimit, what + ": " + std::to_string(json.size()) + " bytes, at most " +
                                    std::to_string(limits::kHubListingBytesMax) + " are read");
  }
  if (nesting(json) > limits::kHubJsonDepthMax) {
    return Status(Code::kUnreadable,
                  what + ": is nested deeper than " + std::to_string(limits::kHubJsonDepthMax) + " levels");
  }
  try {
    return read(Json::parse(json));
  } catch (const Refused& refused) {
    return refused.status.in(what);
  } catch (const nlohmann::json::exception& error) {
    return Status(Code::kUnreadable, what + ": is not JSON: " + shown(std::string_view(error.what())));
  }
}

Json file_json(const std::string& path, std::uint64_t bytes) { return {{"path", path}, {"bytes", bytes}}; }

}  // namespace

std::string path_fault(std::string_view path) {
  if (path.empty()) return "a path is wanted";
  if (path.front() == '/') return "an absolute path is not used";
  if (path.size() > limits::kHubPathBytesMax) return "the path is too long";
  for (const char c : path) {
    if (static_cast<unsigned char>(c) < 32 || c == 127) return "a path with control characters is not used";
    if (c == '\\') return "a path with a backslash is not used";
  }
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto part = path.substr(begin, end - begin);
    if (part.empty() || part == ".") return "a path with an empty part is not used";
    if (part == "..") return "a path that leaves its folder is not used";
    begin = end + 1;
  }
  return {};
}

Result<HubListing> parse_hub_listing(std::string_view json) { return read_json(json, "listing", read_listing); }

Result<PulledRepo> parse_pulled(std::string_view json) {
  return read_json(json, std::string(kPulledFile), read_pulled_json);
}

Result<std::vector<HubFile>> parse_pulling(std::string_view json) {
  return read_json(json, std::string(kPullingFile), read_pulling_json);
}

std::string pulled_json(const PulledRepo& repo) {
  nlohmann::ordered_json root = {{"pulled", 1},
                                 {"repository", repo.repository},
                                 {"revision", repo.revision},
                                 {"commit", repo.commit},
                                 {"variant", repo.variant},
                                 {"licence", repo.licence},
                                 {"files", nlohmann::ordered_json::array()}};
  for (const auto& file : repo.files) {
    root["files"].push_back({{"path", file.path}, {"sha256", file.sha256.hex()}, {"bytes", file.bytes}});
  }
  return root.dump(2) + "\n";
}

std::string pulling_json(const std::vector<HubFile>& files) {
  Json root = {{"files", Json::array()}};
  for (const auto& file : files) root["files"].push_back(file_json(file.path, file.bytes));
  return root.dump(2) + "\n";
}

}  // namespace pictor
