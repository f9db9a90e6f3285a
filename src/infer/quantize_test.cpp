#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "infer/infer_testing.h"
#include "infer/onnx_file.h"
#include "infer/quantize_ranges.h"

namespace pictor {
namespace {

float kept(const ByteScale& scale, float value) {
  const float level = std::clamp(std::nearbyint(value / scale.scale) + static_cast<float>(scale.zero), 0.0F, 255.0F);
  return (level - static_cast<float>(scale.zero)) * scale.scale;
}

TEST(RangeHistogram, zero_is_kept_exactly) {
  for (const auto& [low, high] : {std::pair{-3.7F, 1.3F}, {0.5F, 9.0F}, {-8.0F, -1.0F}, {0.0F, 6.0F}}) {
    RangeHistogram histogram(low, high);
    for (int i = 0; i <= 1000; ++i) histogram.add(low + (high - low) * static_cast<float>(i) / 1000);
    const auto scale = histogram.choose();
    EXPECT_EQ(kept(scale, 0), 0.0F);
    EXPECT_NEAR(kept(scale, high), high, 0.02F * (high - low));
    EXPECT_NEAR(kept(scale, low), low, 0.02F * (high - low));
  }
}

TEST(RangeHistogram, a_few_far_numbers_do_not_rule_the_scale) {
  std::mt19937 draw(3);
  std::normal_distribution<float> bell(0, 1);
  RangeHistogram histogram(-200, 200);
  for (int i = 0; i < 100'000; ++i) histogram.add(bell(draw));
  RangeHistogram with_far = histogram;
  with_far.add(40);
  const auto scale = with_far.choose();
  EXPECT_LT(scale.scale * 255, 60) << "a range that covers every number is 240 wide";
  EXPECT_NEAR(kept(scale, 2), 2, 0.2);
}

TEST(RangeHistogram, of_nothing_and_of_zeros_alone_gives_a_scale) {
  EXPECT_GT(RangeHistogram(0, 0).choose().scale, 0);
  RangeHistogram zeros(0, 0);
  zeros.add(0);
  EXPECT_EQ(kept(zeros.choose(), 0), 0.0F);
}

TEST(ChannelRanges, channels_are_told_apart_in_planes_and_in_rows) {
  const std::vector<float> planes = {1, 2, 3, -4, -5, -6};
  ChannelRanges by_plane(2);
  by_plane.add(planes, true);
  EXPECT_EQ(by_plane.high[0], 3);
  EXPECT_EQ(by_plane.low[1], -6);
  EXPECT_EQ(by_plane.sum[1], -15);
  ChannelRanges by_row(2);
  by_row.add(planes, false);
  EXPECT_EQ(by_row.sum[0], 1 + 3 - 5);
  EXPECT_EQ(by_row.positions, 3U);
}

TEST(RangeHistogram, of_numbers_without_end_stays_within_its_bins) {
  for (const float low : {-INFINITY, -3e38F}) {
    RangeHistogram histogram(low, 3e38F);
    for (const float value : {-INFINITY, INFINITY, std::nanf(""), 0.0F}) histogram.add(value);
    EXPECT_GT(histogram.choose().scale, 0);
  }
}

class Passes final : public CalibrationPasses {
 public:
  explicit Passes(std::size_t n, float first = 0) : pictures_(random_pictures(n)) { pictures_[0] = first; }
  std::size_t count() const override { return pictures_.size() / kTinyPixels; }
  Status run(std::size_t pass, const std::function<Status(std::span<const TensorView>)>& use) const override {
    const auto view = pixels_view(pictures_, pass, 1);
    return use({&view, 1});
  }

 private:
  std::vector<float> pictures_;
};

class TinyQuantised : public testing::Test {
 protected:
  void SetUp() override {
    if (!tiny_networks().empty()) return;
    if (std::getenv("CI") != nullptr) FAIL() << "no Python environment";
    GTEST_SKIP() << "no Python environment to make the networks";
  }
  Result<std::unique_ptr<NetworkQuantizer>> calibrate(const std::string& network) const {
    CalibrateRequest request;
    request.path = tiny_network(network);
    request.work_file = folder_ + "/watched.onnx";
    request.options.outputs = {"features", "logits"};
    return calibrate_network(*runtime_, request, Passes(6));
  }
  std::vector<float> bits(const std::string& path) const {
    ModelOptions options;
    options.outputs = {"features", "logits"};
    const auto model = runtime_->load(path, options);
    EXPECT_TRUE(model.is_ok()) << model.status().to_string();
    return model.is_ok() ? picture_bits(**model, random_pictures(6), 1) : std::vector<float>();
  }

  std::string folder_ = fresh_folder();
  std::unique_ptr<Runtime> runtime_ = make_openvino_runtime();
};

double error_of(const std::vector<float>& a, const std::vector<float>& b) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    error += (a[i] - b[i]) * (a[i] - b[i]);
    size += a[i] * a[i];
  }
  return std::sqrt(error / size);
}

TEST_F(TinyQuantised, int8_is_near_f32_and_all_groups_in_float_are_f32_itself) {
  const auto made = calibrate("picture.onnx");
  ASSERT_TRUE(made.is_ok()) << made.status().to_string();
  ASSERT_EQ((*made)->groups().size(), 4U);
  EXPECT_TRUE((*made)->groups()[3].single);
  EXPECT_FALSE((*made)->groups()[0].single);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/watched.onnx"));
  ASSERT_TRUE((*made)->write(folder_ + "/int8.onnx", std::vector<bool>(4, false)).is_ok());
  ASSERT_TRUE((*made)->write(folder_ + "/float.onnx", std::vector<bool>(4, true)).is_ok());
  const auto wanted = bits(tiny_network("picture.onnx"));
  EXPECT_TRUE(same_bits(bits(folder_ + "/float.onnx"), wanted));
  const double error = error_of(wanted, bits(folder_ + "/int8.onnx"));
  EXPECT_GT(error, 0);
  EXPECT_LT(error, 0.03);
}

TEST_F(TinyQuantised, weights_in_another_file_are_written_into_the_network) {
  const auto inside = calibrate("picture.onnx");
  const auto outside = calibrate("outer.onnx");
  ASSERT_TRUE(inside.is_ok() && outside.is_ok()) << outside.status().to_string();
  for (const bool in_float : {false, true}) {
    ASSERT_TRUE((*inside)->write(folder_ + "/a.onnx", std::vector<bool>(4, in_float)).is_ok());
    ASSERT_TRUE((*outside)->write(folder_ + "/b.onnx", std::vector<bool>(4, in_float)).is_ok());
    EXPECT_TRUE(same_bits(bits(folder_ + "/a.onnx"), bits(folder_ + "/b.onnx")));
  }
}

TEST_F(TinyQuantised, a_network_that_is_quantised_already_is_refused) {
  const auto made = calibrate("whole8.onnx");
  ASSERT_EQ(made.status().code(), Code::kUnsupported) << made.status().to_string();
  EXPECT_NE(made.status().message().find("is quantised already"), std::string::npos) << made.status().message();
}

TEST_F(TinyQuantised, a_pooling_without_an_input_is_refused) {
  const auto made = calibrate("pool_of_nothing.onnx");
  EXPECT_FALSE(made.is_ok());
  EXPECT_NE(made.status().code(), Code::kInternal) << made.status().to_string();
}

TEST_F(TinyQuantised, a_convolution_with_strides_past_the_limit_stays_in_float) {
  for (const auto& [network, layers] :
       {std::pair{"step_longest.onnx", 2U}, {"step_longer.onnx", 1U}, {"step_wraps.onnx", 1U}}) {
    const auto made = calibrate(network);
    ASSERT_TRUE(made.is_ok()) << made.status().to_string();
    ASSERT_EQ((*made)->groups().size(), 1U);
    EXPECT_EQ((*made)->groups()[0].layers, layers) << network;
  }
}

TEST_F(TinyQuantised, a_number_that_is_not_finite_stops_calibration) {
  CalibrateRequest request;
  request.path = tiny_network("picture.onnx");
  request.work_file = folder_ + "/watched.onnx";
  request.options.outputs = {"features", "logits"};
  const auto made = calibrate_network(*runtime_, request, Passes(2, std::nanf("")));
  EXPECT_EQ(made.status().code(), Code::kUnreadable) << made.status().to_string();
}

}  // namespace
}  // namespace pictor
