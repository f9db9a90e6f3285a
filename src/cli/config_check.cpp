#include "cli/config_check.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "cli/help.h"
#include "cli/mistyped.h"
#include "cli/serve_settings.h"
#include "cli/services.h"
#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::size_t kFaultsMax = 50;
constexpr std::size_t kShownColumns = 60;
constexpr std::array<std::string_view, 7> kNumbers = {"N", "MS", "S", "MIB", "DAYS", "SHARE", "NUMBER"};

// The command, or the action of one, whose options stand under [tables]; null: there is none of that name.
const CLI::App* command_of(const CLI::App& program, const std::vector<std::string>& tables) {
  const CLI::App* app = &program;
  for (const std::string& table : tables) {
    const auto below = app->get_subcommands([&](const CLI::App* sub) { return sub->get_name() == table; });
    if (below.empty()) return nullptr;
    app = below.front();
  }
  return app;
}

std::string joined(const std::vector<std::string>& tables) {
  std::string out;
  for (const std::string& table : tables) out += (out.empty() ? "" : ".") + table;
  return out;
}

std::vector<std::string> keys_of(const CLI::App& app) {
  std::vector<std::string> keys;
  for (const CLI::Option* option : app.get_options()) {
    if (!is_of_config(*option)) continue;
    for (const std::string& name : option->get_lnames()) keys.push_back(name);
  }
  return keys;
}

bool has_key(const CLI::App& app, const std::string& key) {
  const auto keys = keys_of(app);
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

std::string unknown_table(const CLI::App& program, const std::vector<std::string>& tables) {
  std::vector<std::string> known;
  for (const CommandView& command : commands_below(view_of(program))) {
    known.push_back(command.path.substr(program.get_name().size() + 1));
    std::replace(known.back().begin(), known.back().end(), ' ', '.');
  }
  return "table [" + joined(tables) + "] is not known: a table has the name of a command" +
         did_you_mean(joined(tables), known);
}

std::string unknown_key(const CLI::App& program, const CLI::App& app, const TomlEntry& entry) {
  const std::string start = "key '" + entry.key + "' is not known";
  if (entry.tables.empty()) {
    std::vector<const CLI::App*> owners = program.get_subcommands({});
    std::erase_if(owners, [&](const CLI::App* sub) { return !has_key(*sub, entry.key); });
    std::string places;
    for (const CLI::App* sub : owners) places += (places.empty() ? "[" : ", [") + sub->get_name() + "]";
    if (!owners.empty()) return start + " here: it belongs under " + places;
    return start + did_you_mean(entry.key, keys_of(app));
  }
  const std::string where = start + " under [" + joined(entry.tables) + "]";
  if (has_key(program, entry.key)) return where + ": it belongs to the top of the file, before the first [table]";
  return where + did_you_mean(entry.key, keys_of(app));
}

std::string shown(const TomlValue& value) {
  switch (value.kind) {
    case TomlValue::Kind::kText: return "the text '" + cut_end(value.text, kShownColumns) + "'";
    case TomlValue::Kind::kNumber: return cut_end(value.text, kShownColumns);
    case TomlValue::Kind::kFlag: return value.text;
    case TomlValue::Kind::kList: return "a list of " + std::to_string(value.list.size());
  }
  return "";
}

std::string one_of(const std::vector<std::string>& choices) {
  std::string out;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + choices[i];
  }
  return out;
}

// What the option's own checks want instead of the value: "0 to 256", or nothing.
std::string refused_by_option(const CLI::Option& option, const std::string& text) {
  // Checking changes nothing; CLI11 hands out its validators of a changeable option only.
  auto& asked = const_cast<CLI::Option&>(option);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  for (int i = 0;; ++i) {
    const CLI::Validator* validator = nullptr;
    try {
      validator = asked.get_validator(i);
    } catch (const CLI::OptionNotFound&) {
      return "";
    }
    const std::string problem = (*validator)(text);
    if (problem.empty()) continue;
    constexpr std::string_view kRange = " not in range ";
    const auto at = problem.find(kRange);
    return at == std::string::npos ? "another: " + problem : problem.substr(at + kRange.size());
  }
}

