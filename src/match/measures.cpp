#include <algorithm>
#include <cmath>

#include "match/match.h"

namespace pictor {

double calibration_error(std::vector<JudgedPair> pairs, std::size_t bins) {
  if (pairs.empty() || bins == 0) return 0;
  std::ranges::stable_sort(pairs, {}, &JudgedPair::probability);
  const std::size_t count = std::min(bins, pairs.size());
  double error = 0;
  for (std::size_t bin = 0; bin < count; ++bin) {
    double told = 0, right = 0;
    for (std::size_t i = bin * pairs.size() / count; i < (bin + 1) * pairs.size() / count; ++i) {
      told += pairs[i].probability;
      right += pairs[i].right ? 1 : 0;
    }
    error += std::abs(told - right);
  }
  return error / static_cast<double>(pairs.size());
}

// By ranks (Mann and Whitney 1947): pairs of one probability share the mean of their ranks.
double auroc(std::vector<JudgedPair> pairs) {
  std::ranges::sort(pairs, {}, &JudgedPair::probability);
  double ranks = 0, right = 0;
  for (std::size_t begin = 0, end = 0; begin < pairs.size(); begin = end) {
    while (end < pairs.size() && pairs[end].probability == pairs[begin].probability) ++end;
    const double rank = (static_cast<double>(begin) + 1 + static_cast<double>(end)) / 2;
    for (std::size_t i = begin; i < end; ++i) {
      if (!pairs[i].right) continue;
      ranks += rank;
      right += 1;
    }
  }
  const double wrong = static_cast<double>(pairs.size()) - right;
  if (right == 0 || wrong == 0) return 0.5;
  return (ranks - right * (right + 1) / 2) / (right * wrong);
}

Refusals refusals_at(std::span<const JudgedPair> with_answer, std::span<const JudgedPair> without, double threshold) {
  const auto below = [threshold](const JudgedPair& pair) { return pair.probability < threshold; };
  const auto share = [](auto part, auto whole) {
    return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
  };
  const auto right = std::ranges::count_if(with_answer, &JudgedPair::right);
  const auto lost =
      std::ranges::count_if(with_answer, [&](const JudgedPair& pair) { return pair.right && below(pair); });
  return {share(std::ranges::count_if(without, below), std::ssize(without)), share(lost, right)};
}

double threshold_for_loss(std::span<const JudgedPair> with_answer, double lost_max) {
  std::vector<double> right;
  for (const auto& pair : with_answer) {
    if (pair.right) right.push_back(pair.probability);
  }
  if (right.empty()) return 0;
  std::ranges::sort(right);
  const auto lost = static_cast<std::size_t>(lost_max * static_cast<double>(right.size()));
  return right[std::min(lost, right.size() - 1)];
}

}  // namespace pictor
