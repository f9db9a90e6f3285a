#include "cli/config_text.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>

#include "cli/config_check.h"
#include "cli/help.h"
#include "cli/serve_settings.h"
#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::array<std::string_view, 2> kNotOfServer = {"json", "quiet"};

constexpr std::string_view kSampleHead = R"(# Pictor's configuration (TOML), written by `pictor config init`.
# What stands behind '#' is the default. A flag goes before an environment variable, that before
# this file. `pictor config check FILE` says what is wrong in it. `kill -HUP` makes a server read
# it again: what is marked live changes at once, the rest with a restart.
)";

constexpr std::string_view kReferenceHead = R"(# The configuration file

<!-- Written by `pictor config init --format markdown`; a test compares. -->

One TOML file has what `pictor serve` and the other commands are told by flags. Which one is read:

1. `--config FILE`, before or after the command;
2. else the file that `PICTOR_CONFIG` names;
3. else `pictor serve` takes the first that is there of `$XDG_CONFIG_HOME/pictor/serve.toml`,
   `$XDG_CONFIG_HOME/pictor/pictor.toml` and `/etc/pictor/serve.toml`; the other commands take
   `$XDG_CONFIG_HOME/pictor/pictor.toml`. (`XDG_CONFIG_HOME` is `~/.config` unless it is set.)

A flag goes before an environment variable, that before the file, that before the default. `pictor config init FILE`
writes a commented file, `pictor config check FILE` says what is wrong in one, with lines, and `pictor config show`
prints what is in force and where each value came from.

The options of any command can stand under its name: `collection = "shop"` under `[search]`. Taken of TOML are
comments, tables, bare and dotted keys, texts in quotes on one line, numbers, `true` and `false`, and lists of those.
`~/` at the front of a path is the home folder.

A server reads the file again on SIGHUP (`systemctl reload`). What is live changes at once, for requests that come
from then on; what is not is told and waits for a restart; a file that is wrong changes nothing. The certificate and
its key are read again and the log file is opened anew each time, also where their names stay. Keys, tenants and their
quotas are not in this file: [they change at once](../how/keys-and-tenants.md).
)";

struct Row {
  OptionView option;
  std::string key;
  const ServeSetting* setting = nullptr;

  bool live() const { return setting != nullptr ? setting->live : key == "log-level"; }
  std::string takes() const {
    if (setting != nullptr && setting->kind != ServeSetting::Kind::kText) return setting->wanted();
    if (const auto choices = option.choices(); !choices.empty()) {
      std::string out;
      for (const std::string& choice : choices) out += (out.empty() ? "" : ", ") + choice;
      return out;
    }
    if (option.takes_file()) return "a file";
    if (option.takes_folder()) return "a folder";
    return option.type == "N" ? "a whole number" : "a text";
  }
};

std::vector<Row> rows_of(const CLI::App& app, bool of_serve) {
  std::vector<Row> rows;
  for (const CLI::Option* option : app.get_options()) {
    if (!is_of_config(*option)) continue;
    Row row{view_of(*option), option->get_lnames().front(), nullptr};
    if (std::find(kNotOfServer.begin(), kNotOfServer.end(), row.key) != kNotOfServer.end()) continue;
    if (of_serve) row.setting = find_serve_setting(row.key);
    rows.push_back(std::move(row));
  }
  return rows;
}

// A value as it stands in the file: the default, or what might be there.
std::string value_text(const Row& row) {
  const OptionView& option = row.option;
  if (option.type.empty()) return "false";
  const auto& type = option.type;
  if (type == "N" || type == "MS" || type == "S" || type == "SHARE") return option.default_text;
  if (type == "URL") return "\"http://127.0.0.1:7733\"";
  if (!option.default_text.empty()) return "\"" + option.default_text + "\"";
  if (const auto choices = option.choices(); !choices.empty()) return "\"" + choices.front() + "\"";
  if (option.takes_file()) return "\"/path/to/file\"";
  if (option.type == "DEVICE") return "\"cpu\"";
  return option.takes_folder() ? "\"/path/to/folder\"" : "\"" + lower_ascii(option.type) + "\"";
}

void append_rows(std::string& out, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    std::string text = row.option.description + " (" + row.takes();
    if (row.option.default_text.empty() && !row.option.type.empty()) text += ", none unless given";
    text += "; " + row.option.environment + (row.live() ? "; live)" : ")");
    out += "\n";
    for (const std::string& line : wrap(text, kWidth - 2)) out += "# " + line + "\n";
    out += "# " + row.key + " = " + value_text(row) + "\n";
  }
}

std::string cell(std::string text) {
  for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) text.insert(at, "\\");
  return text;
}

void append_table(std::string& out, const std::vector<Row>& rows) {
  out += "\n| key | meaning | takes | default | environment | changes |\n|---|---|---|---|---|---|\n";
  for (const Row& row : rows) {
    const std::string standard = row.option.type.empty() ? "false" : row.option.default_text;
    out += "| `" + row.key + "` | " + cell(row.option.description) + " | " + cell(row.takes()) + " | " +
           (standard.empty() ? "" : "`" + cell(standard) + "`") + " | `" + row.option.environment + "` | " +
           (row.live() ? "live" : "restart") + " |\n";
  }
}

}  // namespace

std::string config_sample(const CLI::App& program) {
  std::string out(kSampleHead);
  append_rows(out, rows_of(program, false));
  out += "\n[serve]\n";
  append_rows(out, rows_of(*program.get_subcommand(std::string("serve")), true));
  return out;
}

std::string config_reference(const CLI::App& program) {
  std::string out(kReferenceHead);
  out += "\n## At the top of the file\n";
  append_table(out, rows_of(program, false));
  out += "\n## Under [serve]\n";
  append_table(out, rows_of(*program.get_subcommand(std::string("serve")), true));
  return out + "\n## The file that `pictor config init` writes\n\n```toml\n" + config_sample(program) + "```\n";
}

}  // namespace pictor
