// The declarations of the command line as plain values: what help, reference, manual and completions are written from.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class FormatterBase;
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
};

struct CommandView {
  std::string name, description, usage;
  std::vector<OptionView> options;
  std::vector<std::string> examples;
};

CommandView view_of(const CLI::App& app);
std::vector<CommandView> commands_of(const CLI::App& root);

// Help that fits 80 columns.
std::shared_ptr<CLI::FormatterBase> make_help_formatter();
std::string help_text(const CommandView& command, bool is_root, const std::vector<CommandView>& commands);

}  // namespace pictor
