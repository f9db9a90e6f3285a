// Finding the library of ONNX Runtime; what it does is in runtime_conformance_test.cpp.
#include <gtest/gtest.h>

#include <fstream>

#include <cstdlib>

#include "infer/infer_testing.h"
#include "infer/onnxruntime_library.h"

namespace pictor {
namespace {

void expect_says(const Status& status, const std::vector<std::string>& words) {
  EXPECT_EQ(status.code(), Code::kUnsupported) << status.to_string();
  for (const auto& word : words) EXPECT_NE(status.message().find(word), std::string::npos) << status.to_string();
}

TEST(OnnxRuntime, a_library_that_is_not_there_is_named_with_what_installs_it) {
  expect_says(open_onnxruntime({"/no/such/libonnxruntime.so"}).status(),
              {"'/no/such/libonnxruntime.so'", "tools/setup build", "onnxruntime"});
}

TEST(OnnxRuntime, a_file_that_is_no_library_is_an_error_and_no_crash) {
  const std::string path = fresh_folder() + "/libonnxruntime.so";
  std::ofstream(path) << "no library";
  expect_says(open_onnxruntime({path}).status(), {"cannot be opened", path});
}

TEST(OnnxRuntime, a_library_without_cuda_says_so_with_what_installs_it) {
  const std::string path = fresh_folder() + "/libonnxruntime.so";
  expect_says(prepare_cuda_provider(path), {"libonnxruntime_providers_cuda.so", "tools/setup cuda"});
}

TEST(OnnxRuntime, without_a_gpu_cuda_is_refused_and_with_one_its_name_is_told) {
  const auto device = cuda_device_class(0);
  if (device.is_ok()) {
    EXPECT_TRUE(device->starts_with("cuda/")) << *device;
    EXPECT_NE(device->find("/sm_"), std::string::npos) << *device;
    EXPECT_EQ(cuda_device_class(1000).status().code(), Code::kInvalid);
    return;
  }
  expect_says(device.status(), {"CUDA cannot be used", "NVIDIA"});
  OnnxRuntimeOptions options;
  options.device = Device::kCuda;
  expect_says(make_onnxruntime_runtime(options).status(), {"CUDA"});
}

// Without one picture a pass, the scale of one would be that of all.
TEST(OnnxRuntime, pictures_do_not_see_each_other_even_where_a_network_looks_at_the_whole_batch) {
  const auto runtime = make_onnxruntime_runtime({});
  if (!runtime.is_ok() || tiny_networks().empty()) {
    if (std::getenv("CI") != nullptr) FAIL() << runtime.status().to_string() << ": run tools/setup";
    GTEST_SKIP() << runtime.status().to_string();
  }
  const auto numbers = random_pictures(1);
  for (const std::size_t threads : {1U, 2U}) {
    const auto model = (*runtime)->load(tiny_network("dynamic8.onnx"), {threads, 1, ""});
    ASSERT_TRUE(model.is_ok()) << model.status().to_string();
    const TensorView all[] = {{"x", ElementType::kF32, {40, 64}, numbers.data()}};
    const auto together = (*model)->run(all);
    ASSERT_TRUE(together.is_ok()) << together.status().to_string();
    ASSERT_EQ(together->at(0).shape, (std::vector<std::int64_t>{40, 32}));
    for (std::size_t i = 0; i < 40; ++i) {
      const TensorView one[] = {{"x", ElementType::kF32, {1, 64}, numbers.data() + 64 * i}};
      const auto alone = (*model)->run(one);
      ASSERT_TRUE(alone.is_ok());
      EXPECT_EQ(0, std::memcmp(alone->at(0).values.data(), together->at(0).values.data() + 32 * i, 32 * sizeof(float)));
    }
  }
}

TEST(OnnxRuntime, a_network_whose_answer_for_several_pictures_is_no_row_a_picture_is_refused) {
  const auto runtime = make_onnxruntime_runtime({});
  if (!runtime.is_ok() || tiny_networks().empty()) GTEST_SKIP() << runtime.status().to_string();
  const auto model = (*runtime)->load(tiny_network("turned.onnx"), {});
  ASSERT_TRUE(model.is_ok()) << model.status().to_string();
  const auto numbers = random_pictures(1);
  const TensorView two[] = {{"x", ElementType::kF32, {2, 4}, numbers.data()}};
  expect_says((*model)->run(two).status(), {"output 'y'", "[4 x 1]"});
  const TensorView one[] = {{"x", ElementType::kF32, {1, 4}, numbers.data()}};
  EXPECT_TRUE((*model)->run(one).is_ok());
}

TEST(OnnxRuntime, a_second_library_in_one_process_is_refused) {
  const auto first = open_onnxruntime({});
  if (!first.is_ok()) GTEST_SKIP() << first.status().to_string();
  EXPECT_TRUE(open_onnxruntime({first->path}).is_ok());
  const std::string copy = fresh_folder() + "/libonnxruntime.so";
  std::filesystem::copy_file(first->path, copy);
  EXPECT_EQ(open_onnxruntime({copy}).status().code(), Code::kMismatch);
}

}  // namespace
}  // namespace pictor
