// Looks through every file of a folder for bytes that must not be there.
#pragma once

#include <cstring>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/store_testing.h"

namespace pictor::testing {

class Needles {
 public:
  static constexpr std::size_t kBytesMin = 8;

  // REQUIRES: bytes.size() >= kBytesMin.
  void add(std::string name, ByteView bytes) {
    std::uint64_t first = 0;
    std::memcpy(&first, bytes.data(), sizeof(first));
    by_first_[first].push_back({std::move(name), Bytes(bytes.begin(), bytes.end())});
    ++size_;
  }
  // All that only this item has.
  void add_item(const ItemWrite& item) {
    for (const auto& vector : item.vectors) {
      if (!vector.empty()) add("vector of " + item.id, std::as_bytes(std::span(vector)));
    }
    if (!item.tokens.empty()) add("tokens of " + item.id, item.tokens);
    if (!item.blob.empty()) add("blob of " + item.id, item.blob);
    for (const auto& text : {item.text, item.metadata, item.source, item.receipt}) {
      add("'" + text + "'", as_bytes(text));
    }
    add("content of " + item.id, std::as_bytes(std::span(item.content.bytes)));
  }
  std::size_t size() const { return size_; }

  // The names of those that are in a file below the folder, each with one such file.
  std::map<std::string, std::string> found(Env& env, const std::string& folder) const {
    std::map<std::string, std::string> hits;
    for (const auto& entry : must(env.list(folder))) {
      const std::string path = join_path(folder, entry.name);
      if (entry.kind == FileKind::kFolder) {
        hits.merge(found(env, path));
      } else {
        look(path, must(read_file(env, path, UINT32_MAX)), hits);
      }
    }
    return hits;
  }

 private:
  struct Needle {
    std::string name;
    Bytes bytes;
  };
  void look(const std::string& path, ByteView file, std::map<std::string, std::string>& hits) const {
    for (std::size_t at = 0; at + kBytesMin <= file.size(); ++at) {
      std::uint64_t first = 0;
      std::memcpy(&first, file.data() + at, sizeof(first));
      const auto bucket = by_first_.find(first);
      if (bucket == by_first_.end()) continue;
      for (const auto& needle : bucket->second) {
        const bool fits = needle.bytes.size() <= file.size() - at;
        if (fits && std::memcmp(needle.bytes.data(), file.data() + at, needle.bytes.size()) == 0) {
          hits.emplace(needle.name, path);
        }
      }
    }
  }

  std::unordered_map<std::uint64_t, std::vector<Needle>> by_first_;
  std::size_t size_ = 0;
};

// Empty, or the first few, for messages.
inline std::string named(const std::map<std::string, std::string>& hits) {
  std::string text = hits.empty() ? "" : std::to_string(hits.size()) + " found: ";
  int count = 0;
  for (const auto& [needle, path] : hits) {
    if (++count <= 5) text.append(needle).append(" in ").append(path).append("; ");
  }
  return text;
}

}  // namespace pictor::testing
