// Judgements, runs and queries as texts: what is read of them, and what is said of what cannot be.
#include <gtest/gtest.h>

#include <random>

#include "measure/measure.h"

namespace pictor {
namespace {

// --- judgements ---

TEST(Judgements, qrels_are_read_and_written_as_they_were) {
  const std::string text = "q1 0 a.jpg 2\nq1 0 b.jpg 0\nq2 0 a.jpg -1\n";
  const ReadJudgements read = read_judgements(text);
  EXPECT_EQ(read.faults.count, 0U);
  EXPECT_EQ(read.judgements.count, 3U);
  EXPECT_EQ(read.judgements.queries.at("q1").at("a.jpg"), 2);
  EXPECT_EQ(read.judgements.queries.at("q2").at("a.jpg"), -1);
  EXPECT_EQ(write_qrels(read.judgements), text);
  const ReadJudgements dos = read_judgements("\xEF\xBB\xBFq1\t0  a.jpg\t2\r\n\r\nq1 Q0 b.jpg 0\r\nq2 0 a.jpg -1");
  EXPECT_EQ(dos.faults.count, 0U);
  EXPECT_EQ(write_qrels(dos.judgements), text);
}

TEST(Judgements, csv_is_known_by_its_header_and_has_slices_of_its_queries) {
  const ReadJudgements read =
      read_judgements("Grade,query,item,kind\n2,q1,\"my, cat.jpg\",pets\n0,q1,b.jpg,\n1,q2,a.jpg,cars\n");
  ASSERT_EQ(read.faults.count, 0U) << read.faults.first[0].message;
  EXPECT_EQ(read.judgements.queries.at("q1").at("my, cat.jpg"), 2);
  EXPECT_EQ(read.judgements.slices.at("q1").at("kind"), "pets");
  EXPECT_EQ(read.judgements.slices.at("q2").at("kind"), "cars");
}

TEST(Judgements, a_name_with_blanks_survives_a_trec_file) {
  Judgements judgements;
  EXPECT_TRUE(judgements.add("red car", "my cat.jpg", 1));
  EXPECT_TRUE(judgements.add("red car", "50%\tin.jpg", 1));
  EXPECT_TRUE(judgements.add("red car", "a%41.jpg", 1));
  EXPECT_FALSE(judgements.add("red car", "my cat.jpg", 2));
  const std::string text = write_qrels(judgements);
  EXPECT_NE(text.find("red%20car 0 my%20cat.jpg 1\n"), std::string::npos) << text;
  EXPECT_EQ(read_judgements(text).judgements.queries, judgements.queries);
  EXPECT_EQ(from_trec_name("a%41.jpg"), "a%41.jpg") << "a name of others stays as it is";
  EXPECT_EQ(from_trec_name("50%"), "50%");
}

TEST(Judgements, every_fault_names_its_line_what_was_seen_and_what_is_wanted) {
  const ReadJudgements read = read_judgements("q1 0 a 1\nq1 0 a\nq1 0 b high\nq1 0 a 1\nq1 0 c 101\nq1 0 d 1.5\n");
  ASSERT_EQ(read.faults.count, 5U);
  const std::vector<TextFault>& faults = read.faults.first;
  EXPECT_EQ(faults[0].line, 2U);
  EXPECT_EQ(faults[0].message, "there are 3 fields, wanted 4: QUERY 0 ITEM GRADE");
  EXPECT_EQ(faults[1].message, "grade is 'high', wanted a whole number from -100 to 100");
  EXPECT_EQ(faults[2].message, "query 'q1' and item 'a' are judged on an earlier line already");
  EXPECT_EQ(faults[3].line, 5U);
  EXPECT_EQ(faults[4].line, 6U);
  EXPECT_EQ(read.judgements.count, 1U);
  const ReadJudgements csv =
      read_judgements("query,item,grade,kind\nq1,a\nq1,a,1,pets\nq1,\"b\"x,1,pets\nq1,c,1,cars\n,d,1,\nq1,\"e,1\n");
  ASSERT_EQ(csv.faults.count, 5U);
  EXPECT_EQ(csv.faults.first[0].message, "there are 2 cells, the header has 4");
  EXPECT_EQ(csv.faults.first[1].message, "there are letters between a closing quote and the next comma");
  EXPECT_EQ(csv.faults.first[2].line, 5U);
  EXPECT_EQ(csv.faults.first[2].message,
            "query 'q1' has 'kind' = 'cars', an earlier line has 'pets': it must be the same in all");
  EXPECT_EQ(csv.faults.first[3].message, "query is empty");
  EXPECT_EQ(csv.faults.first[4].message, "a quote is never closed");
}

TEST(Judgements, grades_and_names_at_their_limits_are_read_and_past_them_are_not) {
  const std::string longest(limits::kItemIdBytesMax, 'x');
  EXPECT_EQ(read_judgements("q 0 a 100\nq 0 b -100\nq 0 " + longest + " 1\n").faults.count, 0U);
  EXPECT_EQ(read_judgements("q 0 a 101\nq 0 b -101\nq 0 " + longest + "x 1\n").faults.count, 3U);
  std::string header = "query,item,grade", row = "q,a,1";
  for (std::uint32_t i = 0; i < limits::kSlicesMax; ++i) header += ",s" + std::to_string(i), row += ",x";
  EXPECT_EQ(read_judgements(header + "\n" + row + "\n").faults.count, 0U);
  EXPECT_EQ(read_judgements(header + ",more\n" + row + ",x\n").faults.count, 1U);
}

TEST(Judgements, lines_past_the_limit_are_told_of_and_faults_are_counted_but_not_all_kept) {
  const std::string most(limits::kMeasureLinesMax, '\n');
  EXPECT_EQ(read_judgements("q" + most).faults.count, 1U) << "one line has one field, and there are as many as may be";
  EXPECT_EQ(read_judgements("q" + most + "\n").faults.count, 2U);
  EXPECT_EQ(read_run(most).faults.count, 0U);
  EXPECT_EQ(read_run(most + "\n").faults.count, 1U);
  std::string wrong;
  for (int i = 0; i < 1000; ++i) wrong += "x\n";
  const TextFaults faults = read_judgements(wrong).faults;
  EXPECT_EQ(faults.count, 1000U);
  EXPECT_EQ(faults.first.size(), limits::kMeasureFaultsTold);
  const Status status = faults.status("j.qrels");
  EXPECT_EQ(status.code(), Code::kUnreadable);
  EXPECT_TRUE(status.message().starts_with("j.qrels, line 1: there are 1 fields")) << status.message();
  EXPECT_TRUE(status.message().ends_with("and 980 faults more")) << status.message();
}

// --- runs ---

TEST(Run, is_in_the_order_of_scores_and_ties_in_that_of_names_the_last_first) {
  const ReadRun read = read_run(
      "q1 Q0 a 1 0.5 mine\nq1 Q0 c 9 0.5 mine\nq1 Q0 b 3 0.5 mine\nq1 Q0 d 4 0.75 mine\nq1 Q0 e 5 0.5000000001 mine\n");
  EXPECT_EQ(read.faults.count, 0U);
  EXPECT_EQ(read.run.tag, "mine");
  std::string order;
  for (const RankedItem& one : read.run.queries.at("q1")) order += one.item;
  EXPECT_EQ(order, "decba") << "0.5000000001 is 0.5 in 32 bits, as it is to trec_eval";
}

TEST(Run, scores_survive_writing_bit_for_bit) {
  RankedRun run;
  run.tag = "my run";
  std::mt19937_64 random(3);
  for (int i = 0; i < 1000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random());
    const auto score = std::bit_cast<float>(bits);
    if (std::isfinite(score)) run.queries["q 1"].push_back({"item " + std::to_string(i), score});
  }
  run.sort();
  const ReadRun read = read_run(write_run(run));
  ASSERT_EQ(read.faults.count, 0U) << read.faults.first[0].message;
  EXPECT_EQ(read.run.tag, "my run");
  const auto &before = run.queries.at("q 1"), &after = read.run.queries.at("q 1");
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].item, after[i].item);
    EXPECT_EQ(before[i].score, after[i].score);
  }
}