// What is wanted instead of the value; empty: it is right.
std::string wanted_instead(const CLI::Option& option, const ServeSetting* setting, const TomlValue& value) {
  const OptionView view = view_of(option);
  const bool is_flag = option.get_expected_min() == 0;
  const bool is_size = view.type.starts_with("SIZE");
  const bool is_number = std::find(kNumbers.begin(), kNumbers.end(), view.type) != kNumbers.end();
  const bool is_list_of = view.type.ends_with(",...");  // "1,2": a text, or a number alone
  const auto kind = value.kind;
  if (kind == TomlValue::Kind::kList) return "one value";
  if (is_flag != (kind == TomlValue::Kind::kFlag)) {
    return is_flag ? "true or false" : setting != nullptr ? setting->wanted() : is_number ? "a number" : "a text";
  }
  if (is_flag) return "";
  if (kind == TomlValue::Kind::kNumber && !is_number && !is_list_of && !(is_size && value.whole)) {
    return "a text in quotes, as \"" + value.text + "\"";
  }
  if (kind == TomlValue::Kind::kText && is_number) {
    return setting != nullptr ? setting->wanted() : std::string("a number, without quotes");
  }
  if (setting != nullptr) {
    ServeValues scratch;
    return setting->take(value.text, scratch) ? "" : setting->wanted();
  }
  const auto choices = view.choices();
  const bool are_words = std::all_of(view.type.begin(), view.type.end(), [](char c) { return c < 'A' || c > 'Z'; });
  if (!choices.empty() && are_words && std::find(choices.begin(), choices.end(), value.text) == choices.end()) {
    return one_of(choices) + did_you_mean(value.text, choices);
  }
  return refused_by_option(option, value.text);
}

void expand_home(const CLI::Option& option, TomlValue& value) {
  const OptionView view = view_of(option);
  if ((view.takes_file() || view.takes_folder()) && value.text.starts_with("~/")) {
    value.text = join_path(environment("HOME"), value.text.substr(2));
  }
}

class Checker {
 public:
  explicit Checker(const CLI::App& program) : program_(program) {}

  CheckedConfig check(std::string_view text) {
    TomlFile file = read_toml(text);
    for (const TomlTable& table : file.tables) {
      if (command_of(program_, table.tables) == nullptr) fault(table.line, unknown_table(program_, table.tables));
    }
    for (TomlEntry& entry : file.entries) check(std::move(entry), file.tables);
    for (TomlFault& one : file.faults) fault(one.line, std::move(one.message));
    std::stable_sort(checked_.faults.begin(), checked_.faults.end(),
                     [](const TomlFault& a, const TomlFault& b) { return a.line < b.line; });
    if (checked_.faults.size() > kFaultsMax) checked_.faults.resize(kFaultsMax);
    return std::move(checked_);
  }

 private:
  void fault(std::uint64_t line, std::string message) {
    if (checked_.faults.size() <= 10 * kFaultsMax) checked_.faults.push_back({line, std::move(message)});
  }

  void check(TomlEntry entry, const std::vector<TomlTable>& tables) {
    const CLI::App* app = command_of(program_, entry.tables);
    if (app == nullptr) {
      const bool told = std::any_of(tables.begin(), tables.end(),
                                    [&](const TomlTable& table) { return table.tables == entry.tables; });
      if (!told) fault(entry.line, unknown_table(program_, entry.tables));
      return;
    }
    const CLI::Option* option = app->get_option_no_throw("--" + entry.key);
    if (option == nullptr || !is_of_config(*option)) return fault(entry.line, unknown_key(program_, *app, entry));
    const bool is_serve = entry.tables == std::vector<std::string>{"serve"};
    const ServeSetting* setting = is_serve ? find_serve_setting(entry.key) : nullptr;
    const bool many = option->get_expected_max() > 1 && entry.value.kind == TomlValue::Kind::kList;
    if (many && entry.value.list.empty()) return fault(entry.line, entry.key + " is an empty list, wanted a value");
    for (TomlValue* value : many ? pointers_to(entry.value.list) : std::vector<TomlValue*>{&entry.value}) {
      const std::string wanted = wanted_instead(*option, setting, *value);
      if (!wanted.empty()) return fault(entry.line, entry.key + " is " + shown(*value) + ", wanted " + wanted);
      expand_home(*option, *value);
    }
    checked_.entries.push_back({std::move(entry), option});
  }

  static std::vector<TomlValue*> pointers_to(std::vector<TomlValue>& values) {
    std::vector<TomlValue*> out;
    out.reserve(values.size());
    for (TomlValue& value : values) out.push_back(&value);
    return out;
  }

  const CLI::App& program_;
  CheckedConfig checked_;
};

}  // namespace

CheckedConfig check_config(const CLI::App& program, std::string_view text) { return Checker(program).check(text); }

std::string faults_text(const std::string& path, const std::vector<TomlFault>& faults) {
  std::string out;
  for (const TomlFault& fault : faults) {
    if (!out.empty()) out += '\n';
    out += path + ":" + (fault.line == 0 ? "" : std::to_string(fault.line) + ":") + " " + fault.message;
  }
  return out;
}

bool is_of_config(const CLI::Option& option) {
  if (option.get_positional() || !option.get_configurable()) return false;
  const auto& names = option.get_lnames();
  constexpr std::array<std::string_view, 4> kNever = {"help", "help-all", "version", "config"};
  return !names.empty() && std::find(kNever.begin(), kNever.end(), names.front()) == kNever.end();
}

}  // namespace pictor
