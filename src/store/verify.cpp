// Reads everything a collection has and compares: the database with itself, segments with their sums, rows with
// vectors, blobs with their names.
#include <algorithm>

#include "store/collection.h"
#include "store/schema.h"
#include "store/words.h"

namespace pictor {
namespace {

constexpr const char* kRestore = "restore it from a backup, or drop the collection and index it again";
constexpr const char* kQuarantine =
    "`pictor verify --quarantine` leaves it out of answers; `pictor index` then makes its vectors again";

class Verifier {
 public:
  using Progress = std::function<void(std::uint64_t, std::uint64_t)>;

  Verifier(const CollectionStore& collection, const State& state, Reader& reader, const Progress& progress)
      : collection_(collection), state_(state), reader_(reader), progress_(progress) {}

  Result<std::vector<Fault>> run() {
    PICTOR_TRY(measure());
    check_database();
    PICTOR_TRY(check_purges());
    PICTOR_TRY(check_segments());
    check_damaged();
    check_columns();
    PICTOR_TRY(check_rows());
    PICTOR_TRY(check_fresh());
    PICTOR_TRY(check_blobs());
    PICTOR_TRY(check_tokens());
    PICTOR_TRY(check_words());
    if (faults_.size() > limits::kFaultsMax) faults_.resize(limits::kFaultsMax);
    return std::move(faults_);
  }

 private:
  std::string database_path() const { return join_path(collection_.folder(), "collection.db"); }

  void fault(std::string where, std::string what, std::string advice = kRestore) {
    if (faults_.size() < limits::kFaultsMax) faults_.push_back({std::move(where), std::move(what), std::move(advice)});
  }
  void done(std::uint64_t bytes) {
    done_ += bytes;
    if (progress_) progress_(std::min(done_, total_), total_);
  }

  Status measure() {
    PICTOR_ASSIGN(const auto sums, reader_.database->prepare("SELECT (SELECT ifnull(sum(bytes), 0) FROM segments), "
                                                             "(SELECT ifnull(sum(bytes), 0) FROM blobs)"));
    PICTOR_TRY(sums->step().status());
    total_ = static_cast<std::uint64_t>(sums->integer(0) + sums->integer(1)) + state_.last_row;
    return Status::ok();
  }

  void check_database() {
    const Status status = reader_.database->check();
    if (!status.is_ok()) fault(database_path(), status.message());
  }

  // Items that were to be erased are hidden at once; until an erasure has ended their bytes are still in files.
  Status check_purges() {
    PICTOR_ASSIGN(const auto begun, reader_.database->prepare("SELECT count(*) FROM purges WHERE done_us IS NULL"));
    PICTOR_TRY(begun->step().status());
    if (begun->integer(0) == 0 || collection_.upkeep_runs()) return Status::ok();
    fault(database_path() + ", table purges",
          "an erasure was begun and has not ended: what it erases is still in files",
          "close the data folder and open it again, with room on the disk: that ends it");
    return Status::ok();
  }

  Status check_segments() {
    PICTOR_ASSIGN(const auto segments, reader_.database->prepare("SELECT file, footer_crc, bytes FROM segments"));
    while (true) {
      PICTOR_ASSIGN(const bool found, segments->step());
      if (!found) return Status::ok();
      const std::string path = join_path(join_path(collection_.folder(), "segments"), segments->text(0));
      const Status status = check_segment_file(path, static_cast<std::uint32_t>(segments->integer(1)));
      if (!status.is_ok() && is_named(segments->text(0))) fault(path, status.message(), kQuarantine);
      done(static_cast<std::uint64_t>(segments->integer(2)));
    }
  }

  // Compaction may have put another in its place since this verification began.
  bool is_named(std::string_view file) const {
    const auto now = collection_.state();
    return std::ranges::any_of(now->segments, [&](const auto& s) { return segment_file_name(s.name.id) == file; });
  }

  // Those whose vectors are left out already.
  void check_damaged() {
    for (const auto& segment : state_.damaged) {
      fault(join_path(join_path(collection_.folder(), "segments"), segment_file_name(segment.id)),
            segment.what + "; rows " + std::to_string(segment.first_row) + " to " + std::to_string(segment.last_row) +
                " are left out of answers",
            "restore a backup, or `pictor index` the pictures again: their vectors are made anew");
    }
  }

  // Derived: without them filters are slower, no more.
  void check_columns() {
    for (const auto& sealed : state_.segments) {
      if (sealed.columns == nullptr) continue;
      const Status status = sealed.columns->check();
      if (status.is_ok()) continue;
      const auto name = columns_file_name(sealed.columns->segment().id);
      fault(join_path(join_path(collection_.folder(), "segments"), name), status.message(),
            "delete this file: answers are right without it, and it is made anew when the collection is opened");
    }
  }

