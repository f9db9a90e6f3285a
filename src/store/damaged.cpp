// Damaged segments: found by their sums, left out of answers, forgotten when nothing of theirs is kept any more.
#include <algorithm>

#include "observe/observe.h"
#include "store/collection.h"
#include "store/schema.h"

namespace pictor {

Result<std::uint64_t> CollectionStore::quarantine() {
  const std::lock_guard one(compacting_);
  std::uint64_t moved = 0;
  const auto now = state();
  for (const auto& segment : now->segments) {
    PICTOR_ASSIGN(const auto what, damage_of(segment));
    if (!what.has_value()) continue;
    PICTOR_TRY(set_aside(segment, *what));
    ++moved;
  }
  return moved;
}

// As the file is now: a page that is damaged in memory alone is no reason to move it.
Result<std::optional<std::string>> CollectionStore::damage_of(const SegmentEntry& segment) const {
  const std::string path = join_path(join_path(folder_, "segments"), segment_file_name(segment.name.id));
  const auto opened = open_segment(env_, path);
  Status status = opened.status();
  if (opened.is_ok()) status = check_segment(opened->mapping->bytes(), opened->view);
  if (opened.is_ok() && status.is_ok() && opened->view.footer_crc != segment.name.footer_crc) {
    status = {Code::kCorrupt, "is another segment than the database names"};
  }
  if (status.is_ok()) return std::optional<std::string>();
  if (status.code() == Code::kCorrupt || status.code() == Code::kMismatch) return std::optional(status.message());
  return status;
}

Status CollectionStore::set_aside(const SegmentEntry& segment, const std::string& what) {
  const std::string folder = join_path(folder_, "segments");
  const std::string path = join_path(folder, segment_file_name(segment.name.id));
  Status moved = env_.rename(path, path + ".damaged");
  if (!moved.is_ok() && moved.code() != Code::kNotFound) return moved;
  PICTOR_TRY(env_.sync_dir(folder));
  const std::lock_guard lock(writing_);
  auto next = std::make_shared<State>(*state());
  std::erase_if(next->segments, [&](const auto& entry) { return entry.name.id == segment.name.id; });
  for (auto& space : next->spaces) {
    const auto gone =
        std::erase_if(space.blocks, [&](const BlockView& view) { return view.block->segment().id == segment.name.id; });
    space.sealed -= gone;
  }
  next->damaged.push_back(
      {segment.name.id, segment.first_row, segment.last_row, "'" + path + "' " + what + ": it was moved aside"});
  publish(std::move(next));
  log(LogLevel::kError, "segment_damaged", {{"collection", spec_.name}, {"cause", "'" + path + "' " + what}});
  return Status::ok();
}

Status CollectionStore::drop_damaged() {
  const auto before = state();
  for (const auto& segment : before->damaged) {
    const std::lock_guard lock(writing_);
    auto next = std::make_shared<State>(*state());
    {
      PICTOR_ASSIGN(const auto kept, writer_.database->prepare("SELECT 1 FROM rows WHERE row BETWEEN ?1 AND ?2 AND "
                                                               "died > ?3 AND row NOT IN (SELECT row FROM doomed) "
                                                               "LIMIT 1"));
      kept->bind(0, static_cast<std::int64_t>(segment.first_row));
      kept->bind(1, static_cast<std::int64_t>(segment.last_row));
      kept->bind(2, static_cast<std::int64_t>(next->history_from));
      PICTOR_ASSIGN(const bool found, kept->step());
      if (found) continue;
    }
    PICTOR_ASSIGN(auto transaction, Transaction::begin(*writer_.database));
    {
      Use forget(*writer_.forget_segment);
      forget->bind(0, static_cast<std::int64_t>(segment.id));
      PICTOR_TRY(forget->step().status());
    }
    PICTOR_TRY(transaction.commit());
    std::erase_if(next->damaged, [&](const auto& entry) { return entry.id == segment.id; });
    publish(std::move(next));
    remove_segment_files({segment.id});
  }
  return Status::ok();
}

Status CollectionStore::count_damaged(const State& state, Reader& reader, CollectionStats& stats) {
  stats.segments_damaged = state.damaged.size();
  for (const auto& segment : state.damaged) {
    PICTOR_ASSIGN(const auto count, reader.database->prepare("SELECT count(*) FROM rows WHERE row BETWEEN ?1 AND ?2 "
                                                             "AND died = 9223372036854775807"));
    count->bind(0, static_cast<std::int64_t>(segment.first_row));
    count->bind(1, static_cast<std::int64_t>(segment.last_row));
    PICTOR_TRY(count->step().status());
    stats.items_damaged += static_cast<std::uint64_t>(count->integer(0));
  }
  return Status::ok();
}

}  // namespace pictor
