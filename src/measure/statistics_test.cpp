// Intervals, tests and corrections: by hand, against what theory says, and over and over with drawn numbers.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "measure/measure.h"

namespace pictor {
namespace {

// --- samples ---

TEST(Samples, one_seed_gives_the_same_interval_and_another_does_not) {
  std::vector<double> table;
  for (int i = 0; i < 60; ++i) table.push_back(i % 7 / 6.0);
  const auto first = estimates(table, 1, {1000, 0.95, 5}), again = estimates(table, 1, {1000, 0.95, 5});
  EXPECT_EQ(first[0].low, again[0].low);
  EXPECT_EQ(first[0].high, again[0].high);
  const auto other = estimates(table, 1, {1000, 0.95, 6});
  EXPECT_TRUE(first[0].low != other[0].low || first[0].high != other[0].high);
  EXPECT_DOUBLE_EQ(first[0].mean, std::accumulate(table.begin(), table.end(), 0.0) / 60);
  EXPECT_LT(first[0].low, first[0].mean);
  EXPECT_GT(first[0].high, first[0].mean);
}

TEST(Samples, columns_are_apart_and_what_never_varies_has_no_width) {
  const std::vector<double> table = {1, 0.5, 0, 0.5, 1, 0.5};
  const auto both = estimates(table, 2, {});
  EXPECT_DOUBLE_EQ(both[0].mean, 2.0 / 3);
  EXPECT_DOUBLE_EQ(both[1].low, 0.5);
  EXPECT_DOUBLE_EQ(both[1].high, 0.5);
  const auto one = estimates(std::vector<double>{0.25}, 1, {});
  EXPECT_DOUBLE_EQ(one[0].low, 0.25);
  EXPECT_DOUBLE_EQ(one[0].high, 0.25);
}

TEST(Samples, the_interval_is_as_wide_as_that_of_a_normal_mean) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal(0.5, 0.1);
  std::vector<double> table(400);
  for (double& one : table) one = normal(random);
  const auto found = estimates(table, 1, {5000, 0.95, 1});
  double variance = 0;
  for (const double one : table) variance += (one - found[0].mean) * (one - found[0].mean) / 400;
  const double half = 1.96 * std::sqrt(variance / 400);
  EXPECT_NEAR(found[0].high - found[0].low, 2 * half, 0.1 * half);
}

TEST(Samples, ninety_five_of_a_hundred_intervals_hold_the_true_mean) {
  std::mt19937_64 random(2);
  int holds = 0;
  constexpr int kRounds = 400;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> table(100);
    for (double& one : table) one = random() % 10 < 3 ? 1 : 0;
    const auto found = estimates(table, 1, {400, 0.95, static_cast<std::uint64_t>(round)});
    holds += found[0].low <= 0.3 && 0.3 <= found[0].high ? 1 : 0;
  }
  EXPECT_GE(holds, kRounds * 91 / 100);
  EXPECT_LE(holds, kRounds * 98 / 100);
}

TEST(Samples, options_at_their_limits_are_taken_and_past_them_refused) {
  EXPECT_TRUE(check_samples({limits::kBootstrapSamplesMin, 0.5, 1}, 1).is_ok());
  EXPECT_TRUE(check_samples({limits::kBootstrapSamplesMax, 0.99, 1}, 1).is_ok());
  EXPECT_EQ(check_samples({limits::kBootstrapSamplesMin - 1, 0.95, 1}, 1).code(), Code::kInvalid);
  EXPECT_EQ(check_samples({limits::kBootstrapSamplesMax + 1, 0.95, 1}, 1).code(), Code::kInvalid);
  EXPECT_EQ(check_samples({2000, 1, 1}, 1).code(), Code::kInvalid);
  EXPECT_EQ(check_samples({2000, std::nan(""), 1}, 1).code(), Code::kInvalid);
  EXPECT_TRUE(check_samples({4000, 0.95, 1}, limits::kMeasureQueriesMax).is_ok());
  EXPECT_EQ(check_samples({4001, 0.95, 1}, limits::kMeasureQueriesMax).code(), Code::kLimit);
}

