// The local backend: asks the graph or the lists of the blocks that have one, cuts the others into ranges of rows,
// works through both in any order on any thread, and merges by (distance, row), which depends on neither.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <string>
#include <utility>

#include "backend/backend.h"
#include "backend/indexes.h"
#include "index/index.h"

namespace pictor {
namespace {

constexpr std::uint64_t kRangeBytes = limits::kMiB;  // of vectors between two looks at the clock
constexpr std::size_t kMarksAtOnce = 1024;
constexpr std::uint64_t kParallelBytes = 8 * limits::kMiB;  // below, waking threads costs more than it saves

using IndexList = std::vector<std::shared_ptr<const OpenIndex>>;

struct RowRange {
  const SnapshotBlock* block;
  std::size_t begin;
  std::size_t count;
  const VectorIndex* index;  // over the whole block; null: a scan
};

std::vector<RowRange> cut(std::span<const SnapshotBlock> blocks, const IndexList& indexes) {
  std::vector<RowRange> ranges;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto& block = blocks[i];
    if (indexes[i] != nullptr) {
      ranges.push_back({&block, 0, block.count, indexes[i]->index.get()});
      continue;
    }
    const std::uint64_t row_bytes = std::max<std::uint64_t>(block.dim, 1) * sizeof(float);
    const std::size_t rows = std::max<std::size_t>(kRangeBytes / row_bytes, 1);
    for (std::size_t begin = 0; begin < block.count; begin += rows) {
      ranges.push_back({&block, begin, std::min(rows, block.count - begin), nullptr});
    }
  }
  return ranges;
}

// What a search reads at most: an index reads next to nothing.
std::uint64_t bytes_of(std::span<const RowRange> ranges) {
  std::uint64_t bytes = 0;
  for (const auto& range : ranges) {
    if (range.index == nullptr) bytes += std::uint64_t{range.count} * range.block->dim * sizeof(float);
  }
  return bytes;
}

VectorBlock vectors_of(const RowRange& range) {
  const SnapshotBlock& block = *range.block;
  return {block.vectors + range.begin * block.dim, block.rows + range.begin,
          block.inverse_norms == nullptr ? nullptr : block.inverse_norms + range.begin, range.count, block.dim};
}

// The same where walks read it: a second way into the file would count as twice the memory.
VectorBlock vectors_beside_walks(Env& env, const RowRange& range) {
  const SnapshotBlock& block = *range.block;
  if (block.segment == 0) return vectors_of(range);
  const float* vectors = block.scattered_vectors + range.begin * block.dim;
  env.will_read(std::as_bytes(std::span(vectors, range.count * block.dim)));
  return {vectors, block.scattered_rows + range.begin,
          block.scattered_inverse_norms == nullptr ? nullptr : block.scattered_inverse_norms + range.begin, range.count,
          block.dim};
}

// Alive in the snapshot and in the set asked for; positions are those of the range.
class VisibleRows final : public RowFilter {
 public:
  VisibleRows(const RowRange& range, const RowSet* allowed) : range_(range), allowed_(allowed) {}

  void allowed(std::size_t begin, std::span<std::uint8_t> out) const override {
    const std::size_t first = range_.begin + begin;
    if (range_.block->alive) {
      range_.block->alive(first, out);
    } else {
      std::fill(out.begin(), out.end(), std::uint8_t{1});
    }
    if (allowed_ == nullptr) return;
    std::array<std::uint8_t, kMarksAtOnce> marks;
    for (std::size_t done = 0; done < out.size(); done += marks.size()) {
      const std::size_t count = std::min(marks.size(), out.size() - done);
      allowed_->mark({range_.block->rows + first + done, count}, marks);
      for (std::size_t i = 0; i < count; ++i) out[done + i] &= marks[i];
    }
  }

  void allowed_at(std::span<const std::uint32_t> positions, std::span<std::uint8_t> out) const override {
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const std::size_t at = range_.begin + positions[i];
      out[i] = allowed_ == nullptr || allowed_->contains(range_.block->rows[at]) ? 1 : 0;
      if (out[i] != 0 && range_.block->alive && !range_.block->all_alive) range_.block->alive(at, out.subspan(i, 1));
    }
  }

 private:
  RowRange range_;
  const RowSet* allowed_;
};

// The blocks that were searched one way.
struct WayTaken {
  SearchWay way = SearchWay::kScan;
  std::uint64_t segments = 0, fresh = 0;  // blocks
  std::uint64_t rows = 0;
  double allowed = 0;  // rows, as far as is known
  std::string why;     // of the first
};

struct Worked {
  IndexAnswer answer;
  std::vector<WayTaken> ways;
};