TEST(Run, every_fault_names_its_line) {
  const ReadRun read = read_run(
      "q1 Q0 a 1 0.5\nq1 Q0 a 1 nan t\nq1 Q0 a 1 inf t\nq1 Q0 a 1 1e99 t\nq1 Q0 a 1 +0.5 t\nq1 Q0 b 1 1 t\nq1 Q0 a 1 2 "
      "t\n");
  ASSERT_EQ(read.faults.count, 5U);
  EXPECT_EQ(read.faults.first[0].message, "there are 5 fields, wanted 6: QUERY Q0 ITEM RANK SCORE TAG");
  EXPECT_EQ(read.faults.first[1].message, "score is 'nan', wanted a finite number");
  EXPECT_EQ(read.faults.first[3].line, 4U);
  EXPECT_EQ(read.faults.first[4].line, 7U);
  EXPECT_EQ(read.faults.first[4].message, "query 'q1' has item 'a' on line 5 already");
  EXPECT_EQ(read.run.queries.at("q1").size(), 2U);
}

// --- queries ---

TEST(Queries, csv_and_json_lines_say_the_same) {
  const ReadQueries csv = read_queries(
      "id,text,image,item,filter,kind\nq1,\"a red, fast car\",,,price < "
      "20,words\nq2,,q/cat.jpg,,,\nq3,more,,x.jpg,,mixed\n");
  const ReadQueries json = read_queries(
      "{\"query\": \"q1\", \"text\": \"a red, fast car\", \"where\": \"price < 20\", \"kind\": \"words\"}\n\n"
      "{\"id\": \"q2\", \"picture\": \"q/cat.jpg\", \"kind\": null}\n"
      "{\"id\": \"q3\", \"text\": \"more\", \"item\": \"x.jpg\", \"kind\": \"mixed\"}\n");
  ASSERT_EQ(csv.faults.count, 0U) << csv.faults.first[0].message;
  ASSERT_EQ(json.faults.count, 0U) << json.faults.first[0].message;
  ASSERT_EQ(csv.queries.size(), 3U);
  ASSERT_EQ(json.queries.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const EvalQuery &a = csv.queries[i], &b = json.queries[i];
    EXPECT_EQ(std::tie(a.id, a.text, a.picture, a.item, a.where, a.slices),
              std::tie(b.id, b.text, b.picture, b.item, b.where, b.slices));
  }
  EXPECT_EQ(csv.queries[0].where, "price < 20");
  EXPECT_EQ(json.queries[2].line, 4U);
  EXPECT_EQ(read_queries("{\"id\": 7, \"text\": \"x\", \"year\": 1999}").queries.at(0).slices.at("year"), "1999");
}