  Status check_segment_file(const std::string& path, std::uint32_t footer_crc) const {
    PICTOR_ASSIGN(const auto segment, open_segment(collection_.env(), path));
    if (segment.view.footer_crc != footer_crc) return {Code::kCorrupt, "is another segment than the database names"};
    return check_segment(segment.mapping->bytes(), segment.view);
  }

  // Walks the table and every space's blocks side by side; both ascend.
  Status check_rows() {
    PICTOR_ASSIGN(const auto rows,
                  reader_.database->prepare("SELECT r.row, born, died, spaces, d.row IS NOT NULL FROM rows r "
                                            "LEFT JOIN doomed d ON d.row = r.row ORDER BY r.row"));
    std::vector<Cursor> cursors(state_.spaces.size());
    std::uint64_t alive = 0;
    while (true) {
      PICTOR_ASSIGN(const bool found, rows->step());
      if (!found) break;
      alive += rows->integer(2) == kStoredAlive ? 1 : 0;
      for (std::size_t i = 0; i < cursors.size(); ++i) check_row(*rows, i, cursors[i]);
      done(1);
    }
    for (std::size_t i = 0; i < cursors.size(); ++i) {
      const auto row = cursors[i].row(state_.spaces[i]);
      if (row != 0) fault(where(row, i), "there is a vector, and no item");
    }
    if (alive == state_.items) return Status::ok();
    fault(database_path() + ", table state",
          "counts " + std::to_string(state_.items) + " items, " + std::to_string(alive) + " are alive");
    return Status::ok();
  }

  struct Cursor {
    std::size_t block = 0;
    std::size_t position = 0;
    RowId row(const SpaceState& space) const {
      return block == space.blocks.size() ? 0 : space.blocks[block].block->rows()[position];
    }
    void next(const SpaceState& space) {
      if (++position < space.blocks[block].count) return;
      position = 0;
      ++block;
    }
  };

  std::string where(RowId row, std::size_t space) const {
    return database_path() + ", row " + std::to_string(row) + ", space '" + collection_.spec().spaces[space].head + "'";
  }

  void check_row(const Statement& stored, std::size_t space_position, Cursor& cursor) {
    const SpaceState& space = state_.spaces[space_position];
    const auto row = static_cast<RowId>(stored.integer(0));
    while (cursor.row(space) != 0 && cursor.row(space) < row) {
      fault(where(cursor.row(space), space_position), "there is a vector, and no item");
      cursor.next(space);
    }
    const bool wanted = (stored.integer(3) >> space_position & 1) != 0;
    const bool seen = cursor.row(space) == row;
    // History that is dropped, and what is being erased, loses its vectors first.
    const bool may_lack = static_cast<Sequence>(stored.integer(2)) <= state_.history_from || stored.integer(4) != 0 ||
                          state_.is_damaged(row);
    if (wanted != seen && !(wanted && may_lack)) {
      fault(where(row, space_position), wanted ? "its vector is missing" : "there is a vector that was never given");
    }
    if (!seen) return;
    const RowBlock& block = *space.blocks[cursor.block].block;
    const auto died = stored.integer(2) == kStoredAlive ? kAlive : static_cast<Sequence>(stored.integer(2));
    // A death after this moment may already stand in memory.
    const Sequence died_seen = block.died(cursor.position) > state_.sequence ? kAlive : block.died(cursor.position);
    if (block.born()[cursor.position] != static_cast<Sequence>(stored.integer(1)) || died_seen != died) {
      fault(where(row, space_position), "its birth or death differs between database and vectors");
    }
    cursor.next(space);
  }

  // The fresh vectors on disk are those in memory, bit for bit.
  Status check_fresh() {
    PICTOR_ASSIGN(const auto stored, reader_.database->prepare("SELECT slot, vector FROM fresh_vectors"));
    std::uint64_t bytes = 0;
    while (true) {
      PICTOR_ASSIGN(const bool found, stored->step());
      if (!found) break;
      const auto row = static_cast<RowId>(stored->integer(0) / kSlotsPerRow);
      const auto position = static_cast<std::size_t>(stored->integer(0) % kSlotsPerRow);
      bytes += stored->blob(1).size();
      if (position >= state_.spaces.size() || !same_vector(row, position, stored->blob(1))) {
        fault(database_path() + ", fresh vector " + std::to_string(stored->integer(0)),
              "it belongs to no row, or differs");
      }
    }
    if (bytes != state_.fresh_bytes) {
      fault(database_path() + ", table fresh_vectors",
            "has " + std::to_string(bytes) + " bytes, wanted " + std::to_string(state_.fresh_bytes));
    }
    return Status::ok();
  }

