// How large an index of so many rows is, before it is made.
#include <algorithm>
#include <cmath>

#include "index/index.h"

namespace pictor {
namespace {

// Beside the code of a row: its terms, 32 links, its share of upper levels and of what does not grow with the rows.
constexpr std::uint64_t kGraphBytesBesideCode = 144;
constexpr std::uint64_t kListBytesBesideCode = 12;  // position and terms
constexpr std::uint64_t kListWidthStep = 128;       // numbers are continued to a multiple
constexpr std::uint64_t kCentreByteTimes = 5;       // a centre is kept as float and as a code

}  // namespace

std::uint64_t expected_graph_bytes(std::uint64_t rows, std::uint32_t dim) {
  return rows * (dim + kGraphBytesBesideCode);
}

std::uint64_t expected_list_bytes(std::uint64_t rows, std::uint32_t dim, std::uint32_t bits) {
  const std::uint64_t width = (dim + kListWidthStep - 1) / kListWidthStep * kListWidthStep;
  const auto lists = static_cast<std::uint64_t>(4 * std::sqrt(static_cast<double>(rows)));
  return rows * (width * bits / 8 + kListBytesBesideCode) +
         std::min<std::uint64_t>(lists, limits::kListsMax) * width * kCentreByteTimes;
}

}  // namespace pictor
