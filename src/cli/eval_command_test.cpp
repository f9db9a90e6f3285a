// pictor eval: what it asks the engine, what it prints, remembers and ends with. The figures themselves are tested in
// src/measure.
#include <nlohmann/json.hpp>

#include <algorithm>

#include "cli/cli_testing.h"
#include "cli/text.h"
#include "image/image.h"
#include "measure/measure.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

class EvalCli : public CliTest {
 protected:
  EvalCli() { data_ = folder_ / "data"; }

  int eval(std::vector<std::string> arguments) {
    std::vector<std::string> all = {"--data", data_, "eval"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run(all);
  }
  int eval_json(std::vector<std::string> arguments, Json& document) {
    arguments.insert(arguments.begin() + 1, "--json");
    const int status = eval(arguments);
    document = Json::parse(out(), nullptr, false);
    return status;
  }
  double mean(const Json& document, const std::string& name) const {
    for (const Json& one : document.at("measures")) {
      if (one.at("name") == name) return one.at("mean");
    }
    ADD_FAILURE() << name << " is not in " << document.dump();
    return -1;
  }
  // Two queries: the first finds its item first, the second finds it third.
  std::string judgements() { return folder_.write("j.qrels", "q1 0 a 1\nq2 0 c 1\n"); }
  std::string good_run() {
    return folder_.write("good.run", "q1 Q0 a 1 3 x\nq2 Q0 a 1 3 x\nq2 Q0 b 2 2 x\nq2 Q0 c 3 1 x\n");
  }
  std::string bad_run() { return folder_.write("bad.run", "q1 Q0 b 1 3 y\nq1 Q0 a 2 2 y\nq2 Q0 b 1 1 y\n"); }

  std::string data_;
};

TEST_F(EvalCli, help_of_every_action_fits_80_columns_and_has_examples) {
  for (const char* action : {"run", "auto", "score", "compare", "report", "history"}) {
    ASSERT_EQ(run({"eval", action, "--help"}), 0) << err();
    for (const std::string& line : split(out(), '\n')) EXPECT_LE(display_width(line), 80U) << action << ": " << line;
    EXPECT_NE(out().find("Examples:\n  "), std::string::npos) << action;
  }
  EXPECT_EQ(run({"eval"}), 2);
}

TEST_F(EvalCli, score_prints_means_with_intervals_and_remembers_them) {
  ASSERT_EQ(eval({"score", "-j", judgements(), "-r", good_run(), "-m", "MRR,hit@1"}), 0) << err();
  EXPECT_NE(out().find("MRR     0.6667"), std::string::npos) << out();
  EXPECT_NE(out().find("95 % interval"), std::string::npos) << out();
  EXPECT_NE(out().find("2 queries"), std::string::npos) << out();
  Json document;
  ASSERT_EQ(eval_json({"score", "-j", judgements(), "-r", bad_run(), "-m", "MRR,hit@1"}, document), 0);
  EXPECT_DOUBLE_EQ(mean(document, "MRR"), 0.25);
  EXPECT_EQ(document["queries"], 2);
  EXPECT_TRUE(document["comparison"].is_null());
  ASSERT_EQ(eval({"history"}), 0);
  EXPECT_NE(out().find("0.6667"), std::string::npos) << out();
  EXPECT_NE(out().find("0.2500"), std::string::npos) << out();
  ASSERT_EQ(eval_json({"history", "-m", "hit@1"}, document), 0);
  ASSERT_EQ(document["runs"].size(), 2U);
  EXPECT_DOUBLE_EQ(document["runs"][0]["measures"][1]["mean"].get<double>(), 0.5);
  ASSERT_EQ(eval({"score", "-j", judgements(), "-r", bad_run(), "--no-history"}), 0);
  ASSERT_EQ(eval_json({"history"}, document), 0);
  EXPECT_EQ(document["runs"].size(), 2U);
  ASSERT_EQ(eval_json({"history", "-c", "elsewhere"}, document), 0);
  EXPECT_TRUE(document["runs"].empty());
}

TEST_F(EvalCli, history_keeps_the_newest_and_passes_over_what_is_none) {
  std::string lines = "no json\n{\"at_us\": \"late\"}\n";
  for (std::uint32_t i = 0; i < limits::kEvalHistoryRowsMax; ++i) {
    lines += R"({"at_us":)" + std::to_string(i) +
             R"(,"kind":"score","collection":"","run":"r","judgements":"j","queries":1,"measures":[]})" + "\n";
  }
  folder_.write("data/eval/history.jsonl", lines);
  ASSERT_EQ(eval({"score", "-j", judgements(), "-r", good_run()}), 0) << err();
  const std::string kept = folder_.read("data/eval/history.jsonl");
  EXPECT_EQ(std::count(kept.begin(), kept.end(), '\n'), limits::kEvalHistoryRowsMax);
  EXPECT_TRUE(kept.starts_with("{\"at_us\":1,")) << kept.substr(0, 80);
}

TEST_F(EvalCli, a_gate_that_does_not_hold_ends_with_status_1) {
  const std::vector<std::string> score = {"score", "-j", judgements(), "-r", good_run()};
  const auto with = [&](const std::string& gate) {
    std::vector<std::string> all = score;
    all.insert(all.end(), {"--fail-below", gate});
    return all;
  };
  EXPECT_EQ(eval(with("hit@1=0.5")), 0) << err();
  EXPECT_EQ(eval(with("hit@1=0.51")), 1);
  EXPECT_EQ(err(), "pictor: hit@1 is 0.5000, below 0.5100\n");
  EXPECT_EQ(eval(with("hit@3=1.1")), 1) << "a metric that was not asked for is measured";
  for (const char* wrong : {"hit@1", "hit@1=", "hit@1=high", "bleu=1", "=1", "hit@1=nan"})
    EXPECT_EQ(eval(with(wrong)), 2) << wrong;
  Json document;
  EXPECT_EQ(eval_json(with("hit@1=0.51"), document), 1);
  EXPECT_EQ(document["gates"][0]["holds"], false);
}

TEST_F(EvalCli, compare_looks_at_differences_and_its_gate_is_one) {
  const std::vector<std::string> compare = {"compare", "-j", judgements(), "-r",        good_run(), "--against",
                                            bad_run(), "-m", "MRR",        "--samples", "500"};
  ASSERT_EQ(eval(compare), 0) << err();
  EXPECT_NE(out().find("+0.417"), std::string::npos) << out();
  EXPECT_NE(out().find("0.5000"), std::string::npos) << "two of four ways of signs are as extreme: " << out();
  Json document;
  ASSERT_EQ(eval_json(compare, document), 0);
  EXPECT_EQ(document["tests"][0]["better"], 2);
  EXPECT_DOUBLE_EQ(document["tests"][0]["p"], 0.5);
  std::vector<std::string> gated = compare;
  gated.insert(gated.end(), {"--fail-below", "MRR=0.4"});
  EXPECT_EQ(eval(gated), 0);
  gated.back() = "MRR=0.5";
  EXPECT_EQ(eval(gated), 1);
  EXPECT_EQ(eval({"compare", "-j", judgements(), "-r", good_run()}), 2) << "against what?";
  ASSERT_EQ(eval_json({"score", "-j", judgements(), "-r", good_run(), "--against", bad_run()}, document), 0);
  EXPECT_EQ(document["comparison"]["queries"], 2);
}

TEST_F(EvalCli, faults_of_a_file_are_told_line_by_line) {
  const std::string wrong = folder_.write("wrong.qrels", "q1 0 a 1\nq1 0 b\nq1 0 c much\n");
  EXPECT_EQ(eval({"score", "-j", wrong, "-r", good_run()}), static_cast<int>(Code::kUnreadable));
  EXPECT_NE(err().find("wrong.qrels', line 2: there are 3 fields"), std::string::npos) << err();
  EXPECT_NE(err().find("line 3: grade is 'much'"), std::string::npos) << err();
  EXPECT_EQ(eval({"score", "-j", folder_ / "none", "-r", good_run()}), static_cast<int>(Code::kNotFound));
  const std::string others = folder_.write("others.qrels", "x 0 a 1\n");
  EXPECT_EQ(eval({"score", "-j", others, "-r", good_run()}), static_cast<int>(Code::kMismatch));
  EXPECT_EQ(eval({"score", "-j", judgements(), "-r", good_run(), "-m", "MRR,MRR"}), 2);
  EXPECT_EQ(eval({"score", "-j", judgements(), "-r", good_run(), "--samples", "99"}), 2);
}

TEST_F(EvalCli, run_asks_each_query_and_scores_the_answers) {
  for (const char* id : {"a", "b", "c"}) add_item(id);
  folder_.write("q/cat.png", "picture bytes");
  const std::string queries = folder_.write(
      "q/q.csv",
      "id,text,picture,item,filter,kind\nq1,a cat,,,price < 3,words\nq2,,cat.png,,,pictures\nq3,,,a,,items\n");
  const std::string judged = folder_.write("j.csv", "query,item,grade\nq1,a,1\nq2,b,1\nq3,b,1\nq9,a,1\n");
  Json document;
  ASSERT_EQ(eval_json({"run", "shop", "--queries", queries, "-j", judged, "-o", folder_ / "out.run", "-k", "2", "-m",
                       "MRR", "--exact"},
                      document),
            0)
      << err();
  ASSERT_EQ(engine_->queries.size(), 3U);
  EXPECT_EQ(engine_->queries[0].collection, "shop");
  EXPECT_EQ(engine_->queries[0].where, "price < 3");
  EXPECT_EQ(engine_->queries[0].recall, 1.0);
  EXPECT_EQ(as_text(engine_->queries[1].parts.at(0).image), "picture bytes");
  EXPECT_EQ(engine_->queries[2].k, 3U) << "one more, since the item itself does not count";
  // a first; b second; b first once a itself is left out.
  EXPECT_DOUBLE_EQ(mean(document, "MRR"), (1 + 0.5 + 1) / 3);
  EXPECT_EQ(document["queries"], 3) << "q9 is not in the file of queries";
  EXPECT_EQ(document["slices"].size(), 3U);
  EXPECT_EQ(document["asked"]["queries"], 3);
  EXPECT_EQ(folder_.read("out.run"),
            "q1 Q0 a 1 0.899999976 pictor\nq1 Q0 b 2 0.799999952 pictor\nq2 Q0 a 1 0.899999976 pictor\n"
            "q2 Q0 b 2 0.799999952 pictor\nq3 Q0 b 1 0.799999952 pictor\nq3 Q0 c 2 0.699999988 pictor\n");
  // What was written scores as what was asked.
  Json again;
  ASSERT_EQ(eval_json({"score", "-j", judged, "--queries", queries, "-r", folder_ / "out.run", "-m", "MRR"}, again), 0);
  EXPECT_EQ(again["measures"], document["measures"]);
  EXPECT_EQ(again["slices"], document["slices"]);
}

TEST_F(EvalCli, a_query_that_cannot_be_asked_counts_as_nothing_found) {
  add_item("a");
  const std::string queries = folder_.write("q.csv", "id,picture,text\nq1,none.png,\nq2,,a cat\n");
  const std::string judged = folder_.write("j.qrels", "q1 0 a 1\nq2 0 a 1\n");
  Json document;
  ASSERT_EQ(eval_json({"run", "shop", "--queries", queries, "-j", judged, "-m", "MRR"}, document), 0);
  EXPECT_DOUBLE_EQ(mean(document, "MRR"), 0.5);
  EXPECT_EQ(document["asked"]["failed"], 1);
  EXPECT_NE(err().find("none.png"), std::string::npos) << err();
  const std::string all_wrong = folder_.write("w.csv", "id,picture\nq1,none.png\n");
  EXPECT_EQ(eval({"run", "shop", "--queries", all_wrong, "-j", judged}), 2);
  EXPECT_EQ(eval({"run", "shop", "--queries", queries}), 2) << "no judgements and no output";
  EXPECT_EQ(eval({"run", "shop", "--queries", queries, "-o", folder_ / "only.run"}), 0);
  EXPECT_EQ(folder_.read("only.run"), "q2 Q0 a 1 0.899999976 pictor\n");
  engine_->failure = Status(Code::kIo, "the disk is gone");
  EXPECT_EQ(eval({"run", "shop", "--queries", queries, "-j", judged}), static_cast<int>(Code::kIo));
}

TEST_F(EvalCli, auto_alters_pictures_and_wants_the_original) {
  Image image{64, 48, 3, 8, std::vector<std::uint8_t>(64 * 48 * 3, 120), {}};
  engine_->kept_picture = *encode_png(image);
  for (const char* id : {"a", "b", "c"}) add_item(id);
  engine_->items[2].content = engine_->items[0].content = "same";
  Json document;
  ASSERT_EQ(eval_json({"auto", "shop", "--alterations", "crop,jpeg", "-o", folder_ / "out.run", "--save-judgements",
                       folder_ / "auto.qrels"},
                      document),
            0)
      << err();
  ASSERT_EQ(engine_->queries.size(), 6U);
  for (const Query& query : engine_->queries) EXPECT_EQ(sniff_format(query.parts.at(0).image), ImageFormat::kJpeg);
  EXPECT_EQ(folder_.read("auto.qrels"),
            "crop-1 0 a 1\ncrop-1 0 c 1\ncrop-2 0 b 1\ncrop-3 0 a 1\ncrop-3 0 c 1\njpeg-1 0 a 1\njpeg-1 0 c 1\n"
            "jpeg-2 0 b 1\njpeg-3 0 a 1\njpeg-3 0 c 1\n");
  // The stand-in answers a, b, c to everything: right first for a and its equal c, second for b.
  EXPECT_NEAR(mean(document, "hit@1"), 4.0 / 6, 1e-12);
  EXPECT_EQ(document["slices"][0]["value"], "crop");
  EXPECT_TRUE(document["judgements"].is_null());
  ASSERT_EQ(eval({"auto", "shop", "-n", "1", "--alterations", "blur", "--fail-below", "hit@1=2"}), 1);
  EXPECT_EQ(engine_->queries.size(), 7U);
  EXPECT_EQ(eval({"auto", "shop", "--alterations", "melt"}), 2);
  engine_->kept_picture.clear();
  EXPECT_EQ(eval({"auto", "shop"}), static_cast<int>(Code::kNotFound));
  EXPECT_NE(err().find("--keep original"), std::string::npos) << err();
}

TEST_F(EvalCli, the_report_is_one_page_that_asks_for_nothing_else_and_trusts_no_name) {
  const std::string judged = folder_.write("j.csv", "query,item,grade,<kind>\nq1,a,1,<b>x</b>\nq2,c,1,\"y\"\"&\"\n");
  const std::string page = folder_ / "report.html";
  ASSERT_EQ(eval({"report", "-j", judged, "-r", good_run(), "--against", bad_run(), "--html", page}), 0) << err();
  const std::string html = folder_.read("report.html");
  EXPECT_TRUE(html.starts_with("<!doctype html>"));
  EXPECT_TRUE(html.ends_with("</html>\n"));
  EXPECT_EQ(html.find("<b>x</b>"), std::string::npos);
  EXPECT_NE(html.find("&lt;b&gt;x&lt;/b&gt;"), std::string::npos);
  for (const char* outside : {"http:", "https:", "<script", "<link", "url(", "nan", "inf\""}) {
    EXPECT_EQ(html.find(outside), std::string::npos) << outside;
  }
  EXPECT_NE(html.find("prefers-color-scheme: dark"), std::string::npos);
  std::size_t plots = 0;
  for (std::size_t at = html.find("<svg"); at != std::string::npos; at = html.find("<svg", at + 1)) ++plots;
  EXPECT_EQ(plots, 6U) << "metrics, differences twice, depth, queries, slices";
  // With two remembered runs of these judgements there is their history.
  for (int i = 0; i < 2; ++i) ASSERT_EQ(eval({"score", "-j", judged, "-r", good_run()}), 0);
  ASSERT_EQ(eval({"report", "-j", judged, "-r", good_run(), "--html", page}), 0);
  EXPECT_NE(folder_.read("report.html").find("<h2>History</h2>"), std::string::npos);
}

}  // namespace
}  // namespace pictor
