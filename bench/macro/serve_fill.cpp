// Adds given vectors to a collection that `pictor index` began, through the store as an ingest does, and seals it.
//
//   serve_fill FOLDER COLLECTION
//
// Standard input has rows of little-endian float32, one after the other: of each item its vectors in all spaces of the
// collection, in their order. They become items "v0", "v1", ... without a picture. One line of JSON tells how many and
// how long it took. What an ingest would refuse to take beside an encoder's vectors is not looked at: it is for
// benches.
#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "store/store.h"

namespace pictor {
namespace {

constexpr std::size_t kRowsTogether = 2048;

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

ItemWrite item_of(const float* numbers, const CollectionSpec& spec, std::uint64_t number) {
  ItemWrite item;
  item.id = "v" + std::to_string(number);
  for (const auto& space : spec.spaces) {
    item.vectors.emplace_back(numbers, numbers + space.dim);
    numbers += space.dim;
  }
  return item;
}

Status fill(const std::string& path, const std::string& name) {
  PICTOR_ASSIGN(const auto folder, DataFolder::open(Env::real(), path));
  PICTOR_ASSIGN(const auto collection, folder->collection(name));
  const CollectionSpec& spec = collection->spec();
  std::size_t dim = 0;
  for (const auto& space : spec.spaces) dim += space.dim;
  const double begin = wall_seconds();
  std::vector<float> rows(kRowsTogether * dim);
  std::uint64_t done = 0;
  while (const std::size_t got = std::fread(rows.data(), dim * sizeof(float), kRowsTogether, stdin)) {
    Batch batch;
    batch.id = "fill" + std::to_string(done);
    for (std::size_t i = 0; i < got; ++i) batch.puts.push_back(item_of(rows.data() + i * dim, spec, done + i));
    PICTOR_TRY(collection->commit(batch).status());
    done += got;
  }
  PICTOR_TRY(collection->seal());
  std::cout << "{\"rows\": " << done << ", \"dim\": " << dim << ", \"seconds\": " << wall_seconds() - begin << "}"
            << std::endl;
  return Status::ok();
}

}  // namespace
}  // namespace pictor

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: serve_fill FOLDER COLLECTION\n");
    return static_cast<int>(pictor::Code::kInvalid);
  }
  const auto status = pictor::fill(argv[1], argv[2]);
  if (!status.is_ok()) std::fprintf(stderr, "serve_fill: %s\n", status.to_string().c_str());
  return static_cast<int>(status.code());
}
