// Reads the part of TOML 1.0 that configuration files need, strictly, and says where each value stands.
//
// Taken: comments, [tables], bare and dotted keys, texts in " or ' on one line, whole and decimal numbers, true and
// false, lists of those. The rest of TOML is refused by name. Thread safety: a free function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pictor {

inline constexpr std::size_t kTomlBytesMax = std::size_t{1} << 20;

struct TomlValue {
  enum class Kind : std::uint8_t { kText, kNumber, kFlag, kList };
  Kind kind = Kind::kText;
  std::string text;             // of a number without '_', of a flag "true" or "false"
  bool whole = false;           // a number without a fraction
  std::vector<TomlValue> list;  // none of them is a list
};

struct TomlEntry {
  std::vector<std::string> tables;  // {"encoder", "pull"} below [encoder.pull]
  std::string key;
  TomlValue value;
  std::uint64_t line = 0;  // from 1
};

struct TomlTable {
  std::vector<std::string> tables;
  std::uint64_t line = 0;
};

struct TomlFault {
  std::uint64_t line = 0;  // 0: of the file as a whole
  std::string message;
};

struct TomlFile {
  std::vector<TomlEntry> entries;
  std::vector<TomlTable> tables;  // every [header]
  std::vector<TomlFault> faults;  // at most one: nothing behind it was read
};

TomlFile read_toml(std::string_view text);

}  // namespace pictor
