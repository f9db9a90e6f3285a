// What the tests of encode share: where set-up put things, and running a Python script of tests/golden.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

// Ends the test: skipped on a machine without what set-up makes, failed where CI promises that it is there.
#define PICTOR_NEED(path)                                                                   \
  do {                                                                                      \
    if (!std::filesystem::exists(path)) {                                                   \
      if (std::getenv("CI") != nullptr) FAIL() << (path) << " is missing: run tools/setup"; \
      GTEST_SKIP() << (path) << " is missing: run tools/setup";                             \
    }                                                                                       \
  } while (false)

namespace pictor::test {

inline std::string python() { return PICTOR_DEPS_DIR "/venv/bin/python"; }
inline std::string weights_folder() { return PICTOR_DEPS_DIR "/models"; }
inline std::string cards_folder() { return PICTOR_SOURCE_DIR "/models"; }

// A folder that is empty now and gone when the object dies.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-encode-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Runs tests/golden/SCRIPT; true when it ends well.
inline bool run_golden(const std::string& script, const std::string& arguments) {
  const std::string command = "'" + python() + "' '" PICTOR_SOURCE_DIR "/tests/golden/" + script + "' " + arguments;
  return std::system(command.c_str()) == 0;
}

inline std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

inline std::vector<std::string> split_at(const std::string& line, char separator) {
  std::vector<std::string> parts;
  std::stringstream in(line);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

inline std::string from_hex(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

}  // namespace pictor::test
