// pictor encoder bench, warm, verify --against, derive, and the choice of run time: what they ask the engine, and
// print.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/cli_testing.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

class EncoderToolsCli : public CliTest {};

EncoderBench measured() {
  EncoderBench bench;
  bench.precision = "f32";
  bench.runtime = "openvino 2026.4.1";
  bench.isa_class = "x86-64/avx512_vnni";
  bench.cold_ms = 1234.5;
  bench.warm_ms = 210;
  for (const char* what : {"pictures", "texts"}) {
    for (const std::size_t batch : {1U, 8U, 32U}) {
      for (const std::size_t threads : {1U, 2U}) {
        bench.rows.push_back({what, batch, threads, 100, 12345.6, 9876.5, 1.25, 1234.5, 2345.6, true});
      }
    }
  }
  return bench;
}

TEST_F(EncoderToolsCli, bench_fits_80_columns_and_says_it_in_json) {
  engine_->tools.benched = measured();
  EXPECT_EQ(run({"encoder", "bench", "clip", "--seconds", "2"}), 0) << err();
  std::istringstream lines(out());
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_EQ(count, 15U) << out();
  EXPECT_NE(out().find("pictures"), std::string::npos);
  EXPECT_NE(out().find("12,346"), std::string::npos) << out();
  EXPECT_EQ(run({"--json", "encoder", "bench", "clip"}), 0);
  const auto json = Json::parse(out());
  EXPECT_EQ(json["rows"].size(), 12U);
  EXPECT_EQ(json["rows"][0]["bits_equal"], true);
  EXPECT_EQ(json["warm_ms"], 210);
  EXPECT_EQ(run({"encoder", "bench"}), static_cast<int>(Code::kInvalid));
}

TEST_F(EncoderToolsCli, bench_fails_when_bits_depend_on_the_batch) {
  engine_->tools.benched = measured();
  engine_->tools.benched.rows[3].bits_equal = false;
  EXPECT_EQ(run({"encoder", "bench", "clip"}), static_cast<int>(Code::kMismatch));
  EXPECT_NE(out().find("DIFFER"), std::string::npos);
  EXPECT_NE(err().find("batch 8"), std::string::npos) << err();
}

