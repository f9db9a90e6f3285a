// Metrics of a ranking against judgements, as trec_eval computes them.
//
// Relevant is an item whose grade is `relevant` or more; what is not judged is not relevant and has gain 0. With n
// relevant items, r(i) = 1 where the item at rank i is relevant and k the cutoff (none: as far as the ranking goes):
//   recall@k     relevant among the first k / n           precision@k   relevant among the first k / k, however few
//   hit@k        1 where one of the first k is relevant   mAP(@k)       sum of r(i) * precision@i over i <= k / n
//   MRR(@k)      1 / rank of the first relevant one       judged@k      share of the first k returned that is judged
//   nDCG(@k)     sum of gain / log2(rank + 1) over the first k / the same of the best order of all judged items;
//                gain: the grade (linear: trec_eval's, the default) or 2^grade - 1 (nDCG-exp); below 0 it is 0
// A query without relevant items has 0 in all but judged@k.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "measure/judgements.h"
#include "measure/ranked_run.h"

namespace pictor {

enum class MeasureKind : std::uint8_t {
  kRecall,
  kPrecision,
  kHit,
  kAveragePrecision,
  kReciprocalRank,
  kNdcg,
  kNdcgExponential,
  kJudged,
};

struct Measure {
  MeasureKind kind = MeasureKind::kNdcg;
  std::size_t cutoff = 0;  // 0: none

  std::string name() const;  // "nDCG@10"
  friend bool operator==(const Measure&, const Measure&) = default;
};

// "R@10", "recall@10", "P@5", "hit@1", "success@1", "mAP", "map@100", "MRR", "RR@10", "nDCG@10", "nDCG-exp@10",
// "judged@10"; capital or small. Recall, precision, hit and judged need a cutoff.
Result<Measure> parse_measure(std::string_view name);
// Of a list with commas between; kInvalid also for one that is named twice.
Result<std::vector<Measure>> parse_measures(std::string_view names);
// nDCG@10, MRR@10, mAP, R@1, R@10, R@100, P@10, hit@1, judged@10.
std::vector<Measure> default_measures();

// REQUIRES: no item twice.
double measured(const Measure& measure, const Grades& grades, std::span<const RankedItem> ranking, int relevant);

}  // namespace pictor
