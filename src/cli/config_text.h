// What is written from the declarations of the command line about its configuration file: a commented sample of it, and
// docs/reference/config.md. The same declarations read the file, so these cannot differ from the program.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace pictor {

// Every value that a server has, behind '#': as it stands the file changes nothing.
std::string config_sample(const CLI::App& program);
std::string config_reference(const CLI::App& program);

}  // namespace pictor
