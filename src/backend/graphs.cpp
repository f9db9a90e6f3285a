#include "backend/graphs.h"

#include <utility>

#include "observe/observe.h"

namespace pictor {
namespace {

// Graphs known beyond those of the last search's collection: of other collections, and of segments that are gone.
constexpr std::size_t kKnownMax = 4096;

}  // namespace

VectorBlock vectors_of(const SnapshotBlock& block) {
  return {block.vectors, block.rows, block.inverse_norms, block.count, block.dim};
}

std::uint64_t graph_owner(const SnapshotBlock& block) { return block.segment << 32 | block.segment_sum; }

bool wants_graph(const SnapshotBlock& block) {
  return block.segment != 0 && !block.graph_path.empty() && block.count >= limits::kGraphRowsMin;
}

Result<std::shared_ptr<const OpenGraph>> open_graph(Env& env, const SnapshotBlock& block, Metric metric) {
  PICTOR_ASSIGN(const auto file, env.open(block.graph_path, OpenMode::kRead));
  auto graph = std::make_shared<OpenGraph>();
  PICTOR_ASSIGN(graph->mapping, file->map());
  PICTOR_ASSIGN(graph->index, open_graph_index(graph->mapping->bytes(), vectors_of(block), metric, graph_owner(block)));
  return std::shared_ptr<const OpenGraph>(std::move(graph));
}

std::vector<std::shared_ptr<const OpenGraph>> Graphs::of(std::span<const SnapshotBlock> blocks, Metric metric) {
  std::vector<std::shared_ptr<const OpenGraph>> graphs(blocks.size());
  const std::lock_guard lock(mutex_);
  if (known_.size() > kKnownMax) known_.clear();  // opened again when needed; those in use are held by their users
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (wants_graph(blocks[i])) graphs[i] = find(blocks[i], metric);
  }
  return graphs;
}

void Graphs::forget(const std::string& path) {
  const std::lock_guard lock(mutex_);
  known_.erase(path);
}

std::shared_ptr<const OpenGraph> Graphs::find(const SnapshotBlock& block, Metric metric) {
  Known& known = known_[block.graph_path];
  if (known.owner == graph_owner(block) && known.vectors == block.vectors) return known.graph;
  known = {graph_owner(block), block.vectors, nullptr};
  auto opened = open_graph(env_, block, metric);
  if (opened.is_ok()) {
    known.graph = std::move(opened).value();
  } else if (opened.status().code() != Code::kNotFound) {
    log(LogLevel::kWarning, "graph_unusable", {{"file", block.graph_path}, {"cause", opened.status().message()}});
  }
  return known.graph;
}

}  // namespace pictor
