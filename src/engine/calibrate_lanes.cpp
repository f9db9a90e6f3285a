#include "engine/calibrate_lanes.h"

#include <algorithm>
#include <set>

namespace pictor {
namespace {

constexpr std::size_t kAsked = 60;      // enough that ten are left when near duplicates are taken away
constexpr std::size_t kHitsLearnt = 3;  // of each query: people look at more than the first
constexpr std::uint32_t kHeldOutOneOf = 3;
constexpr std::size_t kBins = 10;
constexpr double kLossAtThreshold = 0.04;

bool held_out(std::uint32_t number) { return number % kHeldOutOneOf == 0; }

}  // namespace

Result<std::vector<Item>> CalibrationLane::nearest(std::span<const float> vector) const {
  BackendQuery query;
  query.space = space_.id;
  query.vector = vector;
  query.metric = space_.metric;
  query.k = kAsked;
  PICTOR_ASSIGN(const auto found, backend_.search(snapshot_, query));
  std::vector<RowId> rows;
  for (const auto& neighbor : found.neighbors) rows.push_back(neighbor.row);
  return snapshot_.items(rows, true);
}

Status CalibrationLane::record(const AskedQuery& asked, std::vector<Item> items, std::span<const std::uint64_t> removed,
                               const IsRight& is_right) {
  if (items.size() > kMatchFirstHits) items.resize(kMatchFirstHits);
  std::vector<MatchHit> hits;
  hits.reserve(items.size());
  for (const auto& item : items) hits.push_back({item.row, item.data.vectors[position_]});
  if (hits.empty()) return Status::ok();
  PICTOR_ASSIGN(const auto features, match_features(cohort_, asked.vector, hits, removed));
  const auto right = [&](std::size_t i) { return is_right != nullptr && is_right(items[i]); };
  auto& into = held_out(asked.number) ? held_out_ : fitted_;
  for (std::size_t i = 0; i < std::min(hits.size(), kHitsLearnt); ++i) {
    into.push_back({features[i], right(i), asked.number / kHeldOutOneOf});
  }
  best_.push_back({features[0], right(0), is_right != nullptr, held_out(asked.number)});
  return Status::ok();
}

Status CalibrationLane::ask(const AskedQuery& asked, const IsRight& is_right, bool without_too) {
  PICTOR_ASSIGN(const auto items, nearest(asked.vector));
  PICTOR_TRY(record(asked, items, {}, is_right));
  if (!without_too) return Status::ok();
  std::vector<Item> others;
  std::vector<std::uint64_t> removed;
  for (const auto& item : items) {
    if (is_right(item)) {
      removed.push_back(item.row);
    } else {
      others.push_back(item);
    }
  }
  return record(asked, std::move(others), removed, nullptr);
}

Status CalibrationLane::ask_in_vain(const AskedQuery& asked) {
  PICTOR_ASSIGN(auto items, nearest(asked.vector));
  return record(asked, std::move(items), {}, nullptr);
}

Status CalibrationLane::ask_judged(const AskedQuery& asked, const std::vector<std::string>& ids,
                                   const std::function<std::optional<bool>(const std::string& id)>& judged) {
  PICTOR_ASSIGN(auto items, nearest(asked.vector));
  if (items.size() > kMatchFirstHits) items.resize(kMatchFirstHits);
  std::set<std::string> there;
  for (const auto& item : items) there.insert(item.data.id);
  for (const auto& id : ids) {
    if (there.contains(id)) continue;
    PICTOR_ASSIGN(auto found, snapshot_.find(id, true));
    if (!found.has_value()) return {Code::kNotFound, "a pair names item '" + id + "', which is not there"};
    if (!found->data.vectors[position_].empty()) items.push_back(std::move(*found));
  }
  std::vector<MatchHit> hits;
  hits.reserve(items.size());
  for (const auto& item : items) hits.push_back({item.row, item.data.vectors[position_]});
  if (hits.empty()) return Status::ok();
  PICTOR_ASSIGN(const auto features, match_features(cohort_, asked.vector, hits, {}));
  auto& into = held_out(asked.number) ? held_out_ : fitted_;
  bool with_answer = false;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const auto right = judged(items[i].data.id);
    if (!right.has_value()) continue;
    into.push_back({features[i], *right, asked.number / kHeldOutOneOf});
    with_answer = with_answer || *right;
  }
  const auto best = judged(items[0].data.id);
  if (best.has_value()) best_.push_back({features[0], *best, with_answer, held_out(asked.number)});
  return Status::ok();
}

Result<StoredMatch> CalibrationLane::finish(Calibration about) const {
  StoredMatch out;
  PICTOR_ASSIGN(out.model, fit_match(fitted_));
  std::vector<JudgedPair> hits, with_fitted, with, without, best;
  for (const auto& one : held_out_) hits.push_back({out.model.probability(one.features), one.right});
  for (const auto& one : best_) {
    const JudgedPair judged{out.model.probability(one.features), one.right};
    if (!one.held_out) {
      about.queries += 1;
      if (one.with_answer) with_fitted.push_back(judged);
      continue;
    }
    about.held_out += 1;
    best.push_back(judged);
    (one.with_answer ? with : without).push_back(judged);
  }
  about.head = space_.head;
  about.space = space_.id;
  about.kind = kind_;
  about.pairs = fitted_.size();
  about.calibration_error = calibration_error(std::move(hits), kBins);
  about.auroc = auroc(std::move(best));
  about.threshold = threshold_for_loss(with_fitted, kLossAtThreshold);
  const auto refusals = refusals_at(with, without, about.threshold);
  about.refused = refusals.refused;
  about.lost = refusals.lost;
  out.about = std::move(about);
  return out;
}

}  // namespace pictor
