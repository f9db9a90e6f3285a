#include "index/graph_calibrate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "index/graph_nodes.h"
#include "index/graph_search.h"

namespace pictor {
namespace {

constexpr double kOneSided95 = 1.645;
constexpr double kGoodEnough = 0.9985;  // past it more candidates are not tried
constexpr std::array<std::uint16_t, 19> kEfs = {16,  20,  24,  32,  40,  48,  64,  80,  96,  128,
                                                160, 192, 256, 320, 384, 512, 640, 768, 1024};
// Wider: of a million rows, 1024 candidates found .92 of what texts are nearest to.
constexpr std::array<std::uint16_t, 9> kStrangeEfs = {64, 128, 256, 512, 1024, 2048, 4096, 6144, 8192};
constexpr double kScanned = 0.5;  // of the rows: a walk for strange queries that looks at more is as dear as a scan
// Those by codes that had no use are followed by some by vectors.
static_assert(kEfs.size() + 2 + kStrangeEfs.size() + 2 <= limits::kGraphStepsMax);
constexpr float kRising = 0.0005F;  // of recall from one step by codes to the one after the next, or it has stopped

constexpr double kMissedMin = 5;  // neighbours that a step missed, to count in a fit
constexpr std::ptrdiff_t kFittedSteps = 5;
constexpr double kCaution = 2;      // times what a fit says is missed
constexpr double kSteepest = -2.5;  // a steeper fall is not believed
constexpr double kExtendedMost = 0.9998;

// exp(intercept) * ef^slope.
struct PowerLaw {
  double slope = 0, intercept = 0;

  bool falls() const { return slope < -0.5; }
  double at(double ef) const { return std::exp(intercept + slope * std::log(ef)); }

  static PowerLaw fit(std::span<const std::pair<double, double>> points) {
    if (points.size() < 3) return {};
    double x = 0, y = 0, xx = 0, xy = 0;
    for (const auto& [at, value] : points) {
      x += at;
      y += value;
      xx += at * at;
      xy += at * value;
    }
    const auto n = static_cast<double>(points.size());
    const double slope = std::max(kSteepest, (n * xy - x * y) / (n * xx - x * x));
    return {slope, (y - slope * x) / n};
  }
};

class Calibration {
 public:
  Calibration(const GraphView& view, const VectorBlock& block, std::span<const DrawnQuery> drawn, GraphAsked asked,
              ThreadPool* pool)
      : view_(view),
        block_(block),
        drawn_(drawn),
        asked_(asked),
        efs_(asked == GraphAsked::kStrange ? std::span<const std::uint16_t>(kStrangeEfs) : kEfs),
        pool_(pool) {}

  GraphCalibration run() {
    GraphCalibration found;
    if (drawn_.empty()) return found;
    std::size_t first = 0;
    if (view_.planes) {
      first = climb(0, GraphRanking::kCodes, found.steps);
      found.distance_error = distance_error(found.steps.back().ef);
    }
    if (first < efs_.size()) climb(first, GraphRanking::kVectors, found.steps);
    extend(found.steps);
    return found;
  }

 private:
  // Appends steps from efs_[first] on. Where a search by vectors should begin, if these steps are not good enough.
  std::size_t climb(std::size_t first, GraphRanking ranking, std::vector<GraphStep>& steps) {
    float before = 0;
    for (std::size_t i = first; i < efs_.size(); ++i) {
      const GraphStep step = measure(efs_[i], ranking);
      steps.push_back(step);
      if (static_cast<double>(step.recall_low) >= kGoodEnough || efs_[i] >= view_.header.nodes) return efs_.size();
      if (asked_ == GraphAsked::kStrange && static_cast<double>(step.distances) > kScanned * view_.header.nodes)
        return efs_.size();
      // The errors of codes remain, however many candidates are put in order by them.
      if (ranking == GraphRanking::kCodes && i > first + 1 && step.recall_mean - before < kRising) return i - 1;
      if (i > first) before = steps[steps.size() - 2].recall_mean;
    }
    return efs_.size() - 1;
  }

  // What few queries cannot tell: how much the last steps miss, and steps past them. What is missed falls as a power of
  // ef, here as over the last steps that missed enough to say how fast; twice that is promised against.
  void extend(std::vector<GraphStep>& steps) const {
    const GraphStep last = steps.back();
    const PowerLaw missed = fit_missed(steps);
    if (static_cast<double>(last.recall_low) < kGoodEnough || !missed.falls()) return;
    // Rounded, so that no library's last bit of a logarithm is in the file.
    const auto rounded = [](double share) { return static_cast<float>(std::floor(share * 65536) / 65536); };
    const auto low = [&](double ef) { return rounded(std::min(kExtendedMost, 1.0 - kCaution * missed.at(ef))); };
    for (GraphStep& step : steps) {
      if (!told(step)) step.recall_low = std::min(step.recall_low, low(step.ef));
    }
    const float a_candidate = last.distances / static_cast<float>(last.ef);
    for (const std::uint16_t ef : efs_) {
      if (ef <= last.ef || ef >= view_.header.nodes) continue;
      steps.push_back({ef, GraphRanking::kVectors, asked_, low(ef), rounded(1.0 - missed.at(ef)),
                       a_candidate * static_cast<float>(ef)});
    }
  }

  // Did the drawn queries miss enough to say how much?
  bool told(const GraphStep& step) const {
    const double neighbours = static_cast<double>(drawn_.size()) * kCalibratedK;
    return (1.0 - static_cast<double>(step.recall_mean)) * neighbours >= kMissedMin;
  }

