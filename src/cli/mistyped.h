// What is said of a command line that does not parse: the word that nobody knows, what was probably meant, what is
// missing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pictor/status.h"

namespace CLI {
class App;
class Error;
}  // namespace CLI

namespace pictor {

// The command that was named last: 'add' of `pictor encoder add`; the program when none was.
const CLI::App& named_last(const CLI::App& program);
// REQUIRES: `error` is what program.parse threw.
Status mistyped(const CLI::App& program, const CLI::Error& error);
// "; did you mean 'search'?", or nothing when none of the known words is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace pictor
