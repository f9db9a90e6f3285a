// What calibration learns from, gathered query by query: one lane for each space and kind. Inside engine/ only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "engine/matching.h"

namespace pictor {

// One query, whose right answers are known.
struct AskedQuery {
  std::span<const float> vector;
  std::uint32_t number = 0;  // the same for queries that may not stand on both sides of the division
};

class CalibrationLane {
 public:
  CalibrationLane(const Backend& backend, const Snapshot& snapshot, const SpaceSpec& space, std::size_t position,
                  std::string kind, const MatchCohort& cohort)
      : backend_(backend),
        snapshot_(snapshot),
        space_(space),
        position_(position),
        kind_(std::move(kind)),
        cohort_(cohort) {}

  std::size_t position() const { return position_; }
  const std::string& kind() const { return kind_; }

  using IsRight = std::function<bool(const Item&)>;
  // The query as it is, and if wanted once more with its right answers taken away: one that has none.
  Status ask(const AskedQuery& asked, const IsRight& is_right, bool without_too);
  // A query that has no right answer.
  Status ask_in_vain(const AskedQuery& asked);
  // A query of which some items are judged; `judged` says nothing of the others.
  Status ask_judged(const AskedQuery& asked, const std::vector<std::string>& ids,
                    const std::function<std::optional<bool>(const std::string& id)>& judged);

  // Fits, and measures on the queries held out. kInvalid: too few pairs.
  Result<StoredMatch> finish(Calibration about) const;

 private:
  struct Best {
    MatchFeatures features{};
    bool right = false, with_answer = false, held_out = false;
  };
  Result<std::vector<Item>> nearest(std::span<const float> vector) const;
  // `is_right` null: the query has no answer.
  Status record(const AskedQuery& asked, std::vector<Item> items, std::span<const std::uint64_t> removed,
                const IsRight& is_right);

  const Backend& backend_;
  const Snapshot& snapshot_;
  const SpaceSpec& space_;
  const std::size_t position_;
  const std::string kind_;
  const MatchCohort& cohort_;
  std::vector<MatchExample> fitted_, held_out_;
  std::vector<Best> best_;
};

}  // namespace pictor
