#include "engine/plan.h"

#include <array>
#include <charconv>

namespace pictor {

std::string recall_text(double recall) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), recall).ptr;
  return {digits.begin(), end};
}

std::string Plan::describe() const {
  const std::string how = recall < 1 ? "recall " + recall_text(recall) : "exact";
  const std::string over = kind == PlanKind::kAll ? " over all " : " over the filter's ";
  return how + over + std::to_string(candidates) + " rows of head '" + head + "', k = " + std::to_string(k);
}

}  // namespace pictor
