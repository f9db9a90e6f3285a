// The pictor program; src/cli has what it does, src/serve what `pictor serve` starts.
#include <iostream>

#include "cli/cli.h"

int main(int argc, char** argv) {
  pictor::RunOptions options;
  options.process_ends = true;
  options.start_server = pictor::Server::start;
  return pictor::run_cli(argc, argv, std::cout, std::cerr, options);
}
