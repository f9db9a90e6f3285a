// The graphs of sealed blocks, opened when first needed and kept: inside backend/ only.
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

VectorBlock vectors_of(const SnapshotBlock& block);
// What ties a graph to its block: segment number and the sum of the segment's file.
std::uint64_t graph_owner(const SnapshotBlock& block);
// Sealed, named, and with so many rows that a graph pays.
bool wants_graph(const SnapshotBlock& block);

struct OpenGraph {
  std::shared_ptr<const Mapping> mapping;
  std::unique_ptr<VectorIndex> index;
};

// kNotFound: no file there. kCorrupt: it is not this block's, or damaged.
Result<std::shared_ptr<const OpenGraph>> open_graph(Env& env, const SnapshotBlock& block, Metric metric);

class Graphs {
 public:
  explicit Graphs(Env& env) : env_(env) {}

  // The graph of each block, null for one without: answers are right without it, only slower. REQUIRES: the blocks are
  // kept for as long as what is returned is used.
  std::vector<std::shared_ptr<const OpenGraph>> of(std::span<const SnapshotBlock> blocks, Metric metric);
  // The file at that path is another one now, or gone.
  void forget(const std::string& path);

 private:
  struct Known {
    std::uint64_t owner = 0;
    const float* vectors = nullptr;  // another place: the segment was closed and opened again
    std::shared_ptr<const OpenGraph> graph;
  };

  std::shared_ptr<const OpenGraph> find(const SnapshotBlock& block, Metric metric);

  Env& env_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // by path
};

// As Backend::build_indexes and verify_indexes say.
Result<IndexReport> build_graphs(Env& env, ThreadPool* pool, Graphs& graphs, Collection& collection,
                                 const IndexBuild& build);
Result<std::vector<Fault>> verify_graphs(Env& env, const Collection& collection);

}  // namespace pictor
