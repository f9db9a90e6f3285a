// What every Runtime must do, whoever wrote it: the same suite over all that are here. A run time that cannot be had
// (no library, no GPU) must say so clearly, and the rest is skipped for it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "infer/infer_testing.h"

namespace pictor {
namespace {

Result<std::unique_ptr<Runtime>> make(const std::string& which) {
  if (which == "openvino") return make_openvino_runtime();
  OnnxRuntimeOptions options;
  if (which == "onnxruntime_cuda") options.device = Device::kCuda;
  return make_onnxruntime_runtime(options);
}

class Conformance : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (tiny_networks().empty()) {
      if (std::getenv("CI") != nullptr) FAIL() << "the Python environment is missing: run tools/setup";
      GTEST_SKIP() << "the Python environment is missing: run tools/setup";
    }
    auto made = make(GetParam());
    if (made.is_ok()) {
      runtime_ = std::move(made).value();
      return;
    }
    ASSERT_EQ(made.status().code(), Code::kUnsupported) << made.status().to_string();
    const bool may_be_missing = std::string_view(GetParam()) == "onnxruntime_cuda" || std::getenv("CI") == nullptr;
    ASSERT_TRUE(may_be_missing) << made.status().to_string();
    GTEST_SKIP() << made.status().to_string();
  }

  std::unique_ptr<Model> load(const std::string& name, const ModelOptions& options = {}) const {
    auto model = runtime_->load(tiny_network(name), options);
    EXPECT_TRUE(model.is_ok()) << model.status().to_string();
    return model.is_ok() ? std::move(model).value() : nullptr;
  }

  Status refusal(const std::string& name, const ModelOptions& options = {}) const {
    const auto model = runtime_->load(tiny_network(name), options);
    EXPECT_FALSE(model.is_ok()) << name;
    EXPECT_NE(model.status().message().find(name), std::string::npos) << model.status().to_string();
    return model.status();
  }

  std::unique_ptr<Runtime> runtime_;
};

void expect_refused(const Status& status, Code code, const char* words) {
  EXPECT_EQ(status.code(), code) << status.to_string();
  EXPECT_NE(status.message().find(words), std::string::npos) << status.to_string();
}

TEST_P(Conformance, it_has_a_name_and_a_class_of_equal_bits) {
  EXPECT_NE(runtime_->name().find('.'), std::string::npos) << runtime_->name();
  EXPECT_NE(runtime_->isa_class().find('/'), std::string::npos) << runtime_->isa_class();
}

TEST_P(Conformance, a_network_says_what_goes_in_and_what_comes_out) {
  const auto model = load("picture.onnx");
  ASSERT_NE(model, nullptr);
  ASSERT_EQ(model->inputs().size(), 1U);
  EXPECT_EQ(model->inputs()[0].name, "pixels");
  EXPECT_EQ(model->inputs()[0].type, ElementType::kF32);
  EXPECT_EQ(model->inputs()[0].shape, (std::vector<std::int64_t>{-1, 3, 32, 32}));
  ASSERT_EQ(model->outputs().size(), 2U);
  EXPECT_EQ(model->outputs()[0].name, "features");
  EXPECT_EQ(model->outputs()[1].name, "logits");
  EXPECT_EQ(model->outputs()[1].shape, (std::vector<std::int64_t>{-1, 40}));
}

TEST_P(Conformance, pictures_have_the_same_bits_at_every_batch_and_thread_count) {
  for (const char* name : {"picture.onnx", "whole8.onnx"}) {
    const auto pictures = random_pictures(33);
    const auto alone = load(name);
    ASSERT_NE(alone, nullptr);
    const auto wanted = picture_bits(*alone, pictures, 1);
    for (std::size_t batch = 2; batch <= 33; ++batch) {
      EXPECT_TRUE(same_bits(picture_bits(*alone, pictures, batch), wanted)) << name << ", batch " << batch;
    }
    for (const auto& options : {ModelOptions{2, 1, ""}, ModelOptions{1, 2, ""}, ModelOptions{2, 2, ""}}) {
      const auto model = load(name, options);
      for (const std::size_t batch : {1U, 2U, 7U, 8U, 16U, 32U, 33U}) {
        EXPECT_TRUE(same_bits(picture_bits(*model, pictures, batch), wanted))
            << name << ", batch " << batch << ", threads " << options.threads << ", requests "
            << options.parallel_requests;
      }
    }
  }
}

