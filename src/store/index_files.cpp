// Graphs and lists of segments: derived files of index, kept beside the segments that they are of, and gone with them;
// and which of the two a collection wants.
#include <algorithm>
#include <charconv>

#include "store/collection.h"
#include "store/schema.h"

namespace pictor {
namespace {

constexpr const char* kIndexType = "index.type";
constexpr const char* kMemoryBudget = "index.memory_budget";

Status written(File& file, const IndexWriter& write) {
  std::uint64_t offset = 0;
  PICTOR_TRY(write([&](ByteView bytes) {
    const std::uint64_t at = offset;
    offset += bytes.size();
    return file.write_at(at, bytes);
  }));
  return file.sync();
}

}  // namespace

std::string index_file_name(std::uint64_t segment, std::size_t space, IndexKind kind) {
  return std::to_string(segment) + "." + std::to_string(space) +
         std::string(kind == IndexKind::kLists ? kListsSuffix : kGraphSuffix);
}

std::string CollectionStore::index_path(std::uint64_t segment, std::size_t space, IndexKind kind) const {
  return join_path(join_path(folder_, "segments"), index_file_name(segment, space, kind));
}

bool CollectionStore::has_segment(std::uint64_t segment, std::size_t space) const {
  const auto now = state();
  const auto& blocks = now->spaces.at(space).blocks;
  return segment != 0 && std::any_of(blocks.begin(), blocks.end(),
                                     [&](const BlockView& view) { return view.block->segment().id == segment; });
}

// Whoever removes a segment's files publishes first and holds the lock while it removes: so either the segment is seen
// to be gone at the beginning or at the end, or what is written here is removed there.
Status CollectionStore::write_index(std::uint64_t segment, std::size_t space, IndexKind kind,
                                    const IndexWriter& write) {
  const std::string aside = index_path(segment, space, kind) + ".tmp";
  const std::lock_guard one(making_index_);
  Status status;
  {
    PICTOR_ASSIGN(const auto file, begin_index(segment, space, aside));
    status = written(*file, write);
  }
  if (status.is_ok()) status = name_index(segment, space, kind, aside);
  if (!status.is_ok()) static_cast<void>(env_.remove(aside));
  return status;
}

Result<std::unique_ptr<File>> CollectionStore::begin_index(std::uint64_t segment, std::size_t space,
                                                           const std::string& path) {
  const std::lock_guard lock(indexes_mutex_);
  if (!has_segment(segment, space)) {
    return Status(Code::kNotFound,
                  "collection '" + spec_.name + "' has no segment " + std::to_string(segment) + " any more");
  }
  PICTOR_ASSIGN(auto file, env_.open(path, OpenMode::kReadWriteCreate));
  PICTOR_TRY(file->truncate(0));
  return file;
}

Status CollectionStore::name_index(std::uint64_t segment, std::size_t space, IndexKind kind, const std::string& path) {
  const std::lock_guard lock(indexes_mutex_);
  if (!has_segment(segment, space)) {
    return {Code::kNotFound,
            "segment " + std::to_string(segment) + " of collection '" + spec_.name + "' went while its index was made"};
  }
  PICTOR_TRY(env_.rename(path, index_path(segment, space, kind)));
  const IndexKind other = kind == IndexKind::kLists ? IndexKind::kGraph : IndexKind::kLists;
  static_cast<void>(env_.remove(index_path(segment, space, other)));
  return env_.sync_dir(join_path(folder_, "segments"));
}

// Kept among the settings of the collection. What a later version wrote there is none of ours to follow.
IndexPolicy CollectionStore::index_policy() const {
  const auto told = settings();
  IndexPolicy policy;
  if (const auto kind = told->find(kIndexType); kind != told->end()) {
    if (kind->second == "graph") policy.kind = IndexKind::kGraph;
    if (kind->second == "lists") policy.kind = IndexKind::kLists;
  }
  if (const auto bytes = told->find(kMemoryBudget); bytes != told->end()) {
    const std::string& text = bytes->second;
    static_cast<void>(std::from_chars(text.data(), text.data() + text.size(), policy.memory_bytes));
  }
  return policy;
}

Status CollectionStore::set_index_policy(const IndexPolicy& policy) {
  const std::uint64_t bytes = policy.memory_bytes;
  if (bytes != 0 && (bytes < limits::kMemoryBudgetBytesMin || bytes > limits::kMemoryBudgetBytesMax)) {
    return {Code::kInvalid, "a memory budget of " + std::to_string(bytes) + " bytes was asked for; wanted " +
                                std::to_string(limits::kMemoryBudgetBytesMin) + " to " +
                                std::to_string(limits::kMemoryBudgetBytesMax)};
  }
  if (policy == index_policy()) return Status::ok();
  const char* kind = policy.kind == IndexKind::kGraph ? "graph" : policy.kind == IndexKind::kLists ? "lists" : "";
  return set({{kIndexType, kind}, {kMemoryBudget, bytes == 0 ? "" : std::to_string(bytes)}});
}

Status CollectionStore::count_derived(CollectionStats& stats) const {
  const std::string folder = join_path(folder_, "segments");
  PICTOR_ASSIGN(const auto entries, env_.list(folder));
  for (const auto& entry : entries) {
    const auto info = env_.info(join_path(folder, entry.name));
    if (!info.is_ok()) continue;
    if (entry.name.ends_with(kGraphSuffix)) {
      ++stats.graphs;
      stats.graph_bytes += info->size;
    } else if (entry.name.ends_with(kListsSuffix)) {
      ++stats.lists;
      stats.list_bytes += info->size;
    } else if (entry.name.ends_with(kColumnsSuffix)) {
      stats.column_bytes += info->size;
    }
  }
  const auto now = state();
  stats.resident_bytes = now->fresh_bytes;
  for (const auto& space : now->spaces) {
    for (std::size_t i = 0; i < space.sealed; ++i) stats.vectors += space.blocks[i].count;
  }
  stats.resident_bytes += stats.vectors * sizeof(Sequence);
  stats.index_policy = index_policy();
  return Status::ok();
}

}  // namespace pictor
