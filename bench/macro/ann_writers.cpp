// Recall of filtered searches of a collection while four writers are at work on it.
//
//   ann_writers FOLDER VECTORS QUERIES DIM RECALL K GROUPS
//
// VECTORS and QUERIES are files of little-endian float32, row after row, compared by cosine. Three quarters of the
// vectors are put into a collection in FOLDER, merged into one segment, and a graph is made. Then four threads put and
// delete, batch after batch, with the vectors that are left, until the last query is answered. Queries come in GROUPS
// that share filters, the first of each being the anchor: for each kind and share a snapshot is taken, rows are chosen
// among those alive in it, and every query of the group is answered twice, for RECALL and exactly. One line of JSON on
// standard output has, cell by cell and group by group, the share of the exact answer that was found.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "backend/backend.h"

namespace pictor {
namespace {

constexpr std::size_t kWriters = 4;
constexpr std::size_t kPuts = 12, kDeletes = 8;  // in a writer's batch
constexpr std::array<double, 5> kShares = {0.5, 0.1, 0.01, 0.001, 0.0001};
constexpr std::array<const char*, 3> kKinds = {"random", "correlated", "anti-correlated"};

struct Asked {
  std::string folder, vectors, queries;
  std::uint32_t dim = 0;
  double recall = 0.98;
  std::size_t k = 10, groups = 1;
};

struct Rows {
  std::vector<float> numbers;
  std::uint32_t dim = 1;
  std::size_t count() const { return numbers.size() / dim; }
  std::span<const float> of(std::size_t i) const { return std::span(numbers).subspan(i * dim, dim); }
};

Result<Rows> read_rows(const std::string& path, std::uint32_t dim) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const auto bytes = file ? static_cast<std::size_t>(file.tellg()) : 0;
  if (bytes == 0 || bytes % (dim * sizeof(float)) != 0) {
    return Status(Code::kInvalid, path + " has " + std::to_string(bytes) + " bytes, wanted a multiple of " +
                                      std::to_string(dim * sizeof(float)));
  }
  Rows rows{std::vector<float>(bytes / sizeof(float)), dim};
  file.seekg(0);
  file.read(reinterpret_cast<char*>(rows.numbers.data()), static_cast<std::streamsize>(bytes));
  if (!file) return Status(Code::kIo, "cannot read " + path);
  return rows;
}

ItemWrite item_of(std::size_t number, std::span<const float> vector) {
  ItemWrite item;
  item.id = "item" + std::to_string(number);
  item.vectors = {{vector.begin(), vector.end()}};
  return item;
}

// Items 0 to count - 1, then one segment and its graph.
Status fill(Collection& collection, Backend& backend, const Rows& vectors, std::size_t count) {
  for (std::size_t begin = 0; begin < count; begin += limits::kBatchItemsMax) {
    Batch batch;
    batch.id = "fill" + std::to_string(begin);
    for (std::size_t i = begin; i < std::min<std::size_t>(count, begin + limits::kBatchItemsMax); ++i) {
      batch.puts.push_back(item_of(i, vectors.of(i)));
    }
    PICTOR_TRY(collection.commit(batch).status());
  }
  PICTOR_TRY(collection.seal());
  CompactOptions all;
  all.everything = true;
  PICTOR_TRY(collection.compact(all).status());
  return backend.build_indexes(collection, {}).status();
}

// One thread that replaces and deletes its quarter of the items until it is told to stop.
class Writer {
 public:
  Writer(Collection& collection, const Rows& vectors, std::size_t filled, std::size_t number)
      : collection_(collection), vectors_(vectors), filled_(filled), number_(number), random_(100 + number) {}

  Status work(const std::atomic<bool>& stop, std::atomic<std::uint64_t>& commits) {
    for (std::size_t round = 0; !stop; ++round) {
      Batch batch;
      batch.id = "writer" + std::to_string(number_) + "-" + std::to_string(round);
      std::map<std::size_t, bool> chosen;  // true: a put
      while (chosen.size() < kPuts + kDeletes) chosen.emplace(draw(), chosen.size() < kPuts);
      for (const auto& [item, put] : chosen) {
        const std::size_t spare = filled_ + random_() % (vectors_.count() - filled_);
        if (put) {
          batch.puts.push_back(item_of(item, vectors_.of(spare)));
        } else {
          batch.deletes.push_back("item" + std::to_string(item));
        }
      }
      PICTOR_TRY(collection_.commit(batch).status());
      ++commits;
    }
    return Status::ok();
  }

