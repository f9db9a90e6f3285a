// What the tests of infer share: tiny networks, made once a process by tests/golden/make_tiny_onnx.py, and their bits.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "infer/infer.h"

namespace pictor {

// A folder that goes when the process ends.
class TestFolder {
 public:
  TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-infer-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string fresh_folder() {
  static TestFolder all;
  static int count = 0;
  const std::string folder = all.path() + "/" + std::to_string(++count);
  std::filesystem::create_directories(folder);
  return folder;
}

// Where the tiny networks lie; empty when there is no Python environment to make them.
inline const std::string& tiny_networks() {
  static const std::string made = [] {
    const std::string python = PICTOR_DEPS_DIR "/venv/bin/python";
    const std::string script = PICTOR_SOURCE_DIR "/tests/golden/make_tiny_onnx.py";
    if (!std::filesystem::exists(python)) return std::string();
    const auto folder = fresh_folder();
    const bool ok = std::system(("'" + python + "' '" + script + "' '" + folder + "'").c_str()) == 0;
    EXPECT_TRUE(ok) << script;
    return ok ? folder : std::string();
  }();
  return made;
}

inline std::string tiny_network(const std::string& name) { return tiny_networks() + "/" + name; }

inline constexpr std::size_t kTinyPixels = 3 * 32 * 32;

inline std::vector<float> random_pictures(std::size_t n) {
  std::mt19937 draw(11);
  std::uniform_real_distribution<float> level(-1.0F, 1.0F);
  std::vector<float> pictures(n * kTinyPixels);
  for (auto& value : pictures) value = level(draw);
  return pictures;
}

inline TensorView pixels_view(const std::vector<float>& pictures, std::size_t first, std::size_t n) {
  return {
      "pixels", ElementType::kF32, {static_cast<std::int64_t>(n), 3, 32, 32}, pictures.data() + first * kTinyPixels};
}

// All outputs of all pictures, `batch` at a time, output by output.
inline std::vector<float> picture_bits(const Model& model, const std::vector<float>& pictures, std::size_t batch) {
  const std::size_t n = pictures.size() / kTinyPixels;
  std::vector<std::vector<float>> all(model.outputs().size());
  for (std::size_t i = 0; i < n; i += batch) {
    const TensorView view[] = {pixels_view(pictures, i, std::min(batch, n - i))};
    const auto outputs = model.run(view);
    EXPECT_TRUE(outputs.is_ok()) << outputs.status().to_string();
    if (!outputs.is_ok()) return {};
    for (std::size_t o = 0; o < all.size(); ++o) {
      all[o].insert(all[o].end(), outputs->at(o).values.begin(), outputs->at(o).values.end());
    }
  }
  std::vector<float> joined;
  for (const auto& values : all) joined.insert(joined.end(), values.begin(), values.end());
  return joined;
}

struct TinyTexts {
  std::size_t n = 0;
  std::size_t length = 0;
  std::vector<std::int64_t> ids, mask;
};

inline TinyTexts random_texts(std::size_t n, std::size_t length) {
  std::mt19937 draw(13);
  TinyTexts texts{n, length, std::vector<std::int64_t>(n * length), std::vector<std::int64_t>(n * length)};
  for (std::size_t i = 0; i < n * length; ++i) {
    texts.ids[i] = static_cast<std::int64_t>(draw() % 100);
    texts.mask[i] = i % length < 1 + (i / length) % length ? 1 : 0;
  }
  return texts;
}

inline std::vector<float> text_bits(const Model& model, const TinyTexts& texts, std::size_t batch) {
  std::vector<float> all;
  for (std::size_t i = 0; i < texts.n; i += batch) {
    const auto size = static_cast<std::int64_t>(std::min(batch, texts.n - i));
    const auto length = static_cast<std::int64_t>(texts.length);
    const TensorView views[] = {{"ids", ElementType::kI64, {size, length}, texts.ids.data() + i * texts.length},
                                {"mask", ElementType::kI64, {size, length}, texts.mask.data() + i * texts.length}};
    const auto outputs = model.run(views);
    EXPECT_TRUE(outputs.is_ok()) << outputs.status().to_string();
    if (!outputs.is_ok()) return {};
    all.insert(all.end(), outputs->at(0).values.begin(), outputs->at(0).values.end());
  }
  return all;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return !a.empty() && a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace pictor
