// The configuration file as part of the command line: which one is read, and the values in force with where each came
// from. A flag goes before an environment variable, that before the file, that before the default.
//
// Not for use from several threads at once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/serve_settings.h"
#include "cli/toml.h"
#include "pictor/status.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace pictor {

struct GlobalOptions;

struct ConfigFile {
  std::string path;                                   // empty: none was read
  std::vector<TomlFault> faults;                      // of a file that is looked at, not obeyed: by `pictor config`
  std::map<const CLI::Option*, std::uint64_t> lines;  // of the options that have their values from it
};

// Declares --config, and has the file read when the program parses its arguments. REQUIRES: `program` has its commands;
// it lives as long as the ConfigFile is looked at.
std::shared_ptr<ConfigFile> add_config_option(CLI::App& program);
// After parsing: not ok where a file is in its default place and could not be read, which CLI11 passes over.
Status was_read(const CLI::App& program, const ConfigFile& file);
// That `pictor serve` would read, were it started now.
std::string config_file_of_server();
// The bytes of a configuration file.
Result<std::string> read_config(const std::string& path);

enum class ValueFrom : std::uint8_t { kDefault, kFile, kEnvironment, kFlag };

struct ConfigValue {
  std::string table, name;  // "serve", "queue"; no table: of all commands
  std::string text;
  ValueFrom from = ValueFrom::kDefault;
  std::string place;  // "/etc/pictor/serve.toml:3", "PICTOR_QUEUE", "--queue", "default"
  bool live = false;  // can change while a server runs

  std::string key() const { return table.empty() ? name : table + "." + name; }
};

struct Configuration {
  std::string file;               // empty: none was read
  std::vector<TomlFault> faults;  // as ConfigFile has them; then no value is from it
  std::vector<ConfigValue> values;
};

// REQUIRES: `program` has parsed, and `options` are its global ones with their defaults filled in.
Configuration configuration_of(const CLI::App& program, const ConfigFile& file, const GlobalOptions& options);
// kInvalid names the flag, the variable or the line of a value that is wrong.
Result<ServeValues> serve_values(const Configuration& configuration);

}  // namespace pictor
