// Fills a new collection with given vectors, through the store as an ingest does, and seals it.
//
//   ann_fill FOLDER DIM
//
// Rows of little-endian float32 come from standard input, one after the other; they become items "v0", "v1", ... of the
// collection "vectors", whose metric is cosine. One line of JSON tells how many and how long it took.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "store/store.h"

namespace pictor {
namespace {

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Whole rows of standard input, as many as there are and at most so many.
std::size_t read_rows(std::vector<float>& out, std::size_t rows_max, std::size_t dim) {
  out.resize(rows_max * dim);
  const std::size_t got = std::fread(out.data(), dim * sizeof(float), rows_max, stdin);
  out.resize(got * dim);
  return got;
}

Status fill(const std::string& path, std::uint32_t dim) {
  PICTOR_ASSIGN(const auto folder, DataFolder::open(Env::real(), path));
  CollectionSpec spec;
  spec.name = "vectors";
  spec.keep = Keep::kNone;
  spec.spaces = {{SpaceId(64, 'a'), "visual", dim, Metric::kCosine}};
  PICTOR_ASSIGN(const auto collection, folder->create_collection(spec));
  const double begin = wall_seconds();
  std::vector<float> rows;
  std::uint64_t done = 0;
  while (const std::size_t got = read_rows(rows, limits::kBatchItemsMax, dim)) {
    Batch batch;
    batch.id = "rows" + std::to_string(done);
    batch.puts.resize(got);
    for (std::size_t i = 0; i < got; ++i) {
      batch.puts[i].id = "v" + std::to_string(done + i);
      const auto first = rows.begin() + static_cast<std::ptrdiff_t>(i * dim);
      batch.puts[i].vectors = {{first, first + dim}};
    }
    PICTOR_TRY(collection->commit(batch).status());
    done += got;
  }
  PICTOR_TRY(collection->seal());
  std::cout << "{\"rows\": " << done << ", \"seconds\": " << wall_seconds() - begin << "}" << std::endl;
  return Status::ok();
}

}  // namespace
}  // namespace pictor

int main(int argc, char** argv) {
  const auto dim = argc == 3 ? static_cast<std::uint32_t>(std::strtoul(argv[2], nullptr, 10)) : 0;
  if (dim < 1 || dim > pictor::limits::kVectorDimMax) {
    std::fprintf(stderr, "usage: ann_fill FOLDER DIM\n");
    return static_cast<int>(pictor::Code::kInvalid);
  }
  const auto status = pictor::fill(argv[1], dim);
  if (!status.is_ok()) std::fprintf(stderr, "ann_fill: %s\n", status.to_string().c_str());
  return static_cast<int>(status.code());
}
