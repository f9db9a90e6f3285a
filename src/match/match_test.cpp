#include "match/match.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "match/isotonic.h"
#include "match/logistic.h"

namespace pictor {
namespace {

// The best non-falling fit by looking at every way to cut the sorted pairs into blocks.
double best_squares(const std::vector<GradedPair>& sorted) {
  double best = 1e9;
  for (unsigned cuts = 0; cuts < (1U << (sorted.size() - 1)); ++cuts) {
    double squares = 0, before = -1;
    bool rises = true;
    for (std::size_t begin = 0, end = 0; begin < sorted.size(); begin = end) {
      double sum = 0;
      for (end = begin; end == begin || (end < sorted.size() && ((cuts >> (end - 1)) & 1U) == 0); ++end) {
        sum += sorted[end].right ? 1 : 0;
      }
      const double mean = sum / static_cast<double>(end - begin);
      rises = rises && mean >= before;
      before = mean;
      for (std::size_t i = begin; i < end; ++i) squares += std::pow(mean - (sorted[i].right ? 1 : 0), 2);
    }
    if (rises) best = std::min(best, squares);
  }
  return best;
}

TEST(Isotonic, fits_as_well_as_the_best_of_all_ways_to_cut) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<GradedPair> pairs;
    for (int i = 0; i < 10; ++i)
      pairs.push_back({static_cast<double>(i), random() % 10 < 3 + static_cast<unsigned>(i) / 2});
    double squares = 0, before = -1, counted = 0;
    for (const auto& block : isotonic_blocks(pairs)) {
      EXPECT_GT(block.right, before);
      before = block.right;
      counted += block.pairs;
      for (const auto& pair : pairs) {
        if (pair.grade >= block.least && pair.grade <= block.most)
          squares += std::pow(block.right - (pair.right ? 1 : 0), 2);
      }
    }
    EXPECT_EQ(counted, 10);
    EXPECT_NEAR(squares, best_squares(pairs), 1e-9) << "round " << round;
  }
}

TEST(Isotonic, pairs_of_one_grade_are_in_one_block) {
  const auto blocks = isotonic_blocks({{1, true}, {1, false}, {1, false}, {2, true}});
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_NEAR(blocks[0].right, 1.0 / 3, 1e-12);
  EXPECT_EQ(blocks[1].right, 1);
}

std::vector<MatchExample> two_groups(std::size_t count, double right_low, double right_high) {
  std::vector<MatchExample> out;
  for (std::size_t i = 0; i < count; ++i) {
    for (const double at : {0.0, 1.0}) {
      MatchExample one;
      one.features[0] = at;
      one.right = static_cast<double>(i) < (at == 0 ? right_low : right_high) * static_cast<double>(count);
      one.query = static_cast<std::uint32_t>(i);
      out.push_back(one);
    }
  }
  return out;
}

// One feature of two values: the regression has a closed solution, the shares themselves.
TEST(Logistic, of_two_groups_tells_their_shares) {
  const auto fitted = fit_logistic(two_groups(1000, 0.2, 0.7), 0);
  MatchFeatures low{}, high{};
  high[0] = 1;
  EXPECT_NEAR(probability_of_grade(fitted.grade(low)), 0.2, 0.002);
  EXPECT_NEAR(probability_of_grade(fitted.grade(high)), 0.7, 0.002);
}

TEST(Logistic, a_feature_that_speaks_against_has_no_weight) {
  const auto fitted = fit_logistic(two_groups(1000, 0.7, 0.2), 0);
  EXPECT_EQ(fitted.weights[0], 0);
  EXPECT_NEAR(probability_of_grade(fitted.bias), 0.45, 0.002);
}

TEST(Measures, calibration_error_is_what_a_hand_computes) {
  // Two bins of two: |0.1 + 0.3 - 0| = 0.4 and |0.6 + 0.8 - 2| = 0.6, over four pairs.
  EXPECT_NEAR(calibration_error({{0.8, true}, {0.1, false}, {0.6, true}, {0.3, false}}, 2), 0.25, 1e-12);
  EXPECT_EQ(calibration_error({}, 10), 0);
}

