// What tests of the engine share: pictures made from numbers, a source of them, and an engine over the default encoder.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "base/base.h"
#include "engine/engine.h"
#include "image/image.h"

namespace pictor {

// Two colours in a pattern that the number decides.
inline Bytes picture(unsigned number) {
  std::mt19937 random(number);
  Image image;
  image.width = 96 + number % 7;
  image.height = 80;
  image.bands = 3;
  image.u8.resize(std::size_t{image.width} * image.height * 3);
  const std::uint32_t period = 3 + random() % 20;
  std::array<std::uint8_t, 6> colours{};
  for (auto& colour : colours) colour = static_cast<std::uint8_t>(random());
  for (std::uint32_t y = 0; y < image.height; ++y) {
    for (std::uint32_t x = 0; x < image.width; ++x) {
      const bool first = ((x / period) + (y / period) * (number % 2)) % 2 == 0;
      for (std::uint32_t band = 0; band < 3; ++band) {
        image.u8[(std::size_t{y} * image.width + x) * 3 + band] = colours[band + (first ? 0 : 3)];
      }
    }
  }
  return encode_png(image).value();
}

struct Given {
  std::string id;
  Bytes file;
  std::string metadata = "{}";
};

class ListSource : public IngestSource {
 public:
  explicit ListSource(std::vector<Given> given) : given_(std::move(given)) {}
  Result<bool> next(Entry& out) override {
    if (position_ == given_.size()) return false;
    const auto& one = given_[position_++];
    out = {};
    out.item.id = one.id;
    out.item.source = "memory:" + one.id;
    out.item.metadata = one.metadata;
    out.bytes = one.file.size();
    out.read = [file = one.file]() -> Result<Bytes> { return file; };
    return true;
  }
  std::optional<std::uint64_t> total() const override { return given_.size(); }

 private:
  std::vector<Given> given_;
  std::size_t position_ = 0;
};

class EngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string weights = PICTOR_DEPS_DIR "/models";
    if (!exists(Env::real(), weights + "/lite2-minilm/image.onnx")) {
      ASSERT_EQ(std::getenv("CI"), nullptr) << "the default encoder is not set up: run `tools/setup models`";
      GTEST_SKIP() << "the default encoder is not set up: run `tools/setup models`";
    }
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-engine-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    options_.data_folder = join_path(folder_, "data");
    options_.cards_folder = PICTOR_SOURCE_DIR "/models";
    options_.weights_folder = weights;
    options_.threads = 2;
    reopen();
  }
  void TearDown() override {
    engine_.reset();
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  void reopen() {
    engine_.reset();
    auto opened = Engine::open(Env::real(), options_);
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    engine_ = std::move(opened).value();
  }
  IngestReport ingest(std::vector<Given> given, const std::string& keep = "") {
    ListSource source(std::move(given));
    IngestRequest request;
    request.collection = "test";
    request.keep = keep;
    auto report = engine_->ingest(request, source);
    EXPECT_TRUE(report.is_ok()) << report.status().to_string();
    return report.is_ok() ? std::move(report).value() : IngestReport{};
  }
  Query by_image(unsigned number) {
    Query query;
    query.collection = "test";
    query.parts.resize(1);
    query.parts[0].kind = QueryPart::Kind::kImage;
    query.parts[0].image = picture(number);
    return query;
  }
  static std::vector<Given> pictures(unsigned count) {
    std::vector<Given> all;
    for (unsigned i = 0; i < count; ++i) {
      all.push_back({"p" + std::to_string(i), picture(i), "{\"number\":" + std::to_string(i) + "}"});
    }
    return all;
  }

  std::string folder_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace pictor
