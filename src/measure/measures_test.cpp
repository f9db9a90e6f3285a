// Metrics, by numbers that were worked out by hand and by what trec_eval says of a drawn run.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "measure/measure.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

std::vector<RankedItem> ranking(const std::string& letters) {
  std::vector<RankedItem> out;
  for (const char letter : letters) out.push_back({std::string(1, letter), -static_cast<float>(out.size())});
  return out;
}

double value(const std::string& measure, const Grades& grades, const std::string& letters, int relevant = 1) {
  const auto parsed = parse_measure(measure);
  EXPECT_TRUE(parsed.is_ok()) << parsed.status().message();
  return measured(*parsed, grades, ranking(letters), relevant);
}

TEST(Measures, have_the_values_that_are_worked_out_by_hand) {
  // Relevant: a (3), c (1), z (2), which is not found; b is judged not relevant, x and y by nobody.
  const Grades grades = {{"a", 3}, {"b", 0}, {"c", 1}, {"z", 2}};
  const std::string found = "xacby";
  EXPECT_DOUBLE_EQ(value("R@1", grades, found), 0);
  EXPECT_DOUBLE_EQ(value("R@2", grades, found), 1.0 / 3);
  EXPECT_DOUBLE_EQ(value("R@100", grades, found), 2.0 / 3);
  EXPECT_DOUBLE_EQ(value("P@2", grades, found), 0.5);
  EXPECT_DOUBLE_EQ(value("P@10", grades, found), 0.2) << "by k, though only five were found";
  EXPECT_DOUBLE_EQ(value("hit@1", grades, found), 0);
  EXPECT_DOUBLE_EQ(value("hit@2", grades, found), 1);
  EXPECT_DOUBLE_EQ(value("MRR", grades, found), 0.5);
  EXPECT_DOUBLE_EQ(value("MRR@1", grades, found), 0);
  EXPECT_DOUBLE_EQ(value("mAP", grades, found), (1.0 / 2 + 2.0 / 3) / 3);
  EXPECT_DOUBLE_EQ(value("mAP@2", grades, found), (1.0 / 2) / 3);
  EXPECT_DOUBLE_EQ(value("judged@4", grades, found), 0.75);
  const double log3 = std::log2(3), log4 = 2;
  EXPECT_NEAR(value("nDCG@3", grades, found), (3 / log3 + 1 / log4) / (3 + 2 / log3 + 1 / log4), 1e-15);
  EXPECT_NEAR(value("nDCG-exp@3", grades, found), (7 / log3 + 1 / log4) / (7 + 3 / log3 + 1 / log4), 1e-15);
  EXPECT_NEAR(value("nDCG@1", grades, "a"), 1, 1e-15);
  EXPECT_NEAR(value("nDCG", grades, "azc"), 1, 1e-15);
  // From grade 2 on there are two relevant ones; gains are as they were.
  EXPECT_DOUBLE_EQ(value("R@3", grades, found, 2), 0.5);
  EXPECT_DOUBLE_EQ(value("nDCG@3", grades, found, 2), value("nDCG@3", grades, found));
}

TEST(Measures, nothing_found_nothing_relevant_and_grades_below_zero_are_zero) {
  const Grades none = {{"a", 0}, {"b", -1}};
  for (const char* name : {"R@5", "P@5", "hit@5", "mAP", "MRR", "nDCG@5", "nDCG-exp@5"}) {
    EXPECT_DOUBLE_EQ(value(name, none, "ab"), 0) << name;
    EXPECT_DOUBLE_EQ(value(name, {{"a", 1}}, ""), 0) << name;
  }
  EXPECT_DOUBLE_EQ(value("nDCG@2", {{"a", -5}, {"b", 1}}, "ab"), 1 / std::log2(3));
}

