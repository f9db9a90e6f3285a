// The process that kill_test kills: commits the script's batches to a real folder, seals and compacts, and says each
// number once it is acknowledged. usage: crash_writer FOLDER SEED
#include <unistd.h>

#include <cstdio>

#include "script.h"

namespace pictor {
namespace {

int write_on(const std::string& path, std::uint64_t seed) {
  const auto spec = testing::small_spec();
  const auto folder = testing::must(DataFolder::open(Env::real(), path));
  auto known = folder->collection(spec.name);
  const auto collection = known.is_ok() ? std::move(known).value() : testing::must(folder->create_collection(spec));
  const Sequence before = testing::must(collection->snapshot())->sequence();
  for (Sequence number = before + 1;; ++number) {
    testing::must(collection->commit(crash::batch_of(spec, seed, number)));
    const std::string line = std::to_string(number) + "\n";
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) return 1;
    if (number % 3 == 0) testing::must(collection->seal());
    if (number % 7 != 0) continue;
    CompactOptions options;
    options.neighbours_min = 2;
    options.everything = number % 14 == 0;
    if (number % 21 == 0) options.drop_history = number - 5;
    testing::must(collection->compact(options).status());
  }
}

}  // namespace
}  // namespace pictor

int main(int argc, char** argv) { return argc == 3 ? pictor::write_on(argv[1], std::stoull(argv[2])) : 2; }