  bool same_vector(RowId row, std::size_t position, ByteView stored) const {
    const auto found = row > state_.sealed_row ? state_.spaces[position].locate(row) : std::nullopt;
    if (!found) return false;
    const std::size_t dim = found->block->dim();
    const std::span held(found->block->vectors() + found->position * dim, dim);
    return std::ranges::equal(std::as_bytes(held), stored);
  }

  Status check_blobs() {
    PICTOR_ASSIGN(const auto blobs, reader_.database->prepare("SELECT hash, bytes FROM blobs"));
    while (true) {
      PICTOR_ASSIGN(const bool found, blobs->step());
      if (!found) break;
      const Hash256 hash = hash_of(blobs->blob(0));
      const auto bytes = collection_.blobs().get(hash);
      if (!bytes.is_ok()) fault(collection_.blobs().path(hash), bytes.status().message());
      done(static_cast<std::uint64_t>(blobs->integer(1)));
    }
    PICTOR_ASSIGN(const auto lost,
                  reader_.database->prepare("SELECT row FROM rows WHERE blob IS NOT NULL AND blob NOT IN "
                                            "(SELECT hash FROM blobs)"));
    while (true) {
      PICTOR_ASSIGN(const bool found, lost->step());
      if (!found) return Status::ok();
      fault(database_path() + ", row " + std::to_string(lost->integer(0)), "its blob is not in the table of blobs");
    }
  }

  Status check_tokens() {
    PICTOR_ASSIGN(const auto stored, reader_.database->prepare("SELECT t.row, r.died, r.spaces FROM tokens t "
                                                               "LEFT JOIN rows r ON r.row = t.row"));
    while (true) {
      PICTOR_ASSIGN(const bool found, stored->step());
      if (!found) break;
      const auto row = static_cast<RowId>(stored->integer(0));
      const auto tokens = collection_.tokens_of(reader_, row);
      if (!tokens.is_ok()) fault(where_tokens(row), tokens.status().message());
      const bool owned =
          !stored->is_null(1) && stored->integer(1) == kStoredAlive && (stored->integer(2) >> kTokensBit & 1) != 0;
      if (!owned) fault(where_tokens(row), "there are tokens, and no item alive that has them");
    }
    PICTOR_ASSIGN(const auto lost,
                  reader_.database->prepare(std::string("SELECT row FROM rows WHERE died = 9223372036854775807 AND ") +
                                            "(spaces >> " + std::to_string(kTokensBit) +
                                            " & 1) AND row NOT IN (SELECT row FROM tokens)"));
    while (true) {
      PICTOR_ASSIGN(const bool found, lost->step());
      if (!found) return Status::ok();
      fault(where_tokens(static_cast<RowId>(lost->integer(0))), "its tokens are missing");
    }
  }

  // Derived: what it says of a row is not read again, but that each row that has words is there, and no other.
  Status check_words() {
    PICTOR_ASSIGN(const bool made, has_words(*reader_.database));
    if (!made) return Status::ok();
    PICTOR_ASSIGN(const auto wrong,
                  reader_.database->prepare(std::string("SELECT row, 'is not in' FROM rows WHERE ") + kHasWords +
                                            " AND row NOT IN (SELECT id FROM words_docsize) UNION ALL "
                                            "SELECT id, 'is gone, and in' FROM words_docsize WHERE id NOT IN "
                                            "(SELECT row FROM rows WHERE " +
                                            kHasWords + ")"));
    while (true) {
      PICTOR_ASSIGN(const bool found, wrong->step());
      if (!found) return Status::ok();
      fault(database_path() + ", row " + std::to_string(wrong->integer(0)),
            std::string(wrong->text(1)) + " the index of words", "pictor rebuild");
    }
  }

  std::string where_tokens(RowId row) const { return database_path() + ", tokens of row " + std::to_string(row); }

  const CollectionStore& collection_;
  const State& state_;
  Reader& reader_;
  const Progress& progress_;
  std::vector<Fault> faults_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace

Result<std::vector<Fault>> CollectionStore::verify(
    const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) const {
  PICTOR_ASSIGN(auto still, hold_still());
  auto faults = Verifier(*this, *still.state, *still.reader.operator->(), progress).run();
  PICTOR_TRY(still.reader->database->exec("ROLLBACK"));
  return faults;
}

}  // namespace pictor
