#include "match/logistic.h"

#include <algorithm>
#include <cmath>

namespace pictor {
namespace {

constexpr int kSweepsMax = 2000;
constexpr double kStepMin = 1e-7;       // in units of the log of odds, for a feature one deviation off
constexpr double kDeviationMin = 1e-9;  // a feature that is always the same says nothing

struct Scale {
  double mean = 0, deviation = 1;
};

Scale scale_of(std::span<const MatchExample> examples, std::size_t feature) {
  const auto count = static_cast<double>(examples.size());
  double sum = 0, squares = 0;
  for (const auto& one : examples) sum += one.features[feature];
  const double mean = sum / count;
  for (const auto& one : examples) squares += (one.features[feature] - mean) * (one.features[feature] - mean);
  return {mean, std::sqrt(squares / count)};
}

// One weight against the rest: `column` holds its scaled feature of every example.
double step_of(std::span<const double> column, std::span<const double> grades, std::span<const double> targets,
               double weight, double ridge) {
  double slope = -ridge * weight, curvature = ridge;
  for (std::size_t i = 0; i < column.size(); ++i) {
    slope += column[i] * (targets[i] - probability_of_grade(grades[i]));
    curvature += 0.25 * column[i] * column[i];
  }
  return curvature > 0 ? slope / curvature : 0;
}

std::vector<double> targets_of(std::span<const MatchExample> examples) {
  const auto right = static_cast<double>(std::ranges::count_if(examples, &MatchExample::right));
  const double wrong = static_cast<double>(examples.size()) - right;
  std::vector<double> targets;
  for (const auto& one : examples) targets.push_back(one.right ? (right + 1) / (right + 2) : 1 / (wrong + 2));
  return targets;
}

}  // namespace

double probability_of_grade(double grade) { return 1 / (1 + std::exp(-grade)); }

double Logistic::grade(const MatchFeatures& features) const {
  double sum = bias;
  for (std::size_t i = 0; i < weights.size(); ++i) sum += weights[i] * features[i];
  return sum;
}

Logistic fit_logistic(std::span<const MatchExample> examples, double ridge) {
  constexpr std::size_t kColumns = kMatchFeatures + 1;  // the last is the bias
  std::array<Scale, kColumns> scales;
  std::array<std::vector<double>, kColumns> columns;
  for (std::size_t j = 0; j < kColumns; ++j) {
    columns[j].assign(examples.size(), 1);
    if (j == kMatchFeatures) break;
    scales[j] = scale_of(examples, j);
    const bool is_constant = scales[j].deviation < kDeviationMin;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      columns[j][i] = is_constant ? 0 : (examples[i].features[j] - scales[j].mean) / scales[j].deviation;
    }
    if (is_constant) scales[j].deviation = 1;
  }
  const auto targets = targets_of(examples);
  std::array<double, kColumns> weights{};
  std::vector<double> grades(examples.size());
  for (int sweep = 0; sweep < kSweepsMax; ++sweep) {
    double moved = 0;
    for (std::size_t j = 0; j < kColumns; ++j) {
      const bool is_bias = j == kMatchFeatures;
      const double step = step_of(columns[j], grades, targets, weights[j], is_bias ? 0 : ridge);
      const double next = is_bias ? weights[j] + step : std::max(0.0, weights[j] + step);
      const double change = next - weights[j];
      for (std::size_t i = 0; i < grades.size(); ++i) grades[i] += change * columns[j][i];
      weights[j] = next;
      moved = std::max(moved, std::abs(change));
    }
    if (moved < kStepMin) break;
  }
  Logistic out;
  out.bias = weights[kMatchFeatures];
  for (std::size_t j = 0; j < kMatchFeatures; ++j) {
    out.weights[j] = weights[j] / scales[j].deviation;
    out.bias -= out.weights[j] * scales[j].mean;
  }
  return out;
}

}  // namespace pictor
