// What makes a hit's score a probability: models that `calibrate` wrote into a collection's settings, and samples of
// the collection that queries are held against.
//
// Thread safety: all calls from any thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "match/match.h"
#include "pictor/engine.h"
#include "store/store.h"
#include "vector/vector.h"

namespace pictor {

inline constexpr const char* kPictureQueries = "picture";
inline constexpr const char* kWordQueries = "words";

struct StoredMatch {
  Calibration about;
  MatchModel model;
};
// Nothing: the space is not calibrated for that kind. kUnreadable: it is, by another version of Pictor.
Result<std::optional<StoredMatch>> stored_match(const Settings& settings, const SpaceSpec& space,
                                                const std::string& kind);
// The settings that stored_match reads.
Settings match_settings(const StoredMatch& match);
// The model for this query. Nothing where there is none, and the query can do without: kUnsupported where it asks for
// a least probability.
Result<std::optional<StoredMatch>> match_for(const Query& query, const CollectionSpec& spec, const Settings& settings,
                                             const SpaceSpec& space);

// Rows alive drawn by a hash of their numbers, so that a snapshot that has a few more has nearly the same. kInvalid:
// too few.
Result<MatchCohort> draw_cohort(const Snapshot& snapshot, const SpaceSpec& space, std::uint64_t seed);

// Samples in memory, each of a collection as it is now; drawn anew when the collection has lost items, or grown by a
// tenth.
class Cohorts {
 public:
  Result<std::shared_ptr<const MatchCohort>> of(const Collection& collection, const SpaceSpec& space,
                                                std::uint64_t seed);

 private:
  struct Drawn {
    std::uint64_t seed = 0, items = 0;
    std::shared_ptr<const MatchCohort> cohort;
  };
  std::mutex mutex_;
  std::map<std::string, Drawn> drawn_;  // by collection and space
};

struct Answered {
  const Query& query;
  const Collection& collection;
  const Snapshot& snapshot;
  std::size_t position;  // of the space
  std::span<const float> vector;
  std::span<const Neighbor> neighbors;  // at least kMatchFirstHits, where there are as many
};
// Gives hits their probability and leaves out those that have too little.
Status grade_hits(const Answered& answered, const StoredMatch& match, Cohorts& cohorts, Hits& hits);

}  // namespace pictor
