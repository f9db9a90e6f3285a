#include <algorithm>
#include <cmath>

#include "match/match.h"

namespace pictor {
namespace {

constexpr double kDeviationMin = 1e-6;
constexpr double kTailShare = 0.05;

// How one query scores with what it was not made for.
struct Background {
  double mean = 0, deviation = 1;
  double tail = 0;  // mean of the highest twentieth, of one score at least
};

Background background_of(std::vector<double> scores) {
  std::ranges::sort(scores, std::greater<>());
  const auto count = static_cast<double>(scores.size());
  Background out;
  double sum = 0, squares = 0, tail = 0;
  for (const double score : scores) sum += score;
  out.mean = sum / count;
  for (const double score : scores) squares += (score - out.mean) * (score - out.mean);
  out.deviation = std::max(kDeviationMin, std::sqrt(squares / count));
  const auto highest = std::max<std::size_t>(1, static_cast<std::size_t>(kTailShare * count));
  for (std::size_t i = 0; i < highest; ++i) tail += scores[i];
  out.tail = tail / static_cast<double>(highest);
  return out;
}

struct Usual {
  Background cosine, whitened;
};

Result<Usual> usual(const MatchCohort& cohort, const MatchCohort::View& query, std::span<const MatchHit> hits,
                    std::span<const std::uint64_t> named) {
  const auto likenesses = cohort.likenesses(query);
  std::vector<double> cosines, whitened;
  for (std::size_t i = 0; i < likenesses.size(); ++i) {
    const auto row = cohort.rows()[i];
    const bool is_hit = std::ranges::any_of(hits, [row](const MatchHit& hit) { return hit.row == row; });
    if (is_hit || std::ranges::find(named, row) != named.end()) continue;
    cosines.push_back(likenesses[i].cosine);
    whitened.push_back(likenesses[i].whitened);
  }
  if (cosines.empty()) return Status(Code::kInvalid, "the collection has too few items to tell what is usual in it");
  return Usual{background_of(std::move(cosines)), background_of(std::move(whitened))};
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

}  // namespace

Result<std::vector<MatchFeatures>> match_features(const MatchCohort& cohort, std::span<const float> query,
                                                  std::span<const MatchHit> hits,
                                                  std::span<const std::uint64_t> named) {
  if (hits.empty()) return std::vector<MatchFeatures>();
  const auto asked = cohort.view(query);
  const auto first = hits.first(std::min(hits.size(), kMatchFirstHits));
  PICTOR_ASSIGN(const auto background, usual(cohort, asked, first, named));
  std::vector<MatchCohort::Likeness> likenesses;
  for (const auto& hit : hits) {
    const auto seen = cohort.view(hit.vector);
    likenesses.push_back({cosine(asked.unit, seen.unit), cohort.likeness(asked, seen)});
  }
  double below = likenesses.front().whitened;
  for (std::size_t i = 0; i < first.size(); ++i) below = std::min(below, likenesses[i].whitened);
  std::vector<MatchFeatures> out;
  for (const auto& one : likenesses) {
    const auto above = [](double value, double from, double deviation) { return (value - from) / deviation; };
    out.push_back({one.cosine, above(one.cosine, background.cosine.mean, background.cosine.deviation),
                   above(one.cosine, background.cosine.tail, background.cosine.deviation), one.whitened,
                   above(one.whitened, background.whitened.mean, background.whitened.deviation),
                   above(one.whitened, background.whitened.tail, background.whitened.deviation), one.whitened - below});
  }
  return out;
}

}  // namespace pictor
