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

// Both shells' cases need one word: "encoder/add" of "pictor encoder add", "" of "pictor".
std::string key_of(const CommandView& command) {
  const auto at = command.path.find(' ');
  return at == std::string::npos ? "" : replaced(command.path.substr(at + 1), " ", "/");
}

std::vector<std::string> names_below(const CommandView& command) {
  std::vector<std::string> names;
  for (const CommandView& sub : command.commands) names.push_back(sub.name);
  return names;
}

// What may stand in the place of the first argument: its choices, or the commands.
std::vector<std::string> plain_words(const CommandView& command) {
  const auto positional = command.positional();
  return positional ? positional->choices() : names_below(command);
}

// --- bash ---

// Values after an option: "encoder/add:--pooling) ..." for its own, "*:--data) ..." for global ones.
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

// The cases that take the loop over the words from one command to the next: "/encoder) ...", "encoder/add) ...".
std::string bash_steps(const CommandView& command) {
  if (command.commands.empty()) return "";
  std::vector<std::string> patterns;
  for (const std::string& name : names_below(command)) patterns.push_back(key_of(command) + "/" + name);
  std::string out = "      " + joined(patterns, "|") +
                    ") command=" + (command.is_program() ? "" : key_of(command) + "/") + "${COMP_WORDS[i]} ;;\n";
  for (const CommandView& sub : command.commands) out += bash_steps(sub);
  return out;
}

// What else the first argument may be: files, folders or, of a name, nothing that the shell knows.
std::string bash_places(const CommandView& command) {
  const auto positional = command.positional();
  if (!positional || positional->takes_name() || !positional->choices().empty()) return "";
  return positional->takes_folder() ? "-d" : "-f";
}

std::string bash_script(const CommandView& root) {
  std::string values, words;
  for (const CommandView& command : commands_below(root)) {
    values += bash_values(command, key_of(command));
    words += "    " + key_of(command) + ") words='" + joined(command.option_names(), " ") + "' plain='" +
             joined(plain_words(command), " ") + "' places=" + bash_places(command) + " ;;\n";
  }
  return "# bash completion of pictor; written by: pictor completion bash\n"
         "_pictor() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local command='' words='' plain='' places='' i\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case $command/${COMP_WORDS[i]} in\n" +
         bash_steps(root) +
         "    esac\n"
         "  done\n"
         "  case $command:$before in\n" +
         values + bash_values(root, "*") +
         "  esac\n"
         "  case $command in\n"
         "    '') plain='" +
         joined(names_below(root), " ") + "' ;;\n" + words +
         "  esac\n"
         "  COMPREPLY=()\n"
         "  if [[ $word == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$words " +
         joined(root.option_names(), " ") +
         "\" -- \"$word\"))\n"
         "  elif [[ -n $plain ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$plain\" -- \"$word\"))\n"
         "  elif [[ -n $places ]]; then\n"
         "    COMPREPLY=($(compgen $places -- \"$word\"))\n"
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

std::string zsh_name(const CommandView& command) {
  return command.is_program() ? "_pictor" : "_pictor_" + replaced(key_of(command), "/", "_");
}

// The body of a function that completes the commands below one, and hands the rest of the line to theirs.
std::string zsh_commands(const CommandView& command) {
  std::string names, cases;
  for (const CommandView& sub : command.commands) {
    names += "    " + quoted(sub.name + ":" + replaced(sub.description, ":", " -")) + "\n";
    cases += "      " + sub.name + ")\n        ";
    cases += sub.commands.empty() ? "_arguments -S \\\n" + zsh_options(sub, "          ") + "          $globals ;;\n"
                                  : zsh_name(sub) + " ;;\n";
  }
  return "  local curcontext=$curcontext state line\n  local -a commands=(\n" + names +
         "  )\n"
         "  _arguments -C $globals '1:command:->command' '*::argument:->argument'\n"
         "  case $state in\n"
         "    command) _describe command commands ;;\n"
         "    argument)\n      case $line[1] in\n" +
         cases +
         "      esac ;;\n"
         "  esac\n"
         "}\n";
}

std::string zsh_script(const CommandView& root) {
  std::string out = "#compdef pictor\n# zsh completion of pictor; written by: pictor completion zsh\n";
  // The functions see the global options of the first, which calls them.
  for (const CommandView& command : commands_below(root)) {
    if (!command.commands.empty()) out += zsh_name(command) + "() {\n" + zsh_commands(command);
  }
  return out + zsh_name(root) + "() {\n  local -a globals=(\n" + replaced(zsh_options(root, "    "), " \\\n", "\n") +
         "  )\n" + zsh_commands(root) +
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

std::string fish_steps(const CommandView& command) {
  if (command.commands.empty()) return "";
  std::string out = "            case";
  for (const std::string& name : names_below(command)) out += " " + key_of(command) + "/" + name;
  out += "\n                set command " + (command.is_program() ? "" : key_of(command) + "/") + "$word\n";
  for (const CommandView& sub : command.commands) out += fish_steps(sub);
  return out;
}

// What the first argument may be; empty where fish offers files by itself.
std::string fish_argument(const CommandView& command) {
  const auto positional = command.positional();
  if (!positional) return " -f";
  if (const auto choices = positional->choices(); !choices.empty()) return " -f -a " + quoted(joined(choices, " "));
  if (positional->takes_folder()) return " -f -a '(__fish_complete_directories)'";
  return positional->takes_name() ? " -f" : "";
}

std::string fish_script(const CommandView& root) {
  std::string out =
      "# fish completion of pictor; written by: pictor completion fish\n"
      "function __pictor_at -d 'Whether the words so far name this command'\n"
      "    set -l words (commandline -opc)\n"
      "    set -e words[1]\n"
      "    set -l command ''\n"
      "    for word in $words\n"
      "        switch \"$command/$word\"\n" +
      fish_steps(root) +
      "        end\n"
      "    end\n"
      "    test \"$command\" = \"$argv[1]\"\n"
      "end\n";
  const auto condition = [](const CommandView& command) { return " -n '__pictor_at \"" + key_of(command) + "\"'"; };
  const auto below = [&](const CommandView& command) {
    for (const CommandView& sub : command.commands) {
      out += "complete -c pictor" + condition(command) + " -f -a " + sub.name + " -d " + quoted(sub.description) + "\n";
    }
  };
  below(root);
  for (const OptionView& option : root.options) out += fish_option(option, "");
  for (const CommandView& command : commands_below(root)) {
    for (const OptionView& option : command.options) {
      if (!option.positional) out += fish_option(option, condition(command));
    }
    below(command);
    if (const auto argument = fish_argument(command); !argument.empty()) {
      out += "complete -c pictor" + condition(command) + argument + "\n";
    }
  }
  return out;
}

}  // namespace

Result<std::string> completion_script(const CLI::App& root, std::string_view shell) {
  const CommandView top = view_of(root);
  if (shell == "bash") return bash_script(top);
  if (shell == "zsh") return zsh_script(top);
  if (shell == "fish") return fish_script(top);
  return Status(Code::kInvalid, "shell '" + std::string(shell) + "' is not known; there is bash, zsh and fish");
}

}  // namespace pictor