TEST(Queries, faults_name_their_line) {
  const ReadQueries csv = read_queries("id,text\nq1,x\nq1,y\nq2,\n,z\nq3\n");
  ASSERT_EQ(csv.faults.count, 4U);
  EXPECT_EQ(csv.faults.first[0].message, "query 'q1' is on line 2 already");
  EXPECT_EQ(csv.faults.first[1].message, "query 'q2' asks for nothing: wanted a text, a picture or an item");
  EXPECT_EQ(csv.faults.first[2].message, "id is empty");
  EXPECT_EQ(csv.faults.first[3].line, 6U);
  EXPECT_EQ(read_queries("").faults.count, 1U);
  EXPECT_EQ(read_queries("text,kind\nx,y\n").faults.first.at(0).message,
            "the header has no column 'id', wanted id and text, picture or item");
  const ReadQueries json = read_queries("{\"id\": \"q1\", \"text\": [1]}\n{\"id\": \n[1]\n{\"id\": \"\xFF\"}\n");
  ASSERT_EQ(json.faults.count, 4U);
  EXPECT_EQ(json.faults.first[0].message, "field 'text' is a list or an object, wanted a text or a number");
  EXPECT_EQ(json.faults.first[1].message, "this is no JSON");
  EXPECT_EQ(json.faults.first[2].line, 3U);
  // Brackets by the hundred thousand are no way to run out of stack.
  EXPECT_EQ(read_queries("{\"id\":" + std::string(200'000, '[')).faults.count, 1U);
}

}  // namespace
}  // namespace pictor
