#include "engine/plan.h"

namespace pictor {

std::string Plan::describe() const {
  const std::string rows = std::to_string(candidates) + " rows";
  const std::string what = kind == PlanKind::kExact ? "exact over all " + rows : "filter first, exact over " + rows;
  return what + " of head '" + head + "', k = " + std::to_string(k);
}

}  // namespace pictor
