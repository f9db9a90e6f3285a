// The door of cli: the `pictor` program. It parses, calls the engine and prints; it decides nothing.
//
// Thread safety: run_cli is called once, from main. Standard output carries results (tables, or JSON with --json),
// standard error everything else. The exit status is the number of the Status code (pictor/status.h), 0 when all is
// well.
#pragma once

#include <ostream>

namespace pictor {

// REQUIRES: `out` and `err` are std::cout and std::cerr, or streams of a test. `process_ends`: with this call, so that
// loaded networks are left to the system (a tenth of the warm start of a large one).
int run_cli(int argc, char** argv, std::ostream& out, std::ostream& err, bool process_ends = false);

}  // namespace pictor
