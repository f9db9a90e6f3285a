#include "store/collection.h"

#include "observe/observe.h"
#include "store/schema.h"
#include "vector/vector.h"

namespace pictor {

std::shared_ptr<const State> CollectionStore::state() const {
  const std::lock_guard lock(state_mutex_);
  return state_;
}

std::shared_ptr<const State> CollectionStore::hold() const {
  const std::lock_guard lock(state_mutex_);
  held_.insert(state_->sequence);
  return state_;
}

void CollectionStore::release(Sequence sequence) const {
  const std::lock_guard lock(state_mutex_);
  held_.erase(held_.find(sequence));
}

CollectionStore::~CollectionStore() { tell(State{}); }

void CollectionStore::publish(std::shared_ptr<const State> state) {
  tell(*state);
  const std::lock_guard lock(state_mutex_);
  state_.swap(state);
}

void CollectionStore::tell(const State& state) {
  const auto rows = static_cast<double>(state.fresh_rows());
  const auto segments = static_cast<double>(state.segments.size());
  Metrics::global().add(metric::kStoreFreshRows, rows - told_fresh_rows_);
  Metrics::global().add(metric::kStoreSegments, segments - told_segments_);
  told_fresh_rows_ = rows;
  told_segments_ = segments;
}

std::optional<std::size_t> CollectionStore::space_position(const SpaceId& id) const {
  for (std::size_t i = 0; i < spec_.spaces.size(); ++i) {
    if (spec_.spaces[i].id == id) return i;
  }
  return std::nullopt;
}

Result<std::unique_ptr<Snapshot>> CollectionStore::snapshot() const {
  return make_snapshot(shared_from_this(), hold());
}

std::vector<std::vector<float>> vectors_of(const State& state, RowId row) {
  std::vector<std::vector<float>> vectors(state.spaces.size());
  for (std::size_t i = 0; i < state.spaces.size(); ++i) {
    const auto found = state.spaces[i].locate(row);
    if (!found) continue;
    const float* begin = found->block->scattered().vectors + found->position * found->block->dim();
    vectors[i].assign(begin, begin + found->block->dim());
  }
  return vectors;
}

Result<std::optional<KnownVectors>> CollectionStore::vectors_of_content(const Hash256& content) const {
  using Found = std::optional<KnownVectors>;
  if (content == Hash256{}) return Found();  // unknown: vectors from outside
  const auto now = state();
  PICTOR_ASSIGN(auto reader, readers_.take());
  Use select(*reader->by_content);
  select->bind(0, bytes_of(content));
  select->bind(1, static_cast<std::int64_t>(now->sequence));
  PICTOR_ASSIGN(const bool found, select->step());
  const std::int64_t spaces = (std::int64_t{1} << kTokensBit) - 1;
  if (!found || (select->integer(1) & spaces) == 0) return Found();
  if (now->is_damaged(static_cast<RowId>(select->integer(0)))) return Found();
  return Found({vectors_of(*now, static_cast<RowId>(select->integer(0))), std::string(select->text(2))});
}

Result<std::optional<Bytes>> CollectionStore::tokens_of(Reader& reader, RowId row) const {
  Use select(*reader.tokens_of);
  select->bind(0, static_cast<std::int64_t>(row));
  PICTOR_ASSIGN(const bool found, select->step());
  if (!found) return std::optional<Bytes>();
  const ByteView packed = select->blob(1);
  const bool whole = packed.size() == packed_tokens_bytes(spec_.tokens.codec, spec_.tokens.grid) &&
                     tokens_crc(row, packed) == static_cast<std::uint32_t>(select->integer(0));
  if (whole) return std::optional(Bytes(packed.begin(), packed.end()));
  return Status(Code::kCorrupt, "the tokens of row " + std::to_string(row) + " of collection '" + spec_.name + "', " +
                                    std::to_string(packed.size()) +
                                    " bytes, are not what was written: index the picture again with --force");
}

Result<std::optional<Bytes>> CollectionStore::tokens_of_content(const Hash256& content) const {
  if (content == Hash256{}) return std::optional<Bytes>();
  const auto now = state();
  PICTOR_ASSIGN(auto reader, readers_.take());
  Use select(*reader->by_content);
  select->bind(0, bytes_of(content));
  select->bind(1, static_cast<std::int64_t>(now->sequence));
  PICTOR_ASSIGN(const bool found, select->step());
  if (!found || (select->integer(1) >> kTokensBit & 1) == 0) return std::optional<Bytes>();
  return tokens_of(*reader.operator->(), static_cast<RowId>(select->integer(0)));
}

Result<CollectionStats> CollectionStore::stats() const {
  const auto now = state();
  CollectionStats stats;
  stats.spec = spec_;
  stats.sequence = now->sequence;
  stats.items = now->items;
  stats.rows_fresh = now->fresh_rows();
  stats.history_from = now->history_from;
  PICTOR_ASSIGN(auto reader, readers_.take());
  PICTOR_ASSIGN(
      const auto numbers,
      reader->database->prepare("SELECT (SELECT count(*) FROM rows WHERE died < 9223372036854775807), "
                                "(SELECT count(*) FROM segments), (SELECT ifnull(sum(bytes), 0) FROM segments), "
                                "(SELECT ifnull(sum(bytes), 0) FROM blobs), (SELECT count(*) FROM blobs), "
                                "(SELECT count(*) FROM tokens), "
                                "(SELECT count(*) FROM purges WHERE done_us IS NULL)"));
  PICTOR_TRY(numbers->step().status());
  stats.rows_dead = static_cast<std::uint64_t>(numbers->integer(0));
  stats.segments = static_cast<std::uint64_t>(numbers->integer(1));
  stats.segment_bytes = static_cast<std::uint64_t>(numbers->integer(2));
  stats.blob_bytes = static_cast<std::uint64_t>(numbers->integer(3));
  const auto named = static_cast<std::uint64_t>(numbers->integer(4));
  stats.tokens_items = static_cast<std::uint64_t>(numbers->integer(5));
  stats.purges_begun = static_cast<std::uint64_t>(numbers->integer(6));
  stats.tokens_bytes = stats.tokens_items * packed_tokens_bytes(spec_.tokens.codec, spec_.tokens.grid);
  PICTOR_ASSIGN(const auto files, blobs_.count_files());
  stats.leftover_files = files > named ? files - named : 0;
  PICTOR_TRY(count_derived(stats));
  PICTOR_TRY(count_damaged(*now, *reader.operator->(), stats));
  for (const char* file : {"collection.db", "collection.db-wal"}) {
    const auto info = env_.info(join_path(folder_, file));
    if (info.is_ok()) stats.database_bytes += info->size;
  }
  return stats;
}

Result<CollectionStore::Still> CollectionStore::hold_still() const {
  PICTOR_ASSIGN(auto reader, readers_.take());
  const std::lock_guard lock(writing_);
  PICTOR_TRY(reader->database->exec("BEGIN"));
  // The transaction sees what is committed when it first reads.
  const Status first_read = reader->database->exec("SELECT sequence FROM state");
  if (first_read.is_ok()) return Still{state(), std::move(reader)};
  static_cast<void>(reader->database->exec("ROLLBACK"));
  return first_read;
}

Result<CollectionStore::Held> CollectionStore::hold_for_copy() const {
  PICTOR_ASSIGN(auto reader, readers_.take());
  std::vector<HeldSegment> segments;
  const auto hold = [&]() -> Status {
    PICTOR_ASSIGN(const auto names, reader->database->prepare("SELECT file FROM segments ORDER BY first_row"));
    while (true) {
      PICTOR_ASSIGN(const bool found, names->step());
      if (!found) return Status::ok();
      const std::string name(names->text(0));
      const std::string path = join_path(join_path(folder_, "segments"), name);
      auto file = env_.open(path, OpenMode::kRead);
      if (file.status().code() == Code::kNotFound) {
        return {Code::kCorrupt, "'" + path + "' is missing or was set aside: index its pictures again, then compact"};
      }
      if (!file.is_ok()) return file.status();
      segments.push_back({name, std::move(file).value()});
    }
  };
  const std::lock_guard lock(writing_);
  PICTOR_TRY(reader->database->exec("BEGIN"));
  const Status held = hold();
  if (held.is_ok()) return Held{std::move(reader), std::move(segments)};
  static_cast<void>(reader->database->exec("ROLLBACK"));
  return held;
}

}  // namespace pictor
