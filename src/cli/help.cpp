#include "cli/help.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kLabelColumns = 26;

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const override {
    return help_text(view_of(*app));
  }
};

// "  label      text", the text wrapped in its own column.
std::string two_columns(const std::string& label, const std::string& text) {
  std::string out = "  " + pad_right(label, kLabelColumns - 2);
  bool first = display_width(label) <= kLabelColumns - 4;
  if (!first) out = "  " + label + "\n";
  for (const std::string& line : wrap(text, kWidth - kLabelColumns)) {
    out += (first ? "" : std::string(kLabelColumns, ' ')) + line + "\n";
    first = false;
  }
  return out;
}

std::string typed(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : typed(*parent) + " " + app.get_name();
}

void add_below(const CommandView& command, std::vector<CommandView>& all) {
  for (const CommandView& sub : command.commands) {
    all.push_back(sub);
    add_below(sub, all);
  }
}

// What stands under the help: where more of it is.
std::string more_help(const CommandView& command) {
  if (command.is_program()) return "\nHelp of a command: pictor COMMAND --help\n";
  std::string out = "\n";
  if (!command.commands.empty()) out += "Help of an action: " + command.path + " ACTION --help\n";
  return out + "Global options (--data, --json, --quiet, ...): pictor --help\n";
}

}  // namespace

std::string OptionView::label() const {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  if (!positional && !type.empty()) out += " " + type;
  if (many) out += " ...";
  return out;
}

std::string OptionView::text() const {
  std::string out = description;
  std::string notes = positional || !required ? "" : "required";
  if (!default_text.empty()) notes += (notes.empty() ? "" : "; ") + ("default: " + default_text);
  if (!environment.empty()) notes += (notes.empty() ? "" : "; ") + ("environment: " + environment);
  return notes.empty() ? out : out + " (" + notes + ")";
}

std::vector<std::string> OptionView::choices() const {
  return type.find('|') == std::string::npos ? std::vector<std::string>{} : split(type, '|');
}

bool OptionView::takes_file() const { return type == "FILE" || type == "INPUT"; }
bool OptionView::takes_folder() const { return type == "DIR" || type == "FOLDER"; }

bool OptionView::takes_name() const { return type == "NAME" || type == "REPOSITORY"; }

std::vector<std::string> CommandView::option_names() const {
  std::vector<std::string> out;
  for (const OptionView& option : options) {
    if (!option.positional) out.insert(out.end(), option.names.begin(), option.names.end());
  }
  return out;
}

std::optional<OptionView> CommandView::positional() const {
  const auto found = std::find_if(options.begin(), options.end(), [](const auto& option) { return option.positional; });
  return found == options.end() ? std::nullopt : std::optional(*found);
}

OptionView view_of(const CLI::Option& option) {
  OptionView view;
  view.positional = option.get_positional();
  if (view.positional) {
    view.names.push_back(option.get_name(true));
  } else {
    for (const std::string& name : option.get_snames()) view.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) view.names.push_back("--" + name);
  }
  if (option.get_type_size() != 0) view.type = option.get_type_name();
  view.group = option.get_group();
  view.description = option.get_description();
  // An absolute path is this machine's own; descriptions say how it comes about.
  view.default_text = option.get_default_str();
  if (view.default_text.starts_with("/")) view.default_text.clear();
  view.environment = option.get_envname();
  view.required = option.get_required();
  view.many = option.get_expected_max() > 1;
  return view;
}

CommandView view_of(const CLI::App& app) {
  CommandView view;
  view.name = app.get_name();
  view.description = app.get_description();
  view.path = typed(app);
  for (const CLI::Option* option : app.get_options()) view.options.push_back(view_of(*option));
  // The help flag says least: last.
  std::stable_partition(view.options.begin(), view.options.end(),
                        [](const OptionView& option) { return option.names.back() != "--help"; });
  view.usage = view.path + " [OPTIONS]";
  for (const OptionView& option : view.options) {
    if (!option.positional) continue;
    const std::string name = option.type + (option.many ? "..." : "");
    view.usage += option.required ? " " + name : " [" + name + "]";
  }
  for (const CLI::App* sub : app.get_subcommands({})) view.commands.push_back(view_of(*sub));
  if (!view.commands.empty()) view.usage += view.is_program() ? " COMMAND ..." : " ACTION ...";
  const std::vector<std::string> lines = split(app.get_footer(), '\n');
  for (std::size_t i = 1; i < lines.size(); ++i)
    view.examples.push_back(lines[i].substr(std::min<std::size_t>(2, lines[i].size())));
  return view;
}

std::vector<CommandView> commands_below(const CommandView& program) {
  std::vector<CommandView> all;
  add_below(program, all);
  return all;
}

std::string help_text(const CommandView& command) {
  std::string out = command.description + "\n\nUsage: " + command.usage + "\n";
  std::vector<std::string> groups = {""};  // positionals first
  for (const OptionView& option : command.options) {
    if (!option.positional && std::find(groups.begin(), groups.end(), option.group) == groups.end()) {
      groups.push_back(option.group);
    }
  }
  if (!command.commands.empty()) {
    out += command.is_program() ? "\nCommands:\n" : "\nActions:\n";
    for (const CommandView& sub : command.commands) out += two_columns(sub.name, sub.description);
  }
  for (const std::string& group : groups) {
    std::string lines;
    for (const OptionView& option : command.options) {
      if (option.positional != group.empty() || (!option.positional && option.group != group)) continue;
      lines +=
          two_columns(option.positional ? option.type + (option.many ? " ..." : "") : option.label(), option.text());
    }
    if (!lines.empty()) out += "\n" + (group.empty() ? "Arguments" : group) + ":\n" + lines;
  }
  if (!command.examples.empty()) {
    out += "\nExamples:\n";
    for (const std::string& example : command.examples) out += "  " + example + "\n";
  }
  return out + more_help(command);
}

std::shared_ptr<CLI::FormatterBase> make_help_formatter() { return std::make_shared<HelpFormatter>(); }

}  // namespace pictor
