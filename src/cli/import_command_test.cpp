#include <nlohmann/json.hpp>

#include "cli/cli_testing.h"
#include "cli/output_file.h"
#include "cli/text.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

class ImportCommandTest : public CliTest {
 protected:
  FakeVectorTools& tools() { return engine_->fake_vector_tools; }
  // Three rows of two numbers.
  std::string npy(const std::string& name = "v.npy") {
    const std::vector<float> numbers = {1, 2, 3, 4, 5, 6};
    return folder_.write(name, npy_header(3, 2) + std::string(as_text(std::as_bytes(std::span(numbers)))));
  }
  bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
};

TEST_F(ImportCommandTest, a_file_goes_in_with_what_is_known_of_it) {
  const std::string ids = folder_.write("ids.txt", "a\nb\nc\n");
  ASSERT_EQ(run({"import", npy(), "-c", "shop", "--ids", ids, "--id-prefix", "x/", "--encoder-name", "clip", "--metric",
                 "inner_product"}),
            0)
      << err();
  ASSERT_EQ(tools().imports.size(), 1U);
  const ImportRequest& asked = tools().imports[0];
  EXPECT_EQ(asked.collection, "shop");
  EXPECT_EQ(asked.encoder_name, "clip");
  EXPECT_EQ(asked.metric, Metric::kInnerProduct);
  EXPECT_FALSE(asked.again || asked.dry_run);
  EXPECT_EQ(asked.origin.file, "v.npy");
  EXPECT_EQ(asked.origin.format, "npy, float32");
  EXPECT_EQ(asked.origin.sha256, sha256(as_bytes(folder_.read("v.npy"))).hex());
  EXPECT_EQ(asked.origin.ids, sha256(as_bytes("a\nb\nc\n")).hex());
  ASSERT_EQ(tools().imported.size(), 3U);
  EXPECT_EQ(tools().imported[2].id, "x/c");
  EXPECT_EQ(tools().imported[2].numbers, (std::vector<float>{5, 6}));
  EXPECT_TRUE(has(out(), "Imported 3 vectors of 2 numbers into 'shop'")) << out();
  EXPECT_TRUE(has(out(), "external:clip")) << out();
  EXPECT_EQ(engine_->indexes_requests.size(), 1U);
}

TEST_F(ImportCommandTest, json_has_every_count_and_a_dry_run_makes_no_graphs) {
  ASSERT_EQ(run({"--json", "import", npy(), "-c", "shop", "--dry-run"}), 0) << err();
  EXPECT_TRUE(tools().imports.at(0).dry_run);
  EXPECT_TRUE(engine_->indexes_requests.empty());
  const Json json = Json::parse(out());
  EXPECT_EQ(json["seen"], 3);
  EXPECT_EQ(json["dry_run"], true);
  EXPECT_EQ(json["metric"], "cosine");
  EXPECT_EQ(json["dim"], 2);
  EXPECT_EQ(json["encoder"], "external:unknown");
}

TEST_F(ImportCommandTest, refused_vectors_are_told_of_and_end_badly_only_if_all_are_or_when_it_is_asked) {
  const std::string lines =
      folder_.write("v.jsonl", "{\"id\":\"a\",\"vector\":[1]}\nrubbish\n{\"id\":\"c\",\"vector\":[2]}\n");
  EXPECT_EQ(run({"import", lines, "-c", "shop"}), 0);
  EXPECT_TRUE(has(err(), "refused: line 2")) << err();
  EXPECT_TRUE(has(out(), "refused            1")) << out();
  EXPECT_EQ(run({"import", lines, "-c", "shop", "--strict"}), 6);
  ASSERT_EQ(run({"import", lines, "-c", "shop", "--refused", folder_ / "bad.jsonl"}), 0);
  EXPECT_FALSE(has(err(), "refused: "));
  const Json bad = Json::parse(folder_.read("bad.jsonl"));
  EXPECT_EQ(bad["place"], "line 2");
  EXPECT_EQ(bad["code"], "unreadable");
}

TEST_F(ImportCommandTest, a_run_that_was_stopped_says_how_to_go_on) {
  tools().cancel_after = 1;
  EXPECT_EQ(run({"import", npy(), "-c", "shop"}), static_cast<int>(Code::kCancelled));
  EXPECT_TRUE(has(err(), "The same command goes on from here")) << err();
  EXPECT_TRUE(engine_->indexes_requests.empty());
}

TEST_F(ImportCommandTest, files_and_options_that_are_wrong_are_refused_before_the_engine_is_opened) {
  EXPECT_EQ(run({"import", npy()}), 2);  // no collection
  EXPECT_EQ(run({"import", folder_ / "none.npy", "-c", "shop"}), 3);
  EXPECT_EQ(run({"import", folder_.write("x", "hello"), "-c", "shop"}), 13);
  EXPECT_EQ(run({"import", npy(), "-c", "shop", "--metric", "hamming"}), 2);
  EXPECT_EQ(run({"import", npy(), "-c", "shop", "--dataset", "train"}), 2);
  EXPECT_EQ(run({"import", npy(), "-c", "shop", "--ids", folder_.write("few.txt", "a\n")}), 5);
  EXPECT_TRUE(tools().imports.empty());
}

