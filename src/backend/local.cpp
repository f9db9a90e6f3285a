// The local backend: asks the graph or the lists of the blocks that have one, cuts the others into ranges of rows,
// works through both in any order on any thread, and merges by (distance, row), which depends on neither.
#include <algorithm>
#include <array>
#include <atomic>
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

 private:
  RowRange range_;
  const RowSet* allowed_;
};

// One search, worked on by one or several threads that take ranges as they go.
class Search {
 public:
  Search(Env& env, const BackendQuery& query, std::uint32_t dim, std::span<const RowRange> ranges)
      : env_(env), query_(query), dim_(dim), ranges_(ranges) {}

  // The nearest of the ranges that this worker took.
  Result<IndexAnswer> work() {
    PICTOR_ASSIGN(FlatScan scan, FlatScan::start({query_.vector, query_.metric, query_.k, nullptr}, dim_));
    IndexAnswer asked;
    for (std::size_t i = next_++; i < ranges_.size(); i = next_++) {
      if (late()) {
        complete_ = false;
        break;
      }
      const RowRange& range = ranges_[i];
      const VisibleRows visible(range, query_.allowed);
      if (range.index == nullptr) {
        PICTOR_TRY(scan.add(vectors_of(range), &visible));
      } else {
        PICTOR_TRY(ask(range, visible, asked));
      }
    }
    IndexAnswer answer = scan.finish();
    answer.neighbors.insert(answer.neighbors.end(), asked.neighbors.begin(), asked.neighbors.end());
    answer.distances += asked.distances;
    answer.exact = asked.exact;
    return answer;
  }

  bool complete() const { return complete_; }

 private:
  Status ask(const RowRange& range, const VisibleRows& visible, IndexAnswer& all) const {
    const bool everything = query_.allowed == nullptr && range.block->all_alive;
    PICTOR_ASSIGN(const IndexAnswer answer, range.index->search({query_.vector, query_.metric, query_.k,
                                                                 everything ? nullptr : &visible, query_.recall}));
    all.neighbors.insert(all.neighbors.end(), answer.neighbors.begin(), answer.neighbors.end());
    all.distances += answer.distances;
    all.exact = all.exact && answer.exact;
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

Result<Candidates> merge(std::vector<Result<IndexAnswer>> answers, std::size_t k, bool complete) {
  Candidates merged;
  merged.complete = complete;
  TopK top(k);
  for (auto& answer : answers) {
    if (!answer.is_ok()) return answer.status();
    merged.distances += answer->distances;
    merged.exact = merged.exact && answer->exact;
    for (const auto& neighbor : answer->neighbors) top.push(neighbor);
  }
  merged.neighbors = top.take_sorted();
  return merged;
}

class LocalBackend final : public Backend {
 public:
  LocalBackend(Env& env, ThreadPool* pool) : env_(env), pool_(pool), indexes_(env) {}

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
    const std::size_t workers = pool_ == nullptr || bytes_of(ranges) < kParallelBytes
                                    ? 1
                                    : std::clamp<std::size_t>(ranges.size(), 1, pool_->threads());
    std::vector<Result<IndexAnswer>> answers(workers, IndexAnswer{});
    if (workers == 1) {
      answers[0] = search.work();
    } else {
      pool_->parallel_for(workers, [&](std::size_t worker) { answers[worker] = search.work(); });
    }
    return merge(std::move(answers), query.k, search.complete() && snapshot.whole());
  }

  Result<IndexReport> build_indexes(Collection& collection, const IndexBuild& build) override {
    return pictor::build_indexes(env_, pool_, indexes_, collection, build);
  }

  Result<std::vector<Fault>> verify_indexes(const Collection& collection) const override {
    return pictor::verify_indexes(env_, collection);
  }

 private:
  Env& env_;
  ThreadPool* pool_;
  mutable Indexes indexes_;
};

}  // namespace

std::unique_ptr<Backend> make_local_backend(Env& env, ThreadPool* pool) {
  return std::make_unique<LocalBackend>(env, pool);
}

}  // namespace pictor
