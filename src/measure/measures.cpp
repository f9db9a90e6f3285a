#include "measure/measures.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace pictor {
namespace {

struct MeasureName {
  std::string_view name;  // how it is written
  MeasureKind kind;
  bool needs_cutoff;
};

// The first of a kind is what it is called.
constexpr MeasureName kNames[] = {
    {"R", MeasureKind::kRecall, true},
    {"recall", MeasureKind::kRecall, true},
    {"P", MeasureKind::kPrecision, true},
    {"precision", MeasureKind::kPrecision, true},
    {"hit", MeasureKind::kHit, true},
    {"success", MeasureKind::kHit, true},
    {"mAP", MeasureKind::kAveragePrecision, false},
    {"AP", MeasureKind::kAveragePrecision, false},
    {"MRR", MeasureKind::kReciprocalRank, false},
    {"RR", MeasureKind::kReciprocalRank, false},
    {"nDCG", MeasureKind::kNdcg, false},
    {"nDCG-exp", MeasureKind::kNdcgExponential, false},
    {"judged", MeasureKind::kJudged, true},
};

double gain_of(int grade, bool exponential) {
  if (grade <= 0) return 0;
  return exponential ? std::exp2(grade) - 1 : grade;
}

double discount(std::size_t rank) { return std::log2(static_cast<double>(rank) + 1); }

// What is looked up once for each rank.
struct Rank {
  bool judged = false;
  int grade = 0;
};

std::vector<Rank> looked_up(const Grades& grades, std::span<const RankedItem> ranking) {
  std::vector<Rank> ranks;
  ranks.reserve(ranking.size());
  for (const RankedItem& one : ranking) {
    const auto found = grades.find(one.item);
    ranks.push_back(found == grades.end() ? Rank() : Rank{true, found->second});
  }
  return ranks;
}

double ndcg(const Grades& grades, std::span<const Rank> ranks, std::size_t cutoff, bool exponential) {
  std::vector<double> best;
  for (const auto& [item, grade] : grades) {
    if (grade > 0) best.push_back(gain_of(grade, exponential));
  }
  std::sort(best.begin(), best.end(), std::greater<>());
  if (cutoff > 0 && best.size() > cutoff) best.resize(cutoff);
  double ideal = 0, got = 0;
  for (std::size_t i = 0; i < best.size(); ++i) ideal += best[i] / discount(i + 1);
  for (std::size_t i = 0; i < ranks.size(); ++i) got += gain_of(ranks[i].grade, exponential) / discount(i + 1);
  return ideal > 0 ? got / ideal : 0;
}

double average_precision(std::span<const Rank> ranks, int relevant) {
  double sum = 0, found = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (!ranks[i].judged || ranks[i].grade < relevant) continue;
    sum += ++found / static_cast<double>(i + 1);
  }
  return sum;
}

}  // namespace

std::string Measure::name() const {
  const auto* found =
      std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& one) { return one.kind == kind; });
  return std::string(found->name) + (cutoff > 0 ? "@" + std::to_string(cutoff) : "");
}

Result<Measure> parse_measure(std::string_view name) {
  const std::size_t at = name.find('@');
  const std::string word = lower_of(name.substr(0, at));
  const auto* found = std::find_if(std::begin(kNames), std::end(kNames),
                                   [&](const MeasureName& one) { return lower_of(one.name) == word; });
  if (found == std::end(kNames)) {
    return Status(Code::kInvalid, "metric " + shown(name) +
                                      " is not known; there are R@K, P@K, hit@K, mAP, mAP@K, MRR, MRR@K, nDCG, nDCG@K, "
                                      "nDCG-exp@K and judged@K");
  }
  Measure measure{found->kind, 0};
  if (at == std::string_view::npos) {
    if (!found->needs_cutoff) return measure;
    return Status(Code::kInvalid, "metric " + shown(name) + " needs a cutoff, as " + std::string(found->name) + "@10");
  }
  const std::string_view number = name.substr(at + 1);
  const auto read = std::from_chars(number.data(), number.data() + number.size(), measure.cutoff);
  const bool whole = read.ec == std::errc() && read.ptr == number.data() + number.size();
  if (!whole || measure.cutoff == 0 || measure.cutoff > limits::kMeasureCutoffMax) {
    return Status(Code::kInvalid, "metric " + shown(name) + ": the cutoff is " + shown(number) +
                                      ", wanted a whole number from 1 to " + std::to_string(limits::kMeasureCutoffMax));
  }
  return measure;
}

Result<std::vector<Measure>> parse_measures(std::string_view names) {
  std::vector<Measure> measures;
  for (std::size_t at = 0; at <= names.size();) {
    const std::size_t end = std::min(names.find(',', at), names.size());
    PICTOR_ASSIGN(const Measure measure, parse_measure(names.substr(at, end - at)));
    if (std::find(measures.begin(), measures.end(), measure) != measures.end()) {
      return Status(Code::kInvalid, "metric '" + measure.name() + "' is named twice");
    }
    measures.push_back(measure);
    if (measures.size() > limits::kMeasuresMax) {
      return Status(Code::kLimit, "there are more than " + std::to_string(limits::kMeasuresMax) + " metrics");
    }
    at = end + 1;
  }
  return measures;
}

std::vector<Measure> default_measures() {
  return {{MeasureKind::kNdcg, 10},
          {MeasureKind::kReciprocalRank, 10},
          {MeasureKind::kAveragePrecision, 0},
          {MeasureKind::kRecall, 1},
          {MeasureKind::kRecall, 10},
          {MeasureKind::kRecall, 100},
          {MeasureKind::kPrecision, 10},
          {MeasureKind::kHit, 1},
          {MeasureKind::kJudged, 10}};
}

double measured(const Measure& measure, const Grades& grades, std::span<const RankedItem> ranking, int relevant) {
  const std::size_t depth = measure.cutoff == 0 ? ranking.size() : std::min(measure.cutoff, ranking.size());
  const std::vector<Rank> ranks = looked_up(grades, ranking.first(depth));
  const auto is_relevant = [&](const Rank& rank) { return rank.judged && rank.grade >= relevant; };
  const auto found = static_cast<double>(std::count_if(ranks.begin(), ranks.end(), is_relevant));
  const auto wanted = static_cast<double>(
      std::count_if(grades.begin(), grades.end(), [&](const auto& one) { return one.second >= relevant; }));
  switch (measure.kind) {
    case MeasureKind::kRecall: return wanted > 0 ? found / wanted : 0;
    case MeasureKind::kPrecision: return found / static_cast<double>(measure.cutoff);
    case MeasureKind::kHit: return found > 0 ? 1 : 0;
    case MeasureKind::kAveragePrecision: return wanted > 0 ? average_precision(ranks, relevant) / wanted : 0;
    case MeasureKind::kReciprocalRank: {
      const auto first = std::find_if(ranks.begin(), ranks.end(), is_relevant);
      return first == ranks.end() ? 0 : 1 / static_cast<double>(first - ranks.begin() + 1);
    }
    case MeasureKind::kNdcg: return ndcg(grades, ranks, measure.cutoff, false);
    case MeasureKind::kNdcgExponential: return ndcg(grades, ranks, measure.cutoff, true);
    case MeasureKind::kJudged: {
      const auto judged = std::count_if(ranks.begin(), ranks.end(), [](const Rank& rank) { return rank.judged; });
      return ranks.empty() ? 0 : static_cast<double>(judged) / static_cast<double>(ranks.size());
    }
  }
  return 0;
}

}  // namespace pictor
