// A configuration file of any bytes: no crash, memory bounded by its size, and whatever is taken stands in a line of
// it.
#include <algorithm>

#include "cli/toml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pictor;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto lines = static_cast<std::uint64_t>(1 + std::count(text.begin(), text.end(), '\n'));
  const TomlFile file = read_toml(text);
  std::uint64_t last = 0;
  for (const TomlEntry& entry : file.entries) {
    if (entry.key.empty() || entry.line <= last || entry.line > lines) __builtin_trap();
    if (entry.value.text.size() > size) __builtin_trap();
    last = entry.line;
  }
  for (const TomlFault& fault : file.faults) {
    if (fault.message.empty() || fault.line > lines) __builtin_trap();
  }
  // What was read is read again from a plain writing of it.
  std::string again;
  for (const TomlEntry& entry : file.entries) {
    for (const std::string& table : entry.tables) again += table + ".";
    again += entry.key + " = " + (entry.value.kind == TomlValue::Kind::kFlag ? entry.value.text : "1") + "\n";
  }
  if (again.size() <= kTomlBytesMax && read_toml(again).entries.size() != file.entries.size()) __builtin_trap();
  return 0;
}
