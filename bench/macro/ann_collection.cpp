// Opens the collection that ann_fill made and asks it through the engine, as a server would.
//
//   ann_collection FOLDER QUERIES DIM [THREADS]
//
// QUERIES is a file of little-endian float32, row after row. One line of JSON on standard output says that the
// collection is open; then each line of standard input is answered by one line of JSON:
//   time FIRST COUNT RECALL K              milliseconds of each query, one after the other
//   answer FIRST COUNT RECALL K            the numbers of the items, nearest first
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace pictor {
namespace {

constexpr const char* kCollection = "vectors";

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

struct Asked {
  std::size_t first = 0, count = 0;
  double recall = 1;
  std::size_t k = 10;
};

class Server {
 public:
  Server(std::unique_ptr<Engine> engine, std::vector<float> queries, std::size_t dim)
      : engine_(std::move(engine)), queries_(std::move(queries)), dim_(dim) {}

  Result<std::string> serve(const std::string& command, std::istringstream& words) {
    Asked asked;
    if (!(words >> asked.first >> asked.count >> asked.recall >> asked.k)) return wrong();
    if (command == "time") return time(asked);
    if (command == "answer") return answer(asked);
    return wrong();
  }

 private:
  static Status wrong() { return {Code::kInvalid, "wanted `time|answer FIRST COUNT RECALL K`"}; }

  Result<Hits> ask(const Asked& asked, std::size_t number) {
    const auto first = queries_.begin() + static_cast<std::ptrdiff_t>(number % (queries_.size() / dim_) * dim_);
    Query query;
    query.collection = kCollection;
    query.parts.resize(1);
    query.parts[0].kind = QueryPart::Kind::kVector;
    query.parts[0].vector.assign(first, first + static_cast<std::ptrdiff_t>(dim_));
    query.k = asked.k;
    query.recall = asked.recall;
    return engine_->search(query);
  }

  Result<std::string> time(const Asked& asked) {
    std::ostringstream line;
    std::uint64_t distances = 0;
    std::string recall;
    line << "{\"ms\": [";
    for (std::size_t i = asked.first; i < asked.first + asked.count; ++i) {
      const double begin = wall_seconds();
      PICTOR_ASSIGN(const auto hits, ask(asked, i));
      line << (i > asked.first ? "," : "") << 1e3 * (wall_seconds() - begin);
      distances += hits.distances;
      recall = hits.recall;
    }
    line << "], \"distances\": " << distances << ", \"recall\": \"" << recall
         << "\", \"rss_anon_bytes\": " << memory_of("RssAnon") << "}";
    return line.str();
  }

  Result<std::string> answer(const Asked& asked) {
    std::ostringstream line;
    line << "{\"rows\": [";
    for (std::size_t i = asked.first; i < asked.first + asked.count; ++i) {
      PICTOR_ASSIGN(const auto hits, ask(asked, i));
      line << (i > asked.first ? ", [" : "[");
      for (std::size_t n = 0; n < hits.hits.size(); ++n) line << (n > 0 ? "," : "") << hits.hits[n].id.substr(1);
      line << "]";
    }
    line << "]}";
    return line.str();
  }

  std::unique_ptr<Engine> engine_;
  std::vector<float> queries_;
  std::size_t dim_;
};

Status serve(const std::vector<std::string>& words, std::uint32_t dim) {
  PICTOR_ASSIGN(const Bytes bytes, read_file(Env::real(), words[1], limits::kGiB));
  std::vector<float> queries(bytes.size() / sizeof(float));
  std::memcpy(queries.data(), bytes.data(), queries.size() * sizeof(float));
  if (queries.empty() || queries.size() % dim != 0)
    return {Code::kInvalid, words[1] + " holds no rows of that dimension"};
  EngineOptions options;
  options.data_folder = words[0];
  options.create = false;
  options.merge_mib_per_second = 0;
  if (words.size() > 3) options.threads = std::strtoul(words[3].c_str(), nullptr, 10);
  const double begin = wall_seconds();
  PICTOR_ASSIGN(auto engine, Engine::open(Env::real(), options));
  PICTOR_ASSIGN(const auto info, engine->stats(kCollection));
  std::cout << "{\"open_seconds\": " << wall_seconds() - begin << ", \"items\": " << info.items
            << ", \"segments\": " << info.segments << ", \"rss_anon_bytes\": " << memory_of("RssAnon") << "}"
            << std::endl;
  Server server(std::move(engine), std::move(queries), dim);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream request(line);
    std::string command;
    request >> command;
    PICTOR_ASSIGN(const std::string answer, server.serve(command, request));
    std::cout << answer << std::endl;
  }
  return Status::ok();
}

Status run(const std::vector<std::string>& words) {
  if (words.size() != 3 && words.size() != 4) {
    return {Code::kInvalid, "usage: ann_collection FOLDER QUERIES DIM [THREADS]"};
  }
  const auto dim = static_cast<std::uint32_t>(std::strtoul(words[2].c_str(), nullptr, 10));
  if (dim < 1 || dim > limits::kVectorDimMax) return {Code::kInvalid, "DIM is '" + words[2] + "'"};
  return serve(words, dim);
}

}  // namespace
}  // namespace pictor

int main(int argc, char** argv) {
  const auto status = pictor::run(std::vector<std::string>(argv + 1, argv + argc));
  if (!status.is_ok()) std::fprintf(stderr, "ann_collection: %s\n", status.to_string().c_str());
  return static_cast<int>(status.code());
}
