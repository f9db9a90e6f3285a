// A graph over a file of vectors: built, kept, and searched round by round on request, so that another program can take
// turns with it.
//
//   graph_bench VECTORS QUERIES DIM K METRIC GRAPH [THREADS]
//
// VECTORS and QUERIES are files of little-endian float32, row after row; METRIC is cosine, inner_product or l2. GRAPH
// is built by THREADS (1) and written, or opened when it is there; both files are mapped. One line on standard output
// says that it is ready. Then each line of standard input is answered by one line:
//   time RECALL FIRST COUNT      milliseconds of each of COUNT queries that ask for RECALL, one at a time
//   answer RECALL FIRST COUNT    for each query `exact` or `walk`, its distances, and k pairs "row:distance"
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include "index/index.h"

namespace pictor {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Vectors {
  std::unique_ptr<Mapping> mapping;
  std::vector<RowId> rows;
  std::vector<float> inverse_norms;
  VectorBlock block;
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
  const auto* data = reinterpret_cast<const float*>(bytes.data());
  for (std::size_t i = 0; i < bytes.size() / row_bytes; ++i) {
    vectors.rows.push_back(i);
    vectors.inverse_norms.push_back(inverse_norm({data + i * dim, dim}));
  }
  vectors.block = {data, vectors.rows.data(), vectors.inverse_norms.data(), vectors.rows.size(), dim};
  return vectors;
}

Result<Metric> metric_of(const std::string& name) {
  if (name == "cosine") return Metric::kCosine;
  if (name == "inner_product") return Metric::kInnerProduct;
  if (name == "l2") return Metric::kL2;
  return Status(Code::kInvalid, "metric '" + name + "' is unknown: wanted cosine, inner_product or l2");
}

Status build(const std::string& path, const VectorBlock& block, Metric metric, std::size_t threads) {
  ThreadPool pool(threads > 1 ? threads - 1 : 1);  // the caller works along
  const auto start = Clock::now();
  PICTOR_ASSIGN(const Bytes graph, build_graph_index(block, metric, {}, threads > 1 ? &pool : nullptr));
  std::cout << "built " << seconds_since(start) << " s" << std::endl;
  PICTOR_ASSIGN(const auto file, Env::real().open(path, OpenMode::kReadWriteCreate));
  return file->write_at(0, graph);
}

struct Bench {
  const VectorIndex& index;
  const VectorBlock& queries;
  std::size_t k;
  Metric metric;

  Result<std::string> serve(bool time, double recall, std::size_t first, std::size_t count) const {
    std::ostringstream line;
    line.precision(9);
    for (std::size_t i = first; i < first + count; ++i) {
      const float* vector = queries.vectors + i % queries.count * queries.dim;
      const auto start = Clock::now();
      PICTOR_ASSIGN(const auto found, index.search({{vector, queries.dim}, metric, k, nullptr, recall}));
      if (time) {
        line << 1000 * seconds_since(start) << ' ';
        continue;
      }
      line << (found.exact ? "exact " : "walk ") << found.distances << ' ';
      for (const auto& neighbor : found.neighbors) line << neighbor.row << ':' << neighbor.distance.value << ' ';
    }
    return line.str();
  }
};

Status serve_lines(const Bench& bench) {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string command;
    double recall = 0;
    std::size_t first = 0, count = 0;
    words >> command >> recall >> first >> count;
    if (!words || (command != "time" && command != "answer")) {
      return {Code::kInvalid, "'" + line + "' is no request: wanted `time|answer RECALL FIRST COUNT`"};
    }
    PICTOR_ASSIGN(const std::string answer, bench.serve(command == "time", recall, first, count));
    std::cout << answer << std::endl;
  }
  return Status::ok();
}

Status run(const std::vector<std::string>& words) {
  if (words.size() < 6) {
    return {Code::kInvalid, "usage: graph_bench VECTORS QUERIES DIM K METRIC GRAPH [THREADS]"};
  }
  const auto dim = static_cast<std::uint32_t>(std::strtoul(words[2].c_str(), nullptr, 10));
  if (dim < 1 || dim > limits::kVectorDimMax) return {Code::kInvalid, "DIM is '" + words[2] + "'"};
  const std::size_t k = std::strtoul(words[3].c_str(), nullptr, 10);
  PICTOR_ASSIGN(const Metric metric, metric_of(words[4]));
  const std::size_t threads = words.size() < 7 ? 1 : std::strtoul(words[6].c_str(), nullptr, 10);
  if (threads < 1 || threads > limits::kThreadsMax) return {Code::kInvalid, "THREADS is " + words[6]};
  PICTOR_ASSIGN(const Vectors vectors, map_vectors(words[0], dim));
  PICTOR_ASSIGN(const Vectors queries, map_vectors(words[1], dim));
  if (!Env::real().open(words[5], OpenMode::kRead).is_ok()) {
    PICTOR_TRY(build(words[5], vectors.block, metric, threads));
  }
  PICTOR_ASSIGN(const auto file, Env::real().open(words[5], OpenMode::kRead));
  PICTOR_ASSIGN(const auto mapping, file->map());
  PICTOR_ASSIGN(const auto index, open_graph_index(mapping->bytes(), vectors.block, metric, 0));
  std::cout << "ready " << index->describe() << ", " << mapping->bytes().size() << " bytes, " << simd_name(best_simd())
            << std::endl;
  return serve_lines({*index, queries.block, k, metric});
}

}  // namespace
}  // namespace pictor

int main(int argc, char** argv) {
  const auto status = pictor::run(std::vector<std::string>(argv + 1, argv + argc));
  if (!status.is_ok()) std::fprintf(stderr, "graph_bench: %s\n", status.to_string().c_str());
  return static_cast<int>(status.code());
}
