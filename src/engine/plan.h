// What a search will do, decided before it is done: pure, and printable for explain.
#pragma once

#include <cstdint>
#include <string>

#include "pictor/types.h"

namespace pictor {

enum class PlanKind : std::uint8_t {
  kAll,          // every row alive
  kFilterFirst,  // the rows that pass the filter
};

struct Plan {
  PlanKind kind = PlanKind::kAll;
  SpaceId space;
  std::string head;
  Metric metric = Metric::kCosine;
  std::size_t k = 0;
  std::uint64_t candidates = 0;  // rows that may be returned
  double recall = 1;             // wanted; below 1: graphs are walked where there are any that promise it

  std::string describe() const;
};

// As it was given: "0.98".
std::string recall_text(double recall);

}  // namespace pictor
