#include "backend/indexes.h"

#include <utility>

#include "observe/observe.h"

namespace pictor {
namespace {

// Indexes known beyond those of the last search's collection: of other collections, and of segments that are gone.
constexpr std::size_t kKnownMax = 4096;

Result<std::unique_ptr<VectorIndex>> open_over(Env& env, ByteView file, const SnapshotBlock& block, Metric metric,
                                               IndexKind kind) {
  const VectorBlock vectors = scattered_vectors_of(block);
  if (kind == IndexKind::kGraph) return open_graph_index(file, vectors, metric, index_owner(block));
  return open_list_index(file, vectors, metric, index_owner(block), [&env](ByteView part) { env.will_read(part); });
}

}  // namespace

VectorBlock vectors_of(const SnapshotBlock& block) {
  return {block.vectors, block.rows, block.inverse_norms, block.count, block.dim};
}

VectorBlock scattered_vectors_of(const SnapshotBlock& block) {
  return {block.scattered_vectors, block.scattered_rows, block.scattered_inverse_norms, block.count, block.dim};
}

std::uint64_t index_owner(const SnapshotBlock& block) { return block.segment << 32 | block.segment_sum; }

bool wants_index(const SnapshotBlock& block) {
  return block.segment != 0 && !block.graph_path.empty() && block.count >= limits::kGraphRowsMin;
}

Result<std::shared_ptr<const OpenIndex>> open_index(Env& env, const SnapshotBlock& block, Metric metric,
                                                    IndexKind kind) {
  const std::string& path = kind == IndexKind::kGraph ? block.graph_path : block.lists_path;
  PICTOR_ASSIGN(const auto file, env.open(path, OpenMode::kRead));
  auto index = std::make_shared<OpenIndex>();
  index->kind = kind;
  PICTOR_ASSIGN(index->mapping, file->map(Access::kScattered));
  PICTOR_ASSIGN(index->index, open_over(env, index->mapping->bytes(), block, metric, kind));
  return std::shared_ptr<const OpenIndex>(std::move(index));
}

std::vector<std::shared_ptr<const OpenIndex>> Indexes::of(std::span<const SnapshotBlock> blocks, Metric metric) {
  std::vector<std::shared_ptr<const OpenIndex>> indexes(blocks.size());
  const std::lock_guard lock(mutex_);
  if (known_.size() > kKnownMax) known_.clear();  // opened again when needed; those in use are held by their users
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (wants_index(blocks[i])) indexes[i] = find(blocks[i], metric);
  }
  return indexes;
}

void Indexes::forget(const SnapshotBlock& block) {
  const std::lock_guard lock(mutex_);
  known_.erase(block.graph_path);
}

std::shared_ptr<const OpenIndex> Indexes::find(const SnapshotBlock& block, Metric metric) {
  Known& known = known_[block.graph_path];
  if (known.owner == index_owner(block) && known.vectors == block.scattered_vectors) return known.index;
  known = {index_owner(block), block.scattered_vectors, nullptr};
  for (const IndexKind kind : {IndexKind::kGraph, IndexKind::kLists}) {
    auto opened = open_index(env_, block, metric, kind);
    if (opened.is_ok()) {
      known.index = std::move(opened).value();
      break;
    }
    if (opened.status().code() == Code::kNotFound) continue;
    log(LogLevel::kWarning, "index_unusable",
        {{"file", kind == IndexKind::kGraph ? block.graph_path : block.lists_path},
         {"cause", opened.status().message()}});
  }
  return known.index;
}

}  // namespace pictor
