// Damaged graph files through opening, checking and searching. The first byte of an input chooses: changes to a good
// file, or the bytes as they are. Sums are repaired, or nothing would get past them.
#include <algorithm>
#include <array>
#include <cstring>

#include "index/graph_file.h"
#include "index/graph_testing.h"

namespace {

using namespace pictor;

constexpr std::size_t kTable = 144;
constexpr std::uint32_t kDim = 72;  // more than the front of a turned row
constexpr std::size_t kFrameEnd = kTable + kGraphSections * 24;

const ClusteredSet& set() {
  static const ClusteredSet all = [] {
    ClusteredSet made(300, kDim, 6, 1);
    for (std::size_t i = 0; i < 40; ++i) {  // copies, so that nodes have several rows
      std::copy_n(made.vectors.begin(), made.dim, made.vectors.begin() + static_cast<std::ptrdiff_t>(kDim * (200 + i)));
      made.inverse_norms[200 + i] = made.inverse_norms[0];
    }
    return made;
  }();
  return all;
}

// Of each kind of codes.
const Bytes& good_file(std::size_t kind) {
  static const std::array<Bytes, 3> files = [] {
    std::array<Bytes, 3> made;
    for (std::size_t i = 0; i < made.size(); ++i) {
      GraphBuildOptions options;
      options.codes = static_cast<GraphCodes>(i + 1);
      made[i] = build_graph_index(set().block(), Metric::kCosine, options, nullptr).value();
    }
    return made;
  }();
  return files[kind];
}

void put_sum(Bytes& file, std::size_t at, std::uint64_t offset, std::uint64_t bytes) {
  if (offset > file.size() || bytes > file.size() - offset || at + 4 > file.size()) return;
  const std::uint32_t sum = crc32c(ByteView(file).subspan(offset, bytes));
  std::memcpy(file.data() + at, &sum, sizeof(sum));
}

void repair(Bytes& file) {
  if (file.size() < kFrameEnd + 8) return;
  for (std::size_t i = 0; i < kGraphSections; ++i) {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    std::memcpy(&offset, file.data() + kTable + i * 24 + 8, sizeof(offset));
    std::memcpy(&bytes, file.data() + kTable + i * 24 + 16, sizeof(bytes));
    put_sum(file, kTable + i * 24 + 4, offset, bytes);
  }
  put_sum(file, kFrameEnd, 0, kFrameEnd);
}

class Half final : public RowFilter {
 public:
  void allowed(std::size_t begin, std::span<std::uint8_t> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>((begin + i) % 2);
  }
};

void use(const Bytes& file) {
  static_cast<void>(check_graph_file(file, set().block(), Metric::kCosine, 0));
  const auto index = open_graph_index(file, set().block(), Metric::kCosine, 0, kWalksForNothing);
  if (!index.is_ok()) return;
  const Half half;
  const std::span<const float> vector = std::span(set().vectors).subspan(kDim * 17, kDim);
  for (const RowFilter* filter : {static_cast<const RowFilter*>(nullptr), static_cast<const RowFilter*>(&half)}) {
    for (const double recall : {0.01, 0.9}) {
      const auto answer = (*index)->search({vector, Metric::kCosine, 10, filter, recall, recall > 0.5});
      if (!answer.is_ok() || !std::is_sorted(answer->neighbors.begin(), answer->neighbors.end())) std::abort();
    }
  }
}

// Six bytes a change: where (four), by what it is replaced, and how often.
Bytes changed(const Bytes& good, const std::uint8_t* data, std::size_t size) {
  Bytes file = good;
  for (std::size_t i = 0; i + 6 <= size; i += 6) {
    std::uint32_t at = 0;
    std::memcpy(&at, data + i, sizeof(at));
    for (std::size_t j = 0; j <= data[i + 5] % 8U; ++j) {
      file[(at + j) % file.size()] = static_cast<std::byte>(data[i + 4]);
    }
  }
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Bytes file(size - 1);
  if (size > 1) std::memcpy(file.data(), data + 1, size - 1);
  if (data[0] % 2 == 0) file = changed(good_file(data[0] / 2 % 3), data + 1, size - 1);
  use(file);
  repair(file);
  use(file);
  return 0;
}