TEST(Measures, auroc_counts_pairs_and_halves_ties) {
  // Right .9 and .4 against wrong .4 and .1: above, above, tie, above: 3.5 of 4.
  EXPECT_NEAR(auroc({{0.9, true}, {0.4, true}, {0.4, false}, {0.1, false}}), 0.875, 1e-12);
  EXPECT_EQ(auroc({{0.9, true}}), 0.5);
}

TEST(Measures, refusals_count_right_answers_that_are_lost) {
  const std::vector<JudgedPair> with = {{0.9, true}, {0.6, true}, {0.3, true}, {0.8, true}, {0.1, false}};
  const std::vector<JudgedPair> without = {{0.2, false}, {0.7, false}};
  const auto at = refusals_at(with, without, 0.5);
  EXPECT_EQ(at.refused, 0.5);
  EXPECT_EQ(at.lost, 0.25);
  EXPECT_EQ(threshold_for_loss(with, 0.25), 0.6);
  EXPECT_EQ(threshold_for_loss(with, 0), 0.3);
}

// Grades with noise, enough for steps.
std::vector<MatchExample> noisy(unsigned seed, std::uint32_t queries) {
  std::mt19937 random(seed);
  std::vector<MatchExample> out;
  for (std::uint32_t i = 0; i < queries; ++i) {
    MatchExample one;
    for (auto& feature : one.features) feature = static_cast<double>(random() % 1000) / 1000;
    const double chance = std::pow(one.features[3], 3);  // no logistic curve
    one.right = static_cast<double>(random() % 1000) / 1000 < chance;
    one.query = i;
    out.push_back(one);
  }
  return out;
}

TEST(Match, probabilities_of_other_pairs_are_as_often_right_as_they_say) {
  const auto model = fit_match(noisy(1, 4000));
  ASSERT_TRUE(model.is_ok());
  EXPECT_GT(model->steps(), 2U);
  std::vector<JudgedPair> judged;
  for (const auto& one : noisy(2, 4000)) judged.push_back({model->probability(one.features), one.right});
  EXPECT_LT(calibration_error(judged, 10), 0.03);
  EXPECT_GT(auroc(judged), 0.8);
}

TEST(Match, probability_never_falls_where_a_feature_rises) {
  const auto model = fit_match(noisy(1, 2000));
  ASSERT_TRUE(model.is_ok());
  for (std::size_t feature = 0; feature < kMatchFeatures; ++feature) {
    MatchFeatures features{};
    double before = -1;
    for (int i = -20; i < 40; ++i) {
      features[feature] = i * 0.1;
      const double now = model->probability(features);
      EXPECT_GE(now, before);
      EXPECT_LE(now, 1);
      before = now;
    }
  }
}

TEST(Match, a_model_reads_back_from_short_texts) {
  const auto model = fit_match(noisy(3, 3000));
  ASSERT_TRUE(model.is_ok());
  EXPECT_LE(model->weights_text().size(), limits::kShortTextBytesMax);
  EXPECT_LE(model->steps_text().size(), limits::kShortTextBytesMax);
  const auto again = read_match_model(model->weights_text(), model->steps_text());
  ASSERT_TRUE(again.is_ok()) << again.status().to_string();
  for (const auto& one : noisy(4, 50)) {
    EXPECT_NEAR(again->probability(one.features), model->probability(one.features), 1e-4);
  }
  for (const char* text : {"", "1 2", "2 1 1 1 1 1 1 1 1", "1 -1 1 1 1 1 1 1 1", "1 1 1 1 1 1 1 1 nan", "x"}) {
    EXPECT_EQ(read_match_model(text, "-").status().code(), Code::kUnreadable) << text;
  }
  EXPECT_EQ(read_match_model(model->weights_text(), "0 0.5 1 0.4").status().code(), Code::kUnreadable);
}

TEST(Match, too_few_pairs_are_refused_with_their_number) {
  const auto refused = fit_match(two_groups(10, 0.5, 1));
  EXPECT_EQ(refused.status().code(), Code::kInvalid);
  EXPECT_NE(refused.status().message().find("15 right and 5 wrong"), std::string::npos) << refused.status().message();
}

