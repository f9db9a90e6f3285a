// Exact search over a file of vectors, round by round on request, so that another program can take turns with it.
//
//   search_bench VECTORS QUERIES DIM K METRIC [THREADS_MAX] [mapped|copied]
//
// VECTORS and QUERIES are files of little-endian float32, row after row; METRIC is cosine, inner_product or l2. The
// vectors are mapped as a segment's are, or copied into memory as fresh rows are, and searched through the local
// backend. One line on standard output says that it is ready. Then each line of standard input is answered by one line:
//   time THREADS FIRST COUNT      milliseconds of each of COUNT queries, one at a time
//   answer THREADS FIRST COUNT    k pairs "row:distance" of each query
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "backend/backend.h"

namespace pictor {
namespace {

struct Vectors {
  std::unique_ptr<Mapping> mapping;
  std::vector<float> copy;
  const float* data = nullptr;
  std::size_t count = 0;
};

Result<Vectors> map_vectors(const std::string& path, std::uint32_t dim) {
  PICTOR_ASSIGN(const auto file, Env::real().open(path, OpenMode::kRead));
  Vectors vectors;
  PICTOR_ASSIGN(vectors.mapping, file->map());
  const ByteView bytes = vectors.mapping->bytes();
  const std::size_t row_bytes = dim * sizeof(float);
  if (bytes.empty() || bytes.size() % row_bytes != 0) {
    return Status(Code::kInvalid, path + " has " + std::to_string(bytes.size()) + " bytes, wanted a multiple of " +
                                      std::to_string(row_bytes) + " (" + std::to_string(dim) + " float32)");
  }
  vectors.data = reinterpret_cast<const float*>(bytes.data());
  vectors.count = bytes.size() / row_bytes;
  return vectors;
}

// One block of rows, all alive.
class OneBlock final : public Snapshot {
 public:
  OneBlock(const Vectors& vectors, std::uint32_t dim) : vectors_(vectors), dim_(dim) {
    for (std::size_t i = 0; i < vectors.count; ++i) {
      rows_.push_back(i);
      inverse_norms_.push_back(inverse_norm({vectors.data + i * dim, dim}));
    }
  }
  Result<std::optional<Bytes>> tokens(RowId) const override { return std::optional<Bytes>(); }
  Result<std::vector<SnapshotBlock>> blocks(const SpaceId&) const override {
    const auto alive = [](std::size_t, std::span<std::uint8_t> out) { std::fill(out.begin(), out.end(), 1); };
    return std::vector<SnapshotBlock>{
        {vectors_.data, inverse_norms_.data(), rows_.data(), vectors_.count, dim_, alive}};
  }
  Sequence sequence() const override { return 1; }
  std::uint64_t size() const override { return vectors_.count; }
  bool whole() const override { return true; }
  Result<std::vector<Item>> items(std::span<const RowId>, bool) const override { return unused(); }
  Result<std::optional<Item>> find(std::string_view, bool) const override { return unused(); }
  Status scan(bool, const std::function<Status(const Item&)>&, RowId) const override { return unused(); }
  Result<RowSet> matching(std::string_view) const override { return unused(); }
  Result<std::vector<WordHit>> by_words(std::string_view, const RowSet*, std::size_t) const override {
    return unused();
  }
  Result<std::vector<std::string>> words_of(RowId, std::string_view) const override { return unused(); }
  Result<Facets> facets(const FacetRequest&) const override { return unused(); }
  Result<std::optional<Bytes>> blob(RowId) const override { return unused(); }

 private:
  static Status unused() { return {Code::kInternal, "this snapshot holds vectors only"}; }
  const Vectors& vectors_;
  std::uint32_t dim_;
  std::vector<RowId> rows_;
  std::vector<float> inverse_norms_;
};

struct Bench {
  const Snapshot& snapshot;
  const Vectors& queries;
  std::uint32_t dim;
  std::size_t k;
  Metric metric;

