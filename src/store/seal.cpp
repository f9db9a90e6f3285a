// Fresh rows into a segment: the file first, durable under its name, then the transaction that names it, then columns.
#include "observe/observe.h"
#include "store/collection.h"
#include "store/schema.h"

namespace pictor {
namespace {

SegmentContent fresh_content(const CollectionSpec& spec, const State& state, std::uint64_t id,
                             const LeftOut& left_out) {
  SegmentContent content;
  content.id = id;
  content.first_row = state.sealed_row + 1;
  content.last_row = state.last_row;
  for (std::size_t i = 0; i < spec.spaces.size(); ++i) {
    SegmentSpaceContent space{spec.spaces[i].id, spec.spaces[i].dim, {}};
    const auto& blocks = state.spaces[i].blocks;
    for (std::size_t b = state.spaces[i].sealed; b < blocks.size(); ++b) add_pieces(blocks[b], left_out, space.pieces);
    content.spaces.push_back(std::move(space));
  }
  return content;
}

// The sealed block of each space gets the deaths of the fresh ones that it replaces.
void copy_fresh_deaths(const State& fresh, State& sealed) {
  for (std::size_t i = 0; i < fresh.spaces.size(); ++i) {
    const auto& space = fresh.spaces[i];
    if (sealed.spaces[i].sealed == space.sealed) continue;  // none of its rows was kept
    copy_deaths(std::span(space.blocks).subspan(space.sealed), sealed.spaces[i].blocks.back());
  }
}

}  // namespace

Status CollectionStore::seal() {
  const std::lock_guard lock(writing_);
  return seal_locked();
}

Status CollectionStore::seal_locked() {
  const auto now = state();
  if (now->fresh_rows() == 0) return Status::ok();
  // A fresh number for each attempt: after a failed commit the log may still hold a transaction that names the old one.
  const SegmentContent content = fresh_content(spec_, *now, writer_.next_segment++, {0, doomed_});
  const std::string path = join_path(join_path(folder_, "segments"), segment_file_name(content.id));
  PICTOR_TRY(write_segment(env_, path, content));
  PICTOR_ASSIGN(const auto segment, open_segment(env_, path));

  auto next = std::make_shared<State>(*now);
  for (auto& space : next->spaces) space.blocks.resize(space.sealed);
  PICTOR_TRY(add_segment(segment, spec_, *next));
  copy_fresh_deaths(*now, *next);
  next->sealed_row = now->last_row;
  next->fresh_bytes = 0;
  {
    PICTOR_ASSIGN(auto transaction, Transaction::begin(*writer_.database));
    PICTOR_TRY(name_segment(content, segment));
    PICTOR_TRY(writer_.database->exec("DELETE FROM fresh_vectors"));
    PICTOR_TRY(set_state(*next));
    PICTOR_TRY(transaction.commit());
  }
  next->segments.back().columns = columns_of(*writer_.database, next->segments.back());
  Metrics::global().add(metric::kStoreSealedRows, static_cast<double>(now->fresh_rows()));
  publish(std::move(next));
  return Status::ok();
}

Status CollectionStore::name_segment(const SegmentContent& content, const OpenSegment& segment) {
  Use insert(*writer_.insert_segment);
  insert->bind(0, static_cast<std::int64_t>(content.id));
  insert->bind(1, std::string_view(segment_file_name(content.id)));
  insert->bind(2, static_cast<std::int64_t>(segment.mapping->bytes().size()));
  insert->bind(3, static_cast<std::int64_t>(content.first_row));
  insert->bind(4, static_cast<std::int64_t>(content.last_row));
  insert->bind(5, std::int64_t{segment.view.footer_crc});
  insert->bind(6, env_.wall_us());
  return insert->step().status();
}

Status CollectionStore::set_state(const State& next) {
  Use update(*writer_.set_state);
  update->bind(0, static_cast<std::int64_t>(next.sequence));
  update->bind(1, static_cast<std::int64_t>(next.items));
  update->bind(2, static_cast<std::int64_t>(next.sealed_row));
  update->bind(3, static_cast<std::int64_t>(next.history_from));
  return update->step().status();
}

}  // namespace pictor
