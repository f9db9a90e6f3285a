// What is wrong with the text of a configuration file, held against the declarations of the command line: an unknown
// table or key, a value of another kind, one out of its range.
//
// Thread safety: free functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/toml.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace pictor {

struct ConfigEntry {
  TomlEntry entry;
  const CLI::Option* option = nullptr;  // that it sets
};

struct CheckedConfig {
  std::vector<ConfigEntry> entries;  // those that are right
  std::vector<TomlFault> faults;
};

// REQUIRES: `program` has all its commands. "~/" at the front of a file's or folder's name becomes the home folder.
CheckedConfig check_config(const CLI::App& program, std::string_view text);
// "serve.toml:3: key 'quue' ...", a line each.
std::string faults_text(const std::string& path, const std::vector<TomlFault>& faults);
// What a file may not set: the way to itself, help, and the version.
bool is_of_config(const CLI::Option& option);

}  // namespace pictor