 private:
  std::size_t draw() { return random_() % (filled_ / kWriters) * kWriters + number_; }

  Collection& collection_;
  const Rows& vectors_;
  std::size_t filled_;
  std::size_t number_;
  std::mt19937 random_;
};

// Rows alive in a snapshot, nearest to the anchor first.
Result<std::vector<RowId>> by_nearness(const Snapshot& snapshot, const SpaceId& space, std::span<const float> anchor) {
  std::vector<std::pair<float, RowId>> found;
  PICTOR_ASSIGN(const auto blocks, snapshot.blocks(space));
  for (const auto& block : blocks) {
    std::vector<std::uint8_t> alive(block.count);
    block.alive(0, alive);
    for (std::size_t i = 0; i < block.count; ++i) {
      if (alive[i] == 0) continue;
      const float dot = kernels().dot(anchor.data(), block.vectors + i * block.dim, block.dim);
      found.emplace_back(-dot * block.inverse_norms[i], block.rows[i]);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<RowId> rows;
  rows.reserve(found.size());
  for (const auto& [nearness, row] : found) rows.push_back(row);
  return rows;
}

RowSet choose(std::vector<RowId> rows, std::size_t kind, double share, std::mt19937& random) {
  if (kind == 0) std::shuffle(rows.begin(), rows.end(), random);
  if (kind == 2) std::reverse(rows.begin(), rows.end());
  rows.resize(
      std::max<std::size_t>(1, static_cast<std::size_t>(std::llround(share * static_cast<double>(rows.size())))));
  return RowSet::of(rows);
}

struct Cell {
  std::vector<std::vector<double>> recalls;  // by group
  std::uint64_t exact = 0, asked = 0;
};

class Reader {
 public:
  Reader(const Collection& collection, const Backend& backend, const Rows& queries, const Asked& asked)
      : collection_(collection), backend_(backend), queries_(queries), asked_(asked) {}

  Status read_group(std::size_t group) {
    const std::size_t each = queries_.count() / asked_.groups, first = group * each;
    const SpaceId space = collection_.spec().spaces[0].id;
    for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
      for (std::size_t i = 0; i < kShares.size(); ++i) {
        PICTOR_ASSIGN(const auto snapshot, collection_.snapshot());
        PICTOR_ASSIGN(auto rows, by_nearness(*snapshot, space, queries_.of(first)));
        const RowSet allowed = choose(std::move(rows), kind, kShares[i], random_);
        Cell& cell = cells_[kind * kShares.size() + i];
        cell.recalls.emplace_back();
        for (std::size_t q = first; q < first + each; ++q) PICTOR_TRY(ask(*snapshot, space, allowed, q, cell));
      }
    }
    return Status::ok();
  }

  std::string cells_json() const {
    std::ostringstream json;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      json << (i > 0 ? ", " : "") << R"({"kind": ")" << kKinds[i / kShares.size()] << R"(", "share": )"
           << kShares[i % kShares.size()] << ", \"exact\": " << cells_[i].exact << ", \"asked\": " << cells_[i].asked
           << ", \"recalls\": [";
      for (std::size_t g = 0; g < cells_[i].recalls.size(); ++g) {
        json << (g > 0 ? ", [" : "[");
        const auto& group = cells_[i].recalls[g];
        for (std::size_t q = 0; q < group.size(); ++q) json << (q > 0 ? "," : "") << group[q];
        json << ']';
      }
      json << "]}";
    }
    return json.str();
  }

 private:
  Status ask(const Snapshot& snapshot, const SpaceId& space, const RowSet& allowed, std::size_t number,
             Cell& cell) const {
    BackendQuery query{space, queries_.of(number), Metric::kCosine, asked_.k, &allowed, 0, asked_.recall};
    PICTOR_ASSIGN(const auto found, backend_.search(snapshot, query));
    query.recall = 1;
    PICTOR_ASSIGN(const auto truth, backend_.search(snapshot, query));
    if (truth.neighbors.size() != std::min<std::size_t>(asked_.k, allowed.size())) {
      return {Code::kInternal, "an exact answer has " + std::to_string(truth.neighbors.size()) + " rows"};
    }
    std::size_t good = 0;
    for (const auto& neighbor : found.neighbors) good += neighbor.distance <= truth.neighbors.back().distance ? 1 : 0;
    cell.recalls.back().push_back(static_cast<double>(good) / static_cast<double>(truth.neighbors.size()));
    cell.exact += found.exact ? 1 : 0;
    ++cell.asked;
    return Status::ok();
  }

  const Collection& collection_;
  const Backend& backend_;
  const Rows& queries_;
  const Asked& asked_;
  std::mt19937 random_{7};
  std::array<Cell, kKinds.size() * kShares.size()> cells_;
};

Status measure(Collection& collection, Backend& backend, const Rows& vectors, const Rows& queries, std::size_t filled,
               const Asked& asked) {
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> commits{0};
  std::array<Status, kWriters> ended;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] { ended[i] = Writer(collection, vectors, filled, i).work(stop, commits); });
  }
  Reader reader(collection, backend, queries, asked);
  Status read;
  for (std::size_t group = 0; group < asked.groups && read.is_ok(); ++group) read = reader.read_group(group);
  stop = true;
  for (auto& thread : threads) thread.join();
  PICTOR_TRY(read);
  for (const Status& status : ended) PICTOR_TRY(status);
  PICTOR_ASSIGN(const auto stats, collection.stats());
  std::cout << "{\"filled\": " << filled << ", \"writers\": " << kWriters << ", \"commits\": " << commits
            << ", \"rows_dead\": " << stats.rows_dead << ", \"rows_fresh\": " << stats.rows_fresh
            << ", \"graphs\": " << stats.graphs << ", \"cells\": [" << reader.cells_json() << "]}" << std::endl;
  return Status::ok();
}

