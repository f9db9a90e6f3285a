// Logistic regression whose weights are never below 0. Inside match/ only. Thread safety: pure functions.
#pragma once

#include <span>
#include <vector>

#include "match/match.h"

namespace pictor {

// The log of the odds that a pair is right: bias + weights . features.
struct Logistic {
  MatchFeatures weights{};
  double bias = 0;
  double grade(const MatchFeatures& features) const;
};

double probability_of_grade(double grade);

// Features are scaled to mean 0 and deviation 1, `ridge` is what a squared weight costs, as much as so many pairs.
// Targets are Platt's (1999): (n+1)/(n+2) of n right pairs, 1/(n+2) of n wrong ones, so that no weight grows without
// end where the pairs can be told apart. Each weight in turn is moved by a step that a bound on the curvature makes
// safe (Boehning and Lindsay 1988) until none moves: the same numbers for the same pairs in the same order.
Logistic fit_logistic(std::span<const MatchExample> examples, double ridge);

}  // namespace pictor