TEST_F(ImportCommandTest, search_takes_a_vector_from_a_file) {
  add_item("a");
  ASSERT_EQ(run({"search", "--vector", npy(), "--row", "2"}), 0) << err();
  ASSERT_EQ(engine_->queries.size(), 1U);
  EXPECT_EQ(engine_->queries[0].parts.at(0).kind, QueryPart::Kind::kVector);
  EXPECT_EQ(engine_->queries[0].parts.at(0).vector, (std::vector<float>{5, 6}));
  EXPECT_EQ(run({"search", "--vector", npy()}), 2);
  EXPECT_TRUE(has(err(), "has 3 vectors: say which one with --row")) << err();
  EXPECT_EQ(run({"search", "--vector", npy(), "--row", "3"}), 3);
}

TEST_F(ImportCommandTest, search_says_which_deadline_and_recall_only_when_they_are_named) {
  add_item("a");
  ASSERT_EQ(run({"search", "--text", "x"}), 0) << err();
  ASSERT_EQ(run({"search", "--text", "x", "--deadline", "0", "--recall", "0.5"}), 0) << err();
  ASSERT_EQ(run({"search", "--text", "x", "--deadline", "1000"}), 0) << err();
  EXPECT_FALSE(engine_->queries[0].deadline_us.has_value() || engine_->queries[0].recall.has_value());
  EXPECT_EQ(engine_->queries[1].deadline_us, 0);
  EXPECT_EQ(engine_->queries[1].recall, 0.5);
  EXPECT_GT(engine_->queries[2].deadline_us.value_or(0), 0);
}

TEST_F(ImportCommandTest, export_writes_hdf5_and_ids_as_text) {
  add_item("a");
  add_item("b c");
  ASSERT_EQ(run({"export", folder_ / "v.h5"}), 0) << err();
  EXPECT_EQ(run({"export", folder_ / "v.h5"}), 4);
  ASSERT_EQ(run({"import", folder_ / "v.h5", "-c", "shop"}), 0) << err();
  ASSERT_EQ(tools().imported.size(), 2U);
  EXPECT_EQ(tools().imported[1].id, "b c");
  EXPECT_EQ(tools().imported[1].numbers, (std::vector<float>{0.5F, -0.5F}));
  ASSERT_EQ(run({"export", folder_ / "v.npy", "--ids", folder_ / "ids.txt"}), 0) << err();
  EXPECT_EQ(folder_.read("ids.txt"), "a\nb c\n");
  EXPECT_EQ(run({"export", folder_ / "v.jsonl", "--ids", folder_ / "ids.txt"}), 2);
  EXPECT_EQ(run({"export", "-", "--format", "hdf5"}), 2);
  add_item("two\nlines");
  EXPECT_EQ(run({"export", folder_ / "w.npy", "--ids", folder_ / "w.txt"}), 2);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "w.npy"));
}

TEST_F(ImportCommandTest, tune_prints_what_it_measured_and_what_it_wrote) {
  TuneReport& tuned = tools().tuned;
  tuned.head = "joint";
  tuned.items = 1000;
  tuned.queries = 300;
  tuned.seed = 7;
  tuned.settings = {{0.9, 0.91, 0.88, 0.94, 0.2, 0.4, 120, 0, false}, {1, 1, 0.99, 1, 2, 3, 1000, 1, true}};
  tuned.chosen = 1;
  tuned.written = true;
  ASSERT_EQ(run({"tune", "-c", "shop", "--recall", "0.95", "--latency-ms", "5", "--deadline", "20", "-k", "5"}), 0)
      << err();
  const TuneRequest& asked = tools().tunes.at(0);
  EXPECT_EQ(asked.collection, "shop");
  EXPECT_EQ(asked.recall, 0.95);
  EXPECT_EQ(asked.latency_ms, 5.0);
  EXPECT_EQ(asked.deadline_ms, 20);
  EXPECT_EQ(asked.k, 5U);
  EXPECT_TRUE(has(out(), "recall@5")) << out();
  EXPECT_TRUE(has(out(), "take recall 1 unless they name another (before: none)")) << out();
  ASSERT_EQ(run({"--json", "tune", "-c", "shop", "--dry-run"}), 0);
  EXPECT_TRUE(tools().tunes.at(1).dry_run);
  const Json json = Json::parse(out());
  EXPECT_EQ(json["chosen"], 1.0);
  EXPECT_EQ(json["before"], nullptr);
  EXPECT_EQ(json["settings"][0]["p99_ms"], 0.4);
  tuned.chosen.reset();
  tuned.written = false;
  tuned.why = "no setting is fast enough";
  EXPECT_EQ(run({"tune", "-c", "shop"}), static_cast<int>(Code::kUnsupported));
  EXPECT_TRUE(has(err(), "no setting is fast enough; nothing was written down")) << err();
}

}  // namespace
}  // namespace pictor
