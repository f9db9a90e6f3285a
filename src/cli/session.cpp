#include "cli/session.h"

#include <CLI/CLI.hpp>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <istream>

#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::array<const char*, 4> kLevelNames = {"error", "warn", "info", "debug"};

std::string home_folder(const char* variable, const char* under_home) {
  const std::string folder = environment(variable);
  if (!folder.empty()) return join_path(folder, "pictor");
  const std::string home = environment("HOME");
  return join_path(join_path(home.empty() ? "." : home, under_home), "pictor");
}

bool is_folder(const std::string& path) {
  const Result<FileInfo> info = Env::real().info(path);
  return info.is_ok() && info->kind == FileKind::kFolder;
}

// The source tree's own folder while it is there, else the one an installed program has beside it.
std::string compiled_or_installed(const char* compiled, const char* name) {
  if (is_folder(compiled)) return compiled;
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return compiled;
  return (program.parent_path() / "../share/pictor" / name).lexically_normal().string();
}

}  // namespace

std::string environment(const std::string& name) {
  // Read only, and nothing of ours changes the environment.
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? "" : value;
}

std::string default_data_folder() { return home_folder("XDG_DATA_HOME", ".local/share"); }
std::string default_encoders_folder() { return join_path(default_data_folder(), "encoders"); }
std::string default_cache_folder() { return home_folder("XDG_CACHE_HOME", ".cache"); }
std::string default_models_folder() { return compiled_or_installed(PICTOR_DEFAULT_MODELS, "models"); }
std::string default_weights_folder() { return compiled_or_installed(PICTOR_DEFAULT_WEIGHTS, "weights"); }

std::string_view verbosity_name(Verbosity level) { return kLevelNames[static_cast<std::size_t>(level)]; }

Result<Engine*> Session::connect(const std::string& url) {
  if (services_.connect == nullptr) return Status(Code::kUnsupported, "this program was built without its client");
  log(Verbosity::kInfo, "asking the server at " + url);
  PICTOR_ASSIGN(engine_, services_.connect(env(), {url, environment("PICTOR_KEY"), environment("PICTOR_CA")}));
  return engine_.get();
}

Result<Engine*> Session::engine(bool create) {
  if (engine_ != nullptr) return engine_.get();
  if (!options_.server.empty()) return connect(options_.server);
  auto opened = own_engine(create);
  if (opened.is_ok() || opened.status().code() != Code::kBusy) return opened;
  const auto url = server_of(env(), options_.data);
  return url ? connect(*url) : opened;
}

Result<Engine*> Session::own_engine(bool create, bool many_callers) {
  if (engine_ != nullptr) return engine_.get();
  EngineOptions options;
  options.data_folder = options_.data;
  options.cards_folder = options_.models;
  options.weights_folder = options_.weights;
  options.encoders_folder = options_.encoders;
  options.cache_folder = default_cache_folder();
  options.threads = options_.threads;
  options.create = create;
  options.many_callers = many_callers;
  if (!options_.vector_cache) options.vector_cache_bytes = 0;
  options.reproducible = options_.reproducible;
  options.runtime = options_.runtime;
  options.device = options_.device;
  options.leave_networks = services_.process_ends;
  log(Verbosity::kDebug, "data folder " + options.data_folder + ", cards " + options.cards_folder + ", weights " +
                             options.weights_folder + ", cache " + options.cache_folder);
  PICTOR_ASSIGN(engine_, services_.open_engine(env(), options));
  return engine_.get();
}

void Session::log(Verbosity level, const std::string& text) {
  if (level > options_.log_level) return;
  err_ << "pictor " << verbosity_name(level) << ": " << printable(text) << "\n";
}

std::string Session::styled(std::string_view text, const char* code) const {
  if (!services_.terminal.colour) return std::string(text);
  return std::string("\x1b[").append(code).append("m").append(text).append("\x1b[0m");
}
std::string Session::bold(std::string_view text) const { return styled(text, "1"); }
std::string Session::dim(std::string_view text) const { return styled(text, "2"); }
std::string Session::red(std::string_view text) const { return styled(text, "31"); }

