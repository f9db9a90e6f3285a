// The pictor program; src/cli has what it does.
#include <iostream>

#include "cli/cli.h"

int main(int argc, char** argv) { return pictor::run_cli(argc, argv, std::cout, std::cerr, true); }
