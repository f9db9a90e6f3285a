// A graph over a file of vectors: built, opened, asked, round by round on request, so that other programs can take
// turns.
//
//   ann_index VECTORS QUERIES DIM METRIC
//
// VECTORS and QUERIES are files of little-endian float32, row after row; METRIC is cosine, inner_product or l2. The
// vectors are mapped as a segment's are. One line of JSON on standard output says that it is ready; then each line of
// standard input is answered by one line of JSON:
//   build FILE THREADS DEGREE EF CODES     makes a graph and writes it; 0: the default degree or ef; CODES: full, half
//   or
//                                          quarter
//   open FILE                              searches go through this graph from now on
//   check FILE                             reads everything in it
//   distances vectors|codes                where distances of what is found come from, if the graph can choose
//   flat                                   searches go through every allowed row
//   filter FILE|none                       a byte a row: 1 may be returned, 0 not
//   time FIRST COUNT RECALL K              one query after the other, on this thread
//   answer FIRST COUNT RECALL K            the rows of each, nearest first
// A request that fails ends the program with its message and its code.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "index/index.h"

namespace pictor {
namespace {

double cpu_seconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A line of /proc/self/status, in bytes: VmRSS holds mapped files too, RssAnon does not.
std::uint64_t memory_of(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kib = 0;
    if (word == name + ":" && status >> kib) return kib * 1024;
  }
  return 0;
}

std::string memory_text() {
  return "\"rss_bytes\": " + std::to_string(memory_of("VmRSS")) +
         ", \"rss_anon_bytes\": " + std::to_string(memory_of("RssAnon")) +
         ", \"rss_peak_bytes\": " + std::to_string(memory_of("VmHWM"));
}

Result<std::unique_ptr<Mapping>> map_file(const std::string& path) {
  PICTOR_ASSIGN(const auto file, Env::real().open(path, OpenMode::kRead));
  return file->map();
}

struct Rows {
  std::unique_ptr<Mapping> mapping;
  const float* data = nullptr;
  std::size_t count = 0;
};

Result<Rows> map_rows(const std::string& path, std::uint32_t dim) {
  Rows rows;
  PICTOR_ASSIGN(rows.mapping, map_file(path));
  const ByteView bytes = rows.mapping->bytes();
  const std::size_t row_bytes = dim * sizeof(float);
  if (bytes.empty() || bytes.size() % row_bytes != 0) {
    return Status(Code::kInvalid, path + " has " + std::to_string(bytes.size()) + " bytes, wanted a multiple of " +
                                      std::to_string(row_bytes) + " (" + std::to_string(dim) + " float32)");
  }
  rows.data = reinterpret_cast<const float*>(bytes.data());
  rows.count = bytes.size() / row_bytes;
  return rows;
}

class ByteFilter final : public RowFilter {
 public:
  explicit ByteFilter(std::vector<std::uint8_t> bytes) : bytes_(std::move(bytes)) {}
  void allowed(std::size_t begin, std::span<std::uint8_t> out) const override {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(begin), out.size(), out.begin());
  }
  void allowed_at(std::span<const std::uint32_t> positions, std::span<std::uint8_t> out) const override {
    for (std::size_t i = 0; i < positions.size(); ++i) out[i] = bytes_[positions[i]];
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

struct Asked {
  std::size_t first = 0, count = 0;
  double recall = 1;
  std::size_t k = 10;
};

class Bench {
 public:
  Bench(const Rows& vectors, const Rows& queries, std::uint32_t dim, Metric metric)
      : queries_(queries), dim_(dim), metric_(metric) {
    for (std::size_t i = 0; i < vectors.count; ++i) {
      rows_.push_back(i);
      inverse_norms_.push_back(inverse_norm({vectors.data + i * dim, dim}));
    }
    block_ = {vectors.data, rows_.data(), inverse_norms_.data(), vectors.count, dim};
    index_ = make_flat_index(block_);
  }

  std::string ready() const {
    return "{\"ready\": \"" + index_->describe() + ", " + std::string(simd_name(best_simd())) + "\", " + memory_text() +
           "}";
  }

  Result<std::string> serve(const std::string& command, std::istringstream& words) {
    if (command == "build") return build(words);
    if (command == "open") return open(words);
    if (command == "check") return check(words);
    if (command == "distances") return use_distances(words);
    if (command == "flat") return flat();
    if (command == "filter") return use_filter(words);
    if (command == "time") return time(words);
    if (command == "answer") return answer(words);
    return Status(Code::kInvalid, "'" + command + "' is no request: see the top of ann_index.cpp");
  }

 private:
  Result<std::string> build(std::istringstream& words) const {
    std::string path, codes;
    std::size_t threads = 0;
    std::uint32_t degree = 0, ef = 0;
    words >> path >> threads >> degree >> ef >> codes;
    if (!words || threads < 1 || threads > limits::kThreadsMax) return wrong("build FILE THREADS DEGREE EF CODES");
    GraphBuildOptions options;
    if (codes == "half") options.codes = GraphCodes::kHalf;
    if (codes == "quarter") options.codes = GraphCodes::kQuarter;
    if (degree > 0) options.degree = degree;
    options.ef = ef > 0 ? ef : graph_ef_of(block_.count);
    // The caller works along with the pool, so that a pool has a thread less than the build.
    const auto pool = threads > 1 ? std::make_unique<ThreadPool>(threads - 1) : nullptr;
    const double wall = wall_seconds(), cpu = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
    PICTOR_ASSIGN(const Bytes made, build_graph_index(block_, metric_, options, pool.get()));
    std::ostringstream line;
    line << "{\"seconds\": " << wall_seconds() - wall
         << ", \"cpu_seconds\": " << cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu << ", \"bytes\": " << made.size()
         << ", \"degree\": " << options.degree << ", \"ef\": " << options.ef << ", " << memory_text() << '}';
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(made.data()), static_cast<std::streamsize>(made.size()));
    if (!out.flush()) return Status(Code::kIo, "cannot write " + path);
    return line.str();
  }

  Result<std::string> open(std::istringstream& words) {
    std::string path;
    if (!(words >> path)) return wrong("open FILE");
    const double wall = wall_seconds();
    PICTOR_ASSIGN(auto mapping, map_file(path));
    PICTOR_ASSIGN(index_, open_graph_index(mapping->bytes(), block_, metric_, 0));
    graph_ = std::move(mapping);
    std::ostringstream line;
    line << "{\"seconds\": " << wall_seconds() - wall << ", \"describe\": \"" << index_->describe()
         << "\", \"bytes\": " << graph_->bytes().size() << ", " << memory_text() << '}';
    return line.str();
  }

  Result<std::string> check(std::istringstream& words) const {
    std::string path;
    if (!(words >> path)) return wrong("check FILE");
    PICTOR_ASSIGN(const auto mapping, map_file(path));
    PICTOR_TRY(check_graph_file(mapping->bytes(), block_, metric_, 0));
    return std::string("{\"good\": true}");
  }

  Result<std::string> use_distances(std::istringstream& words) {
    std::string from;
    words >> from;
    if (from != "vectors" && from != "codes") return wrong("distances vectors|codes");
    coded_distances_ = from == "codes";
    return "{\"distances\": \"" + from + "\"}";
  }

  Result<std::string> flat() {
    index_ = make_flat_index(block_);
    return "{\"describe\": \"" + index_->describe() + "\"}";
  }

  Result<std::string> use_filter(std::istringstream& words) {
    std::string path;
    if (!(words >> path)) return wrong("filter FILE|none");
    filter_.reset();
    if (path == "none") return std::string("{\"allowed\": ") + std::to_string(block_.count) + "}";
    PICTOR_ASSIGN(const auto mapping, map_file(path));
    const auto* bytes = as_u8(mapping->bytes());
    if (mapping->bytes().size() != block_.count) {
      return Status(Code::kInvalid, path + " has " + std::to_string(mapping->bytes().size()) +
                                        " bytes, wanted one for each of " + std::to_string(block_.count) + " rows");
    }
    filter_.emplace(std::vector<std::uint8_t>(bytes, bytes + block_.count));
    return "{\"allowed\": " + std::to_string(std::count(bytes, bytes + block_.count, 1)) + "}";
  }

  Result<IndexAnswer> ask(const Asked& asked, std::size_t number) const {
    IndexQuery query;
    query.vector = {queries_.data + number % queries_.count * dim_, dim_};
    query.metric = metric_;
    query.k = asked.k;
    query.recall = asked.recall;
    query.coded_distances = coded_distances_;
    query.filter = filter_ ? &*filter_ : nullptr;
    return index_->search(query);
  }

  static Result<Asked> asked_of(std::istringstream& words) {
    Asked asked;
    if (!(words >> asked.first >> asked.count >> asked.recall >> asked.k))
      return wrong("time|answer FIRST COUNT RECALL K");
    return asked;
  }

  Result<std::string> time(std::istringstream& words) const {
    PICTOR_ASSIGN(const Asked asked, asked_of(words));
    std::uint64_t distances = 0, exact = 0;
    std::ostringstream each;
    const double cpu = cpu_seconds(CLOCK_THREAD_CPUTIME_ID), wall = wall_seconds();
    double before = wall;
    std::vector<double> took;
    took.reserve(asked.count);
    for (std::size_t i = asked.first; i < asked.first + asked.count; ++i) {
      PICTOR_ASSIGN(const auto found, ask(asked, i));
      distances += found.distances;
      exact += found.exact ? 1 : 0;
      const double now = wall_seconds();
      took.push_back(now - before);
      before = now;
    }
    std::ostringstream line;
    line << "{\"seconds\": " << wall_seconds() - wall
         << ", \"cpu_seconds\": " << cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - cpu << ", \"distances\": " << distances
         << ", \"exact\": " << exact << ", " << memory_text() << ", \"each_us\": [";
    for (std::size_t i = 0; i < took.size(); ++i) line << (i > 0 ? "," : "") << 1e6 * took[i];
    line << "]}";
    return line.str();
  }

  Result<std::string> answer(std::istringstream& words) const {
    PICTOR_ASSIGN(const Asked asked, asked_of(words));
    std::ostringstream line;
    line << "{\"rows\": [";
    std::uint64_t distances = 0, exact = 0;
    for (std::size_t i = asked.first; i < asked.first + asked.count; ++i) {
      PICTOR_ASSIGN(const auto found, ask(asked, i));
      distances += found.distances;
      exact += found.exact ? 1 : 0;
      line << (i > asked.first ? ", [" : "[");
      for (std::size_t n = 0; n < found.neighbors.size(); ++n) line << (n > 0 ? "," : "") << found.neighbors[n].row;
      line << ']';
    }
    line << "], \"distances\": " << distances << ", \"exact\": " << exact << '}';
    return line.str();
  }

  static Status wrong(const std::string& wanted) { return {Code::kInvalid, "wanted `" + wanted + "`"}; }

  const Rows& queries_;
  std::uint32_t dim_;
  Metric metric_;
  std::vector<RowId> rows_;
  std::vector<float> inverse_norms_;
  VectorBlock block_;
  std::unique_ptr<Mapping> graph_;  // outlives index_, which looks into it
  std::unique_ptr<VectorIndex> index_;
  std::optional<ByteFilter> filter_;
  bool coded_distances_ = false;
};

Result<Metric> metric_of(const std::string& name) {
  if (name == "cosine") return Metric::kCosine;
  if (name == "inner_product") return Metric::kInnerProduct;
  if (name == "l2") return Metric::kL2;
  return Status(Code::kInvalid, "metric '" + name + "' is unknown: wanted cosine, inner_product or l2");
}

Status run(const std::vector<std::string>& words) {
  if (words.size() != 4) return {Code::kInvalid, "usage: ann_index VECTORS QUERIES DIM METRIC"};
  const auto dim = static_cast<std::uint32_t>(std::strtoul(words[2].c_str(), nullptr, 10));
  if (dim < 1 || dim > limits::kVectorDimMax) return {Code::kInvalid, "DIM is '" + words[2] + "'"};
  PICTOR_ASSIGN(const Metric metric, metric_of(words[3]));
  PICTOR_ASSIGN(const Rows vectors, map_rows(words[0], dim));
  PICTOR_ASSIGN(const Rows queries, map_rows(words[1], dim));
  Bench bench(vectors, queries, dim, metric);
  std::cout << bench.ready() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream request(line);
    std::string command;
    request >> command;
    PICTOR_ASSIGN(const std::string answer, bench.serve(command, request));
    std::cout << answer << std::endl;
  }
  return Status::ok();
}

}  // namespace
}  // namespace pictor

int main(int argc, char** argv) {
  const auto status = pictor::run(std::vector<std::string>(argv + 1, argv + argc));
  if (!status.is_ok()) std::fprintf(stderr, "ann_index: %s\n", status.to_string().c_str());
  return static_cast<int>(status.code());
}
