#include "match/match.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "match/isotonic.h"
#include "match/logistic.h"

namespace pictor {
namespace {

constexpr double kRidge = 1.0;
constexpr std::size_t kFolds = 5;
// Fewer pairs and the isotonic step learns their noise (Niculescu-Mizil and Caruana 2005).
constexpr std::size_t kIsotonicPairsMin = 1000;
constexpr std::size_t kStepsMax = 10;  // that fit into a short text
constexpr std::size_t kStepPairsMin = 20;
constexpr std::string_view kVersion = "1";

// The grade of each pair by a regression that saw no pair of its query: what new queries will look like to it.
std::vector<GradedPair> grades_of_others(std::span<const MatchExample> examples) {
  std::vector<GradedPair> out;
  for (std::size_t fold = 0; fold < kFolds; ++fold) {
    std::vector<MatchExample> seen;
    std::ranges::copy_if(examples, std::back_inserter(seen),
                         [&](const MatchExample& one) { return one.query % kFolds != fold; });
    if (seen.empty()) continue;
    const Logistic part = fit_logistic(seen, kRidge);
    for (const auto& one : examples) {
      if (one.query % kFolds == fold) out.push_back({part.grade(one.features), one.right});
    }
  }
  return out;
}

// Joins the two neighbours that together have the fewest pairs until there are few blocks, each of some pairs.
void join_small(std::vector<IsotonicBlock>& blocks) {
  const auto too_small = [](const IsotonicBlock& block) { return block.pairs < kStepPairsMin; };
  while (blocks.size() > 2 && (blocks.size() > kStepsMax || std::ranges::any_of(blocks, too_small))) {
    std::size_t at = 0;
    for (std::size_t i = 1; i + 1 < blocks.size(); ++i) {
      if (blocks[i].pairs + blocks[i + 1].pairs < blocks[at].pairs + blocks[at + 1].pairs) at = i;
    }
    auto& into = blocks[at];
    const auto& next = blocks[at + 1];
    into.right = (into.right * into.pairs + next.right * next.pairs) / (into.pairs + next.pairs);
    into.pairs += next.pairs;
    into.most = next.most;
    blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

// A step stands in the middle of its block, and between steps it is a line: no two grades apart are told alike for
// falling into one block. No probability is 0 or 1: a block of n pairs cannot know that (Laplace's rule).
std::vector<MatchStep> steps_of(std::vector<GradedPair> pairs) {
  auto blocks = isotonic_blocks(std::move(pairs));
  join_small(blocks);
  std::vector<MatchStep> steps;
  for (const auto& block : blocks) {
    const double probability = (block.right * block.pairs + 1) / (block.pairs + 2);
    const double before = steps.empty() ? 0 : steps.back().probability;
    steps.push_back({(block.least + block.most) / 2, std::max(before, probability)});
  }
  return steps;
}

std::string number_text(double number, int digits) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, number, std::chars_format::general, digits);
  return {text, end.ptr};
}

std::optional<std::vector<double>> numbers_of(std::string_view text) {
  std::vector<double> out;
  while (!text.empty()) {
    const auto space = text.find(' ');
    const auto word = text.substr(0, space);
    double number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(number)) return std::nullopt;
    out.push_back(number);
    text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  }
  return out;
}

bool rise(const std::vector<MatchStep>& steps) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!(steps[i].probability >= 0 && steps[i].probability <= 1)) return false;
    if (i == 0) continue;
    if (steps[i].grade <= steps[i - 1].grade || steps[i].probability < steps[i - 1].probability) return false;
  }
  return true;
}

}  // namespace

double MatchModel::probability(const MatchFeatures& features) const {
  const double grade = Logistic{weights_, bias_}.grade(features);
  if (steps_.empty()) return probability_of_grade(grade);
  const auto above = std::ranges::upper_bound(steps_, grade, {}, &MatchStep::grade);
  if (above == steps_.begin()) return steps_.front().probability;
  if (above == steps_.end()) return steps_.back().probability;
  const auto& from = *(above - 1);
  const double share = (grade - from.grade) / (above->grade - from.grade);
  return from.probability + share * (above->probability - from.probability);
}

std::string MatchModel::weights_text() const {
  std::string text(kVersion);
  for (const double weight : weights_) text += " " + number_text(weight, 9);
  return text + " " + number_text(bias_, 9);
}

std::string MatchModel::steps_text() const {
  std::string text;
  for (const auto& step : steps_) {
    text += (text.empty() ? "" : " ") + number_text(step.grade, 7) + " " + number_text(step.probability, 5);
  }
  return text.empty() ? "-" : text;
}

Result<MatchModel> read_match_model(std::string_view weights, std::string_view steps) {
  const auto numbers = numbers_of(weights);
  const auto places = steps == "-" ? std::vector<double>() : numbers_of(steps);
  const Status unreadable(Code::kUnreadable,
                          "a calibration is not readable, or of another version of Pictor: run "
                          "`pictor calibrate` again");
  if (!numbers || !places || numbers->size() != kMatchFeatures + 2 || places->size() % 2 != 0) return unreadable;
  if (weights.substr(0, weights.find(' ')) != kVersion) return unreadable;
  MatchFeatures read{};
  std::copy_n(numbers->begin() + 1, kMatchFeatures, read.begin());
  std::vector<MatchStep> made;
  for (std::size_t i = 0; i < places->size(); i += 2) made.push_back({(*places)[i], (*places)[i + 1]});
  if (!rise(made) || std::ranges::any_of(read, [](double weight) { return weight < 0; })) return unreadable;
  return MatchModel(read, numbers->back(), std::move(made));
}

Result<MatchModel> fit_match(std::span<const MatchExample> examples) {
  const auto right = static_cast<std::size_t>(std::ranges::count_if(examples, &MatchExample::right));
  if (right < limits::kMatchPairsMin || examples.size() - right < limits::kMatchPairsMin) {
    return Status(Code::kInvalid, std::to_string(right) + " right and " + std::to_string(examples.size() - right) +
                                      " wrong pairs are there to learn from, it takes " +
                                      std::to_string(limits::kMatchPairsMin) + " of each");
  }
  const Logistic whole = fit_logistic(examples, kRidge);
  std::vector<MatchStep> steps;
  if (examples.size() >= kIsotonicPairsMin) steps = steps_of(grades_of_others(examples));
  return MatchModel(whole.weights, whole.bias, std::move(steps));
}

}  // namespace pictor
