#include "cli/mistyped.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/help.h"

namespace pictor {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

bool has_option(const CommandView& command, const std::string& name) {
  const auto names = command.option_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Of the commands below `parent`: those that have the option.
std::vector<std::string> takers(const CLI::App& parent, const std::string& option) {
  std::vector<std::string> out;
  for (const CommandView& command : view_of(parent).commands) {
    if (has_option(command, option)) out.push_back(command.name);
  }
  return out;
}

std::string unknown_option(const CLI::App& program, const CLI::App& command, const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  const CommandView view = view_of(command);
  if (has_option(view, name)) return "option '" + name + "' belongs after '" + view.path + "'";
  const CLI::App* parent = command.get_parent();
  // An option of another action of the same command; other commands have little to do with each other.
  if (parent != nullptr && parent->get_parent() != nullptr) {
    if (const auto others = takers(*parent, name); !others.empty()) {
      return "option '" + name + "' is not known to '" + view.path + "'; it belongs to " + joined(others);
    }
  }
  if (!view.is_program() && !view.commands.empty()) {
    if (const auto others = takers(command, name); !others.empty()) {
      return "option '" + name + "' belongs after an action: " + joined(others);
    }
  }
  std::vector<std::string> known = view_of(program).option_names();
  const auto own = view.option_names();
  known.insert(known.end(), own.begin(), own.end());
  return "option '" + word + "' is not known" + did_you_mean(name, known);
}

std::string unknown_word(const CLI::App& program, const std::string& word) {
  const CLI::App& command = named_last(program);
  if (word.starts_with("-")) return unknown_option(program, command, word);
  const CommandView view = view_of(command);
  if (view.commands.empty()) return "argument '" + word + "' is not known";
  std::vector<std::string> names;
  for (const CommandView& sub : view.commands) names.push_back(sub.name);
  const std::string meant = did_you_mean(word, names);
  if (view.is_program()) return "command '" + word + "' is not known" + meant;
  return "action '" + word + "' is not known" + meant + (meant.empty() ? "; known are: " : " Known are: ") +
         joined(names);
}

// What a command cannot do without and was not given: "FOLDER", "--name NAME"; empty when nothing is.
std::string missing(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_required() || option->count() > 0) continue;
    const std::string type = option->get_type_name();
    return option->get_positional() ? type : option->get_name() + " " + type;
  }
  return "";
}

}  // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const std::string* best = nullptr;
  std::size_t best_distance = 3;
  for (const std::string& name : known) {
    const std::size_t distance = word.size() > 64 ? 64 : edit_distance(word, name);
    if (distance < best_distance && distance < name.size() - 1) {
      best = &name;
      best_distance = distance;
    }
  }
  return best == nullptr ? "" : "; did you mean '" + *best + "'?";
}

const CLI::App& named_last(const CLI::App& program) {
  const auto chosen = program.get_subcommands();
  return chosen.empty() ? program : named_last(*chosen.back());
}

Status mistyped(const CLI::App& program, const CLI::Error& error) {
  const bool lacks = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  // CLI11 looks for what is missing first; a word that nobody knows explains more.
  if (lacks || dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    auto left = program.remaining(true);
    std::erase(left, "--");
    if (!left.empty()) return {Code::kInvalid, unknown_word(program, left.front())};
  }
  const std::string what = lacks ? missing(named_last(program)) : "";
  if (what.empty()) return {Code::kInvalid, error.what()};
  return {Code::kInvalid, view_of(named_last(program)).path + " needs " + what};
}

}  // namespace pictor
