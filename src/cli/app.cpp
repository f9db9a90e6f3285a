// The whole command line: declarations, configuration, dispatch and errors.
#include <CLI/CLI.hpp>
#include <map>
#include <sstream>

#include "cli/help.h"
#include "cli/json_output.h"
#include "cli/mistyped.h"
#include "cli/reference.h"
#include "cli/session.h"
#include "cli/text.h"

namespace pictor {
namespace {

void add_global_options(CLI::App& app, GlobalOptions& options) {
  app.add_option("--data", options.data, "Data folder: the collections")
      ->envname("PICTOR_DATA")
      ->type_name("DIR")
      ->default_str("~/.local/share/pictor");
  app.add_option("--server", options.server,
                 "Ask this server, not the data folder; a key for it is taken from PICTOR_KEY")
      ->envname("PICTOR_SERVER")
      ->type_name("URL");
  app.add_option("--models", options.models, "Folder of the encoder cards")->envname("PICTOR_MODELS")->type_name("DIR");
  app.add_option("--weights", options.weights, "Folder of their weights")->envname("PICTOR_WEIGHTS")->type_name("DIR");
  app.add_option("--encoders", options.encoders, "Folder of encoders that were added")
      ->envname("PICTOR_ENCODERS")
      ->type_name("DIR")
      ->default_str("~/.local/share/pictor/encoders");
  app.add_option("--threads", options.threads, "Threads; 0 takes all processors")
      ->envname("PICTOR_THREADS")
      ->check(CLI::Range(0, static_cast<int>(limits::kThreadsMax)).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--runtime", options.runtime, "What runs the networks; else as the encoder's card says")
      ->envname("PICTOR_RUNTIME")
      ->check(CLI::IsMember({"openvino", "onnxruntime"}).description(""))
      ->type_name("openvino|onnxruntime");
  app.add_option("--device", options.device, "cpu, cuda or cuda:N (onnxruntime)")
      ->envname("PICTOR_DEVICE")
      ->type_name("DEVICE");
  app.add_flag("--json", options.json, "Print one JSON document instead of text");
  app.add_flag("-q,--quiet", options.quiet, "Print no progress and no summary");
  const std::map<std::string, Verbosity> levels = {{"error", Verbosity::kError},
                                                   {"warn", Verbosity::kWarn},
                                                   {"info", Verbosity::kInfo},
                                                   {"debug", Verbosity::kDebug}};
  app.add_option("--log-level", options.log_level, "What is told on standard error")
      ->transform(CLI::CheckedTransformer(levels).description(""))
      ->envname("PICTOR_LOG_LEVEL")
      ->type_name("error|warn|info|debug")
      ->default_str("warn");
}

// The command or, of one that has actions, the action that was named; null when none was.
const Command* chosen_of(const std::vector<Command>& commands) {
  for (const Command& command : commands) {
    if (!command.app->parsed()) continue;
    const Command* action = chosen_of(command.actions);
    return action == nullptr ? &command : action;
  }
  return nullptr;
}

std::vector<Command> add_commands(CLI::App& app) {
  std::vector<Command> commands;
  for (const auto add : {add_index_command,       add_search_command,   add_context_command,     add_mcp_command,
                         add_serve_command,       add_config_command,   add_facets_command,      add_get_command,
                         add_history_command,     add_delete_command,   add_collections_command, add_stats_command,
                         add_verify_command,      add_rebuild_command,  add_compact_command,     add_receipt_command,
                         add_certificate_command, add_backup_command,   add_restore_command,     add_export_command,
                         add_import_command,      add_tune_command,     add_calibrate_command,   add_encoders_command,
                         add_encoder_command,     add_key_command,      add_tenant_command,      add_audit_command,
                         add_embed_command,       add_bench_command,    add_version_command,     add_completion_command,
                         add_man_command,         add_help_all_command, add_top_command,         add_eval_command}) {
    commands.push_back(add(app));
  }
  return commands;
}

struct Parsed {
  std::optional<int> exit;  // set: all is done
  Status status;
  std::string hint;
};

Parsed parse(CLI::App& app, int argc, char** argv, const Services& services, std::ostream& out) {
  try {
    app.parse(argc, argv);
    return {};
  } catch (const CLI::CallForHelp&) {
    out << app.help();
    return {0, {}, ""};
  } catch (const CLI::CallForAllHelp&) {
    out << reference_text(app);
    return {0, {}, ""};
  } catch (const CLI::CallForVersion&) {
    out << "pictor " << services.version << "\n";
    return {0, {}, ""};
  } catch (const CLI::ConfigError& error) {
    return {
        std::nullopt, {Code::kInvalid, error.what()}, "pictor config check " + app.get_config_ptr()->as<std::string>()};
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, mistyped(app, error), view_of(named_last(app)).path + " --help"};
  }
}

// Prints an error in both ways and returns the exit status.
int fail(Session& session, const Status& status, const std::string& hint) {
  // A message may show its place in a text on lines of its own; each line is made safe by itself.
  std::string head = session.terminal().err_is_tty ? session.red("pictor:") + " " : "pictor: ";
  for (const std::string& line : split(status.message(), '\n')) {
    session.err() << head << printable(line) << "\n";
    head.clear();
  }
  if (!hint.empty()) session.err() << "try: " << hint << "\n";
  if (session.json()) session.out() << error_json(status, hint) << "\n";
  session.out().flush();
  return static_cast<int>(status.code());
}

void fill_defaults(GlobalOptions& options) {
  if (options.data.empty()) options.data = default_data_folder();
  if (options.models.empty()) options.models = default_models_folder();
  if (options.weights.empty()) options.weights = default_weights_folder();
  if (options.encoders.empty()) options.encoders = default_encoders_folder();
}

// The declarations, and where what is parsed goes.
struct Program {
  Program(GlobalOptions& options, const Services& services) {
    app.formatter(std::dynamic_pointer_cast<CLI::FormatterBase>(make_help_formatter()));
    app.set_help_flag("-h,--help", "Show help");
    app.set_version_flag("--version", services.version, "Show the version");
    app.fallthrough();
    add_global_options(app, options);
    commands = add_commands(app);
    file = add_config_option(app);
    // After the commands, which would inherit it.
    app.set_help_all_flag("--help-all", "Show the help of all commands");
    app.require_subcommand(0, 1);
    set_examples(app, {"pictor index ~/photos", "pictor search --text \"a red car\"",
                       "pictor search --image cat.jpg --html hits.html"});
  }

