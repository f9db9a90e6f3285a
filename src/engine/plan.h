// What a search will do, decided before it is done: pure, and printable for explain.
#pragma once

#include <cstdint>
#include <string>

#include "pictor/types.h"

namespace pictor {

enum class PlanKind : std::uint8_t {
  kExact,        // every row alive
  kFilterFirst,  // the rows that pass the filter, exactly
};

struct Plan {
  PlanKind kind = PlanKind::kExact;
  SpaceId space;
  std::string head;
  Metric metric = Metric::kCosine;
  std::size_t k = 0;
  std::uint64_t candidates = 0;  // rows that may be returned

  std::string describe() const;
};

}  // namespace pictor
