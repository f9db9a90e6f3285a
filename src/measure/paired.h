// Whether one run is better than another on the same queries: differences query by query, never the two means alone.
//
// Smucker, Allan and Carterette, "A Comparison of Statistical Significance Tests for Information Retrieval Evaluation"
// (2007): the randomization test. Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).
#pragma once

#include <span>
#include <vector>

#include "measure/samples.h"

namespace pictor {

// The two-sided p-value of the hypothesis that the signs of the differences are chance. Exact where at most 16 are not
// 0, else from options.samples draws, as (1 + as extreme) / (1 + drawn).
double randomization_p(std::span<const double> differences, const SampleOptions& options);

// p-values of tests that are looked at together: each is right for "any of them is wrong" at its level.
std::vector<double> holm(std::span<const double> p);

}  // namespace pictor
