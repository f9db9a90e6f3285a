// The pictor program; src/cli has what it does, src/serve and src/mcp what `pictor serve` and
// `pictor mcp` start.
#include <iostream>

#include "cli/cli.h"

int main(int argc, char** argv) {
  pictor::RunOptions options;
  options.process_ends = true;
  options.start_server = pictor::Server::start;
  options.serve_mcp = pictor::serve_mcp;
  return pictor::run_cli(argc, argv, std::cout, std::cerr, options);
}
