// Whether an index file is one of the block that it is opened with. Inside index/ only.
#pragma once

#include <string>

#include "index/index.h"

namespace pictor {

// What the header of the file says.
struct FileOf {
  std::uint64_t owner = 0;
  std::uint32_t dim = 0;
  std::uint32_t rows = 0;
  Metric metric = Metric::kCosine;
};

// kCorrupt says what differs; kInvalid: the block lacks what the metric needs. `kind`: "graph".
Status check_of_block(const std::string& kind, const FileOf& file, const VectorBlock& block, Metric metric,
                      std::uint64_t owner);

}  // namespace pictor