void add_way(std::vector<WayTaken>& ways, WayTaken taken) {
  const auto known = std::find_if(ways.begin(), ways.end(), [&](const WayTaken& w) { return w.way == taken.way; });
  if (known == ways.end()) {
    ways.push_back(std::move(taken));
    return;
  }
  known->segments += taken.segments;
  known->fresh += taken.fresh;
  known->rows += taken.rows;
  known->allowed += taken.allowed;
  if (known->why.empty()) known->why = std::move(taken.why);
}

std::string describe(const WayTaken& taken) {
  const auto blocks = [](std::uint64_t count, const char* one, const char* many) {
    return std::to_string(count) + (count == 1 ? one : many);
  };
  std::string text(name_of(taken.way));
  text += ": ";
  if (taken.segments > 0) text += blocks(taken.segments, " segment", " segments");
  if (taken.segments > 0 && taken.fresh > 0) text += " and ";
  if (taken.fresh > 0) text += blocks(taken.fresh, " block of fresh rows", " blocks of fresh rows");
  const double share = taken.rows == 0 ? 1.0 : taken.allowed / static_cast<double>(taken.rows);
  std::array<char, 32> percent{};
  std::snprintf(percent.data(), percent.size(), "%.3g %%", 100 * share);
  text += " of " + std::to_string(taken.rows) + " rows, " + (taken.way == SearchWay::kScan ? "" : "about ") +
          percent.data() + " allowed";
  return taken.why.empty() ? text : text + ": " + taken.why;
}

// One search, worked on by one or several threads that take ranges as they go.
class Search {
 public:
  Search(Env& env, const BackendQuery& query, std::uint32_t dim, std::span<const RowRange> ranges)
      : env_(env), query_(query), dim_(dim), ranges_(ranges) {}

  // The nearest of the ranges that this worker took.
  Result<Worked> work() {
    PICTOR_ASSIGN(FlatScan scan, FlatScan::start({query_.vector, query_.metric, query_.k, nullptr}, dim_));
    IndexAnswer asked;
    std::vector<WayTaken> ways;
    WayTaken scanned;
    for (std::size_t i = next_++; i < ranges_.size(); i = next_++) {
      if (late()) {
        complete_ = false;
        break;
      }
      const RowRange& range = ranges_[i];
      const VisibleRows visible(range, query_.allowed);
      if (range.index == nullptr) {
        PICTOR_TRY(scan.add(query_.alone ? vectors_beside_walks(env_, range) : vectors_of(range), &visible));
        if (range.begin == 0) ++(range.block->segment == 0 ? scanned.fresh : scanned.segments);
        scanned.rows += range.count;
      } else {
        PICTOR_TRY(ask(range, visible, asked, ways));
      }
    }
    IndexAnswer answer = scan.finish();
    if (query_.explain && scanned.rows > 0) {
      scanned.allowed = static_cast<double>(answer.distances);
      scanned.why = query_.recall < 1 ? "no index of them" : "an exact answer is wanted";
      add_way(ways, std::move(scanned));
    }
    answer.neighbors.insert(answer.neighbors.end(), asked.neighbors.begin(), asked.neighbors.end());
    answer.distances += asked.distances;
    answer.exact = asked.exact;
    answer.distance_error = asked.distance_error;
    return Worked{std::move(answer), std::move(ways)};
  }

  bool complete() const { return complete_; }

 private:
  Status ask(const RowRange& range, const VisibleRows& visible, IndexAnswer& all, std::vector<WayTaken>& ways) const {
    const bool everything = query_.allowed == nullptr && range.block->all_alive;
    PICTOR_ASSIGN(IndexAnswer answer,
                  range.index->search({query_.vector, query_.metric, query_.k, everything ? nullptr : &visible,
                                       query_.recall, query_.coded_distances, query_.explain, query_.strange}));
    all.neighbors.insert(all.neighbors.end(), answer.neighbors.begin(), answer.neighbors.end());
    all.distances += answer.distances;
    all.exact = all.exact && answer.exact;
    all.distance_error = std::max(all.distance_error, answer.distance_error);
    if (query_.explain) {
      const double allowed = answer.share * static_cast<double>(range.count);
      add_way(ways, {answer.way, 1, 0, range.count, allowed, std::move(answer.why)});
    }
    return Status::ok();
  }

  bool late() const { return query_.deadline_us != 0 && env_.monotonic_us() >= query_.deadline_us; }

  Env& env_;
  const BackendQuery& query_;
  std::uint32_t dim_;
  std::span<const RowRange> ranges_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> complete_{true};
};

Result<Candidates> merge(std::vector<Result<Worked>> workers, std::size_t k, bool complete) {
  Candidates merged;
  merged.complete = complete;
  TopK top(k);
  std::vector<WayTaken> ways;
  for (auto& worked : workers) {
    if (!worked.is_ok()) return worked.status();
    const IndexAnswer& answer = worked->answer;
    merged.distances += answer.distances;
    merged.exact = merged.exact && answer.exact;
    merged.distance_error = std::max(merged.distance_error, answer.distance_error);
    for (const auto& neighbor : answer.neighbors) top.push(neighbor);
    for (auto& way : worked->ways) add_way(ways, std::move(way));
  }
  for (const auto& way : ways) merged.ways.push_back(describe(way));
  merged.neighbors = top.take_sorted();
  return merged;
}