TEST_P(Conformance, texts_have_the_same_bits_at_every_batch_and_thread_count) {
  const auto texts = random_texts(33, 12);
  const auto alone = load("text.onnx");
  ASSERT_NE(alone, nullptr);
  const auto wanted = text_bits(*alone, texts, 1);
  for (const std::size_t threads : {1U, 2U}) {
    const auto model = load("text.onnx", {threads, 1, ""});
    for (const std::size_t batch : {1U, 2U, 5U, 16U, 33U}) {
      EXPECT_TRUE(same_bits(text_bits(*model, texts, batch), wanted)) << "batch " << batch << ", threads " << threads;
    }
  }
}

TEST_P(Conformance, many_callers_at_once_get_the_bits_of_one) {
  const auto pictures = random_pictures(12);
  const auto model = load("picture.onnx", {1, 2, ""});
  ASSERT_NE(model, nullptr);
  const auto wanted = picture_bits(*model, pictures, 4);
  std::vector<std::vector<float>> seen(6);
  {
    std::vector<std::jthread> threads;
    for (auto& bits : seen) threads.emplace_back([&] { bits = picture_bits(*model, pictures, 3); });
  }
  for (const auto& bits : seen) EXPECT_TRUE(same_bits(bits, wanted));
}

TEST_P(Conformance, a_restart_with_what_was_compiled_before_changes_no_bit) {
  const auto pictures = random_pictures(5);
  const auto model = load("picture.onnx");
  ASSERT_NE(model, nullptr);
  const auto wanted = picture_bits(*model, pictures, 5);
  const std::string cache = fresh_folder();
  for (int round = 0; round < 3; ++round) {
    const auto fresh = make(GetParam());
    ASSERT_TRUE(fresh.is_ok());
    const auto again = (*fresh)->load(tiny_network("picture.onnx"), {1, 1, cache});
    ASSERT_TRUE(again.is_ok()) << again.status().to_string();
    EXPECT_TRUE(same_bits(picture_bits(**again, pictures, 5), wanted)) << "round " << round;
  }
}

TEST_P(Conformance, a_compiled_network_is_not_taken_for_one_that_was_asked_otherwise) {
  const std::string cache = fresh_folder();
  const auto inputs_of = [&](const ModelOptions& options) {
    const auto model = load("clip.onnx", options);
    return model == nullptr ? 0 : model->inputs().size();
  };
  EXPECT_EQ(inputs_of({1, 1, cache}), 2U);
  EXPECT_EQ(inputs_of({1, 1, cache, 0, {"image_vectors"}}), 1U);
  EXPECT_EQ(inputs_of({1, 1, cache}), 2U);
  const auto fixed = load("clip.onnx", {1, 1, cache, 0, {"image_vectors"}, {{"pixels", {-1, 3, 12, 12}}}});
  EXPECT_EQ(fixed->inputs()[0].shape, (std::vector<std::int64_t>{-1, 3, 12, 12}));
}

TEST_P(Conformance, wanted_outputs_alone_are_computed_from_what_they_need) {
  const auto pictures = random_pictures(3);
  const auto whole = load("clip.onnx");
  ASSERT_NE(whole, nullptr);
  std::vector<std::int64_t> ids = {5, 7, 9, 11, 1, 2};
  const TensorView both[] = {{"ids", ElementType::kI64, {1, 6}, ids.data()}, pixels_view(pictures, 0, 1)};
  const auto all = whole->run(both);
  ASSERT_TRUE(all.is_ok()) << all.status().to_string();
  ASSERT_EQ(all->at(2).name, "image_vectors");

  const auto tower = load("clip.onnx", {1, 1, "", 0, {"image_vectors"}});
  ASSERT_NE(tower, nullptr);
  ASSERT_EQ(tower->inputs().size(), 1U);
  EXPECT_EQ(tower->inputs()[0].name, "pixels");
  ASSERT_EQ(tower->outputs().size(), 1U);
  const TensorView one[] = {pixels_view(pictures, 0, 1)};
  const auto image = tower->run(one);
  ASSERT_TRUE(image.is_ok()) << image.status().to_string();
  EXPECT_TRUE(same_bits(image->at(0).values, all->at(2).values));

  const auto turned = load("clip.onnx", {1, 1, "", 0, {"image_vectors", "text_vectors"}});
  ASSERT_NE(turned, nullptr);
  EXPECT_EQ(turned->outputs()[0].name, "image_vectors");
  EXPECT_EQ(turned->outputs()[1].name, "text_vectors");
  const auto swapped = turned->run(both);
  ASSERT_TRUE(swapped.is_ok()) << swapped.status().to_string();
  EXPECT_EQ(swapped->at(1).name, "text_vectors");
  EXPECT_TRUE(same_bits(swapped->at(1).values, all->at(1).values));
}

