// The declarations of the command line as plain values: what help, reference, manual and completions are written from.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class FormatterBase;
class Option;
}  // namespace CLI

namespace pictor {

struct OptionView {
  std::vector<std::string> names;  // "-k", "--image"; one bare name for a positional
  std::string type;                // "FILE", "auto|always|never"; empty for a flag
  std::string group;
  std::string description;
  std::string default_text;
  std::string environment;
  bool positional = false, required = false, many = false;

  // "-i, --image FILE"
  std::string label() const;
  // The description with default and environment variable.
  std::string text() const;
  std::vector<std::string> choices() const;  // of "a|b|c"
  bool takes_file() const;
  bool takes_folder() const;
  bool takes_name() const;  // of an encoder or a repository: no shell knows them
};

struct CommandView {
  std::string name;  // "add"
  std::string path;  // what is typed: "pictor encoder add"
  std::string description, usage;
  std::vector<OptionView> options;
  std::vector<std::string> examples;
  std::vector<CommandView> commands;  // of the program; of a command, its actions

  bool is_program() const { return path == name; }
  std::vector<std::string> option_names() const;
  std::optional<OptionView> positional() const;  // the first
};

CommandView view_of(const CLI::App& app);
OptionView view_of(const CLI::Option& option);
// Every command below the program, an action after the command that it belongs to.
std::vector<CommandView> commands_below(const CommandView& program);

// Help that fits 80 columns.
std::shared_ptr<CLI::FormatterBase> make_help_formatter();
std::string help_text(const CommandView& command);

}  // namespace pictor
