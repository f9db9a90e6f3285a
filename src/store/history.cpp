// A collection as it was: which sequence number a moment has, and the versions of one item.
//
// Rows are not removed while history is kept, so a snapshot of the past is the present state read at a smaller
// number: born <= s < died.
#include "store/collection.h"
#include "store/schema.h"

namespace pictor {
namespace {

std::optional<std::int64_t> time_at(const Statement& statement, int column) {
  if (statement.is_null(column)) return std::nullopt;
  return statement.integer(column);
}

}  // namespace

Status CollectionStore::hold_past(Sequence at, Reader& reader) const {
  Sequence from = 0;
  {
    const std::lock_guard lock(state_mutex_);
    from = state_->history_from;
    if (at >= from) {
      held_.insert(at);
      return Status::ok();
    }
  }
  std::string when;
  PICTOR_ASSIGN(const auto select, reader.database->prepare("SELECT time_us FROM commits WHERE sequence = ?1"));
  select->bind(0, static_cast<std::int64_t>(from));
  PICTOR_ASSIGN(const bool found, select->step());
  if (found) when = " (" + time_text(select->integer(0)) + ")";
  return {Code::kNotFound, "collection '" + spec_.name + "' keeps its history from sequence " + std::to_string(from) +
                               when + ", sequence " + std::to_string(at) + " is before that: name a later moment"};
}

Result<Sequence> CollectionStore::sequence_of_batch(const std::string& batch, Reader& reader) const {
  PICTOR_ASSIGN(const auto select, reader.database->prepare("SELECT sequence FROM batches WHERE id = ?1"));
  select->bind(0, std::string_view(batch));
  PICTOR_ASSIGN(const bool found, select->step());
  if (found) return static_cast<Sequence>(select->integer(0));
  return Status(Code::kNotFound, "collection '" + spec_.name + "' knows no batch '" + batch + "': the last " +
                                     std::to_string(limits::kBatchesRemembered) +
                                     " are remembered; name a time, as 2026-05-31T13:02:11Z, or a sequence number");
}

Result<Sequence> CollectionStore::sequence_of_time(std::int64_t time_us, const State& now, Reader& reader) const {
  PICTOR_ASSIGN(const auto select, reader.database->prepare("SELECT sequence, time_us FROM commits WHERE time_us <= ?1 "
                                                            "AND sequence <= ?2 "
                                                            "ORDER BY time_us DESC, sequence DESC LIMIT 1"));
  select->bind(0, time_us);
  select->bind(1, static_cast<std::int64_t>(now.sequence));
  PICTOR_ASSIGN(const bool found, select->step());
  const Sequence sequence = found ? static_cast<Sequence>(select->integer(0)) : 0;
  // Commits may be ahead of a clock that was set back: what is not after the last of them was.
  const bool was = sequence < now.sequence || (found && select->integer(1) == time_us);
  if (was || time_us <= env_.wall_us()) return sequence;
  return Status(Code::kInvalid,
                time_text(time_us) + " is not yet: now is " + time_text(env_.wall_us()) + "; name a time that was");
}

Result<Sequence> CollectionStore::sequence_of(const AsOf& at, const State& now, Reader& reader) const {
  Sequence sequence = now.sequence;
  switch (at.kind) {
    case AsOf::Kind::kNow: break;
    case AsOf::Kind::kSequence: sequence = at.sequence; break;
    case AsOf::Kind::kTime: {
      PICTOR_ASSIGN(sequence, sequence_of_time(at.time_us, now, reader));
      break;
    }
    case AsOf::Kind::kBatch: {
      PICTOR_ASSIGN(sequence, sequence_of_batch(at.batch, reader));
      break;
    }
  }
  if (sequence > now.sequence) {
    return Status(Code::kNotFound, "collection '" + spec_.name + "' is at sequence " + std::to_string(now.sequence) +
                                       ", there is no " + std::to_string(sequence) + " yet");
  }
  return sequence;
}

// Each commit remembers how many items it left; those of a schema before that are counted.
Result<std::uint64_t> CollectionStore::items_at(Sequence at, Reader& reader) const {
  if (at == 0) return std::uint64_t{0};
  const auto bound = static_cast<std::int64_t>(at);
  PICTOR_ASSIGN(const auto known, reader.database->prepare("SELECT items FROM commits WHERE sequence = ?1"));
  known->bind(0, bound);
  PICTOR_ASSIGN(const bool found, known->step());
  if (found && !known->is_null(0)) return static_cast<std::uint64_t>(known->integer(0));
  PICTOR_ASSIGN(const auto count, reader.database->prepare("SELECT count(*) FROM rows WHERE born <= ?1 AND died > ?1"));
  count->bind(0, bound);
  PICTOR_TRY(count->step().status());
  return static_cast<std::uint64_t>(count->integer(0));
}

Result<std::unique_ptr<Snapshot>> CollectionStore::snapshot_as_of(const AsOf& at) const {
  PICTOR_ASSIGN(auto present, snapshot());  // holds all that is kept now
  if (at.is_now()) return present;
  PICTOR_ASSIGN(auto reader, readers_.take());
  const auto now = state();
  PICTOR_ASSIGN(const Sequence sequence, sequence_of(at, *now, *reader.operator->()));
  auto then = std::make_shared<State>(*now);
  then->sequence = sequence;
  then->is_past = sequence != now->sequence;
  PICTOR_ASSIGN(then->items, items_at(sequence, *reader.operator->()));
  PICTOR_TRY(hold_past(sequence, *reader.operator->()));
  return make_snapshot(shared_from_this(), std::move(then));
}

Result<std::vector<Version>> CollectionStore::versions(std::string_view id) const {
  const auto now = state();
  PICTOR_ASSIGN(auto reader, readers_.take());
  PICTOR_ASSIGN(const auto select, reader->database->prepare(
                                       "SELECT row, born, died, (SELECT time_us FROM commits WHERE sequence = born), "
                                       "(SELECT time_us FROM commits WHERE sequence = died), "
                                       "(SELECT id FROM batches WHERE sequence = born) "
                                       "FROM rows WHERE id = ?1 AND born <= ?2 ORDER BY row DESC LIMIT ?3"));
  const auto sequence = static_cast<std::int64_t>(now->sequence);
  select->bind(0, id);
  select->bind(1, sequence);
  select->bind(2, std::int64_t{limits::kVersionsListedMax});
  std::vector<Version> versions;
  while (true) {
    PICTOR_ASSIGN(const bool found, select->step());
    if (!found) return versions;
    Version version;
    Use item(*reader->item_by_row);
    item->bind(0, select->integer(0));
    item->bind(1, select->integer(1));
    PICTOR_ASSIGN(const bool there, item->step());
    if (!there) continue;  // dropped between the two
    version.item = item_of(*item);
    version.born_us = time_at(*select, 3);
    if (select->integer(2) <= sequence) {
      version.died = static_cast<Sequence>(select->integer(2));
      version.died_us = time_at(*select, 4);
    }
    version.batch = select->text(5);
    versions.push_back(std::move(version));
  }
}

}  // namespace pictor
