// What several tests of engine share: a folder that goes away, pictures of a number, an engine over encoders that
// set-up made.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/base.h"
#include "engine/engine.h"
#include "image/image.h"

// Ends the test: skipped on a machine where `command` did not run yet, failed where CI promises that it did. (A failure
// that lets the test go on, followed by a skip, would run its body: GoogleTest does not skip what has failed.)
#define PICTOR_NEED_SET_UP(path, command)                                                             \
  do {                                                                                                \
    if (!exists(Env::real(), path)) {                                                                 \
      if (std::getenv("CI") != nullptr) FAIL() << (path) << " is missing: run `" << (command) << "`"; \
      GTEST_SKIP() << (path) << " is missing: run `" << (command) << "`";                             \
    }                                                                                                 \
  } while (false)

namespace pictor::test {

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-engine-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return join_path(path_, name); }

 private:
  std::string path_;
};

// Waves, a slope and some noise, other ones for each number: no two filters, crops or channel orders agree on it.
inline Image wavy_image(unsigned number, std::uint32_t width = 150, std::uint32_t height = 117) {
  std::mt19937 random(number);
  std::array<double, 9> wave{};
  for (auto& one : wave) one = 0.02 + static_cast<double>(random() % 1000) / 3000;
  Image image;
  image.width = width;
  image.height = height;
  image.bands = 3;
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      for (std::size_t band = 0; band < 3; ++band) {
        const double value = 110 + 60 * std::sin(wave[band] * x + wave[band + 3] * y) +
                             40 * std::sin(wave[band + 6] * (x + 2.0 * y)) + static_cast<double>(random() % 40) -
                             0.3 * x + 20.0 * static_cast<double>(band);
        image.u8.push_back(static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0)));
      }
    }
  }
  return image;
}

inline Bytes wavy_picture(unsigned number) { return encode_png(wavy_image(number)).value(); }

inline double cosine(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size() || a.empty()) return -2;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

}  // namespace pictor::test
