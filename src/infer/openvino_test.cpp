#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "infer/infer.h"
#include "infer/isa.h"

namespace pictor {
namespace {

constexpr std::size_t kPixels = 3 * 32 * 32;
constexpr std::uint32_t kSeed = 11;

std::vector<float> random_pictures(std::size_t n) {
  std::mt19937 draw(kSeed);
  std::uniform_real_distribution<float> level(-1.0F, 1.0F);
  std::vector<float> pictures(n * kPixels);
  for (auto& value : pictures) value = level(draw);
  return pictures;
}

TensorView pixels_view(const std::vector<float>& pictures, std::size_t first, std::size_t n) {
  return {"pixels", ElementType::kF32, {static_cast<std::int64_t>(n), 3, 32, 32}, pictures.data() + first * kPixels};
}

class OpenVino : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string python = PICTOR_DEPS_DIR "/venv/bin/python";
    if (!std::filesystem::exists(python)) return;
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-infer-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    const std::string script = PICTOR_SOURCE_DIR "/tests/golden/make_tiny_onnx.py";
    if (std::system(("'" + python + "' '" + script + "' '" + folder_ + "'").c_str()) != 0) folder_.clear();
  }
  static void TearDownTestSuite() {
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }
  void SetUp() override {
    if (!folder_.empty()) return;
    if (std::getenv("CI") != nullptr) FAIL() << "the Python environment is missing: run tools/setup";
    GTEST_SKIP() << "the Python environment is missing: run tools/setup";
  }

  static std::string file(const std::string& name) { return folder_ + "/" + name; }

  std::unique_ptr<Model> load(const std::string& name, const ModelOptions& options = {}) const {
    auto model = runtime_->load(file(name), options);
    EXPECT_TRUE(model.is_ok()) << model.status().to_string();
    return model.is_ok() ? std::move(model).value() : nullptr;
  }

  // "features" and "logits" of all pictures, `batch` at a time.
  static std::vector<float> picture_bits(const Model& model, const std::vector<float>& pictures, std::size_t batch) {
    std::vector<float> all;
    const std::size_t n = pictures.size() / kPixels;
    std::vector<float> logits;
    for (std::size_t i = 0; i < n; i += batch) {
      const TensorView view[] = {pixels_view(pictures, i, std::min(batch, n - i))};
      auto outputs = model.run(view);
      EXPECT_TRUE(outputs.is_ok()) << outputs.status().to_string();
      if (!outputs.is_ok()) return {};
      all.insert(all.end(), outputs->at(0).values.begin(), outputs->at(0).values.end());
      logits.insert(logits.end(), outputs->at(1).values.begin(), outputs->at(1).values.end());
    }
    all.insert(all.end(), logits.begin(), logits.end());
    return all;
  }

