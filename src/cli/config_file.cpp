#include "cli/config_file.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "cli/config_check.h"
#include "cli/mistyped.h"
#include "cli/session.h"
#include "cli/text.h"

namespace pictor {
namespace {

constexpr const char* kFileOfMachine = "/etc/pictor/serve.toml";

std::string config_folder() {
  const std::string folder = environment("XDG_CONFIG_HOME");
  return join_path(folder.empty() ? join_path(environment("HOME"), ".config") : folder, "pictor");
}

std::string config_file_of_person() { return join_path(config_folder(), "pictor.toml"); }

bool is_in_environment(const CLI::Option& option) {
  return !option.get_envname().empty() && !environment(option.get_envname()).empty();
}

std::vector<std::string> inputs_of(const TomlValue& value) {
  if (value.kind != TomlValue::Kind::kList) return {value.text};
  std::vector<std::string> out;
  for (const TomlValue& one : value.list) out.push_back(one.text);
  return out;
}

// What CLI11 asks for the values of a file. Its own reader knows no lines and no types, and lets the file go before the
// environment; people expect the opposite.
class ConfigReader : public CLI::Config {
 public:
  ConfigReader(CLI::App& program, std::shared_ptr<ConfigFile> file) : program_(program), file_(std::move(file)) {}

  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return ""; }

  std::vector<CLI::ConfigItem> from_config(std::istream&) const override {
    file_->path = program_.get_config_ptr()->as<std::string>();
    const Result<std::string> text = read_config(file_->path);
    CheckedConfig checked;
    if (text.is_ok()) checked = check_config(program_, *text);
    if (!text.is_ok()) checked.faults.push_back({0, text.status().message()});
    if (checked.faults.empty()) return items_of(checked);
    file_->faults = checked.faults;
    if (is_looked_at()) return {};
    throw CLI::ConfigError(faults_text(file_->path, checked.faults), CLI::ExitCodes::ConfigError);
  }

 private:
  // A file that is wrong must keep nobody from asking what is wrong, nor from help.
  bool is_looked_at() const {
    const auto chosen = program_.get_subcommands();
    const CLI::Option* help = named_last(program_).get_help_ptr();
    return (!chosen.empty() && chosen.front()->get_name() == "config") || (help != nullptr && help->count() > 0);
  }

  std::vector<CLI::ConfigItem> items_of(const CheckedConfig& checked) const {
    std::vector<CLI::ConfigItem> items;
    for (const ConfigEntry& one : checked.entries) {
      if (one.option->count() > 0 || is_in_environment(*one.option)) continue;
      file_->lines[one.option] = one.entry.line;
      CLI::ConfigItem item;
      item.parents = one.entry.tables;
      item.name = one.entry.key;
      item.inputs = inputs_of(one.entry.value);
      items.push_back(std::move(item));
    }
    return items;
  }

  CLI::App& program_;
  std::shared_ptr<ConfigFile> file_;
};

ConfigValue value_of(const CLI::App& app, const std::string& name, std::string text, const ConfigFile& file) {
  ConfigValue value;
  value.name = name;
  value.text = std::move(text);
  const CLI::Option* option = app.get_option_no_throw("--" + name);
  const auto line = file.lines.find(option);
  const auto& flags = app.parse_order();
  if (std::find(flags.begin(), flags.end(), option) != flags.end()) {
    value.from = ValueFrom::kFlag;
    value.place = "--" + name;
  } else if (is_in_environment(*option)) {
    value.from = ValueFrom::kEnvironment;
    value.place = option->get_envname();
  } else if (line != file.lines.end()) {
    value.from = ValueFrom::kFile;
    value.place = file.path + ":" + std::to_string(line->second);
  } else {
    value.place = "default";
  }
  return value;
}

// "--queue is '0'", "PICTOR_QUEUE is '0'", "serve.toml:3: queue is '0'".
std::string named(const ConfigValue& value) {
  const std::string what = value.from == ValueFrom::kFile ? value.place + ": " + value.name : value.place;
  return what + " is '" + cut_end(value.text, 60) + "'";
}

Status check_together(const ServeValues& values) {
  if (values.tls_certificate.empty() == values.tls_key.empty()) return Status::ok();
  const char* missing = values.tls_key.empty() ? "tls-key" : "tls-cert";
  return {Code::kInvalid, "tls-cert and tls-key go together: " + std::string(missing) +
                              " is missing (a flag, PICTOR_TLS_..., or a line under [serve])"};
}

}  // namespace