  PowerLaw fit_missed(std::span<const GraphStep> steps) const {
    std::vector<std::pair<double, double>> points;  // logarithms of ef and of the share that is missed
    for (const GraphStep& step : steps) {
      if (step.ranking != steps.back().ranking || !told(step)) continue;
      points.emplace_back(std::log(step.ef), std::log(1.0 - static_cast<double>(step.recall_mean)));
    }
    if (std::ssize(points) > kFittedSteps) points.erase(points.begin(), points.end() - kFittedSteps);
    return PowerLaw::fit(points);
  }

  // Of distances by codes, from those by vectors: the root mean square over what is answered.
  double distance_error(std::size_t ef) {
    std::vector<double> squares(drawn_.size(), 0.0);
    std::vector<std::size_t> counts(drawn_.size(), 0);
    for_each_index(pool_, drawn_.size(), [&](std::size_t i) {
      GraphScratchPool::Lease scratch(scratches_);
      GraphSearch search(view_, block_, drawn_[i].vector, *scratch);
      if (!search.start()) return;
      search.walk(ef);
      GraphSearch::Wanted wanted{kCalibratedK, GraphRanking::kCodes, true};
      const auto coded = search.take(wanted);
      wanted.coded_distances = false;
      for (const Neighbor& exact : search.take(wanted)) {
        const auto same =
            std::find_if(coded.begin(), coded.end(), [&](const Neighbor& n) { return n.row == exact.row; });
        if (same == coded.end()) continue;
        const double error = static_cast<double>(same->distance.value) - static_cast<double>(exact.distance.value);
        squares[i] += error * error;
        ++counts[i];
      }
    });
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < squares.size(); ++i) {
      sum += squares[i];
      count += counts[i];
    }
    const double error = count == 0 ? 0 : std::sqrt(sum / static_cast<double>(count));
    return std::isfinite(error) ? error : 0;
  }

  struct Found {
    double recall = 1;
    std::uint64_t distances = 0;
  };

  Found ask(const DrawnQuery& drawn, std::size_t ef, GraphRanking ranking) {
    GraphScratchPool::Lease scratch(scratches_);
    GraphSearch search(view_, block_, drawn.vector, *scratch);
    search.exclude(drawn.node);
    if (drawn.wanted == 0 || !search.start()) return {};
    search.walk(ef);
    std::size_t hits = 0;
    for (const Neighbor& neighbor : search.take({kCalibratedK, ranking})) {
      if (neighbor.distance <= drawn.worst) ++hits;
    }
    const std::size_t counted = std::min(hits, drawn.wanted);
    return {static_cast<double>(counted) / static_cast<double>(drawn.wanted), search.distances()};
  }

  GraphStep measure(std::uint16_t ef, GraphRanking ranking) {
    std::vector<Found> found(drawn_.size());
    for_each_index(pool_, drawn_.size(), [&](std::size_t i) { found[i] = ask(drawn_[i], ef, ranking); });
    double sum = 0;
    double squares = 0;
    double distances = 0;
    for (const Found& one : found) {
      sum += one.recall;
      squares += one.recall * one.recall;
      distances += static_cast<double>(one.distances);
    }
    const auto count = static_cast<double>(found.size());
    const double mean = sum / count;
    const double spread = std::sqrt(std::max(0.0, squares / count - mean * mean) / count);
    // What none of so few queries showed: the "rule of three" for a share that was never seen.
    const double unseen = 3.0 / (count * kCalibratedK);
    const double low = std::max(0.0, mean - kOneSided95 * spread - unseen);
    return {
        ef, ranking, asked_, static_cast<float>(low), static_cast<float>(mean), static_cast<float>(distances / count)};
  }

  const GraphView& view_;
  const VectorBlock& block_;
  std::span<const DrawnQuery> drawn_;
  GraphAsked asked_;
  std::span<const std::uint16_t> efs_;  // that are tried
  ThreadPool* pool_;
  GraphScratchPool scratches_;
};

}  // namespace

GraphCalibration calibrate_graph(const GraphView& view, const VectorBlock& block, const GraphQueries& queries,
                                 ThreadPool* pool) {
  GraphCalibration found = Calibration(view, block, queries.drawn, GraphAsked::kRows, pool).run();
  const GraphCalibration strange = Calibration(view, block, queries.strange, GraphAsked::kStrange, pool).run();
  found.steps.insert(found.steps.end(), strange.steps.begin(), strange.steps.end());
  return found;
}

GraphPlan plan_for(std::span<const GraphStep> steps, std::size_t k, double recall) {
  for (const GraphStep& step : steps) {
    if (!(static_cast<double>(step.recall_low) >= recall)) continue;
    const std::size_t scaled = (step.ef * std::max<std::size_t>(k, kCalibratedK) + kCalibratedK - 1) / kCalibratedK;
    return {std::max(scaled, k + k / 8 + 2), step.ranking};
  }
  return {};
}

double expected_distances(std::span<const GraphStep> steps, const GraphPlan& plan) {
  const GraphStep* nearest = nullptr;
  for (const GraphStep& step : steps) {
    if (step.ranking != plan.ranking) continue;
    nearest = &step;
    if (step.ef >= plan.ef) break;
  }
  if (nearest == nullptr || nearest->ef == 0) return 0;
  return static_cast<double>(nearest->distances) * static_cast<double>(plan.ef) / static_cast<double>(nearest->ef);
}

}  // namespace pictor