TEST(Measures, agree_with_trec_eval) {
  const std::filesystem::path folder = std::filesystem::path(PICTOR_SOURCE_DIR) / "tests/golden/trec";
  const auto text_of = [&](const char* name) {
    std::ifstream in(folder / name);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const ReadJudgements judged = read_judgements(text_of("qrels"));
  const ReadRun read = read_run(text_of("run"));
  ASSERT_EQ(judged.faults.count + read.faults.count, 0U);
  const Json wanted = Json::parse(text_of("values.json"));
  std::size_t compared = 0;
  for (const int relevant : {1, 2}) {
    const Json& queries = wanted.at(std::to_string(relevant));
    EvaluationOptions options;
    options.measures.clear();
    for (const auto& [name, number] : queries.begin()->items()) options.measures.push_back(*parse_measure(name));
    options.relevant = relevant;
    options.only_answered = true;
    const auto result = evaluate(judged.judgements, read.run, options);
    ASSERT_TRUE(result.is_ok()) << result.status().message();
    EXPECT_EQ(result->scored.queries.size(), queries.size());
    EXPECT_EQ(result->scored.unjudged, 1U);
    EXPECT_EQ(result->scored.unanswered, 1U);
    for (const QueryScores& one : result->scored.queries) {
      ASSERT_TRUE(queries.contains(one.query)) << one.query;
      for (std::size_t i = 0; i < options.measures.size(); ++i, ++compared) {
        const std::string name = options.measures[i].name();
        EXPECT_NEAR(one.values[i], queries.at(one.query).at(name).get<double>(), 1e-12) << one.query << " " << name;
      }
    }
  }
  EXPECT_EQ(compared, 2U * 23 * 23);
}

TEST(Measures, hold_what_must_hold_of_any_ranking) {
  std::mt19937_64 random(11);
  std::string letters(26, 'a');
  std::iota(letters.begin(), letters.end(), 'a');
  for (int round = 0; round < 500; ++round) {
    Grades grades;
    for (const char letter : letters) {
      if (random() % 2 == 0) grades[std::string(1, letter)] = static_cast<int>(random() % 5) - 1;
    }
    std::shuffle(letters.begin(), letters.end(), random);
    const std::string found = letters.substr(0, random() % 26);
    double recall_before = 0;
    for (std::size_t k = 1; k <= 26; ++k) {
      const std::string at = "@" + std::to_string(k);
      for (const char* name : {"R", "P", "hit", "mAP", "MRR", "nDCG", "nDCG-exp", "judged"}) {
        const double number = value(name + at, grades, found);
        EXPECT_GE(number, 0) << name << at;
        EXPECT_LE(number, 1 + 1e-12) << name << at;
      }
      const double recall = value("R" + at, grades, found);
      EXPECT_GE(recall, recall_before);
      recall_before = recall;
      EXPECT_EQ(value("hit" + at, grades, found) > 0, recall > 0);
    }
    // The best order has 1, and a better order of two neighbours is never worse.
    std::string best = letters;
    std::stable_sort(best.begin(), best.end(), [&](char a, char b) {
      const auto grade = [&](char c) { return grades.contains(std::string(1, c)) ? grades[std::string(1, c)] : 0; };
      return grade(a) > grade(b);
    });
    const bool any = std::any_of(grades.begin(), grades.end(), [](const auto& one) { return one.second > 0; });
    EXPECT_NEAR(value("nDCG@10", grades, best), any ? 1 : 0, 1e-12);
    EXPECT_NEAR(value("mAP", grades, best), any ? 1 : 0, 1e-12);
  }
}

TEST(Measures, names_are_read_in_any_case_and_refused_with_those_that_there_are) {
  EXPECT_EQ(parse_measure("NDCG@10")->name(), "nDCG@10");
  EXPECT_EQ(parse_measure("recall@5")->name(), "R@5");
  EXPECT_EQ(parse_measure("success@5")->name(), "hit@5");
  EXPECT_EQ(parse_measure("rr")->name(), "MRR");
  EXPECT_EQ(parse_measure("ndcg-exp@3")->name(), "nDCG-exp@3");
  for (const char* name : {"", "P", "R", "hit", "judged", "bleu@4", "nDCG@", "nDCG@0", "nDCG@1x", "nDCG@-1",
                           "nDCG@10001", "nDCG@99999999999999999999"}) {
    EXPECT_EQ(parse_measure(name).status().code(), Code::kInvalid) << name;
  }
  EXPECT_EQ(parse_measure("nDCG@10000")->cutoff, 10'000U);
  EXPECT_EQ(parse_measures("nDCG@10,mrr")->size(), 2U);
  EXPECT_EQ(parse_measures("nDCG@10,ndcg@10").status().code(), Code::kInvalid);
  EXPECT_EQ(parse_measures("nDCG@10,").status().code(), Code::kInvalid);
  std::string many = "P@1";
  for (std::uint32_t k = 2; k <= limits::kMeasuresMax; ++k) many += ",P@" + std::to_string(k);
  EXPECT_EQ(parse_measures(many)->size(), limits::kMeasuresMax);
  EXPECT_EQ(parse_measures(many + ",mAP").status().code(), Code::kLimit);
}

}  // namespace
}  // namespace pictor
