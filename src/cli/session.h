// One run of the program: its global options, its streams, and the engine when a command needs it.
#pragma once

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/config_file.h"
#include "cli/services.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace pictor {

enum class Verbosity { kError, kWarn, kInfo, kDebug };
std::string_view verbosity_name(Verbosity level);

struct GlobalOptions {
  std::string data, models, weights, encoders, runtime, device;
  std::string server;  // its address; empty: the data folder, or the server that has it open
  std::size_t threads = 0;
  bool vector_cache = true;  // off where equal pictures are to be embedded again: bench
  bool json = false;
  bool quiet = false;
  bool reproducible = false;
  Verbosity log_level = Verbosity::kWarn;
};

class Session {
 public:
  Session(const Services& services, std::ostream& out, std::ostream& err) : services_(services), out_(out), err_(err) {}

  GlobalOptions& options() { return options_; }
  const Terminal& terminal() const { return services_.terminal; }
  const Services& services() const { return services_; }
  std::ostream& out() { return out_; }
  std::ostream& err() { return err_; }
  Env& env() { return Env::real(); }
  bool json() const { return options_.json; }
  // The values in force when the program began, and when the arguments, the environment and the file are read again.
  const Configuration& configuration() const { return configuration_; }
  Result<Configuration> read_again() const { return read_again_(); }
  void configured(Configuration now, std::function<Result<Configuration>()> read_again) {
    configuration_ = std::move(now);
    read_again_ = std::move(read_again);
  }

  // The engine, opened by the first call: of the data folder, or of the server that has it open or that --server names.
  // `create`: make the data folder when it does not exist.
  Result<Engine*> engine(bool create = false);
  // Of the data folder itself. kBusy: another process has it open.
  Result<Engine*> own_engine(bool create, bool many_callers = false);
  // One line on standard error, when --log-level asks for it.
  void log(Verbosity level, const std::string& text);
  // Bold on a terminal that can.
  std::string bold(std::string_view text) const;
  std::string dim(std::string_view text) const;
  std::string red(std::string_view text) const;
  // What the program ends with when its command went well: 1 where what was measured is below what was wanted.
  int exit_status() const { return exit_status_; }
  void end_with(int status) { exit_status_ = status; }
  // Asks on the terminal; `yes` answers for it. kInvalid when there is nobody to ask.
  Status confirm(const std::string& question, bool yes);

 private:
  std::string styled(std::string_view text, const char* code) const;
  Result<Engine*> connect(const std::string& url);

  const Services& services_;
  std::ostream& out_;
  std::ostream& err_;
  GlobalOptions options_;
  Configuration configuration_;
  std::function<Result<Configuration>()> read_again_;
  std::unique_ptr<Engine> engine_;
  int exit_status_ = 0;
};

// A command: its declaration in CLI11's terms, and what runs when it was chosen.
struct Command {
  CLI::App* app = nullptr;
  std::function<Status(Session&)> run;  // null where an action must be named
  std::vector<Command> actions = {};
};

Command add_index_command(CLI::App& parent);
Command add_search_command(CLI::App& parent);
Command add_get_command(CLI::App& parent);
Command add_facets_command(CLI::App& parent);
Command add_history_command(CLI::App& parent);
Command add_delete_command(CLI::App& parent);
Command add_collections_command(CLI::App& parent);
Command add_stats_command(CLI::App& parent);
Command add_verify_command(CLI::App& parent);
Command add_rebuild_command(CLI::App& parent);
Command add_compact_command(CLI::App& parent);
Command add_certificate_command(CLI::App& parent);
Command add_backup_command(CLI::App& parent);
Command add_restore_command(CLI::App& parent);
Command add_receipt_command(CLI::App& parent);
Command add_export_command(CLI::App& parent);
Command add_import_command(CLI::App& parent);
Command add_calibrate_command(CLI::App& parent);
Command add_tune_command(CLI::App& parent);
Command add_encoders_command(CLI::App& parent);
Command add_encoder_command(CLI::App& parent);
Command add_serve_command(CLI::App& parent);
Command add_config_command(CLI::App& parent);
Command add_context_command(CLI::App& parent);
Command add_mcp_command(CLI::App& parent);
Command add_top_command(CLI::App& parent);
Command add_key_command(CLI::App& parent);
Command add_tenant_command(CLI::App& parent);
Command add_audit_command(CLI::App& parent);
Command add_embed_command(CLI::App& parent);
Command add_bench_command(CLI::App& parent);
Command add_eval_command(CLI::App& parent);
Command add_version_command(CLI::App& parent);
Command add_completion_command(CLI::App& parent);
Command add_man_command(CLI::App& parent);
Command add_help_all_command(CLI::App& parent);

// Declarations that several commands share.
CLI::Option* add_collection_option(CLI::App& app, std::string& value);
CLI::Option* add_reproducible_option(CLI::App& app, bool& value);
CLI::Option* add_as_of_option(CLI::App& app, std::string& value);
CLI::Option* add_where_option(CLI::App& app, std::string& value);
// "Examples:" under the help, one line each.
void set_examples(CLI::App& app, const std::vector<std::string>& lines);

// The first head that takes pictures (or texts) of the encoder; of any encoder when none is named.
Result<std::string> first_head(Engine& engine, const std::string& encoder, bool pictures);

// Where the program looks when it is not told: see docs/reference/cli.md.
std::string default_data_folder();
std::string default_models_folder();
std::string default_weights_folder();
std::string default_encoders_folder();
std::string default_cache_folder();

// "try: ..." for an error of `command`, "pictor encoder add"; empty when its message says enough.
std::string hint_for(const Status& status, const std::string& command);

}  // namespace pictor
