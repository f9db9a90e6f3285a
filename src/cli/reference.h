// What is written from the declarations of the command line: its reference page, its manual page and the scripts that
// complete it in a shell. The same declarations parse the arguments, so these cannot differ from the program.
#pragma once

#include <string>
#include <string_view>

#include "pictor/status.h"

namespace CLI {
class App;
}

namespace pictor {

std::string reference_text(const CLI::App& root);                         // for a terminal: the help of every command
std::string reference_markdown(const CLI::App& root);                     // docs/reference/cli.md
std::string manual_page(const CLI::App& root, std::string_view version);  // roff, section 1
// Shell: "bash", "zsh" or "fish".
Result<std::string> completion_script(const CLI::App& root, std::string_view shell);

}  // namespace pictor