  // Threads of one search: the caller alone, or it and a pool.
  Result<std::string> serve(const std::string& command, ThreadPool* pool, std::size_t first, std::size_t count) const {
    const auto backend = make_local_backend(Env::real(), pool);
    std::ostringstream line;
    line.precision(9);
    for (std::size_t i = first; i < first + count; ++i) {
      const float* vector = queries.data + i % queries.count * dim;
      const auto start = std::chrono::steady_clock::now();
      PICTOR_ASSIGN(const auto found, backend->search(snapshot, {"", {vector, dim}, metric, k, nullptr, 0}));
      const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
      if (command == "time") line << took.count() << ' ';
      if (command == "answer") {
        for (const auto& neighbor : found.neighbors) line << neighbor.row << ':' << neighbor.distance.value << ' ';
      }
    }
    return line.str();
  }
};

Result<Metric> metric_of(const std::string& name) {
  if (name == "cosine") return Metric::kCosine;
  if (name == "inner_product") return Metric::kInnerProduct;
  if (name == "l2") return Metric::kL2;
  return Status(Code::kInvalid, "metric '" + name + "' is unknown: wanted cosine, inner_product or l2");
}

Status serve_lines(const Bench& bench, std::size_t threads_max) {
  std::map<std::size_t, std::unique_ptr<ThreadPool>> pools;
  for (std::size_t threads = 2; threads <= threads_max; ++threads) {
    pools[threads] = std::make_unique<ThreadPool>(threads);
  }
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string command;
    std::size_t threads = 0, first = 0, count = 0;
    words >> command >> threads >> first >> count;
    const bool known = command == "time" || command == "answer";
    if (!words || !known || threads < 1 || threads > threads_max) {
      return {Code::kInvalid, "'" + line + "' is no request: wanted `time|answer THREADS FIRST COUNT`"};
    }
    PICTOR_ASSIGN(const std::string answer,
                  bench.serve(command, threads == 1 ? nullptr : pools[threads].get(), first, count));
    std::cout << answer << std::endl;
  }
  return Status::ok();
}

Status run(const std::vector<std::string>& words) {
  if (words.size() < 5) {
    return {Code::kInvalid, "usage: search_bench VECTORS QUERIES DIM K METRIC [THREADS_MAX] [mapped|copied]"};
  }
  const auto dim = static_cast<std::uint32_t>(std::strtoul(words[2].c_str(), nullptr, 10));
  if (dim < 1 || dim > limits::kVectorDimMax) return {Code::kInvalid, "DIM is '" + words[2] + "'"};
  const std::size_t k = std::strtoul(words[3].c_str(), nullptr, 10);
  PICTOR_ASSIGN(const Metric metric, metric_of(words[4]));
  const std::size_t threads_max = words.size() < 6 ? 1 : std::strtoul(words[5].c_str(), nullptr, 10);
  if (threads_max < 1 || threads_max > limits::kThreadsMax) return {Code::kInvalid, "THREADS_MAX is " + words[5]};
  PICTOR_ASSIGN(Vectors vectors, map_vectors(words[0], dim));
  if (words.size() > 6 && words[6] == "copied") {
    vectors.copy.assign(vectors.data, vectors.data + vectors.count * dim);
    vectors.data = vectors.copy.data();
  }
  PICTOR_ASSIGN(const Vectors queries, map_vectors(words[1], dim));
  const OneBlock snapshot(vectors, dim);
  std::cout << "ready " << vectors.count << " x " << dim << ", " << simd_name(best_simd()) << std::endl;
  return serve_lines({snapshot, queries, dim, k, metric}, threads_max);
}

}  // namespace
}  // namespace pictor

int main(int argc, char** argv) {
  const auto status = pictor::run(std::vector<std::string>(argv + 1, argv + argc));
  if (!status.is_ok()) std::fprintf(stderr, "search_bench: %s\n", status.to_string().c_str());
  return static_cast<int>(status.code());
}
