// Deleting rows whose vectors are gone, and the blobs that they alone had: a few at a time, so that those who commit
// wait for no more than one such step. A crash leaves rows that nobody sees, or files that a table still lists.
#include "observe/observe.h"
#include "store/collection.h"
#include "store/schema.h"

namespace pictor {
namespace {

constexpr std::size_t kBlobsAtOnce = 256;

bool has_vectors(const State& state, RowId row) {
  if (row > state.sealed_row) return true;
  for (const auto& space : state.spaces) {
    if (space.locate(row).has_value()) return true;
  }
  return false;
}

Status run(Database& database, const char* sql, ByteView value) {
  PICTOR_ASSIGN(const auto statement, database.prepare(sql));
  statement->bind(0, value);
  return statement->step().status();
}

Status run(Database& database, const char* sql, RowId row) {
  PICTOR_ASSIGN(const auto statement, database.prepare(sql));
  statement->bind(0, static_cast<std::int64_t>(row));
  return statement->step().status();
}

Result<bool> finds(Database& database, const char* sql, const Hash256& hash) {
  PICTOR_ASSIGN(const auto statement, database.prepare(sql));
  statement->bind(0, bytes_of(hash));
  return statement->step();
}

}  // namespace

Result<CollectionStore::Swept> CollectionStore::sweep(const char* select, Sequence died_by) {
  Swept all;
  RowId after = 0;
  while (true) {
    const std::lock_guard lock(writing_);
    PICTOR_ASSIGN(const auto statement, writer_.database->prepare(select));
    const RowId before = after;
    PICTOR_ASSIGN(const Swept some, sweep_some(*statement, after, died_by));
    all.rows += some.rows;
    all.blobs += some.blobs;
    if (after == before) return all;
  }
}

Result<CollectionStore::Swept> CollectionStore::sweep_some(Statement& select, RowId& after, Sequence died_by) {
  struct Found {
    RowId row;
    std::optional<Hash256> blob;
  };
  std::vector<Found> found;
  const auto now = state();
  {
    Use rows(select);
    rows->bind(0, static_cast<std::int64_t>(after));
    rows->bind(1, static_cast<std::int64_t>(died_by));
    while (true) {
      PICTOR_ASSIGN(const bool more, rows->step());
      if (!more) break;
      after = static_cast<RowId>(rows->integer(0));
      if (has_vectors(*now, after)) continue;
      found.push_back({after, std::nullopt});
      if (!rows->is_null(1)) found.back().blob = hash_of(rows->blob(1));
    }
  }
  Swept swept;
  if (found.empty()) return swept;
  std::vector<RowId> rows;
  rows.reserve(found.size());
  for (const auto& row : found) rows.push_back(row.row);
  PICTOR_TRY(forget_columns(rows));
  PICTOR_ASSIGN(auto transaction, Transaction::begin(*writer_.database));
  for (const auto& row : found) {
    PICTOR_ASSIGN(const bool blob_gone, delete_row(row.row, row.blob));
    swept.blobs += blob_gone ? 1 : 0;
  }
  PICTOR_TRY(transaction.commit());
  swept.rows = found.size();
  return swept;
}

// True: nobody else has its blob.
Result<bool> CollectionStore::delete_row(RowId row, const std::optional<Hash256>& blob) {
  Database& database = *writer_.database;
  PICTOR_TRY(run(database, "DELETE FROM tokens WHERE row = ?1", row));
  if (writer_.remove_words != nullptr) {
    Use remove(*writer_.remove_words);
    remove->bind(0, static_cast<std::int64_t>(row));
    PICTOR_TRY(remove->step().status());
  }
  PICTOR_TRY(run(database, "DELETE FROM rows WHERE row = ?1", row));
  PICTOR_TRY(run(database, "DELETE FROM doomed WHERE row = ?1", row));
  if (!blob.has_value()) return false;
  PICTOR_ASSIGN(const bool others, finds(database, "SELECT 1 FROM rows WHERE blob = ?1 LIMIT 1", *blob));
  if (others) return false;
  PICTOR_TRY(run(database, "DELETE FROM blobs WHERE hash = ?1", bytes_of(*blob)));
  PICTOR_TRY(run(database, "INSERT OR IGNORE INTO doomed_blobs(hash) VALUES(?1)", bytes_of(*blob)));
  return true;
}

// Files first, then the list of them. A blob that was put again meanwhile is named, and stays.
Result<std::uint64_t> CollectionStore::remove_doomed_blobs() {
  std::uint64_t removed = 0;
  while (true) {
    const std::lock_guard lock(writing_);
    std::vector<Hash256> listed;
    {
      PICTOR_ASSIGN(const auto select,
                    writer_.database->prepare("SELECT hash FROM doomed_blobs LIMIT " + std::to_string(kBlobsAtOnce)));
      while (true) {
        PICTOR_ASSIGN(const bool found, select->step());
        if (!found) break;
        listed.push_back(hash_of(select->blob(0)));
      }
    }
    if (listed.empty()) return removed;
    std::vector<Hash256> gone;
    for (const auto& hash : listed) {
      PICTOR_ASSIGN(const bool named, finds(*writer_.database, "SELECT 1 FROM blobs WHERE hash = ?1", hash));
      if (!named) gone.push_back(hash);
    }
    PICTOR_TRY(blobs_.remove(gone));
    PICTOR_ASSIGN(auto transaction, Transaction::begin(*writer_.database));
    for (const auto& hash : listed) {
      PICTOR_TRY(run(*writer_.database, "DELETE FROM doomed_blobs WHERE hash = ?1", bytes_of(hash)));
    }
    PICTOR_TRY(transaction.commit());
    removed += gone.size();
  }
}

}  // namespace pictor
