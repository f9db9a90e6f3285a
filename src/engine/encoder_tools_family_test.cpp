// Measuring and warming an encoder through the engine, as the command line does.
#include "engine/encoder_tools.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "engine/tools_testing.h"

namespace pictor {
namespace {

class EncoderToolsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string hub = PICTOR_DEPS_DIR "/golden/clip/hub";
    PICTOR_NEED_SET_UP(hub, "tools/setup golden");
    std::filesystem::create_directories(folder_ / "cards");
    options_.data_folder = folder_ / "data";
    options_.cards_folder = folder_ / "cards";
    options_.weights_folder = folder_ / "weights";
    options_.encoders_folder = folder_ / "encoders";
    options_.cache_folder = folder_ / "cache";
    options_.threads = 2;
    reopen();
    EncoderRequest request;
    request.folder = hub;
    request.name = "clip";
    const auto added = engine_->add_encoder(request);
    ASSERT_TRUE(added.is_ok()) << added.status().to_string();
  }
  void reopen() {
    engine_.reset();
    auto opened = Engine::open(Env::real(), options_);
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    engine_ = std::move(opened).value();
  }

  std::vector<std::string> cache_entries() {
    std::vector<std::string> out;
    const auto left = Env::real().list(folder_ / "cache");
    if (!left.is_ok()) return out;
    for (const auto& entry : *left) out.push_back(entry.name);
    return out;
  }

  test::Folder folder_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EncoderToolsTest, a_folder_whose_network_of_pictures_is_missing_is_refused_by_that_files_name) {
  std::filesystem::copy(PICTOR_DEPS_DIR "/golden/clip/hub", folder_ / "hub", std::filesystem::copy_options::recursive);
  ASSERT_TRUE(std::filesystem::remove(folder_ / "hub/onnx/vision_model.onnx"));
  EncoderRequest request;
  request.folder = folder_ / "hub";
  request.name = "half";
  const auto added = engine_->add_encoder(request);
  ASSERT_FALSE(added.is_ok());
  EXPECT_NE(added.status().message().find("vision_model.onnx"), std::string::npos) << added.status().to_string();
}

TEST_F(EncoderToolsTest, bench_measures_every_batch_and_thread_count_in_the_time_it_is_given) {
  const auto begin = Env::real().monotonic_us();
  const auto bench = engine_->encoder_tools().bench({"clip", 0.6});
  const double seconds = static_cast<double>(Env::real().monotonic_us() - begin) / 1e6;
  ASSERT_TRUE(bench.is_ok()) << bench.status().to_string();
  EXPECT_EQ(bench->encoder, "clip");
  EXPECT_EQ(bench->precision, "f32");
  EXPECT_TRUE(bench->runtime.starts_with("openvino"));
  EXPECT_GT(bench->cold_ms, 0);
  EXPECT_GT(bench->warm_ms, 0);
  ASSERT_EQ(bench->rows.size(), 12U);
  std::set<std::string> kinds;
  for (const auto& row : bench->rows) {
    kinds.insert(row.what + " " + std::to_string(row.batch) + " " + std::to_string(row.threads));
    EXPECT_GE(row.calls, 1U);
    EXPECT_GT(row.per_second, 0);
    EXPECT_GT(row.cpu_seconds, 0);
    EXPECT_GE(row.p99_ms, row.p50_ms);
    EXPECT_TRUE(row.bits_equal) << row.what << " " << row.batch;
  }
  EXPECT_EQ(kinds.size(), 12U);
  EXPECT_LT(seconds, 300) << "it is to end soon after its time";
  // Its compiled networks were of no use to anybody else.
  EXPECT_EQ(cache_entries(), std::vector<std::string>{"bench.lock"});
  EXPECT_EQ(engine_->encoder_tools().bench({"clip", 0}).status().code(), Code::kInvalid);
  EXPECT_EQ(engine_->encoder_tools().bench({"none", 1}).status().code(), Code::kNotFound);
}

TEST_F(EncoderToolsTest, bench_is_interrupted_alone_and_clears_up_after_a_run_that_was_killed) {
  std::filesystem::create_directories(folder_ / "cache/bench");
  ASSERT_TRUE(write_file_atomic(Env::real(), folder_ / "cache/bench/old.compiled", as_bytes("half")).is_ok());
  std::atomic<bool> cancel = true;
  const auto stopped = engine_->encoder_tools().bench({"clip", 3600, &cancel});
  EXPECT_EQ(stopped.status().code(), Code::kCancelled) << stopped.status().to_string();
  EXPECT_EQ(cache_entries(), std::vector<std::string>{"bench.lock"});
  const auto other = Env::real().lock(folder_ / "cache/bench.lock");
  ASSERT_TRUE(other.is_ok());
  const auto busy = engine_->encoder_tools().bench({"clip", 0.1});
  EXPECT_EQ(busy.status().code(), Code::kBusy) << busy.status().to_string();
}

TEST_F(EncoderToolsTest, a_warm_encoder_compiles_nothing_more_for_indexing_or_searching) {
  const auto first = engine_->encoder_tools().warm("clip");
  ASSERT_TRUE(first.is_ok()) << first.status().to_string();
  EXPECT_EQ(first->compiled, 4U);  // two towers, for one caller and for several
  EXPECT_GT(first->bytes, 0U);
  const auto again = engine_->encoder_tools().warm("clip");
  ASSERT_TRUE(again.is_ok());
  EXPECT_EQ(again->compiled, 0U);
  EXPECT_EQ(again->kept, 4U);
  reopen();
  ASSERT_TRUE(engine_->embed_picture("clip", "joint", test::wavy_picture(1)).is_ok());
  const std::vector<std::string> texts = {"a red car"};
  ASSERT_TRUE(engine_->embed_texts("clip", "joint", texts).is_ok());
  EXPECT_EQ(engine_->encoder_tools().warm("clip")->kept, 4U);
}

TEST_F(EncoderToolsTest, without_a_place_for_compiled_networks_warming_says_so) {
  options_.cache_folder.clear();
  reopen();
  EXPECT_EQ(engine_->encoder_tools().warm("clip").status().code(), Code::kInvalid);
  const auto bench = engine_->encoder_tools().bench({"clip", 0.1});
  ASSERT_TRUE(bench.is_ok()) << bench.status().to_string();
  EXPECT_EQ(bench->warm_ms, 0);
  options_.cache_folder = folder_ / "cache";
  options_.runtime = "onnxruntime";
  reopen();
  const auto warm = engine_->encoder_tools().warm("clip");
  EXPECT_EQ(warm.status().code(), Code::kUnsupported) << warm.status().to_string();
}

TEST_F(EncoderToolsTest, comparing_and_deriving_find_the_encoder_that_was_added) {
  const auto report = engine_->encoder_tools().compare({"clip", PICTOR_DEPS_DIR "/golden/clip", ""});
  ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  EXPECT_TRUE(report->departures.empty());
  DeriveRequest request;
  request.name = "clip";
  request.new_name = "clip-64";
  request.dim = 64;
  ASSERT_TRUE(engine_->encoder_tools().derive(request).is_ok());
  const auto vector = engine_->embed_picture("clip-64", "", test::wavy_picture(1));
  ASSERT_TRUE(vector.is_ok()) << vector.status().to_string();
  EXPECT_EQ(vector->size(), 64U);
}

}  // namespace
}  // namespace pictor
