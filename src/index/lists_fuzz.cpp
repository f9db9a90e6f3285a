// Damaged list files through opening, checking and searching. The first byte of an input chooses: changes to a good
// file, or the bytes as they are. Sums are repaired, or nothing would get past them.
#include <algorithm>
#include <cstring>

#include "index/lists_file.h"
#include "index/lists_testing.h"

namespace {

using namespace pictor;

constexpr std::size_t kSummed = 124;
constexpr std::size_t kFooter = 64;

const ClusteredSet& set() {
  static const ClusteredSet all(300, 8, 6, 1);
  return all;
}

const Bytes& good_file() {
  static const Bytes file = build_list_index(set().block(), Metric::kCosine, {}, nullptr).value();
  return file;
}

void put_sum(Bytes& file, std::size_t at, std::uint64_t offset, std::uint64_t bytes) {
  if (offset > file.size() || bytes > file.size() - offset || at + 4 > file.size()) return;
  const std::uint32_t sum = crc32c(ByteView(file).subspan(offset, bytes));
  std::memcpy(file.data() + at, &sum, sizeof(sum));
}

void repair(Bytes& file) {
  const ListHeader header = parse_lists(good_file())->header;
  const ListLayout layout = layout_of(header);
  if (file.size() < kSummed + 4 + kFooter) return;
  put_sum(file, kSummed, 0, kSummed);
  const std::size_t footer = file.size() - kFooter;
  for (std::size_t i = 0; i < kListSections; ++i) {
    put_sum(file, footer + 8 + 4 * i, layout.offsets[i], header.section_bytes(static_cast<ListSection>(i + 1)));
  }
  put_sum(file, footer + 8 + 4 * kListSections, footer, 8 + 4 * kListSections);
}

class Half final : public RowFilter {
 public:
  void allowed(std::size_t begin, std::span<std::uint8_t> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>((begin + i) % 2);
  }
};

void use(const Bytes& file) {
  static_cast<void>(check_list_file(file, set().block(), Metric::kCosine, 0));
  const auto index = open_list_index(file, set().block(), Metric::kCosine, 0, kListsForNothing);
  if (!index.is_ok()) return;
  const Half half;
  const std::span<const float> vector = std::span(set().vectors).subspan(8 * 17, 8);
  for (const RowFilter* filter : {static_cast<const RowFilter*>(nullptr), static_cast<const RowFilter*>(&half)}) {
    for (const double recall : {0.01, 0.9}) {
      const auto answer = (*index)->search({vector, Metric::kCosine, 10, filter, recall});
      if (!answer.is_ok() || !std::is_sorted(answer->neighbors.begin(), answer->neighbors.end())) std::abort();
    }
  }
}

// Six bytes a change: where (four), by what it is replaced, and how often.
Bytes changed(const std::uint8_t* data, std::size_t size) {
  Bytes file = good_file();
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
  if (data[0] % 2 == 0) file = changed(data + 1, size - 1);
  use(file);
  repair(file);
  use(file);
  return 0;
}