TEST_F(EncoderToolsCli, warm_takes_names_or_all_and_not_both) {
  EXPECT_EQ(run({"encoder", "warm", "one", "two", "three"}), 0) << err();
  EXPECT_EQ(engine_->tools.warmed, (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_NE(out().find("4 networks compiled, 3.0 MiB"), std::string::npos) << out();
  EXPECT_EQ(run({"encoder", "warm"}), static_cast<int>(Code::kInvalid));
  EXPECT_EQ(run({"encoder", "warm", "one", "--all"}), static_cast<int>(Code::kInvalid));
  EXPECT_EQ(run({"--json", "encoder", "warm", "one"}), 0);
  EXPECT_EQ(Json::parse(out())["warmed"][0]["compiled"], 4);
}

TEST_F(EncoderToolsCli, verify_against_names_the_first_stage_and_its_cause_and_fails) {
  auto& report = engine_->tools.compared;
  report.encoder = "clip";
  report.stages = {{"pictures", "tensor", "", 3, 1, 0, 2, "a.jpg", 0.5, 0.98, 7, 10, 10},
                   {"pictures", "vector", "joint", 3, 3, 0, 0, "", 0, 1, 0, 0, 0}};
  report.departures = {{"pictures", "tensor", {"bilinear instead of bicubic"}, 2, 2}};
  EXPECT_EQ(run({"encoder", "verify", "clip", "--against", "records.jsonl", "--head", "joint"}),
            static_cast<int>(Code::kMismatch));
  ASSERT_EQ(engine_->tools.asked.size(), 1U);
  EXPECT_EQ(engine_->tools.asked[0].against, "records.jsonl");
  EXPECT_EQ(engine_->tools.asked[0].head, "joint");
  EXPECT_NE(out().find("pictures depart at tensor: 'a.jpg' from number 7 on, by 0.5 at most"), std::string::npos)
      << out();
  EXPECT_NE(out().find("theirs: bilinear instead of bicubic"), std::string::npos) << out();
  EXPECT_NE(out().find("2 of 2 items"), std::string::npos) << out();
  report.departures.clear();
  EXPECT_EQ(run({"encoder", "verify", "clip", "--against", "records.jsonl"}), 0) << err();
  EXPECT_NE(out().find("no stage departs"), std::string::npos) << out();
  EXPECT_EQ(run({"--json", "encoder", "verify", "clip", "--against", "records.jsonl"}), 0);
  EXPECT_EQ(Json::parse(out())["stages"][1]["head"], "joint");
  // Without --against it is the files that are verified.
  EXPECT_EQ(run({"encoder", "verify", "clip"}), 0);
  EXPECT_EQ(engine_->asked_of_encoders.back(), "verify clip");
}

TEST_F(EncoderToolsCli, derive_wants_one_way_a_name_and_a_dimension) {
  const int invalid = static_cast<int>(Code::kInvalid);
  EXPECT_EQ(run({"encoder", "derive", "clip", "--name", "x", "--dim", "8"}), invalid);
  EXPECT_EQ(run({"encoder", "derive", "clip", "--name", "x", "--truncate"}), invalid);
  EXPECT_EQ(run({"encoder", "derive", "clip", "--dim", "8", "--truncate"}), invalid);
  EXPECT_EQ(run({"encoder", "derive", "clip", "--name", "x", "--dim", "8", "--truncate", "--matrix", "m"}), invalid);
  EXPECT_TRUE(engine_->tools.derives.empty());
  const auto pictures = folder_.write("pictures/a.png", "not looked at here");
  folder_.write("pictures/b.jpg", "nor this");
  const auto texts = folder_.write("texts.txt", "one\r\n\ntwo\n");
  EXPECT_EQ(run({"encoder", "derive", "clip", "--name", "x", "--dim", "8", "--pca", folder_ / "pictures", "--texts",
                 texts, "--head", "joint"}),
            0)
      << err();
  ASSERT_EQ(engine_->tools.derives.size(), 1U);
  const auto& asked = engine_->tools.derives[0];
  EXPECT_EQ(asked.by, DeriveBy::kPca);
  EXPECT_EQ(asked.texts, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(asked.head, "joint");
  EXPECT_NE(asked.cancel, nullptr) << "Ctrl-C stops it";
  EXPECT_NE(out().find("fitted on 2 pictures"), std::string::npos) << out();
  EXPECT_NE(out().find("overlap@10"), std::string::npos) << out();
  EXPECT_EQ(run({"--json", "encoder", "derive", "clip", "--name", "x", "--dim", "8", "--truncate"}), 0);
  EXPECT_EQ(Json::parse(out())["overlap"], 0.75);
}

TEST_F(EncoderToolsCli, derive_reads_no_more_texts_than_are_fitted_on) {
  folder_.write("pictures/a.png", "not looked at here");
  const auto run_with = [&](std::size_t texts, const std::string& line) {
    std::string content;
    for (std::size_t i = 0; i < texts; ++i) content += line;
    const auto path = folder_.write("texts.txt", content);
    return run(
        {"encoder", "derive", "clip", "--name", "x", "--dim", "8", "--pca", folder_ / "pictures", "--texts", path});
  };
  EXPECT_EQ(run_with(limits::kDeriveTextsMax, "a\n"), 0) << err();
  EXPECT_EQ(engine_->tools.derives.back().texts.size(), limits::kDeriveTextsMax);
  EXPECT_EQ(run_with(limits::kDeriveTextsMax + 1, "a\n"), static_cast<int>(Code::kLimit));
  EXPECT_EQ(run_with(limits::kDeriveTextsMax + 1, "\n"), 0) << "empty lines are none";
}

TEST_F(EncoderToolsCli, the_run_time_and_device_come_from_flags_or_the_environment) {
  EXPECT_EQ(run({"--runtime", "onnxruntime", "--device", "cuda:1", "stats"}), 0) << err();
  EXPECT_EQ(opened_.runtime, "onnxruntime");
  EXPECT_EQ(opened_.device, "cuda:1");
  EXPECT_EQ(run({"stats"}), 0);
  EXPECT_EQ(opened_.runtime, "");
  ::setenv("PICTOR_RUNTIME", "openvino", 1);
  ::setenv("PICTOR_DEVICE", "cpu", 1);
  EXPECT_EQ(run({"stats"}), 0);
  ::unsetenv("PICTOR_RUNTIME");
  ::unsetenv("PICTOR_DEVICE");
  EXPECT_EQ(opened_.runtime, "openvino");
  EXPECT_EQ(opened_.device, "cpu");
  EXPECT_EQ(run({"--runtime", "torch", "stats"}), static_cast<int>(Code::kInvalid));
}

}  // namespace
}  // namespace pictor
