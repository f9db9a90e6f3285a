// Columns of segments: derived files for filters, kept beside the segments that they are of, and gone with them. What
// fails here is only slower.
#include <algorithm>

#include "store/collection.h"

namespace pictor {

std::shared_ptr<const Columns> CollectionStore::columns_of(Database& database, const SegmentEntry& segment) const {
  const std::string path = join_path(join_path(folder_, "segments"), columns_file_name(segment.name.id));
  return open_columns(env_, path, database,
                      {segment.name.id, segment.first_row, segment.last_row, segment.name.footer_crc});
}

void CollectionStore::make_columns() {
  // The rows of a segment change no more but for their deaths, of which columns do not speak, and whoever deletes some
  // holds compacting_: so a reader's connection suffices, and writers need not wait.
  const auto before = state();
  for (const auto& segment : before->segments) {
    if (segment.columns != nullptr) continue;
    auto reader = readers_.take();
    if (!reader.is_ok()) return;
    auto columns = columns_of(*(*reader)->database, segment);
    if (columns == nullptr) continue;
    const std::lock_guard lock(writing_);
    auto next = std::make_shared<State>(*state());
    for (auto& entry : next->segments) {
      if (entry.name.id == segment.name.id) entry.columns = columns;
    }
    publish(std::move(next));
  }
}

Status CollectionStore::forget_columns(std::span<const RowId> rows) {
  auto next = std::make_shared<State>(*state());
  bool any = false;
  for (auto& segment : next->segments) {
    const auto first = std::lower_bound(rows.begin(), rows.end(), segment.first_row);
    if (segment.columns == nullptr || first == rows.end() || *first > segment.last_row) continue;
    segment.columns = nullptr;
    any = true;
    const std::string path = join_path(join_path(folder_, "segments"), columns_file_name(segment.name.id));
    Status removed = env_.remove(path);
    if (!removed.is_ok() && removed.code() != Code::kNotFound) return removed;
  }
  if (!any) return Status::ok();
  publish(std::move(next));
  // Else a loss of power could bring them back, with rows that are gone.
  return env_.sync_dir(join_path(folder_, "segments"));
}

}  // namespace pictor
