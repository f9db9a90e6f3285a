// pictor config: the configuration file of the server and of the other commands: write it, check it, show what is in
// force.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/config_check.h"
#include "cli/config_text.h"
#include "cli/output_file.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/text.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string file, format = "toml";
  bool force = false;
};

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Status init(Session& session, const CLI::App& program, const Options& options) {
  const std::string text = options.format == "markdown" ? config_reference(program) : config_sample(program);
  if (options.file.empty()) {
    session.out() << text;
    return Status::ok();
  }
  PICTOR_TRY(session.env().make_dirs(parent_path(options.file)));
  PICTOR_ASSIGN(const auto file, OutputFile::create(session.env(), options.file, options.force));
  PICTOR_TRY(file->write(text));
  PICTOR_TRY(file->finish());
  if (session.json()) {
    Json out;
    out["file"] = options.file;
    session.out() << dumped(out) << "\n";
  } else if (!session.options().quiet) {
    session.out() << "Written: " << printable(options.file) << "; every line of it is a default behind '#'\n";
  }
  return Status::ok();
}

// Of a certificate without its key: the environment may have the other.
void check_pair(const CLI::App& program, CheckedConfig& checked) {
  const auto line_of = [&](const std::string& name) -> std::optional<std::uint64_t> {
    const CLI::App& serve = *program.get_subcommand(std::string("serve"));
    const CLI::Option* option = serve.get_option("--" + name);
    for (const ConfigEntry& one : checked.entries) {
      if (one.option == option && !one.entry.value.text.empty()) return one.entry.line;
    }
    return environment(option->get_envname()).empty() ? std::nullopt : std::optional<std::uint64_t>(0);
  };
  const auto certificate = line_of("tls-cert"), key = line_of("tls-key");
  if (certificate.has_value() == key.has_value()) return;
  const char* missing = certificate ? "tls-key" : "tls-cert";
  checked.faults.push_back(
      {certificate ? *certificate : *key, "tls-cert and tls-key go together: " + std::string(missing) + " is missing"});
}

Status check(Session& session, const CLI::App& program, const Options& options) {
  std::string path = options.file.empty() ? session.configuration().file : options.file;
  if (path.empty()) path = environment("PICTOR_CONFIG");
  if (path.empty()) path = config_file_of_server();
  PICTOR_ASSIGN(const std::string text, read_config(path));
  CheckedConfig checked = check_config(program, text);
  if (checked.faults.empty()) check_pair(program, checked);
  if (session.json()) {
    Json faults = Json::array();
    for (const TomlFault& fault : checked.faults) faults.push_back({{"line", fault.line}, {"message", fault.message}});
    const Json out = {
        {"ok", checked.faults.empty()}, {"file", path}, {"values", checked.entries.size()}, {"faults", faults}};
    session.out() << dumped(out) << "\n";
  }
  if (!checked.faults.empty()) return {Code::kInvalid, faults_text(path, checked.faults)};
  if (!session.json() && !session.options().quiet) {
    session.out() << printable(path) << " is right: " << plural(checked.entries.size(), "value", "values") << "\n";
  }
  return Status::ok();
}

std::string_view name_of(ValueFrom from) {
  switch (from) {
    case ValueFrom::kDefault: return "default";
    case ValueFrom::kFile: return "file";
    case ValueFrom::kEnvironment: return "environment";
    case ValueFrom::kFlag: return "flag";
  }
  return "default";
}

Status show(Session& session) {
  const Configuration& now = session.configuration();
  if (!now.faults.empty()) return {Code::kInvalid, faults_text(now.file, now.faults)};
  PICTOR_TRY(serve_values(now).status());
  if (session.json()) {
    Json values = Json::array();
    for (const ConfigValue& value : now.values) {
      values.push_back({{"key", value.key()},
                        {"value", value.text},
                        {"from", name_of(value.from)},
                        {"place", value.place},
                        {"live", value.live}});
    }
    const Json out = {{"file", now.file.empty() ? Json() : Json(now.file)}, {"values", values}};
    session.out() << dumped(out) << "\n";
    return Status::ok();
  }
  Table table(
      {{"KEY", TableColumn::Kind::kText, 24}, {"VALUE", TableColumn::Kind::kPath}, {"FROM", TableColumn::Kind::kPath}});
  for (const ConfigValue& value : now.values) {
    table.add({value.key(), value.text.empty() ? "-" : value.text, value.place});
  }
  session.out() << table.text(session.terminal().width);
  return Status::ok();
}

Command add_init_action(CLI::App& parent, const CLI::App& program) {
  CLI::App& app = *parent.add_subcommand("init", "Write a commented configuration file: every value, with its default");
  auto options = std::make_shared<Options>();
  app.add_option("file", options->file, "Where to write it; standard output unless given")->type_name("FILE");
  app.add_flag("--force", options->force, "Replace a file that is there");
  app.add_option("--format", options->format, "The file itself, or the page about it")
      ->check(CLI::IsMember({"toml", "markdown"}).description(""))
      ->type_name("toml|markdown")
      ->capture_default_str();
  set_examples(app, {"pictor config init", "pictor config init ~/.config/pictor/serve.toml",
                     "pictor config init --format markdown > docs/reference/config.md"});
  return {&app, [options, &program](Session& session) { return init(session, program, *options); }};
}

Command add_check_action(CLI::App& parent, const CLI::App& program) {
  CLI::App& app = *parent.add_subcommand("check", "Say what is wrong in a configuration file, with lines");
  auto options = std::make_shared<Options>();
  app.add_option("file", options->file, "The file; the one that pictor serve would read unless given")
      ->type_name("FILE");
  set_examples(app, {"pictor config check", "pictor config check /etc/pictor/serve.toml",
                     "pictor config check serve.toml --json"});
  return {&app, [options, &program](Session& session) { return check(session, program, *options); }};
}

Command add_show_action(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("show", "Show what pictor serve would run with, and where each value is from");
  set_examples(app, {"pictor config show", "PICTOR_QUEUE=512 pictor config show --config serve.toml --json"});
  return {&app, show};
}

}  // namespace

Command add_config_command(CLI::App& parent) {
  CLI::App& app = *parent.add_subcommand("config", "The configuration file: write it, check it, show what is in force");
  Command command{&app, nullptr, {}};
  command.actions.push_back(add_init_action(app, parent));
  command.actions.push_back(add_check_action(app, parent));
  command.actions.push_back(add_show_action(app));
  app.require_subcommand(0, 1);
  set_examples(app, {"pictor config init /etc/pictor/serve.toml", "pictor config check", "pictor config show"});
  return command;
}

}  // namespace pictor
