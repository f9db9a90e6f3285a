// What is OpenVINO's own; what every run time must do is in runtime_conformance_test.cpp.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "infer/infer_testing.h"
#include "infer/isa.h"

namespace pictor {
namespace {

class OpenVino : public testing::Test {
 protected:
  void SetUp() override {
    if (!tiny_networks().empty()) return;
    if (std::getenv("CI") != nullptr) FAIL() << "the Python environment is missing: run tools/setup";
    GTEST_SKIP() << "the Python environment is missing: run tools/setup";
  }

  std::unique_ptr<Model> load(const std::string& name, const ModelOptions& options = {}) const {
    auto model = runtime_->load(tiny_network(name), options);
    EXPECT_TRUE(model.is_ok()) << model.status().to_string();
    return model.is_ok() ? std::move(model).value() : nullptr;
  }

  std::unique_ptr<Runtime> runtime_ = make_openvino_runtime();
};

TEST_F(OpenVino, an_output_keeps_its_name_when_optimising_joins_it_with_another) {
  const std::string cache = fresh_folder();
  for (int round = 0; round < 2; ++round) {
    const auto model = load("text.onnx", {1, 1, cache});
    ASSERT_NE(model, nullptr);
    EXPECT_EQ(model->outputs()[0].name, "states") << (round == 0 ? "compiled" : "from the cache");
  }
}

TEST_F(OpenVino, what_was_compiled_is_kept) {
  const std::string cache = fresh_folder();
  ASSERT_NE(load("picture.onnx", {1, 1, cache}), nullptr);
  EXPECT_FALSE(std::filesystem::is_empty(cache));
}

TEST_F(OpenVino, a_damaged_cache_is_no_error_and_changes_no_bit) {
  const auto pictures = random_pictures(3);
  const auto wanted = picture_bits(*load("picture.onnx"), pictures, 3);
  const std::string cache = fresh_folder();
  ASSERT_TRUE(make_openvino_runtime()->load(tiny_network("picture.onnx"), {1, 1, cache}).is_ok());
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
      auto model = make_openvino_runtime()->load(tiny_network("picture.onnx"), {1, 1, cache});
      ASSERT_TRUE(model.is_ok()) << blob << " at " << at << ": " << model.status().to_string();
      EXPECT_TRUE(same_bits(picture_bits(**model, pictures, 3), wanted)) << blob << " at " << at;
    }
    std::filesystem::resize_file(blob, size / 2);
    auto model = make_openvino_runtime()->load(tiny_network("picture.onnx"), {1, 1, cache});
    ASSERT_TRUE(model.is_ok()) << model.status().to_string();
    EXPECT_TRUE(same_bits(picture_bits(**model, pictures, 3), wanted));
  }
}

TEST_F(OpenVino, operations_that_it_does_not_know_are_named_without_compiling) {
  EXPECT_TRUE(check_operations(tiny_network("clip.onnx")).is_ok());
  const auto strange = check_operations(tiny_network("strange.onnx"));
  EXPECT_EQ(strange.code(), Code::kUnsupported) << strange.to_string();
  EXPECT_NE(strange.message().find("'NoSuchThing' of domain 'nobody' (opset 1)"), std::string::npos)
      << strange.to_string();
  EXPECT_EQ(check_operations(tiny_network("missing.onnx")).code(), Code::kNotFound);
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

// What a limit does to bits is shown with processes of their own: tests/provenance/reproducible_test.py.
TEST(IsaClass, that_of_this_process_is_kept_to_and_one_that_cannot_be_run_is_refused_with_both_names) {
  const auto here = isa_class_of_process();
  EXPECT_TRUE(limit_isa_class(here).is_ok());
  const auto refused = limit_isa_class("x86-64/avx9000");
  EXPECT_NE(refused.message().find("x86-64/avx9000"), std::string::npos) << refused.message();
  EXPECT_NE(refused.message().find(here), std::string::npos) << refused.message();
  EXPECT_EQ(isa_class_of_process(), here);
}

TEST(IsaClass, the_environment_is_read_once) {
  const auto here = isa_class_of_process();
  const char* before = std::getenv("ONEDNN_MAX_CPU_ISA");
  const std::string kept = before == nullptr ? "" : before;
  ASSERT_EQ(::setenv("ONEDNN_MAX_CPU_ISA", "SSE41", 1), 0);
  EXPECT_EQ(isa_class_of_process(), here);
  if (before == nullptr) {
    ::unsetenv("ONEDNN_MAX_CPU_ISA");
  } else {
    ::setenv("ONEDNN_MAX_CPU_ISA", kept.c_str(), 1);
  }
}

TEST(IsaClass, comes_too_late_when_a_network_was_loaded) {
  note_isa_in_use();
  EXPECT_EQ(limit_isa_class("x86-64/avx9000").code(), Code::kMismatch);
}

}  // namespace
}  // namespace pictor
