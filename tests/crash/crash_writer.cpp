// The process that kill_test kills: writers commit their batches to one real folder and say each number once it is
// acknowledged, while others compact and search all the time. usage: crash_writer FOLDER SEED NUMBER..., the first
// number of each writer
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "backend/backend.h"
#include "script.h"

namespace pictor {
namespace {

// Whatever goes wrong here ends the process by itself, which the test notices.
[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "crash_writer: %s\n", what.c_str());
  std::_Exit(3);
}

// A line is written whole or not at all: it is shorter than a pipe's buffer.
void acknowledge(std::uint64_t writer, std::uint64_t number) {
  const std::string line = std::to_string(writer) + " " + std::to_string(number) + "\n";
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) give_up("nobody listens");
}

void write_on(Collection& collection, std::uint64_t seed, std::uint64_t writer, std::uint64_t first) {
  for (std::uint64_t number = first;; ++number) {
    const auto result = collection.commit(crash::batch_of(collection.spec(), seed, number, writer));
    if (!result.is_ok()) give_up(result.status().to_string());
    acknowledge(writer, number);
    if (number % 3 != 0) continue;
    const Status sealed = collection.seal();
    if (!sealed.is_ok()) give_up(sealed.to_string());
  }
}

void compact_on(Collection& collection) {
  for (std::uint64_t round = 1;; ++round) {
    CompactOptions options;
    options.neighbours_min = 2;
    options.everything = round % 2 == 0;
    const auto sequence = testing::must(collection.snapshot())->sequence();
    if (round % 3 == 0 && sequence > 8) options.drop_history = sequence - 8;
    const Status status = collection.compact(options).status();
    if (!status.is_ok()) give_up(status.to_string());
  }
}

// What is found is alive in the snapshot that was asked, and all that is alive is found.
void search_on(const Collection& collection) {
  const auto backend = make_local_backend(Env::real(), nullptr);
  const auto& space = collection.spec().spaces[0];
  for (std::uint64_t round = 0;; ++round) {
    const auto snapshot = testing::must(collection.snapshot());
    const auto vector = testing::vector_of(round, space.dim);
    const auto found = backend->search(*snapshot, {space.id, vector, space.metric, 1000});
    if (!found.is_ok()) give_up(found.status().to_string());
    if (!found->complete || found->neighbors.size() != snapshot->size()) {
      give_up("found " + std::to_string(found->neighbors.size()) + " of " + std::to_string(snapshot->size()));
    }
    std::vector<RowId> rows;
    for (const auto& neighbor : found->neighbors) rows.push_back(neighbor.row);
    const Status items = snapshot->items(rows, true).status();
    if (!items.is_ok()) give_up(items.to_string());
  }
}

int run(const std::string& path, std::uint64_t seed, const std::vector<std::uint64_t>& first) {
  const auto spec = testing::small_spec();
  const auto folder = testing::must(DataFolder::open(Env::real(), path));
  auto known = folder->collection(spec.name);
  const auto collection = known.is_ok() ? std::move(known).value() : testing::must(folder->create_collection(spec));
  std::vector<std::thread> threads;
  for (std::uint64_t writer = 0; writer < first.size(); ++writer) {
    threads.emplace_back([&, writer] { write_on(*collection, seed, writer, first[writer]); });
  }
  threads.emplace_back([&] { compact_on(*collection); });
  threads.emplace_back([&] { search_on(*collection); });
  for (auto& thread : threads) thread.join();
  return 0;
}

}  // namespace
}  // namespace pictor

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  std::vector<std::uint64_t> first;
  for (int i = 3; i < argc; ++i) first.push_back(std::stoull(argv[i]));
  return pictor::run(argv[1], std::stoull(argv[2]), first);
}
