// What tools/golden recorded of one family (docs/formats/golden.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/base.h"

namespace pictor::test {

struct GoldenHead {
  std::string name, tower, output, pool;
  std::uint32_t dim = 0;
};

struct GoldenItem {
  std::string item, kind;
  std::string file;  // of a picture: path
  std::string text;  // of a text
};

struct GoldenFamily {
  std::string name;
  std::string hub;  // folder
  std::vector<GoldenHead> heads;
  std::vector<GoldenItem> items;

  // A record's numbers; nothing when the stage was not recorded for the item. `head` for vectors.
  template <typename T>
  std::optional<std::vector<T>> numbers(const std::string& item, const std::string& stage,
                                        const std::string& head = "") const;

 private:
  friend GoldenFamily read_golden_family(const std::string& folder);
  struct Record {
    std::string file;
    std::uint64_t offset = 0, bytes = 0;
  };
  std::map<std::string, Record> records_;  // item, stage, head
};

// Names of the families that set-up made; empty when it made none.
std::vector<std::string> golden_families();
// Configurations of preprocessing alone, for read_golden_family("prepare/NAME").
std::vector<std::string> golden_preparations();
GoldenFamily read_golden_family(const std::string& name);

}  // namespace pictor::test