TEST_P(Conformance, an_output_that_is_not_there_is_refused_with_those_that_are) {
  expect_refused(refusal("clip.onnx", {1, 1, "", 0, {"vectors"}}), Code::kInvalid,
                 "has no output 'vectors'; it has: scores, text_vectors, image_vectors");
  expect_refused(refusal("clip.onnx", {1, 1, "", 0, {"scores", "scores"}}), Code::kInvalid, "asked for twice");
}

TEST_P(Conformance, open_sizes_can_be_fixed_and_then_are) {
  ModelOptions options;
  options.outputs = {"image_vectors"};
  options.shapes = {{"pixels", {-1, 3, 32, 32}}};
  const auto model = load("clip.onnx", options);
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->inputs()[0].shape, (std::vector<std::int64_t>{-1, 3, 32, 32}));
  const auto pictures = random_pictures(4);
  const TensorView view[] = {pixels_view(pictures, 0, 4)};
  const auto seen = model->run(view);
  ASSERT_TRUE(seen.is_ok()) << seen.status().to_string();
  const auto open = load("clip.onnx", {1, 1, "", 0, {"image_vectors"}})->run(view);
  ASSERT_TRUE(open.is_ok());
  ASSERT_EQ(seen->at(0).values.size(), open->at(0).values.size());
  for (std::size_t i = 0; i < open->at(0).values.size(); ++i) {
    EXPECT_NEAR(seen->at(0).values[i], open->at(0).values[i], 1e-5);
  }
  auto smaller = view[0];
  smaller.shape = {4, 3, 24, 24};
  expect_refused(model->run({&smaller, 1}).status(), Code::kInvalid, "[any x 3 x 32 x 32] is wanted");

  options.batch = 1;
  EXPECT_EQ(load("clip.onnx", options)->inputs()[0].shape, (std::vector<std::int64_t>{1, 3, 32, 32}));
  options.shapes = {{"pixels", {-1, 4, 32, 32}}};
  expect_refused(refusal("clip.onnx", options), Code::kInvalid, "it cannot be [any x 4 x 32 x 32]");
  options.shapes = {{"ids", {1, 8}}};
  expect_refused(refusal("clip.onnx", options), Code::kInvalid, "has no input 'ids'");
  options.shapes = {{"pixels", {-1, 3, 40'000, 40'000}}};
  expect_refused(runtime_->load(tiny_network("clip.onnx"), options).status(), Code::kLimit, "'pixels'");
}

TEST_P(Conformance, a_batch_that_was_fixed_is_kept_to) {
  const auto pictures = random_pictures(2);
  const auto fixed = load("picture.onnx", {1, 1, "", 1});
  ASSERT_NE(fixed, nullptr);
  EXPECT_EQ(fixed->inputs()[0].shape, (std::vector<std::int64_t>{1, 3, 32, 32}));
  EXPECT_EQ(fixed->outputs()[0].shape, (std::vector<std::int64_t>{1, 96}));
  const TensorView one[] = {pixels_view(pictures, 0, 1)};
  EXPECT_TRUE(fixed->run(one).is_ok());
  const TensorView two[] = {pixels_view(pictures, 0, 2)};
  EXPECT_EQ(fixed->run(two).status().code(), Code::kInvalid);
}

