// Writes VECTORS (float32, row after row) and a graph over them, by squared L2. usage: make_graph VECTORS GRAPH COUNT
// DIM CODES, as GraphCodes has numbers. Some rows are alike, so that some nodes stand for several.
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "index/index.h"

namespace pictor {
namespace {

constexpr std::uint64_t kOwner = 77;

std::vector<float> drawn(std::size_t count, std::uint32_t dim) {
  std::vector<float> numbers(count * dim);
  std::uint64_t x = 88172645463325252ULL;
  for (auto& number : numbers) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    number = static_cast<float>(x >> 40) / 16777216.0F - 0.5F;
  }
  for (std::size_t i = 1; i < count; i += 9) std::copy_n(numbers.begin(), dim, numbers.begin() + i * dim);
  return numbers;
}

void write(const char* path, const void* bytes, std::size_t size) {
  std::ofstream(path, std::ios::binary).write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
}

Status make(char** words) {
  const std::size_t count = std::strtoul(words[3], nullptr, 10);
  const auto dim = static_cast<std::uint32_t>(std::strtoul(words[4], nullptr, 10));
  const auto vectors = drawn(count, dim);
  std::vector<RowId> rows(count);
  std::vector<float> norms;
  for (std::size_t i = 0; i < count; ++i) {
    rows[i] = i;
    norms.push_back(inverse_norm({vectors.data() + i * dim, dim}));
  }
  GraphBuildOptions options;
  options.owner = kOwner;
  options.codes = static_cast<GraphCodes>(std::strtoul(words[5], nullptr, 10));
  PICTOR_ASSIGN(const Bytes graph, build_graph_index({vectors.data(), rows.data(), norms.data(), count, dim},
                                                     Metric::kL2, options, nullptr));
  write(words[1], vectors.data(), vectors.size() * sizeof(float));
  write(words[2], graph.data(), graph.size());
  return Status::ok();
}

}  // namespace
}  // namespace pictor

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const auto status = pictor::make(argv);
  if (!status.is_ok()) std::fprintf(stderr, "make_graph: %s\n", status.to_string().c_str());
  return static_cast<int>(status.code());
}
