// The graphs and lists of sealed blocks, opened when first needed and kept: inside backend/ only.
//
// Thread safety: all calls from any thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>

#include "backend/backend.h"
#include "index/index.h"

namespace pictor {

// For those who read front to back; scattered: for those who read here and there.
VectorBlock vectors_of(const SnapshotBlock& block);
VectorBlock scattered_vectors_of(const SnapshotBlock& block);
// What ties an index to its block: segment number and the sum of the segment's file.
std::uint64_t index_owner(const SnapshotBlock& block);
// Sealed, named, and with so many rows that an index pays.
bool wants_index(const SnapshotBlock& block);

struct OpenIndex {
  IndexKind kind = IndexKind::kGraph;
  std::shared_ptr<const Mapping> mapping;
  std::unique_ptr<VectorIndex> index;
};

// The index of that kind. kNotFound: no file there. kCorrupt: it is not this block's, or damaged.
Result<std::shared_ptr<const OpenIndex>> open_index(Env& env, const SnapshotBlock& block, Metric metric,
                                                    IndexKind kind);

class Indexes {
 public:
  explicit Indexes(Env& env) : env_(env) {}

  // The index of each block, null for one without: answers are right without it, only slower. REQUIRES: the blocks are
  // kept for as long as what is returned is used.
  std::vector<std::shared_ptr<const OpenIndex>> of(std::span<const SnapshotBlock> blocks, Metric metric);
  // The block has another index now, or none.
  void forget(const SnapshotBlock& block);

 private:
  struct Known {
    std::uint64_t owner = 0;
    const float* vectors = nullptr;  // another place: the segment was closed and opened again
    std::shared_ptr<const OpenIndex> index;
  };

  std::shared_ptr<const OpenIndex> find(const SnapshotBlock& block, Metric metric);

  Env& env_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // by the path of the graph
};

// As Backend::build_indexes and verify_indexes say.
Result<IndexReport> build_indexes(Env& env, ThreadPool* pool, Indexes& indexes, Collection& collection,
                                  const IndexBuild& build);
Result<std::vector<Fault>> verify_indexes(Env& env, const Collection& collection);

}  // namespace pictor