  static inline std::string folder_;
  std::unique_ptr<Runtime> runtime_ = make_openvino_runtime();
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return !a.empty() && a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST_F(OpenVino, a_network_says_what_goes_in_and_what_comes_out) {
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

TEST_F(OpenVino, an_output_keeps_its_name_when_optimising_joins_it_with_another) {
  for (int round = 0; round < 2; ++round) {
    const auto model = load("text.onnx", {1, 1, file("names")});
    ASSERT_NE(model, nullptr);
    EXPECT_EQ(model->outputs()[0].name, "states") << (round == 0 ? "compiled" : "from the cache");
  }
}

TEST_F(OpenVino, bits_are_the_same_at_every_batch_and_thread_count) {
  const auto pictures = random_pictures(33);
  const auto alone = load("picture.onnx");
  ASSERT_NE(alone, nullptr);
  const auto wanted = picture_bits(*alone, pictures, 1);
  for (std::size_t batch = 2; batch <= 33; ++batch) {
    EXPECT_TRUE(same_bits(picture_bits(*alone, pictures, batch), wanted)) << "batch " << batch;
  }
  for (const auto& options : {ModelOptions{2, 1, ""}, ModelOptions{1, 2, ""}, ModelOptions{2, 2, ""}}) {
    const auto model = load("picture.onnx", options);
    for (const std::size_t batch : {1U, 2U, 7U, 8U, 16U, 32U, 33U}) {
      EXPECT_TRUE(same_bits(picture_bits(*model, pictures, batch), wanted))
          << "batch " << batch << ", threads " << options.threads << ", requests " << options.parallel_requests;
    }
  }
}

TEST_F(OpenVino, bits_are_the_same_with_and_without_compiled_models_in_the_cache) {
  const auto pictures = random_pictures(5);
  const auto wanted = picture_bits(*load("picture.onnx"), pictures, 5);
  const std::string cache = file("cache");
  for (int round = 0; round < 2; ++round) {
    const auto fresh = make_openvino_runtime();
    auto model = fresh->load(file("picture.onnx"), {1, 1, cache});
    ASSERT_TRUE(model.is_ok()) << model.status().to_string();
    EXPECT_TRUE(same_bits(picture_bits(**model, pictures, 5), wanted)) << "round " << round;
  }
  EXPECT_FALSE(std::filesystem::is_empty(cache));
}

TEST_F(OpenVino, a_damaged_cache_is_no_error_and_changes_no_bit) {
  const auto pictures = random_pictures(3);
  const auto wanted = picture_bits(*load("picture.onnx"), pictures, 3);
  const std::string cache = file("damaged");
  ASSERT_TRUE(make_openvino_runtime()->load(file("picture.onnx"), {1, 1, cache}).is_ok());
  std::vector<std::filesystem::path> blobs;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(cache)) {
    if (entry.is_regular_file() && entry.file_size() > 0) blobs.push_back(entry.path());
  }
  ASSERT_FALSE(blobs.empty());
  for (const auto& blob : blobs) {
    const auto size = std::filesystem::file_size(blob);
    for (const auto at : {size / 4, size / 2, size - size / 8, size - 1}) {
      std::fstream out(blob, std::ios::in | std::ios::out | std::ios::binary);
      out.seekg(static_cast<std::streamoff>(at));
      const char old = static_cast<char>(out.get());
      out.seekp(static_cast<std::streamoff>(at));
      out.put(static_cast<char>(old ^ 0x55));
      out.close();
      auto model = make_openvino_runtime()->load(file("picture.onnx"), {1, 1, cache});
      ASSERT_TRUE(model.is_ok()) << blob << " at " << at << ": " << model.status().to_string();
      EXPECT_TRUE(same_bits(picture_bits(**model, pictures, 3), wanted)) << blob << " at " << at;
    }
    std::filesystem::resize_file(blob, size / 2);
    auto model = make_openvino_runtime()->load(file("picture.onnx"), {1, 1, cache});
    ASSERT_TRUE(model.is_ok()) << model.status().to_string();
    EXPECT_TRUE(same_bits(picture_bits(**model, pictures, 3), wanted));
  }
}

TEST_F(OpenVino, many_threads_at_once_get_the_bits_of_one) {
  const auto pictures = random_pictures(12);
  const auto model = load("picture.onnx", {1, 2, ""});
  const auto wanted = picture_bits(*model, pictures, 4);
  std::vector<std::vector<float>> seen(6);
  {
    std::vector<std::jthread> threads;
    for (auto& bits : seen) threads.emplace_back([&] { bits = picture_bits(*model, pictures, 3); });
  }
  for (const auto& bits : seen) EXPECT_TRUE(same_bits(bits, wanted));
}

TEST_F(OpenVino, whole_numbers_of_any_length_go_in) {
  const auto model = load("text.onnx");
  std::vector<std::int64_t> ids = {5, 17, 99, 3, 1, 2, 3, 4};
  std::vector<std::int64_t> mask = {1, 1, 1, 0, 1, 1, 1, 1};
  const TensorView inputs[] = {{"ids", ElementType::kI64, {2, 4}, ids.data()},
                               {"mask", ElementType::kI64, {2, 4}, mask.data()}};
  const auto both = model->run(inputs);
  ASSERT_TRUE(both.is_ok()) << both.status().to_string();
  EXPECT_EQ(both->at(0).shape, (std::vector<std::int64_t>{2, 4, 64}));
  const TensorView second[] = {{"ids", ElementType::kI64, {1, 4}, ids.data() + 4},
                               {"mask", ElementType::kI64, {1, 4}, mask.data() + 4}};
  const auto alone = model->run(second);
  ASSERT_TRUE(alone.is_ok());
  EXPECT_EQ(0, std::memcmp(alone->at(0).values.data(), both->at(0).values.data() + 4 * 64, 4 * 64 * sizeof(float)));
}

TEST_F(OpenVino, a_wrong_input_is_refused_with_seen_and_wanted) {
  const auto model = load("picture.onnx");
  const auto pictures = random_pictures(1);
  auto view = pixels_view(pictures, 0, 1);
  const auto refused = [&](const std::vector<TensorView>& views, const char* words) {
    const auto outputs = model->run(views);
    ASSERT_FALSE(outputs.is_ok());
    EXPECT_EQ(outputs.status().code(), Code::kInvalid);
    EXPECT_NE(outputs.status().message().find(words), std::string::npos) << outputs.status().message();
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

TEST_F(OpenVino, a_file_that_is_no_network_is_refused_with_its_name) {
  std::ofstream(file("noise.onnx")) << "this is not a network";
  std::ofstream(file("empty.onnx")).close();
  const std::string whole = [] {
    std::ifstream in(file("picture.onnx"), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }();
  std::ofstream(file("half.onnx"), std::ios::binary) << whole.substr(0, whole.size() / 2);
  for (const char* name : {"noise.onnx", "empty.onnx", "half.onnx"}) {
    const auto model = runtime_->load(file(name), {});
    ASSERT_FALSE(model.is_ok()) << name;
    EXPECT_EQ(model.status().code(), Code::kUnreadable) << model.status().to_string();
    EXPECT_NE(model.status().message().find(name), std::string::npos) << model.status().to_string();
  }
  EXPECT_EQ(runtime_->load(file("missing.onnx"), {}).status().code(), Code::kNotFound);
  EXPECT_EQ(runtime_->load(folder_, {}).status().code(), Code::kInvalid);
  EXPECT_EQ(runtime_->load(file("picture.onnx"), {0, 1, ""}).status().code(), Code::kInvalid);
  EXPECT_EQ(runtime_->load(file("picture.onnx"), {1, limits::kThreadsMax + 1, ""}).status().code(), Code::kInvalid);
}

TEST_F(OpenVino, an_operation_or_a_number_type_that_is_unknown_is_unsupported) {
  const auto strange = runtime_->load(file("strange.onnx"), {});
  ASSERT_FALSE(strange.is_ok());
  EXPECT_EQ(strange.status().code(), Code::kUnsupported) << strange.status().to_string();
  EXPECT_NE(strange.status().message().find("NoSuchThing"), std::string::npos) << strange.status().to_string();
  const auto halves = runtime_->load(file("halves.onnx"), {});
  ASSERT_FALSE(halves.is_ok());
  EXPECT_EQ(halves.status().code(), Code::kUnsupported) << halves.status().to_string();
}

TEST(IsaClass, a_cap_lowers_the_class_and_never_raises_it) {
  const auto own = isa_class_of_machine("");
  EXPECT_EQ(isa_class_of_machine("ALL"), own);
  EXPECT_EQ(isa_class_of_machine("nonsense"), own);
#if defined(__x86_64__)
  EXPECT_EQ(isa_class_of_machine("SSE41"), "x86-64/sse41");
  EXPECT_EQ(isa_class_of_machine("AVX"), "x86-64/sse41");
  if (own.starts_with("x86-64/avx512")) {
    EXPECT_EQ(isa_class_of_machine("avx2"), "x86-64/avx2");
    EXPECT_EQ(isa_class_of_machine("AVX512_CORE"), "x86-64/avx512");
  }
#else
  EXPECT_EQ(isa_class_of_machine("SSE41"), own);
#endif
  EXPECT_EQ(make_openvino_runtime()->name().substr(0, 9), "openvino ");
}

}  // namespace
}  // namespace pictor