Status run(const std::vector<std::string>& words) {
  if (words.size() != 7) return {Code::kInvalid, "usage: ann_writers FOLDER VECTORS QUERIES DIM RECALL K GROUPS"};
  Asked asked{words[0],
              words[1],
              words[2],
              static_cast<std::uint32_t>(std::atoi(words[3].c_str())),
              std::atof(words[4].c_str()),
              static_cast<std::size_t>(std::atoi(words[5].c_str())),
              static_cast<std::size_t>(std::atoi(words[6].c_str()))};
  if (asked.dim < 1 || asked.dim > limits::kVectorDimMax || asked.groups < 1) {
    return {Code::kInvalid, "DIM is '" + words[3] + "', GROUPS '" + words[6] + "'"};
  }
  PICTOR_ASSIGN(const Rows vectors, read_rows(asked.vectors, asked.dim));
  PICTOR_ASSIGN(const Rows queries, read_rows(asked.queries, asked.dim));
  PICTOR_ASSIGN(const auto folder, DataFolder::open(Env::real(), asked.folder));
  CollectionSpec spec;
  spec.name = "written";
  spec.spaces = {{SpaceId(64, 'a'), "visual", asked.dim, Metric::kCosine}};
  PICTOR_ASSIGN(const auto collection, folder->create_collection(spec));
  const auto backend = make_local_backend(Env::real(), nullptr);
  const std::size_t filled = vectors.count() * 3 / 4;
  if (filled < 100 * kWriters) return {Code::kInvalid, "too few vectors: " + std::to_string(vectors.count())};
  PICTOR_TRY(fill(*collection, *backend, vectors, filled));
  return measure(*collection, *backend, vectors, queries, filled, asked);
}

}  // namespace
}  // namespace pictor

int main(int argc, char** argv) {
  const auto status = pictor::run(std::vector<std::string>(argv + 1, argv + argc));
  if (!status.is_ok()) std::fprintf(stderr, "ann_writers: %s\n", status.to_string().c_str());
  return static_cast<int>(status.code());
}
