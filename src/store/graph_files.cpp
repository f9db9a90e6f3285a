// Graphs of segments: derived files of index, kept beside the segments that they are of, and gone with them.
#include <algorithm>

#include "store/collection.h"

namespace pictor {

std::string graph_file_name(std::uint64_t segment, std::size_t space) {
  return std::to_string(segment) + "." + std::to_string(space) + std::string(kGraphSuffix);
}

std::string CollectionStore::graph_path(std::uint64_t segment, std::size_t space) const {
  return join_path(join_path(folder_, "segments"), graph_file_name(segment, space));
}

Status CollectionStore::write_graph(std::uint64_t segment, std::size_t space, ByteView graph) {
  // Whoever removes a segment's files publishes first and holds this lock while it removes: so either the segment is
  // seen to be gone here, or what is written here is removed there.
  const std::lock_guard lock(graphs_mutex_);
  const auto now = state();
  const auto& blocks = now->spaces.at(space).blocks;
  const bool named = std::any_of(blocks.begin(), blocks.end(),
                                 [&](const BlockView& view) { return view.block->segment().id == segment; });
  if (segment == 0 || !named) {
    return {Code::kNotFound, "collection '" + spec_.name + "' has no segment " + std::to_string(segment) + " any more"};
  }
  return write_file_atomic(env_, graph_path(segment, space), graph);
}

Status CollectionStore::count_graphs(CollectionStats& stats) const {
  const std::string folder = join_path(folder_, "segments");
  PICTOR_ASSIGN(const auto entries, env_.list(folder));
  for (const auto& entry : entries) {
    if (!entry.name.ends_with(kGraphSuffix)) continue;
    const auto info = env_.info(join_path(folder, entry.name));
    if (!info.is_ok()) continue;
    ++stats.graphs;
    stats.graph_bytes += info->size;
  }
  return Status::ok();
}

}  // namespace pictor