std::vector<float> normal(std::mt19937& random, std::size_t dim, std::size_t wide) {
  std::normal_distribution<float> draw;
  std::vector<float> out(dim);
  for (std::size_t i = 0; i < dim; ++i) out[i] = draw(random) * (i < wide ? 5.0F : 1.0F);
  return out;
}

TEST(Cohort, whitening_by_the_gram_matrix_is_that_by_the_covariance) {
  // Two dimensions, so that (S + rI)^-1 is written down by hand.
  std::mt19937 random(5);
  constexpr std::size_t kRows = 40;
  std::vector<float> vectors;
  std::vector<std::uint64_t> rows;
  for (std::size_t i = 0; i < kRows; ++i) {
    const auto one = normal(random, 2, 1);
    vectors.insert(vectors.end(), one.begin(), one.end());
    rows.push_back(i);
  }
  const auto cohort = MatchCohort::of(vectors, rows, 2);
  ASSERT_TRUE(cohort.is_ok());
  double m[2] = {0, 0}, s[3] = {0, 0, 0};
  const auto unit = [&](std::size_t i, std::size_t j) {
    const double x = vectors[2 * i], y = vectors[2 * i + 1];
    return (j == 0 ? x : y) / std::hypot(x, y);
  };
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t j = 0; j < 2; ++j) m[j] += unit(i, j) / kRows;
  }
  for (std::size_t i = 0; i < kRows; ++i) {
    const double x = unit(i, 0) - m[0], y = unit(i, 1) - m[1];
    s[0] += x * x / kRows, s[1] += x * y / kRows, s[2] += y * y / kRows;
  }
  const double ridge = 0.5 * (s[0] + s[2]) / 2;
  const double a = s[0] + ridge, b = s[1], c = s[2] + ridge;
  const auto product = [&](std::size_t i, std::size_t j) {
    const double x0 = unit(i, 0) - m[0], x1 = unit(i, 1) - m[1], y0 = unit(j, 0) - m[0], y1 = unit(j, 1) - m[1];
    return (c * x0 * y0 - b * (x0 * y1 + x1 * y0) + a * x1 * y1) / (a * c - b * b);
  };
  const auto first = cohort->view(std::span(vectors).first(2));
  const auto all = cohort->likenesses(first);
  for (std::size_t j = 1; j < kRows; ++j) {
    const double wanted = product(0, j) / std::sqrt(product(0, 0) * product(j, j));
    EXPECT_NEAR(all[j].whitened, wanted, 2e-4);
    EXPECT_NEAR(cohort->likeness(first, cohort->view(std::span(vectors).subspan(2 * j, 2))), wanted, 2e-4);
  }
}

TEST(Cohort, hits_and_named_rows_are_no_background_of_their_own) {
  std::mt19937 random(6);
  std::vector<float> vectors;
  std::vector<std::uint64_t> rows;
  for (std::uint64_t i = 0; i < 20; ++i) {
    const auto one = normal(random, 8, 0);
    vectors.insert(vectors.end(), one.begin(), one.end());
    rows.push_back(100 + i);
  }
  const auto cohort = MatchCohort::of(vectors, rows, 8);
  ASSERT_TRUE(cohort.is_ok());
  const std::span<const float> query = std::span(vectors).first(8);
  const MatchHit itself{100, {query.begin(), query.end()}};
  MatchHit elsewhere = itself;
  elsewhere.row = 7;  // the same vector, and row 100 stays in the background
  const auto left_out = match_features(*cohort, query, std::span(&itself, 1), {});
  const auto stays = match_features(*cohort, query, std::span(&elsewhere, 1), {});
  const std::uint64_t named[] = {100};
  const auto told = match_features(*cohort, query, std::span(&elsewhere, 1), named);
  ASSERT_TRUE(left_out.is_ok() && stays.is_ok() && told.is_ok());
  EXPECT_GT(left_out->at(0)[1], stays->at(0)[1]);
  EXPECT_EQ(left_out->at(0), told->at(0));
  EXPECT_FALSE(match_features(*cohort, query, std::span(&itself, 1), rows).is_ok());
  EXPECT_FALSE(MatchCohort::of(std::span(vectors).first(15 * 8), {rows.begin(), rows.begin() + 15}, 8).is_ok());
}

}  // namespace
}  // namespace pictor
