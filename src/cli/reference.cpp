#include "cli/reference.h"

#include <CLI/CLI.hpp>
#include <array>

#include "cli/help.h"
#include "cli/text.h"
#include "pictor/status.h"

namespace pictor {
namespace {

constexpr std::string_view kFiles = R"(Where things are:
the data folder holds the collections (--data), the models folder the encoder cards (--models), the weights folder their
weights (--weights). What is not given as an option is taken from the environment, then from the configuration file, then
from the default.)";

struct ExitRow {
  Code code;
  const char* meaning;
};
constexpr std::array<ExitRow, 14> kExits = {{{Code::kOk, "all is well"},
                                             {Code::kInvalid, "an argument, a file or a query is wrong"},
                                             {Code::kNotFound, "the thing named does not exist"},
                                             {Code::kExists, "the thing named exists already"},
                                             {Code::kMismatch, "does not fit this collection, encoder or data folder"},
                                             {Code::kUnreadable, "an input cannot be read as what it should be"},
                                             {Code::kLimit, "a limit would be passed"},
                                             {Code::kBusy, "another process holds it: try again"},
                                             {Code::kCancelled, "stopped by Ctrl-C, a deadline or a no"},
                                             {Code::kDenied, "the system refuses access"},
                                             {Code::kIo, "the disk or the network failed"},
                                             {Code::kCorrupt, "stored bytes are damaged: run pictor verify"},
                                             {Code::kUnsupported, "this build or this machine cannot do it"},
                                             {Code::kInternal, "a bug in Pictor"}}};

std::string code_span(const std::string& text) { return "`" + text + "`"; }

// A '|' inside a table cell, even in code, must be escaped.
std::string cell(std::string text) {
  for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) text.insert(at, "\\");
  return text;
}

std::string markdown_options(const std::vector<OptionView>& options) {
  std::string out = "| option | meaning |\n|---|---|\n";
  for (const OptionView& option : options) {
    const std::string label = option.positional ? option.type + (option.many ? " ..." : "") : option.label();
    out += "| " + cell(code_span(label)) + " | " + cell(option.text()) + " |\n";
  }
  return out;
}

std::string markdown_command(const CommandView& command, const std::string& level) {
  std::string out =
      "\n" + level + " " + command.path + "\n\n" + command.description + ".\n\n```\n" + command.usage + "\n```\n\n";
  if (!command.commands.empty()) out += "| action | meaning |\n|---|---|\n";
  for (const CommandView& action : command.commands) {
    out += "| " + cell(code_span(action.name)) + " | " + cell(action.description) + " |\n";
  }
  if (!command.commands.empty()) out += "\n";
  out += markdown_options(command.options) + "\n```sh\n";
  for (const std::string& example : command.examples) out += example + "\n";
  out += "```\n";
  for (const CommandView& action : command.commands) out += markdown_command(action, level + "#");
  return out;
}

// Roff: a backslash and a leading dot or quote mean something; a '-' is a hyphen unless escaped.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out.starts_with(".") || out.starts_with("'") ? "\\&" + out : out;
}

std::string roff_options(const std::vector<OptionView>& options) {
  std::string out;
  for (const OptionView& option : options) {
    const std::string label = option.positional ? option.type + (option.many ? " ..." : "") : option.label();
    out += ".TP\n.B " + roff(label) + "\n" + roff(option.text()) + "\n";
  }
  return out;
}

}  // namespace

std::string reference_text(const CLI::App& root) {
  const CommandView top = view_of(root);
  std::string out = help_text(top);
  for (const CommandView& command : commands_below(top)) {
    out += "\n" + std::string(80, '=') + "\n" + command.path + "\n\n" + help_text(command);
  }
  out += "\nExit status:\n";
  for (const ExitRow& row : kExits)
    out += pad_left(std::to_string(static_cast<int>(row.code)), 4) + "  " + row.meaning + "\n";
  return out;
}

std::string reference_markdown(const CLI::App& root) {
  const CommandView top = view_of(root);
  std::string out =
      "# The command line\n\n<!-- Written by `pictor help-all --format markdown`; a test compares. -->\n\n" +
      top.description + "\n\n" + std::string(kFiles) + "\n\n## Global options\n\n" +
      "They may stand before or after the command.\n\n" + markdown_options(top.options) +
      "\nThe configuration file is TOML: global options at the top, options of a command under its "
      "name:\n[config.md](config.md).\n\n"
      "```toml\ndata = \"/srv/pictor\"\n\n[index]\nkeep = \"thumbnail\"\n\n[search]\ncollection = \"shop\"\n\n"
      "[encoder.pull]\nendpoint = \"https://hub.example.org\"\n```\n";
  for (const CommandView& command : top.commands) out += markdown_command(command, "##");
  out += "\n## Exit status\n\n| status | name | meaning |\n|---|---|---|\n";
  for (const ExitRow& row : kExits) {
    out += "| " + std::to_string(static_cast<int>(row.code)) + " | " + std::string(code_name(row.code)) + " | " +
           row.meaning + " |\n";
  }
  return out +
         "\nAn error is one line on standard error, `pictor: WHAT`, and often a second one, `try: COMMAND`. With "
         "`--json`\n"
         "it is also an object on standard output: [json.md](json.md).\n";
}

std::string manual_page(const CLI::App& root, std::string_view version) {
  const CommandView top = view_of(root);
  std::string out = ".TH PICTOR 1 \"\" \"pictor " + roff(version) + "\" \"User Commands\"\n.SH NAME\npictor \\- " +
                    roff(top.description) + "\n.SH SYNOPSIS\n.B " + roff(top.usage) + "\n.SH DESCRIPTION\n" +
                    roff(kFiles) + "\n.SH GLOBAL OPTIONS\n" + roff_options(top.options) + ".SH COMMANDS\n";
  for (const CommandView& command : commands_below(top)) {
    out += ".SS " + roff(command.usage) + "\n" + roff(command.description) + ".\n" + roff_options(command.options);
    out += ".PP\nExamples:\n.PP\n.nf\n.RS\n";
    for (const std::string& example : command.examples) out += roff(example) + "\n";
    out += ".RE\n.fi\n";
  }
  out += ".SH EXIT STATUS\n";
  for (const ExitRow& row : kExits) {
    out += ".TP\n.B " + std::to_string(static_cast<int>(row.code)) + "\n" + roff(row.meaning) + "\n";
  }
  return out;
}

}  // namespace pictor