Status Session::confirm(const std::string& question, bool yes) {
  if (yes) return Status::ok();
  if (!services_.terminal.in_is_tty || services_.in == nullptr) {
    return {Code::kInvalid, question + " Nobody can be asked here; add --yes to go on"};
  }
  err_ << printable(question) << " [y/N] " << std::flush;
  std::string answer;
  std::getline(*services_.in, answer);
  answer = lower_ascii(answer);
  if (answer == "y" || answer == "yes") return Status::ok();
  return {Code::kCancelled, "nothing was changed"};
}

CLI::Option* add_collection_option(CLI::App& app, std::string& value) {
  return app.add_option("-c,--collection", value, "Collection")
      ->envname("PICTOR_COLLECTION")
      ->type_name("NAME")
      ->capture_default_str();
}

CLI::Option* add_reproducible_option(CLI::App& app, bool& value) {
  return app.add_flag("--reproducible", value,
                      "Make the bits of the machine that began the collection: keep to its instruction-set class, or "
                      "refuse where this machine cannot");
}

CLI::Option* add_where_option(CLI::App& app, std::string& value) {
  return app.add_option("--where", value, "Only items that pass this filter, as 'price < 20 and brand = \"acme\"'")
      ->type_name("FILTER");
}

CLI::Option* add_as_of_option(CLI::App& app, std::string& value) {
  return app
      .add_option("--as-of", value,
                  "The collection as it was: a time (2026-05-31T13:02:11Z, 2026-05-31T15:02+02:00), a sequence number "
                  "or a batch; see pictor history")
      ->type_name("MOMENT");
}

void set_examples(CLI::App& app, const std::vector<std::string>& lines) {
  std::string text = "Examples:";
  for (const std::string& line : lines) text += "\n  " + line;
  app.footer(text);
}

Result<std::string> first_head(Engine& engine, const std::string& encoder, bool pictures) {
  PICTOR_ASSIGN(const std::vector<EncoderInfo> encoders, engine.encoders());
  for (const EncoderInfo& info : encoders) {
    if (!encoder.empty() && info.name != encoder) continue;
    for (const HeadInfo& head : info.heads) {
      if (pictures ? head.images : head.texts) return head.name;
    }
  }
  return Status(Code::kNotFound, (encoder.empty() ? "no encoder" : "encoder '" + encoder + "'") +
                                     std::string(" is there, or it has no head for ") +
                                     (pictures ? "pictures" : "texts"));
}

std::string hint_for(const Status& status, const std::string& command) {
  const std::string& message = status.message();
  const auto speaks_of = [&](std::string_view word) { return message.find(word) != std::string::npos; };
  const bool copies = command == "pictor backup" || command == "pictor restore";  // their messages say what to do
  switch (status.code()) {
    case Code::kInvalid:
      return speaks_of("encoder") && !command.starts_with("pictor encoder ") ? "pictor encoders" : command + " --help";
    case Code::kNotFound:
      if (copies) return command + " --help";
      if (speaks_of("no head")) return "pictor stats, pictor encoders";
      if (speaks_of("collection")) return "pictor collections";
      if (speaks_of("data folder")) return "pictor index FOLDER";
      return speaks_of("encoder") ? "pictor encoders" : command + " --help";
    case Code::kMismatch:
      if (command.starts_with("pictor eval")) return command + " --help";
      return copies || command == "pictor import" ? command + " --help" : "pictor collections, pictor encoders";
    case Code::kBusy: return "again, when the other pictor process has ended";
    case Code::kCorrupt: return command == "pictor verify" || copies ? "" : "pictor verify";
    case Code::kInternal: return "pictor version, and report its output with what you did";
    default: return "";
  }
}

}  // namespace pictor
