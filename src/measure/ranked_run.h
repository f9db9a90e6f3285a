// What a search answered: items with scores, best first, for each query.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "measure/lines.h"

namespace pictor {

struct RankedItem {
  std::string item;
  float score = 0;
};

// Items of a query are in the order of their scores, the largest first; equal scores in the order of their bytes, the
// last first. Both are trec_eval's: ranks that a file states are not looked at, and scores are rounded to 32 bits.
struct RankedRun {
  std::string tag;  // the last field of a run file's first line
  std::map<std::string, std::vector<RankedItem>, std::less<>> queries;

  void sort();
};

struct ReadRun {
  RankedRun run;  // sorted
  TextFaults faults;
};

// Lines of `QUERY Q0 ITEM RANK SCORE TAG`. An item that a query has twice is a fault.
ReadRun read_run(std::string_view text);

// REQUIRES: the run is sorted. Scores read back as the same 32 bits; a query without items has no line.
std::string write_run(const RankedRun& run);

}  // namespace pictor
