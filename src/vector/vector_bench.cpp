// Micro benchmarks of the kernels: bytes of rows read a second, in the cache and from memory.
#include "vector/vector.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <string>

namespace pictor {
namespace {

struct Rows {
  std::vector<float> query;
  std::vector<float> rows;
  std::vector<const float*> shuffled;
  std::vector<float> out;

  Rows(std::size_t count, std::size_t dim) : query(dim), rows(count * dim), out(count) {
    std::mt19937 random(1);
    for (float& x : query) x = static_cast<float>(random()) * 0x1p-32F - 0.5F;
    for (float& x : rows) x = static_cast<float>(random()) * 0x1p-32F - 0.5F;
    for (std::size_t i = 0; i < count; ++i) shuffled.push_back(rows.data() + i * dim);
    std::shuffle(shuffled.begin(), shuffled.end(), random);
  }
};

using Run = void (*)(const Kernels&, Rows&, std::size_t count, std::size_t dim);

void measure(benchmark::State& state, SimdLevel level, Run run, std::size_t bytes) {
  const auto dim = static_cast<std::size_t>(state.range(0));
  const std::size_t count = bytes / (dim * sizeof(float));
  Rows data(count, dim);
  while (state.KeepRunning()) {
    run(kernels(level), data, count, dim);
    benchmark::DoNotOptimize(data.out.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(count * dim * sizeof(float)));
}

void single(const Kernels& k, Rows& d, std::size_t count, std::size_t dim) {
  for (std::size_t i = 0; i < count; ++i) d.out[i] = k.dot(d.query.data(), d.rows.data() + i * dim, dim);
}
void dot_block(const Kernels& k, Rows& d, std::size_t count, std::size_t dim) {
  k.dot_block(d.query.data(), d.rows.data(), count, dim, d.out.data());
}
void l2_block(const Kernels& k, Rows& d, std::size_t count, std::size_t dim) {
  k.l2_squared_block(d.query.data(), d.rows.data(), count, dim, d.out.data());
}
void gather(const Kernels& k, Rows& d, std::size_t count, std::size_t dim) {
  k.dot_gather(d.query.data(), d.shuffled.data(), count, dim, d.out.data());
}

struct Case {
  const char* name;
  Run run;
};

const bool registered = [] {
  for (const SimdLevel level : available_simd()) {
    for (const auto& [name, run] :
         {Case{"dot", single}, Case{"dot_block", dot_block}, Case{"l2_block", l2_block}, Case{"dot_gather", gather}}) {
      for (const auto& [where, bytes] : {std::pair{"cache", 256 * limits::kKiB}, {"memory", 128 * limits::kMiB}}) {
        if (level == SimdLevel::kPlain && bytes > limits::kMiB) continue;
        const auto full_name = std::string(name) + "/" + std::string(simd_name(level)) + "/" + where;
        const auto body = [=, run = run, bytes = bytes](benchmark::State& state) { measure(state, level, run, bytes); };
        for (const int dim : {64, 384, 512, 1280}) benchmark::RegisterBenchmark(full_name.c_str(), body)->Arg(dim);
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace pictor
