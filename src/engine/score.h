// The one place where a Distance becomes a Score.
#pragma once

#include "pictor/types.h"

namespace pictor {

// Cosine: the cosine, in -1..1. Inner product: the product. L2: 1 / (1 + distance), in 0..1. Larger is better.
Score score_of(Distance distance, Metric metric);

}  // namespace pictor
