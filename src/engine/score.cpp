#include "engine/score.h"

#include <cmath>

namespace pictor {

Score score_of(Distance distance, Metric metric) {
  switch (metric) {
    case Metric::kCosine: return {1.0F - distance.value};
    case Metric::kInnerProduct: return {-distance.value};
    case Metric::kL2: return {1.0F / (1.0F + std::sqrt(distance.value))};
  }
  return {0.0F};
}

}  // namespace pictor
