// How large an index of so many rows is, before it is made.
#include <algorithm>
#include <cmath>

#include "index/graph_file.h"
#include "index/index.h"

namespace pictor {
namespace {

constexpr std::uint64_t kBuildListsPart = 3;        // of a graph's bytes: what its lists take besides while it is made
constexpr std::uint64_t kListBytesBesideCode = 12;  // position and terms
constexpr std::uint64_t kListWidthStep = 128;       // numbers are continued to a multiple
constexpr std::uint64_t kCentreByteTimes = 5;       // a centre is kept as float and as a code

// One file of the default degree, each row a node of its own.
std::uint64_t graph_bytes(std::uint64_t rows, std::uint32_t dim, GraphCodes codes) {
  if (rows == 0) return 0;
  GraphHeader header;
  header.codes = codes;
  header.dim = dim;
  header.degree = GraphBuildOptions().degree;
  header.rows = header.nodes = static_cast<std::uint32_t>(rows);
  for (std::uint32_t& nodes : header.level_nodes) {
    nodes = static_cast<std::uint32_t>(rows);
    rows /= header.degree;
  }
  header.front = graph_front(dim, codes);
  return layout_of(header).file_bytes;
}

}  // namespace

std::uint64_t expected_graph_bytes(std::uint64_t rows, std::uint32_t dim, GraphCodes codes) {
  const std::uint64_t whole = rows / limits::kSegmentMergeRowsMax;
  return whole * graph_bytes(limits::kSegmentMergeRowsMax, dim, codes) +
         graph_bytes(rows % limits::kSegmentMergeRowsMax, dim, codes);
}

std::uint64_t expected_graph_build_bytes(std::uint64_t rows, std::uint32_t dim, GraphCodes codes) {
  rows = std::min<std::uint64_t>(rows, limits::kSegmentMergeRowsMax);
  const std::uint64_t full = graph_bytes(rows, dim, GraphCodes::kFull);
  const std::uint64_t packed = codes == GraphCodes::kFull ? 0 : graph_bytes(rows, dim, codes);
  return full + std::max(packed, full / kBuildListsPart);
}

std::uint64_t expected_list_bytes(std::uint64_t rows, std::uint32_t dim, std::uint32_t bits) {
  const std::uint64_t width = (dim + kListWidthStep - 1) / kListWidthStep * kListWidthStep;
  const auto lists = static_cast<std::uint64_t>(4 * std::sqrt(static_cast<double>(rows)));
  return rows * (width * bits / 8 + kListBytesBesideCode) +
         std::min<std::uint64_t>(lists, limits::kListsMax) * width * kCentreByteTimes;
}

}  // namespace pictor