  CLI::App app{"Pictor indexes pictures and finds them again by picture or by words", "pictor"};
  std::vector<Command> commands;
  std::shared_ptr<ConfigFile> file;
};

// All that the arguments said, with what the environment and the file say now.
Result<Configuration> read_again(int argc, char** argv, const Services& services) {
  GlobalOptions options;
  Program program(options, services);
  std::ostringstream nowhere;
  const Parsed parsed = parse(program.app, argc, argv, services, nowhere);
  PICTOR_TRY(parsed.status);
  PICTOR_TRY(was_read(program.app, *program.file));
  fill_defaults(options);
  return configuration_of(program.app, *program.file, options);
}

}  // namespace

int run_cli_with(int argc, char** argv, const Services& services, std::ostream& out, std::ostream& err) {
  Session session(services, out, err);
  Program program(session.options(), services);
  Parsed parsed = parse(program.app, argc, argv, services, out);
  if (parsed.exit) return *parsed.exit;
  if (parsed.status.is_ok()) parsed.status = was_read(program.app, *program.file);
  if (!parsed.status.is_ok()) return fail(session, parsed.status, parsed.hint);
  fill_defaults(session.options());
  session.configured(configuration_of(program.app, *program.file, session.options()),
                     [&] { return read_again(argc, argv, services); });
  const Command* chosen = chosen_of(program.commands);
  if (chosen == nullptr || chosen->run == nullptr) {
    err << program.app.help();
    return static_cast<int>(Code::kInvalid);
  }
  const Status status = chosen->run(session);
  if (!status.is_ok()) return fail(session, status, hint_for(status, view_of(*chosen->app).path));
  out.flush();
  if (!out.good()) return fail(session, {Code::kIo, "standard output could not be written (is the disk full?)"}, "");
  return session.exit_status();
}

}  // namespace pictor