class LocalBackend final : public Backend {
 public:
  LocalBackend(Env& env, ThreadPool* pool, ThreadPool* background)
      : env_(env), pool_(pool), background_(background == nullptr ? pool : background), indexes_(env) {}

  std::string describe() const override {
    return "local, graphs, lists and scans, " + std::string(simd_name(best_simd()));
  }

  Result<CommitResult> apply(Collection& collection, const Batch& batch) override { return collection.commit(batch); }

  Result<Candidates> search(const Snapshot& snapshot, const BackendQuery& query) const override {
    PICTOR_ASSIGN(const auto blocks, snapshot.blocks(query.space));
    const bool nothing = query.allowed != nullptr && query.allowed->size() == 0;
    const bool asks = query.recall < 1 && !nothing;
    const IndexList indexes = asks ? indexes_.of(blocks, query.metric) : IndexList(blocks.size());
    const auto ranges = nothing ? std::vector<RowRange>{} : cut(blocks, indexes);
    // Without rows there is no dimension to compare with: the rest of the query is checked all the same.
    const auto dim = blocks.empty() ? static_cast<std::uint32_t>(query.vector.size()) : blocks[0].dim;
    PICTOR_TRY(check_query({query.vector, query.metric, query.k, nullptr, query.recall}, dim));
    Search search(env_, query, dim, ranges);
    const std::size_t workers = pool_ == nullptr || query.alone || bytes_of(ranges) < kParallelBytes
                                    ? 1
                                    : std::clamp<std::size_t>(ranges.size(), 1, pool_->threads());
    std::vector<Result<Worked>> answers(workers, Worked{});
    if (workers == 1) {
      answers[0] = search.work();
    } else {
      pool_->parallel_for(workers, [&](std::size_t worker) { answers[worker] = search.work(); });
    }
    return merge(std::move(answers), query.k, search.complete() && snapshot.whole());
  }

  Result<IndexReport> build_indexes(Collection& collection, const IndexBuild& build) override {
    return pictor::build_indexes(env_, build.background ? background_ : pool_, indexes_, collection, build);
  }

  Result<std::uint64_t> warm(const Snapshot& snapshot, const SpaceSpec& space, WarmPart part, std::uint64_t bytes_max,
                             const std::function<bool()>& stop) const override {
    PICTOR_ASSIGN(const auto blocks, snapshot.blocks(space.id));
    const IndexList indexes = part == WarmPart::kIndexes ? indexes_.of(blocks, space.metric) : IndexList(blocks.size());
    std::uint64_t read = 0;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (indexes[i] != nullptr) read += read_through(indexes[i]->mapping->bytes(), bytes_max - read, stop);
      if (part == WarmPart::kVectors && blocks[i].segment != 0) {
        const std::span<const float> vectors(blocks[i].scattered_vectors, blocks[i].count * blocks[i].dim);
        read += read_through(std::as_bytes(vectors), bytes_max - read, stop);
      }
    }
    return read;
  }

  Result<std::vector<Fault>> verify_indexes(const Collection& collection) const override {
    return pictor::verify_indexes(env_, collection);
  }

 private:
  // A byte of every page: the next ones are fetched meanwhile.
  std::uint64_t read_through(ByteView bytes, std::uint64_t bytes_max, const std::function<bool()>& stop) const {
    constexpr std::size_t kAtOnce = 4 * limits::kMiB;
    constexpr std::size_t kPage = 4096;
    bytes = bytes.first(std::min<std::uint64_t>(bytes.size(), bytes_max));
    env_.will_read(bytes.first(std::min(bytes.size(), kAtOnce)));
    [[maybe_unused]] volatile std::byte seen{};
    std::size_t begin = 0;
    for (; begin < bytes.size() && !stop(); begin += std::min(kAtOnce, bytes.size() - begin)) {
      const ByteView rest = bytes.subspan(begin);
      if (rest.size() > kAtOnce) env_.will_read(rest.subspan(kAtOnce).first(std::min(rest.size() - kAtOnce, kAtOnce)));
      for (std::size_t i = 0; i < std::min(kAtOnce, rest.size()); i += kPage) seen = rest[i];
    }
    return begin;
  }

  Env& env_;
  ThreadPool* pool_;
  ThreadPool* background_;
  mutable Indexes indexes_;
};

}  // namespace

std::unique_ptr<Backend> make_local_backend(Env& env, ThreadPool* pool, ThreadPool* background) {
  return std::make_unique<LocalBackend>(env, pool, background);
}

}  // namespace pictor
