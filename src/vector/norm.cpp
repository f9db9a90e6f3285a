#include <cmath>
#include <string>

#include "vector/vector.h"

namespace pictor {
namespace {

// In double nothing overflows and nothing is lost to underflow: the square of the largest float is 1.2e77, of the
// smallest 2e-90.
double norm(std::span<const float> v) {
  double sum = 0;
  for (const float x : v) sum += static_cast<double>(x) * static_cast<double>(x);
  return std::sqrt(sum);
}

}  // namespace

float inverse_norm(std::span<const float> v) {
  const double length = norm(v);
  if (length == 0) return 0;
  const auto inverse = static_cast<float>(1.0 / length);
  return std::isinf(inverse) ? 0.0F : inverse;
}

Status normalize_l2(std::span<float> v) {
  PICTOR_TRY(check_finite(v));
  const double length = norm(v);
  if (length == 0) {
    return {Code::kInvalid, "all " + std::to_string(v.size()) +
                                " numbers of the vector are 0: it has no direction and cannot be normalised"};
  }
  for (float& x : v) x = static_cast<float>(static_cast<double>(x) / length);
  return Status::ok();
}

Status check_finite(std::span<const float> v) {
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (std::isfinite(v[i])) continue;
    return {Code::kInvalid, "number " + std::to_string(i) + " of " + std::to_string(v.size()) + " (from 0) is " +
                                std::to_string(v[i]) + ": every number of a vector must be finite"};
  }
  return Status::ok();
}

}  // namespace pictor
