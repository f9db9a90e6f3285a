// Deleting for good (docs/decisions/0014-erasure.md). First, in one transaction a batch of ids, the items die and their
// rows are listed as doomed: that is the promise. Then what holds them is rewritten without them, and the list gets
// shorter; a crash at any moment leaves a list that opening the folder works off. Last the database is rebuilt.
#include <algorithm>

#include "observe/observe.h"
#include "store/collection.h"
#include "store/schema.h"

namespace pictor {
namespace {

constexpr std::int64_t kLookUs = 1000;
constexpr int kCheckpointsMax = 12;  // each waits for readers as long as the database does, five seconds
constexpr std::size_t kSaltBytes = 32;
constexpr std::uint64_t kFreeBytesKept = 16 * limits::kMiB;

Status check_ids(std::span<const std::string> ids) {
  if (ids.empty()) return {Code::kInvalid, "nothing to delete for good: no id was given"};
  if (ids.size() > limits::kPurgeIdsMax) {
    return {Code::kLimit, std::to_string(ids.size()) + " ids are to be deleted for good at once, at most " +
                              std::to_string(limits::kPurgeIdsMax) + " are: give them in several calls"};
  }
  for (const auto& id : ids) {
    if (!id.empty() && id.size() <= limits::kItemIdBytesMax) continue;
    return {Code::kInvalid, "an id has " + std::to_string(id.size()) + " bytes; wanted 1 to " +
                                std::to_string(limits::kItemIdBytesMax)};
  }
  return Status::ok();
}

Hash256 salted(ByteView salt, std::string_view id) {
  Bytes bytes(salt.begin(), salt.end());
  bytes.insert(bytes.end(), as_bytes(id).begin(), as_bytes(id).end());
  return sha256(bytes);
}

Status run(Database& database, const char* sql, std::string_view id) {
  PICTOR_ASSIGN(const auto statement, database.prepare(sql));
  statement->bind(0, id);
  return statement->step().status();
}

Result<std::int64_t> integer_of(Database& database, const char* sql) {
  PICTOR_ASSIGN(const auto statement, database.prepare(sql));
  PICTOR_TRY(statement->step().status());
  return statement->integer(0);
}

// By a purge that was begun and stopped after the rows were gone.
Result<bool> is_being_erased(Database& database, const Hash256& tombstone) {
  PICTOR_ASSIGN(const auto select, database.prepare("SELECT 1 FROM erased WHERE hash = ?1 AND at_us >= "
                                                    "(SELECT min(begun_us) FROM purges WHERE done_us IS NULL)"));
  select->bind(0, bytes_of(tombstone));
  return select->step();
}

}  // namespace

Result<PurgeReport> CollectionStore::purge(std::span<const std::string> ids, const PurgeOptions& options) {
  PICTOR_TRY(check_ids(ids));
  const std::lock_guard one(compacting_);
  PurgeReport report;
  report.begun_us = env_.wall_us();
  std::vector<std::string> each(ids.begin(), ids.end());
  std::sort(each.begin(), each.end());
  each.erase(std::unique(each.begin(), each.end()), each.end());
  const std::span all(each);
  for (std::size_t begin = 0; begin < all.size(); begin += limits::kBatchItemsMax) {
    PICTOR_TRY(doom(all.subspan(begin, std::min<std::size_t>(limits::kBatchItemsMax, all.size() - begin)), report));
  }
  std::sort(report.contents.begin(), report.contents.end());
  report.contents.erase(std::unique(report.contents.begin(), report.contents.end()), report.contents.end());
  const Status erased = erase_doomed(options, report);
  make_columns();
  PICTOR_TRY(erased);
  report.done_us = env_.wall_us();
  return report;
}

// Of this collection; drawn when something is first purged.
Result<Bytes> CollectionStore::erasure_salt() {
  {
    PICTOR_ASSIGN(const auto select, writer_.database->prepare("SELECT salt FROM erasure_salt"));
    PICTOR_ASSIGN(const bool found, select->step());
    if (found) return Bytes(select->blob(0).begin(), select->blob(0).end());
  }
  Bytes salt(kSaltBytes);
  env_.random(salt);
  PICTOR_ASSIGN(const auto insert, writer_.database->prepare("INSERT INTO erasure_salt(one, salt) VALUES(1, ?1)"));
  insert->bind(0, ByteView(salt));
  PICTOR_TRY(insert->step().status());
  return salt;
}

Status CollectionStore::doom(std::span<const std::string> ids, PurgeReport& report) {
  const std::lock_guard lock(writing_);
  const auto now = state();
  Doomed doomed;
  std::vector<std::string> found;
  std::vector<std::string> unknown;
  auto next = std::make_shared<State>(*now);
  {
    PICTOR_ASSIGN(auto transaction, Transaction::begin(*writer_.database));
    PICTOR_ASSIGN(const Bytes salt, erasure_salt());
    for (const auto& id : ids) {
      PICTOR_ASSIGN(const bool known, doom_id(id, salted(salt, id), now->sequence + 1, doomed, report));
      (known ? found : unknown).push_back(id);
    }
    PICTOR_TRY(forget_count(doomed));
    if (!doomed.alive.empty()) ++next->sequence;
    next->items -= doomed.alive.size();
    if (!doomed.rows.empty()) {
      PICTOR_TRY(set_state(*next));
      PICTOR_ASSIGN(const auto insert, writer_.database->prepare("INSERT INTO purges(begun_us) VALUES(?1)"));
      insert->bind(0, report.begun_us);
      PICTOR_TRY(insert->step().status());
    }
    PICTOR_TRY(transaction.commit());
  }
  for (const RowId row : doomed.alive) next->bury(row, next->sequence);
  doomed_.insert(doomed_.end(), doomed.rows.begin(), doomed.rows.end());
  std::sort(doomed_.begin(), doomed_.end());
  doomed_.erase(std::unique(doomed_.begin(), doomed_.end()), doomed_.end());
  publish(std::move(next));
  report.erased.insert(report.erased.end(), found.begin(), found.end());
  report.unknown.insert(report.unknown.end(), unknown.begin(), unknown.end());
  return Status::ok();
}

// False: nothing is here of that id.
Result<bool> CollectionStore::doom_id(const std::string& id, const Hash256& tombstone, Sequence at, Doomed& doomed,
                                      PurgeReport& report) {
  Database& database = *writer_.database;
  {
    PICTOR_ASSIGN(const auto rows, database.prepare("SELECT 1 FROM rows WHERE id = ?1"));
    rows->bind(0, std::string_view(id));
    PICTOR_ASSIGN(const bool found, rows->step());
    if (!found) return is_being_erased(database, tombstone);
  }
  PICTOR_TRY(bury_alive(id, at, doomed.alive));
  // The memory of batches has names that callers chose: one that says the id goes, too.
  PICTOR_TRY(run(database,
                 "DELETE FROM batches WHERE instr(id, ?1) > 0 AND sequence IN "
                 "(SELECT born FROM rows WHERE id = ?1 UNION SELECT died FROM rows WHERE id = ?1)",
                 id));
  PICTOR_ASSIGN(const auto rows, database.prepare("SELECT row, content, born, died FROM rows WHERE id = ?1 AND row NOT "
                                                  "IN (SELECT row FROM doomed)"));
  rows->bind(0, std::string_view(id));
  while (true) {
    PICTOR_ASSIGN(const bool found, rows->step());
    if (!found) break;
    doomed.rows.push_back(static_cast<RowId>(rows->integer(0)));
    report.contents.push_back(hash_of(rows->blob(1)));
    ++doomed.births[static_cast<Sequence>(rows->integer(2))];
    --doomed.births[static_cast<Sequence>(rows->integer(3))];
  }
  PICTOR_TRY(run(database, "INSERT OR IGNORE INTO doomed(row) SELECT row FROM rows WHERE id = ?1", id));
  PICTOR_ASSIGN(const auto insert, database.prepare("INSERT OR REPLACE INTO erased(hash, at_us) VALUES(?1, ?2)"));
  insert->bind(0, bytes_of(tombstone));
  insert->bind(1, report.begun_us);
  PICTOR_TRY(insert->step().status());
  return true;
}

// History says how many items each commit left: those that are erased are no more among them.
Status CollectionStore::forget_count(const Doomed& doomed) {
  PICTOR_ASSIGN(const auto update,
                writer_.database->prepare("UPDATE commits SET items = items - ?3 WHERE sequence >= ?1 "
                                          "AND sequence < ?2"));
  std::int64_t fewer = 0;
  for (auto at = doomed.births.begin(); at != doomed.births.end(); ++at) {
    fewer += at->second;
    if (fewer == 0 || std::next(at) == doomed.births.end()) continue;
    Use range(*update);
    range->bind(0, static_cast<std::int64_t>(at->first));
    range->bind(1, static_cast<std::int64_t>(std::next(at)->first));
    range->bind(2, fewer);
    PICTOR_TRY(range->step().status());
  }
  return Status::ok();
}

Result<std::optional<std::int64_t>> CollectionStore::erased(std::string_view id) const {
  PICTOR_ASSIGN(auto reader, readers_.take());
  Bytes salt;
  {
    PICTOR_ASSIGN(const auto select, reader->database->prepare("SELECT salt FROM erasure_salt"));
    PICTOR_ASSIGN(const bool found, select->step());
    if (!found) return std::optional<std::int64_t>();
    salt.assign(select->blob(0).begin(), select->blob(0).end());
  }
  PICTOR_ASSIGN(const auto select, reader->database->prepare("SELECT at_us FROM erased WHERE hash = ?1"));
  select->bind(0, bytes_of(salted(salt, id)));
  PICTOR_ASSIGN(const bool found, select->step());
  return found ? std::optional(select->integer(0)) : std::nullopt;
}

Status CollectionStore::erase_doomed(const PurgeOptions& options, PurgeReport& report) {
  {
    const std::lock_guard lock(writing_);
    PICTOR_ASSIGN(const auto pending,
                  integer_of(*writer_.database, "SELECT count(*) FROM purges WHERE done_us IS NULL"));
    if (pending == 0) return Status::ok();
    PICTOR_TRY(writer_.database->exec("PRAGMA secure_delete=ON"));
  }
  wait_for_snapshots(options, report);
  PICTOR_TRY(rewrite_doomed_segments(options, report));
  PICTOR_ASSIGN(const Swept swept, sweep("SELECT d.row, r.blob FROM doomed d LEFT JOIN rows r ON r.row = d.row "
                                         "WHERE d.row > ?1 AND ?2 = 0 ORDER BY d.row LIMIT 512",
                                         0));
  report.rows += swept.rows;
  PICTOR_ASSIGN(const std::uint64_t blobs, remove_doomed_blobs());
  report.blobs += blobs;
  Metrics::global().add(metric::kStoreErasedRows, static_cast<double>(swept.rows));
  const std::lock_guard lock(writing_);
  PICTOR_ASSIGN(const auto left, integer_of(*writer_.database, "SELECT count(*) FROM doomed"));
  if (left != 0) {
    return {Code::kInternal, std::to_string(left) + " rows that are to be deleted for good are still in a segment"};
  }
  doomed_.clear();
  PICTOR_TRY(remove_unnamed_segments());
  return scrub();
}

// New ones do not show the items any more.
void CollectionStore::wait_for_snapshots(const PurgeOptions& options, PurgeReport& report) const {
  const Sequence now = state()->sequence;
  const std::int64_t until_us = env_.monotonic_us() + options.wait_us;
  while (true) {
    {
      const std::lock_guard lock(state_mutex_);
      report.snapshots_held = static_cast<std::uint64_t>(std::distance(held_.begin(), held_.lower_bound(now)));
    }
    if (report.snapshots_held == 0 || env_.monotonic_us() >= until_us) return;
    env_.wait_us(kLookUs);
  }
}

Status CollectionStore::rewrite_doomed_segments(const PurgeOptions& options, PurgeReport& report) {
  std::vector<RowId> doomed;
  {
    const std::lock_guard lock(writing_);
    doomed = doomed_;
    // Fresh rows are sealed without the doomed ones.
    if (!doomed.empty() && doomed.back() > state()->sealed_row) PICTOR_TRY(seal_locked());
  }
  const LeftOut left_out{0, doomed};
  const auto now = state();
  const auto lost = std::ranges::find_if(doomed, [&](RowId row) { return now->is_damaged(row); });
  if (lost != doomed.end()) {
    return {Code::kCorrupt,
            "row " + std::to_string(*lost) +
                " lies in a damaged segment, whose file cannot be written without it: index the other "
                "pictures of that segment again, then `pictor compact --drop-history`, then purge again"};
  }
  std::vector<SegmentEntry> affected;
  for (const auto& segment : now->segments) {
    const bool has_doomed = std::ranges::any_of(now->spaces, [&](const SpaceState& space) {
      return std::any_of(space.blocks.begin(), space.blocks.begin() + static_cast<std::ptrdiff_t>(space.sealed),
                         [&](const BlockView& view) {
                           return view.block->segment().id == segment.name.id && count_left_out(view, left_out) > 0;
                         });
    });
    if (has_doomed) affected.push_back(segment);
  }
  CompactReport compacted;
  for (std::size_t i = 0; i < affected.size(); ++i) {
    if (options.progress && !options.progress(i, affected.size())) {
      return {Code::kCancelled, "deleting for good was stopped: the next time the data folder is opened it goes on"};
    }
    PICTOR_TRY(replace_segments(rewrite_of({affected[i]}, *state(), left_out), nullptr, compacted));
    ++report.segments;
  }
  if (options.progress) options.progress(affected.size(), affected.size());
  return Status::ok();
}

// Also what was derived from a segment after it was gone. Surely gone when this returns ok.
Status CollectionStore::remove_unnamed_segments() {
  const std::string folder = join_path(folder_, "segments");
  remove_leftover_segments(*state());
  PICTOR_ASSIGN(const auto files, env_.list(folder));
  for (const auto& file : files) {
    const std::uint64_t id = segment_id_of(file.name);
    const auto now = state();
    const bool named = std::ranges::any_of(now->segments, [&](const auto& s) { return s.name.id == id; }) ||
                       std::ranges::any_of(now->damaged, [&](const auto& s) { return s.id == id; });
    if (id == 0 || named) continue;
    return {Code::kIo, "'" + join_path(folder, file.name) + "' could not be removed: remove it, then purge again"};
  }
  return env_.sync_dir(folder);
}

// Rebuilds the database, so that no page of it and of its log has what was deleted.
Status CollectionStore::scrub() {
  Database& database = *writer_.database;
  const std::string path = join_path(folder_, "collection.db");
  PICTOR_ASSIGN(const auto info, env_.info(path));
  PICTOR_ASSIGN(const auto room, env_.free_bytes(folder_));
  if (room < 2 * info.size + kFreeBytesKept) {
    return {Code::kLimit, "rebuilding '" + path + "' needs " + std::to_string(2 * info.size + kFreeBytesKept) +
                              " bytes, " + std::to_string(room) +
                              " are free: make room, then purge again, or open the data folder again"};
  }
  PICTOR_TRY(forget_words());
  PICTOR_TRY(database.vacuum());
  Status emptied;
  for (int i = 0; i < kCheckpointsMax; ++i) {
    emptied = database.checkpoint();
    if (emptied.is_ok() || emptied.code() != Code::kBusy) break;
  }
  if (emptied.code() == Code::kBusy) {
    return {Code::kBusy, "somebody reads '" + path +
                             "', so that its log cannot be emptied: purge again when that has ended (`verify`?)"};
  }
  PICTOR_TRY(emptied);
  PICTOR_TRY(env_.sync_dir(folder_));
  PICTOR_TRY(database.exec("PRAGMA secure_delete=FAST"));
  PICTOR_ASSIGN(const auto done, database.prepare("UPDATE purges SET done_us = ?1 WHERE done_us IS NULL"));
  done->bind(0, env_.wall_us());
  return done->step().status();
}

// At opening. A folder whose disk is full can be read all the same.
void CollectionStore::finish_purges() {
  PurgeReport report;
  PurgeOptions options;
  options.wait_us = 0;
  const std::lock_guard one(compacting_);
  const Status status = erase_doomed(options, report);
  make_columns();
  if (status.is_ok()) return;
  log(LogLevel::kWarning, "purge_not_finished", {{"collection", spec_.name}, {"cause", status.message()}});
}

}  // namespace pictor
