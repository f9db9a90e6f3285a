// The door of cli: the `pictor` program. It parses, calls the engine and prints; it decides nothing.
//
// Thread safety: run_cli is called once, from main. Standard output carries results (tables, or JSON with --json),
// standard error everything else. The exit status is the number of the Status code (pictor/status.h), 0 when all is
// well.
#pragma once

#include <functional>
#include <memory>
#include <ostream>

#include "base/base.h"
#include "pictor/mcp.h"
#include "pictor/server.h"

namespace pictor {

struct RunOptions {
  // With this run: loaded networks are left to the system (a tenth of the warm start of a large one).
  bool process_ends = false;
  // What `pictor serve` starts; null: this program cannot serve.
  std::function<Result<std::unique_ptr<Server>>(Env&, Engine&, const ServerOptions&)> start_server;
  // What `pictor mcp` does; null: this program cannot.
  std::function<Status(Engine&, std::istream&, std::ostream&, const McpOptions&)> serve_mcp;
};

// REQUIRES: `out` and `err` are std::cout and std::cerr, or streams of a test.
int run_cli(int argc, char** argv, std::ostream& out, std::ostream& err, const RunOptions& options = {});

}  // namespace pictor
