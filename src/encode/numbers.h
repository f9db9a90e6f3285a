// The arithmetic between a network's output and a vector: in double, in index order, without libm, so that the same
// numbers give the same bits on every machine.
#pragma once

#include <span>
#include <vector>

namespace pictor {

// e^x for x <= 0, within 1e-15 of the truth; 0 below -700. libm's own differs between machines with and without FMA.
double exp_of_negative(double x);

// Scores become their softmax. REQUIRES: scores is not empty.
void softmax(std::span<double> scores);

// sum over c of weights[c] * matrix[c * dim + d].
void weighted_sum(std::span<const double> weights, std::span<const float> matrix, std::vector<double>& sum);

// Mean of the first `count` rows of `dim` numbers each.
void mean_of_rows(std::span<const float> rows, std::size_t count, std::vector<double>& mean);

// |numbers|: infinite, or not a number, where they are.
double length_of(std::span<const double> numbers);

// Writes numbers / |numbers|, each rounded once. False when the length is zero or not finite.
bool normalise(std::span<const double> numbers, std::span<float> out);

}  // namespace pictor