TEST_P(Conformance, half_precision_goes_in_and_comes_out_as_f32) {
  const auto model = load("halves.onnx");
  ASSERT_NE(model, nullptr);
  for (const auto& port : model->outputs()) EXPECT_EQ(port.type, ElementType::kF32) << port.name;
  const auto pictures = random_pictures(3);
  std::vector<std::int64_t> ids = {5, 7, 9, 11, 1, 2};
  const TensorView inputs[] = {{"ids", ElementType::kI64, {3, 2}, ids.data()}, pixels_view(pictures, 0, 3)};
  const auto all = model->run(inputs);
  ASSERT_TRUE(all.is_ok()) << all.status().to_string();
  const TensorView last[] = {{"ids", ElementType::kI64, {1, 2}, ids.data() + 4}, pixels_view(pictures, 2, 1)};
  const auto one = model->run(last);
  ASSERT_TRUE(one.is_ok());
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& values = all->at(i).values;
    EXPECT_TRUE(same_bits(std::vector<float>(values.end() - 24, values.end()), one->at(i).values));
    for (const float value : values) EXPECT_TRUE(std::isfinite(value) && std::abs(value) < 10);
  }
}

TEST_P(Conformance, short_whole_numbers_go_in) {
  const auto model = load("small.onnx");
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->inputs()[0].type, ElementType::kI32);
  const std::vector<std::int32_t> ids = {3, 4, 3, 3};
  const TensorView view[] = {{"ids", ElementType::kI32, {2, 2}, ids.data()}};
  const auto sums = model->run(view);
  ASSERT_TRUE(sums.is_ok()) << sums.status().to_string();
  const std::vector<std::int32_t> turned = {4, 3};
  const TensorView again[] = {{"ids", ElementType::kI32, {1, 2}, turned.data()}};
  const auto same = model->run(again);
  ASSERT_TRUE(same.is_ok());
  for (std::size_t i = 0; i < 8; ++i) EXPECT_FLOAT_EQ(sums->at(0).values[i], same->at(0).values[i]);
  const TensorView wide[] = {{"ids", ElementType::kI64, {1, 1}, ids.data()}};
  expect_refused(model->run(wide).status(), Code::kInvalid, "i64 was given, i32 is wanted");
}

TEST_P(Conformance, weights_in_another_file_are_found) {
  const auto pictures = random_pictures(2);
  const auto within = load("picture.onnx");
  const auto outside = load("outer.onnx");
  ASSERT_NE(outside, nullptr);
  EXPECT_TRUE(same_bits(picture_bits(*outside, pictures, 2), picture_bits(*within, pictures, 2)));
  const auto cut = load("outer.onnx", {1, 1, "", 0, {"features"}});
  ASSERT_NE(cut, nullptr);
  const TensorView view[] = {pixels_view(pictures, 0, 2)};
  const auto features = cut->run(view);
  ASSERT_TRUE(features.is_ok()) << features.status().to_string();
  EXPECT_EQ(features->size(), 1U);
}

TEST_P(Conformance, other_weights_in_the_other_file_are_not_taken_from_the_cache) {
  const auto pictures = random_pictures(2);
  const std::string folder = fresh_folder();
  std::filesystem::create_directories(folder + "/weights");
  std::filesystem::copy_file(tiny_network("outer.onnx"), folder + "/outer.onnx");
  const auto data = read_file(Env::real(), tiny_network("weights/outer.bin"), 1 << 20);
  ASSERT_TRUE(data.is_ok());
  std::vector<std::vector<float>> seen;
  for (const std::byte change : {std::byte{0}, std::byte{1}}) {
    auto changed = *data;
    changed[2] ^= change;
    ASSERT_TRUE(write_file_atomic(Env::real(), folder + "/weights/outer.bin", changed).is_ok());
    const auto model = runtime_->load(folder + "/outer.onnx", {1, 1, folder + "/cache"});
    ASSERT_TRUE(model.is_ok()) << model.status().to_string();
    seen.push_back(picture_bits(**model, pictures, 2));
  }
  EXPECT_FALSE(same_bits(seen[0], seen[1]));
}

TEST_P(Conformance, a_wrong_input_is_refused_with_seen_and_wanted) {
  const auto model = load("picture.onnx");
  ASSERT_NE(model, nullptr);
  const auto pictures = random_pictures(1);
  const auto view = pixels_view(pictures, 0, 1);
  const auto refused = [&](const std::vector<TensorView>& views, const char* words) {
    expect_refused(model->run(views).status(), Code::kInvalid, words);
  };
  refused({}, "wants an input 'pixels'");
  refused({view, view}, "takes 1 inputs, 2 were given");
  auto shaped = view;
  shaped.shape = {1, 3, 24, 32};
  refused({shaped}, "[1 x 3 x 24 x 32] was given, [any x 3 x 32 x 32] is wanted");
  shaped.shape = {0, 3, 32, 32};
  refused({shaped}, "[0 x 3 x 32 x 32] was given");
  auto typed = view;
  typed.type = ElementType::kI64;
  refused({typed}, "i64 was given, f32 is wanted");
  auto named = view;
  named.name = "picture";
  refused({named}, "wants an input 'pixels'");
  EXPECT_TRUE(model->run(std::vector<TensorView>{view}).is_ok());
}

