// The tree of an expression. Inside rank/ only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rank/boost.h"

namespace pictor {

enum class BoostOperation : std::uint8_t {
  kNumber,
  kText,
  kScore,
  kColumn,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kLess,
  kLessOrEqual,
  kEqual,
  kUnequal,
  kAnd,
  kOr,
  kNot,
  kMin,
  kMax,
  kLog,
  kAbs,
  kIf,
  kHas,
  kRecency,
};

struct BoostNode {
  BoostOperation operation = BoostOperation::kNumber;
  double number = 0;
  std::string text;  // of a text or a column
  std::vector<std::unique_ptr<const BoostNode>> of = {};
};

double boost_number(const BoostNode& node, const BoostRow& row);

}  // namespace pictor
