// The distance that a sum of a kernel means. Inside index/ only: every index gives a row's distance the same bits.
#pragma once

#include "vector/vector.h"

namespace pictor {

inline Distance distance_of_sum(Metric metric, float sum, float inverse_norm_query, float inverse_norm_row) {
  if (metric == Metric::kCosine) return cosine_distance(sum, inverse_norm_query, inverse_norm_row);
  return {metric == Metric::kInnerProduct ? -sum : sum};
}

}  // namespace pictor
