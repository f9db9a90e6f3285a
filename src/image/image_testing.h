// Helpers of the image tests: records from tests/golden/pillow_golden.py, seeded pictures, files of a folder.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "image/image.h"

namespace pictor::testing {

inline Bytes file_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  const std::string all = text.str();
  const ByteView view = as_bytes(all);
  return Bytes(view.begin(), view.end());
}

// PICTOR_TEST_SEED=n replays a run; without it every run draws afresh.
inline std::uint32_t test_seed() {
  const char* given = std::getenv("PICTOR_TEST_SEED");
  const std::uint32_t seed = given != nullptr ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10))
                                              : std::random_device{}() % 1'000'000;
  std::cout << "PICTOR_TEST_SEED=" << seed << std::endl;
  return seed;
}

using Record = std::vector<ByteView>;

struct Golden {
  Bytes bytes;
  std::vector<Record> records;
};

// Runs the script; `skipped` when this machine has no Python environment (then CI fails instead).
inline Golden make_golden(const std::string& kind, std::uint32_t seed) {
  Golden golden;
  const std::filesystem::path python = PICTOR_DEPS_DIR "/venv/bin/python";
  if (!std::filesystem::exists(python)) return golden;
  const std::filesystem::path out =
      std::filesystem::temp_directory_path() / ("pictor_golden_" + kind + "_" + std::to_string(seed) + ".bin");
  const std::string command = python.string() + " " PICTOR_SOURCE_DIR "/tests/golden/pillow_golden.py " + kind + " " +
                              std::to_string(seed) + " " + out.string();
  const int status = std::system(command.c_str());
  EXPECT_EQ(status, 0) << command;
  golden.bytes = file_bytes(out);
  std::filesystem::remove(out);
  ByteReader reader(golden.bytes);
  std::uint32_t fields = 0;
  while (reader.get(fields)) {
    Record record(fields);
    for (ByteView& field : record) {
      std::uint64_t length = 0;
      if (!reader.get(length) || !reader.get(length, field)) ADD_FAILURE() << "a record is cut short";
    }
    golden.records.push_back(std::move(record));
  }
  return golden;
}

template <typename T>
std::vector<T> numbers(ByteView field) {
  std::vector<T> values(field.size() / sizeof(T));
  std::memcpy(values.data(), field.data(), values.size() * sizeof(T));
  return values;
}

inline Image make_image(std::uint32_t width, std::uint32_t height, std::uint32_t bands, ByteView pixels) {
  Image image;
  image.width = width;
  image.height = height;
  image.bands = bands;
  image.u8.assign(as_u8(pixels), as_u8(pixels) + pixels.size());
  return image;
}

inline Image random_image(std::uint32_t width, std::uint32_t height, std::uint32_t bands, std::uint32_t seed) {
  std::mt19937 random(seed);
  Image image;
  image.width = width;
  image.height = height;
  image.bands = bands;
  image.u8.resize(std::size_t{width} * height * bands);
  for (std::uint8_t& value : image.u8) value = static_cast<std::uint8_t>(random());
  return image;
}

// Where two buffers first differ, for messages; their size when they are equal.
template <typename T>
std::size_t first_difference(const std::vector<T>& a, const std::vector<T>& b) {
  std::size_t at = 0;
  while (at < a.size() && at < b.size() && a[at] == b[at]) ++at;
  return at;
}

}  // namespace pictor::testing

#define PICTOR_NEED_GOLDEN(golden)                                                        \
  do {                                                                                    \
    if ((golden).records.empty()) {                                                       \
      if (std::getenv("CI") != nullptr) FAIL() << "no records from the Python reference"; \
      GTEST_SKIP() << "no Python environment in " PICTOR_DEPS_DIR;                        \
    }                                                                                     \
  } while (false)
