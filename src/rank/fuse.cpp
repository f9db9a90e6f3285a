#include <algorithm>
#include <map>

#include "rank/rank.h"

namespace pictor {
namespace {

// Best first; equal ones by age.
std::vector<ScoredRow> sorted(const std::map<RowId, double>& sums) {
  std::vector<ScoredRow> rows;
  rows.reserve(sums.size());
  for (const auto& [row, score] : sums) rows.push_back({row, score, true});
  std::ranges::stable_sort(rows, [](const ScoredRow& a, const ScoredRow& b) { return a.score > b.score; });
  return rows;
}

}  // namespace

std::vector<ScoredRow> fuse_ranks(std::span<const WeightedRows> lists) {
  std::map<RowId, double> sums;
  for (const auto& list : lists) {
    double place = kReciprocalRankStart;
    for (const auto& row : list.rows) sums[row.row] += list.weight / ++place;
  }
  return sorted(sums);
}

std::vector<ScoredRow> fuse_scores(std::span<const WeightedRows> lists) {
  std::map<RowId, double> sums;
  for (const auto& list : lists) {
    for (const auto& row : list.rows) sums[row.row] += list.weight * row.score;
  }
  return sorted(sums);
}

}  // namespace pictor
