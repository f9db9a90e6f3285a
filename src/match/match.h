// The door of match: how likely a hit is right, from what its score looks like beside others.
//
// A raw score says little by itself: words score lower than pictures do, and some queries score high with everything.
// So a score is held against a background (how the same query scores with a sample of the collection, as speakers are
// verified against a cohort) and against the hits beside it (how far it leads). A logistic regression over these, and
// above enough pairs an isotonic one over its result, make a probability. It never falls where a feature rises.
//
// Thread safety: pure functions; a MatchModel is a value. Determinism: the same pairs in the same order give the same
// model.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor {

// One hit that a query may have: `row` says which, so that it is left out of its own background.
struct MatchHit {
  std::uint64_t row = 0;
  std::vector<float> vector;
};

// A sample of a collection, and what a space looks like from it: directions in which the sample spreads far say little
// of two vectors being alike, so likeness is the cosine after whitening by the sample's covariance (as in Jegou and
// Chum 2012), with a ridge that a sample smaller than the dimension needs. Nothing but the sample's own Gram matrix is
// factored: made in O(n^2 (n + dim)), a query costs O(n (n + dim)).
class MatchCohort {
 public:
  // `vectors` holds one vector a row, one after the other. kInvalid: fewer than limits::kMatchCohortMin rows.
  static Result<MatchCohort> of(std::span<const float> vectors, std::vector<std::uint64_t> rows, std::size_t dim);

  // A vector as seen from the sample.
  struct View {
    std::vector<float> unit, centred, dots, turned;
    float spread = 1;  // the inverse of its whitened length
  };
  View view(std::span<const float> vector) const;
  double likeness(const View& a, const View& b) const;
  struct Likeness {
    double cosine = 0, whitened = 0;
  };
  // With each row of the sample, in the order of rows().
  std::vector<Likeness> likenesses(const View& query) const;
  const std::vector<std::uint64_t>& rows() const { return rows_; }
  std::size_t dim() const { return dim_; }

 private:
  std::size_t dim_ = 0;
  float ridge_ = 1;
  std::vector<std::uint64_t> rows_;
  std::vector<float> mean_, unit_, centred_, turned_, spreads_;
  std::vector<float> factor_;  // lower triangle of the Cholesky factor, row by row, each of rows_.size() numbers
};

// What a hit's likeness looks like beside others: as it is, in deviations above the background (how the query is like
// the sample), in deviations above the background's highest twentieth; and how far it leads what lies below the first
// hits. Plain cosine first, then whitened.
inline constexpr std::size_t kMatchFeatures = 7;
using MatchFeatures = std::array<double, kMatchFeatures>;
// How many of the first hits are left out of the background: they may be right.
inline constexpr std::size_t kMatchFirstHits = 10;
// `hits`: best first, as many of the first as there are, at least kMatchFirstHits if the collection has them; `named`:
// rows that the query itself is. One entry a hit. kInvalid: no background is left.
Result<std::vector<MatchFeatures>> match_features(const MatchCohort& cohort, std::span<const float> query,
                                                  std::span<const MatchHit> hits, std::span<const std::uint64_t> named);

struct MatchExample {
  MatchFeatures features{};
  bool right = false;
  std::uint32_t query = 0;  // pairs of one query stay together when examples are divided
};

struct MatchStep {
  double grade = 0, probability = 0;
};

class MatchModel {
 public:
  MatchModel() = default;
  MatchModel(const MatchFeatures& weights, double bias, std::vector<MatchStep> steps)
      : weights_(weights), bias_(bias), steps_(std::move(steps)) {}
  double probability(const MatchFeatures& features) const;
  // Two short texts that read_match_model takes: the weights, and the steps (none: "-").
  std::string weights_text() const;
  std::string steps_text() const;
  std::size_t steps() const { return steps_.size(); }

 private:
  MatchFeatures weights_{};
  double bias_ = 0;
  std::vector<MatchStep> steps_;  // by grade, strictly rising in grade, never falling in probability
};
// kUnreadable: not what those two wrote, or of another version.
Result<MatchModel> read_match_model(std::string_view weights, std::string_view steps);

// kInvalid: fewer than limits::kMatchPairsMin right pairs, or wrong ones.
Result<MatchModel> fit_match(std::span<const MatchExample> examples);

// A pair whose probability was told before it was known whether it is right.
struct JudgedPair {
  double probability = 0;
  bool right = false;
};
// Expected calibration error over bins of equal count (Nixon et al. 2019): the mean distance between what was told and
// what was so, a bin weighted by its pairs. At most `bins`; 0 without pairs.
double calibration_error(std::vector<JudgedPair> pairs, std::size_t bins);
// How often a right pair has the higher probability of a right and a wrong one; ties are halves. 0.5 where either is
// missing.
double auroc(std::vector<JudgedPair> pairs);

// Queries by the probability of their best hit.
struct Refusals {
  double refused = 0;  // of those whose answer is not there, the share below the threshold
  double lost = 0;     // of those whose best hit is right, the share below it
};
Refusals refusals_at(std::span<const JudgedPair> with_answer, std::span<const JudgedPair> without, double threshold);
// The highest threshold at which at most that share of right answers is lost.
double threshold_for_loss(std::span<const JudgedPair> with_answer, double lost_max);

}  // namespace pictor