std::string config_file_of_server() {
  std::string of_server = join_path(config_folder(), "serve.toml");
  for (const std::string& path : {of_server, config_file_of_person(), std::string(kFileOfMachine)}) {
    if (exists(Env::real(), path)) return path;
  }
  return of_server;
}

std::shared_ptr<ConfigFile> add_config_option(CLI::App& program) {
  auto file = std::make_shared<ConfigFile>();
  const std::string told = environment("PICTOR_CONFIG");
  // CLI11 reads the file before the environment, so PICTOR_CONFIG is ours to read.
  CLI::Option* option = program.set_config(
      "--config", told.empty() ? config_file_of_person() : told,
      "Configuration file, TOML (default: ~/.config/pictor/pictor.toml, of pictor serve first serve.toml beside it; "
      "environment: PICTOR_CONFIG)",
      !told.empty());
  option->type_name("FILE");
  program.config_formatter(std::make_shared<ConfigReader>(program, file));
  program.allow_config_extras(false);
  for (const char* name : {"serve", "config"}) {
    const bool may_be_missing = std::string_view(name) == "config";  // `pictor config init` makes it
    program.get_subcommand(std::string(name))->preparse_callback([option, told, may_be_missing](std::size_t) {
      if (told.empty()) option->default_str(config_file_of_server());
      if (may_be_missing) option->required(false);
    });
  }
  return file;
}

Status was_read(const CLI::App& program, const ConfigFile& file) {
  if (!file.path.empty()) return Status::ok();
  const auto path = program.get_config_ptr()->as<std::string>();
  const Result<FileInfo> info = Env::real().info(path);
  if (!info.is_ok() || info->kind != FileKind::kFile) return Status::ok();
  return read_config(path).status();
}

Result<std::string> read_config(const std::string& path) {
  PICTOR_ASSIGN(const Bytes bytes, read_file(Env::real(), path, kTomlBytesMax));
  return std::string(as_text(bytes));
}

Configuration configuration_of(const CLI::App& program, const ConfigFile& file, const GlobalOptions& options) {
  Configuration out;
  out.file = file.path;
  out.faults = file.faults;
  const std::array<std::pair<const char*, std::string>, 8> globals = {
      {{"data", options.data},
       {"models", options.models},
       {"weights", options.weights},
       {"encoders", options.encoders},
       {"threads", std::to_string(options.threads)},
       {"runtime", options.runtime},
       {"device", options.device},
       {"log-level", std::string(verbosity_name(options.log_level))}}};
  for (const auto& [name, text] : globals) {
    out.values.push_back(value_of(program, name, text, file));
    out.values.back().live = std::string_view(name) == "log-level";
  }
  const CLI::App& serve = *program.get_subcommand(std::string("serve"));
  const ServeValues defaults;
  for (const ServeSetting& setting : serve_settings()) {
    const CLI::Option* option = serve.get_option(setting.flag());
    std::string text = option->count() > 0 ? option->results().back() : setting.text_of(defaults);
    if (setting.kind == ServeSetting::Kind::kHosts) text = CLI::detail::join(option->results(), ",");
    out.values.push_back(value_of(serve, std::string(setting.name), std::move(text), file));
    out.values.back().table = "serve";
    out.values.back().live = setting.live;
  }
  return out;
}

Result<ServeValues> serve_values(const Configuration& configuration) {
  ServeValues out;
  bool told_level = false;
  for (const ConfigValue& value : configuration.values) {
    if (value.table.empty()) {
      if (value.name == "data") out.data_folder = value.text;
      if (value.name != "log-level" || value.from == ValueFrom::kDefault) continue;
      out.log_level = value.text;
      told_level = true;
      continue;
    }
    const ServeSetting* setting = find_serve_setting(value.name);
    if (!setting->take(value.text, out)) return Status(Code::kInvalid, named(value) + ", wanted " + setting->wanted());
  }
  PICTOR_TRY(check_together(out));
  // Whoever asks for more than warnings and names no file gets it on standard error.
  if (out.log_file.empty() && told_level && (out.log_level == "info" || out.log_level == "debug")) out.log_file = "-";
  return out;
}

}  // namespace pictor
