// Makes a collection with one segment in FOLDER, and prints what the segment must hold, from the generated items and
// not from the file: position of the space, row, birth, and the bits of each number in hexadecimal. usage: make_segment
// FOLDER
#include <bit>
#include <cstdio>

#include "store/store_testing.h"

namespace pictor {
namespace {

constexpr std::uint64_t kItems = 40, kPerBatch = 10;

void print(std::size_t space, const Item& item, const std::vector<float>& vector) {
  if (vector.empty()) return;
  std::printf("%zu %llu %llu", space, static_cast<unsigned long long>(item.row),
              static_cast<unsigned long long>(item.born));
  for (const float number : vector) std::printf(" %08x", std::bit_cast<std::uint32_t>(number));
  std::printf("\n");
}

void make(const std::string& path) {
  const auto spec = testing::small_spec();
  const auto folder = testing::must(DataFolder::open(Env::real(), path));
  const auto collection = testing::must(folder->create_collection(spec));
  for (std::uint64_t first = 0; first < kItems; first += kPerBatch) {
    Batch batch;
    batch.id = "batch" + std::to_string(first);
    for (std::uint64_t i = first; i < first + kPerBatch; ++i) batch.puts.push_back(testing::item_of(spec, i));
    testing::must(collection->commit(batch));
  }
  testing::must(collection->seal());
  const auto snapshot = testing::must(collection->snapshot());
  for (std::uint64_t i = 0; i < kItems; ++i) {
    const auto wanted = testing::item_of(spec, i);
    const auto item = testing::must(snapshot->find(wanted.id, false));
    for (std::size_t space = 0; space < wanted.vectors.size(); ++space) print(space, *item, wanted.vectors[space]);
  }
}

}  // namespace
}  // namespace pictor

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  pictor::make(argv[1]);
  return ::testing::Test::HasFailure() ? 1 : 0;
}