TEST(Samples, every_number_below_the_bound_is_as_likely) {
  Draws draws(9);
  std::vector<int> seen(7);
  for (int i = 0; i < 70'000; ++i) ++seen[draws.below(7)];
  for (const int count : seen) EXPECT_NEAR(count, 10'000, 500);
  int heads = 0;
  for (int i = 0; i < 10'000; ++i) heads += draws.coin() ? 1 : 0;
  EXPECT_NEAR(heads, 5000, 250);
}

// --- the randomization test ---

TEST(Randomization, few_differences_have_the_p_of_all_their_signs) {
  // All of one sign: of 2^5 ways, two are as extreme.
  EXPECT_DOUBLE_EQ(randomization_p(std::vector<double>{0.1, 0.2, 0.3, 0.4, 0.5}, {}), 2.0 / 32);
  // 0.3 - 0.1: |sum| >= 0.2 holds for every way.
  EXPECT_DOUBLE_EQ(randomization_p(std::vector<double>{0.3, -0.1}, {}), 1.0);
  // Sums of 1, 2, 3 with signs: 6, 4, 2, 0 and their negatives; |sum| >= 4 in four of eight.
  EXPECT_DOUBLE_EQ(randomization_p(std::vector<double>{-1, 2, 3}, {}), 4.0 / 8);
  EXPECT_DOUBLE_EQ(randomization_p(std::vector<double>{0, 0, 0}, {}), 1.0);
  EXPECT_DOUBLE_EQ(randomization_p(std::vector<double>{}, {}), 1.0);
  EXPECT_DOUBLE_EQ(randomization_p(std::vector<double>{1, 0, 0, 1, 0, 1}, {}), 2.0 / 8);
}

TEST(Randomization, sixteen_are_exact_and_seventeen_are_drawn) {
  EXPECT_DOUBLE_EQ(randomization_p(std::vector<double>(16, 0.5), {}), 2.0 / 65'536);
  const double drawn = randomization_p(std::vector<double>(17, 0.5), {1000, 0.95, 1});
  EXPECT_DOUBLE_EQ(drawn, 1.0 / 1001) << "2 of 131,072 is not met in 1000 draws";
}

TEST(Randomization, chance_alone_is_called_significant_five_times_of_a_hundred) {
  std::mt19937_64 random(4);
  std::normal_distribution<double> normal;
  int rejected = 0;
  constexpr int kRounds = 600;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> differences(40);
    for (double& one : differences) one = normal(random);
    rejected += randomization_p(differences, {500, 0.95, static_cast<std::uint64_t>(round)}) <= 0.05 ? 1 : 0;
  }
  EXPECT_GE(rejected, kRounds * 2 / 100);
  EXPECT_LE(rejected, kRounds * 8 / 100);
}

// --- Holm ---

TEST(Holm, multiplies_by_what_is_left_never_falls_and_never_passes_one) {
  const auto corrected = holm(std::vector<double>{0.01, 0.04, 0.03, 0.005});
  EXPECT_DOUBLE_EQ(corrected[3], 0.02);
  EXPECT_DOUBLE_EQ(corrected[0], 0.03);
  EXPECT_DOUBLE_EQ(corrected[2], 0.06);
  EXPECT_DOUBLE_EQ(corrected[1], 0.06) << "1 x 0.04 is less than the one before";
  EXPECT_DOUBLE_EQ(holm(std::vector<double>{0.9, 0.8})[0], 1);
  EXPECT_DOUBLE_EQ(holm(std::vector<double>{0.2})[0], 0.2);
  EXPECT_TRUE(holm({}).empty());
}

// --- evaluations ---

Judgements judged(int queries) {
  Judgements judgements;
  for (int i = 0; i < queries; ++i) {
    const std::string query = "q" + std::to_string(100 + i);
    judgements.add(query, "right", 1);
    judgements.slices[query]["kind"] = i % 2 == 0 ? "even" : "odd";
  }
  return judgements;
}

// The right item first in so many queries, else second.
RankedRun run_of(int queries, int first) {
  RankedRun run;
  for (int i = 0; i < queries; ++i) {
    auto& items = run.queries["q" + std::to_string(100 + i)];
    items = i < first ? std::vector<RankedItem>{{"right", 2}, {"wrong", 1}}
                      : std::vector<RankedItem>{{"wrong", 2}, {"right", 1}};
  }
  return run;
}

EvaluationOptions options_of(const std::string& measures) {
  EvaluationOptions options;
  options.measures = *parse_measures(measures);
  return options;
}

TEST(Evaluation, unanswered_queries_count_as_zero_unless_they_are_left_out) {
  RankedRun run = run_of(10, 10);
  run.queries.erase("q100");
  run.queries["unheard of"] = {{"right", 1}};
  EvaluationOptions options = options_of("MRR");
  const auto all = evaluate(judged(10), run, options);
  ASSERT_TRUE(all.is_ok());
  EXPECT_DOUBLE_EQ(all->overall[0].mean, 0.9);
  EXPECT_EQ(all->scored.unanswered, 1U);
  EXPECT_EQ(all->scored.unjudged, 1U);
  options.only_answered = true;
  const auto answered = evaluate(judged(10), run, options);
  EXPECT_DOUBLE_EQ(answered->overall[0].mean, 1);
  EXPECT_EQ(answered->scored.queries.size(), 9U);
}

TEST(Evaluation, slices_have_means_and_intervals_of_their_own) {
  const auto found = evaluate(judged(10), run_of(10, 4), options_of("MRR,hit@1"));
  ASSERT_TRUE(found.is_ok());
  ASSERT_EQ(found->slices.size(), 2U);
  EXPECT_EQ(found->slices[0].value, "even");
  EXPECT_EQ(found->slices[0].queries, 5U);
  EXPECT_DOUBLE_EQ(found->slices[0].measures[1].mean, 0.4);
  EXPECT_DOUBLE_EQ(found->slices[1].measures[0].mean, 0.7);
  Judgements many = judged(static_cast<int>(limits::kSliceValuesMax) + 1);
  for (auto& [query, values] : many.slices) values["id"] = query;
  EXPECT_EQ(evaluate(many, run_of(300, 1), options_of("MRR")).status().code(), Code::kLimit);
  many.queries.erase("q100");
  EXPECT_TRUE(evaluate(many, run_of(300, 1), options_of("MRR")).is_ok());
}

TEST(Evaluation, of_nothing_that_is_judged_is_refused) {
  RankedRun run;
  run.queries["other"] = {{"right", 1}};
  EXPECT_EQ(evaluate(judged(3), run, options_of("MRR")).status().code(), Code::kMismatch);
  EXPECT_EQ(compare_runs({}, run, run, options_of("MRR")).status().code(), Code::kMismatch);
}

TEST(RunComparison, a_run_does_not_differ_from_itself) {
  const auto same = compare_runs(judged(30), run_of(30, 11), run_of(30, 11), options_of("MRR,hit@1"));
  ASSERT_TRUE(same.is_ok());
  for (const PairedScores& test : same->tests) {
    EXPECT_DOUBLE_EQ(test.difference.mean, 0);
    EXPECT_DOUBLE_EQ(test.p, 1);
    EXPECT_DOUBLE_EQ(test.p_holm, 1);
  }
}

TEST(RunComparison, finds_a_difference_query_by_query_and_corrects_for_all_its_tests) {
  const auto found = compare_runs(judged(100), run_of(100, 40), run_of(100, 20), options_of("MRR,hit@1"));
  ASSERT_TRUE(found.is_ok());
  ASSERT_EQ(found->tests.size(), 6U) << "two measures, over all and in two slices";
  const PairedScores& hit = found->tests[1];
  EXPECT_EQ(hit.measure, "hit@1");
  EXPECT_DOUBLE_EQ(hit.first, 0.4);
  EXPECT_NEAR(hit.second, 0.2, 1e-12);
  EXPECT_EQ(hit.better, 20U);
  EXPECT_EQ(hit.worse, 0U);
  EXPECT_GT(hit.difference.low, 0.1);
  EXPECT_LT(hit.p, 0.001);
  EXPECT_DOUBLE_EQ(hit.p_holm, std::min(1.0, 6 * hit.p)) << "the least of six";
  EXPECT_EQ(found->queries.size(), 100U);
  EXPECT_DOUBLE_EQ(found->differences[20][1], 1);
  // Seen from the other side the sign turns and nothing else.
  const auto turned = compare_runs(judged(100), run_of(100, 20), run_of(100, 40), options_of("MRR,hit@1"));
  EXPECT_DOUBLE_EQ(turned->tests[1].difference.mean, -hit.difference.mean);
  EXPECT_DOUBLE_EQ(turned->tests[1].p, hit.p);
}

}  // namespace
}  // namespace pictor
