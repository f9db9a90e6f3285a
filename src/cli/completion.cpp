// Scripts that complete the command line in bash, zsh and fish.
#include <CLI/CLI.hpp>

#include "cli/help.h"
#include "cli/reference.h"
#include "cli/text.h"

namespace pictor {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += separator;
    out += word;
  }
  return out;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// Inside '...' of a shell.
std::string quoted(const std::string& text) { return "'" + replaced(text, "'", "'\\''") + "'"; }

std::vector<std::string> option_names(const CommandView& command) {
  std::vector<std::string> names;
  for (const OptionView& option : command.options) {
    if (!option.positional) names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

std::vector<std::string> positional_choices(const CommandView& command) {
  for (const OptionView& option : command.options) {
    if (option.positional) return option.choices();
  }
  return {};
}

// --- bash ---

// Values after an option: "search:--thumbnails) ..." for its own, "*:--data) ..." for global ones.
std::string bash_values(const CommandView& command, const std::string& prefix) {
  std::string out;
  for (const OptionView& option : command.options) {
    if (option.positional || option.type.empty()) continue;
    std::vector<std::string> patterns;
    for (const std::string& name : option.names) patterns.emplace_back(prefix).append(":").append(name);
    std::string reply = "COMPREPLY=()";
    if (option.takes_file()) reply = "COMPREPLY=($(compgen -f -- \"$word\"))";
    if (option.takes_folder()) reply = "COMPREPLY=($(compgen -d -- \"$word\"))";
    if (!option.choices().empty()) {
      reply = "COMPREPLY=($(compgen -W '" + joined(option.choices(), " ") + "' -- \"$word\"))";
    }
    out += "    " + joined(patterns, "|") + ") " + reply + "; return ;;\n";
  }
  return out;
}

std::string bash_script(const CommandView& root, const std::vector<CommandView>& commands) {
  std::vector<std::string> names;
  std::string values, words;
  for (const CommandView& command : commands) {
    names.push_back(command.name);
    values += bash_values(command, command.name);
    words += "    " + command.name + ") words='" + joined(option_names(command), " ") + "' plain='" +
             joined(positional_choices(command), " ") + "' ;;\n";
  }
  return "# bash completion of pictor; written by: pictor completion bash\n"
         "_pictor() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command='' words='' plain='' i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case ${COMP_WORDS[i]} in\n      " +
         joined(names, "|") +
         ") command=${COMP_WORDS[i]}; break ;;\n"
         "    esac\n"
         "  done\n"
         "  case $command:$before in\n" +
         values + bash_values(root, "*") +
         "  esac\n"
         "  case $command in\n"
         "    '') plain='" +
         joined(names, " ") + "' ;;\n" + words +
         "  esac\n"
         "  if [[ $word == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$words " +
         joined(option_names(root), " ") +
         "\" -- \"$word\"))\n"
         "  elif [[ -n $plain ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$plain\" -- \"$word\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -F _pictor pictor\n";
}

// --- zsh ---

std::string zsh_value(const OptionView& option) {
  if (option.type.empty()) return "";
  std::string action = " ";
  if (option.takes_file()) action = "_files";
  if (option.takes_folder()) action = "_files -/";
  if (!option.choices().empty()) action = "(" + joined(option.choices(), " ") + ")";
  return ":" + lower_ascii(option.choices().empty() ? option.type : "value") + ":" + action;
}

std::string zsh_options(const CommandView& command, const std::string& indent) {
  std::string out;
  for (const OptionView& option : command.options) {
    if (option.positional) {
      out += indent + quoted((option.many ? "*" : "1") + zsh_value(option)) + " \\\n";
      continue;
    }
    // Brackets and colons end a description.
    const std::string text = replaced(replaced(replaced(option.description, "[", "("), "]", ")"), ":", " -");
    const std::string rest = "[" + text + "]" + zsh_value(option);
    for (const std::string& name : option.names) {
      const std::string described = std::string("*").append(name).append(rest);
      out.append(indent).append(quoted(described)).append(" \\\n");
    }
  }
  return out;
}

std::string zsh_script(const CommandView& root, const std::vector<CommandView>& commands) {
  std::string names, cases;
  for (const CommandView& command : commands) {
    names += "    " + quoted(command.name + ":" + replaced(command.description, ":", " -")) + "\n";
    cases += "      " + command.name + ")\n        _arguments -S \\\n" + zsh_options(command, "          ") +
             "          $globals ;;\n";
  }
  std::string globals = zsh_options(root, "    ");
  globals = replaced(globals, " \\\n", "\n");
  return "#compdef pictor\n# zsh completion of pictor; written by: pictor completion zsh\n"
         "_pictor() {\n  local -a commands globals\n  commands=(\n" +
         names + "  )\n  globals=(\n" + globals +
         "  )\n  local curcontext=$curcontext state line\n"
         "  _arguments -C $globals '1:command:->command' '*::argument:->argument'\n"
         "  case $state in\n"
         "    command) _describe command commands ;;\n"
         "    argument)\n      case $line[1] in\n" +
         cases +
         "      esac ;;\n"
         "  esac\n"
         "}\n"
         "if [ \"$funcstack[1]\" = _pictor ]; then _pictor \"$@\"; else compdef _pictor pictor; fi\n";
}

// --- fish ---

std::string fish_option(const OptionView& option, const std::string& condition) {
  std::string out = "complete -c pictor" + condition;
  for (const std::string& name : option.names) {
    out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  if (!option.type.empty()) {
    out += option.takes_file() ? " -r -F" : option.takes_folder() ? " -x -a '(__fish_complete_directories)'" : " -x";
  }
  if (!option.choices().empty()) out += " -a " + quoted(joined(option.choices(), " "));
  return out + " -d " + quoted(option.description) + "\n";
}

std::string fish_script(const CommandView& root, const std::vector<CommandView>& commands) {
  std::string out = "# fish completion of pictor; written by: pictor completion fish\n";
  for (const CommandView& command : commands) {
    out += "complete -c pictor -n __fish_use_subcommand -f -a " + command.name + " -d " + quoted(command.description) +
           "\n";
  }
  for (const OptionView& option : root.options) out += fish_option(option, "");
  for (const CommandView& command : commands) {
    const std::string condition = " -n '__fish_seen_subcommand_from " + command.name + "'";
    for (const OptionView& option : command.options) {
      if (!option.positional) out += fish_option(option, condition);
    }
    if (const auto choices = positional_choices(command); !choices.empty()) {
      out += "complete -c pictor" + condition + " -f -a " + quoted(joined(choices, " ")) + "\n";
    }
  }
  return out;
}

}  // namespace

Result<std::string> completion_script(const CLI::App& root, std::string_view shell) {
  const CommandView top = view_of(root);
  const std::vector<CommandView> commands = commands_of(root);
  if (shell == "bash") return bash_script(top, commands);
  if (shell == "zsh") return zsh_script(top, commands);
  if (shell == "fish") return fish_script(top, commands);
  return Status(Code::kInvalid, "shell '" + std::string(shell) + "' is not known; there is bash, zsh and fish");
}

}  // namespace pictor