TEST_P(Conformance, what_is_no_network_or_none_that_may_be_read_is_refused_with_its_name) {
  const std::string folder = fresh_folder();
  const auto write = [&](const std::string& name, ByteView bytes) {
    ASSERT_TRUE(write_file_atomic(Env::real(), folder + "/" + name, bytes).is_ok());
  };
  const auto whole = read_file(Env::real(), tiny_network("picture.onnx"), 1 << 20);
  ASSERT_TRUE(whole.is_ok());
  write("noise.onnx", as_bytes("this is not a network"));
  write("empty.onnx", {});
  write("half.onnx", ByteView(*whole).first(whole->size() / 2));
  for (const char* name : {"noise.onnx", "empty.onnx", "half.onnx"}) {
    expect_refused(runtime_->load(folder + "/" + name, {}).status(), Code::kUnreadable, name);
  }
  EXPECT_EQ(runtime_->load(folder + "/missing.onnx", {}).status().code(), Code::kNotFound);
  EXPECT_EQ(runtime_->load(folder, {}).status().code(), Code::kInvalid);
  for (const auto& options :
       {ModelOptions{0, 1, ""}, ModelOptions{1, 0, ""}, ModelOptions{1, limits::kThreadsMax + 1, ""}}) {
    EXPECT_EQ(runtime_->load(tiny_network("picture.onnx"), options).status().code(), Code::kInvalid);
  }
}

TEST_P(Conformance, a_file_that_reaches_out_of_its_folder_or_claims_too_much_is_refused) {
  expect_refused(refusal("deeper/above.onnx"), Code::kInvalid, "not within the network's folder");
  expect_refused(refusal("absolute.onnx"), Code::kInvalid, "not within the network's folder");
  expect_refused(refusal("memory.onnx"), Code::kInvalid, "not within the network's folder");
  expect_refused(refusal("away.onnx"), Code::kNotFound, "'weights/none.bin'");
  expect_refused(refusal("longer.onnx"), Code::kUnreadable, "claims");
  expect_refused(refusal("huge.onnx"), Code::kLimit, "10000000000");
  expect_refused(refusal("claims.onnx"), Code::kLimit, "10000000000");
  expect_refused(refusal("twice.onnx"), Code::kUnreadable, "two networks");
}

TEST_P(Conformance, weights_that_are_no_numbers_are_found_before_and_show_after) {
  EXPECT_EQ(check_weights_finite(tiny_network("nan.onnx")).code(), Code::kUnreadable);
  const auto model = load("nan.onnx");
  ASSERT_NE(model, nullptr);
  const std::vector<float> zeros(10'000);
  const TensorView view[] = {{"x", ElementType::kF32, {1, 10'000}, zeros.data()}};
  const auto outputs = model->run(view);
  ASSERT_TRUE(outputs.is_ok()) << outputs.status().to_string();
  EXPECT_TRUE(std::isnan(outputs->at(0).values[7777]));
  EXPECT_EQ(std::ranges::count_if(outputs->at(0).values, [](float value) { return std::isnan(value); }), 1);
}

TEST_P(Conformance, an_operation_or_a_number_type_that_is_unknown_is_unsupported) {
  expect_refused(refusal("strange.onnx"), Code::kUnsupported, "'NoSuchThing' of domain 'nobody' (opset 1)");
  expect_refused(refusal("doubles.onnx"), Code::kUnsupported, "f64");
}

std::string name_of_case(const testing::TestParamInfo<const char*>& info) { return info.param; }
INSTANTIATE_TEST_SUITE_P(Runtimes, Conformance, testing::Values("openvino", "onnxruntime_cpu", "onnxruntime_cuda"),
                         name_of_case);

}  // namespace
}  // namespace pictor
