// The door of store: items, their vectors and their pictures, so that nothing acknowledged is ever lost or halved.
//
// A data folder holds a catalogue and one folder a collection: a SQLite database (items, metadata, receipts, fresh
// vectors, the list of segments, history), immutable checksummed segment files, and a content-addressed blob area. One
// process owns a data folder (a lock file). docs/formats/ describes the bytes.
//
// Thread safety: DataFolder and Collection from any thread. Writers of one collection queue behind each other; readers
// never wait for them: a Snapshot is taken without a lock on the writer and stays as it is for as long as it is held.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"
#include "pictor/backup.h"
#include "pictor/history.h"
#include "pictor/types.h"

namespace pictor {

// What is kept of a picture's bytes. Numbers are stored.
enum class Keep : std::uint8_t { kOriginal = 1, kThumbnail = 2, kReference = 3, kNone = 4 };

struct SpaceSpec {
  SpaceId id;
  std::string head;  // "visual", "joint"
  std::uint32_t dim = 0;
  Metric metric = Metric::kCosine;
};

// Patch tokens that are kept of every item; none when the codec is kNone.
struct TokensSpec {
  TokenCodec codec = TokenCodec::kNone;
  TokenGrid grid;
  friend bool operator==(const TokensSpec&, const TokensSpec&) = default;
};

struct CollectionSpec {
  std::string name;       // letters, digits, '-', '_', '.'; starts with a letter or digit
  std::string encoder;    // the card that made its spaces; empty for vectors from outside
  std::string isa_class;  // under which bits are equal
  Keep keep = Keep::kReference;
  std::vector<SpaceSpec> spaces;
  TokensSpec tokens = {};
};

// One item to put: replaces the item of that id. vectors[i] belongs to spec.spaces[i]; empty: the item has none there.
struct ItemWrite {
  std::string id;
  std::string source;           // where it came from: a path, an archive and its entry, a URL
  std::string metadata = "{}";  // a JSON object
  std::string text;             // searched later by words
  Hash256 content;              // SHA-256 of the picture file
  std::uint64_t source_bytes = 0;
  std::int64_t source_modified_us = 0;
  std::uint32_t width = 0;  // upright
  std::uint32_t height = 0;
  std::string format;  // "jpeg"
  std::vector<std::vector<float>> vectors;
  std::string receipt = "{}";  // a JSON object: input hash, spaces, code and decoder versions, ISA class, time
  Bytes tokens;                // packed as spec.tokens says; empty: the item has none
  Bytes blob;                  // the original or the thumbnail; empty: none is kept
};

struct Batch {
  std::string id;               // not empty: a batch of the same id was applied once and is answered as then
  std::vector<ItemWrite> puts;  // ids must differ within a batch
  std::vector<std::string> deletes;
};

struct CommitResult {
  Sequence sequence = 0;  // the snapshot that shows the batch
  std::uint64_t added = 0;
  std::uint64_t replaced = 0;
  std::uint64_t deleted = 0;  // ids that existed
  bool repeated = false;      // the batch id was known: nothing changed
};

struct Item {
  RowId row = 0;
  Sequence born = 0;
  ItemWrite data;  // blob and tokens left empty: see Snapshot
  std::int64_t created_us = 0;
};

// Rows of one segment, or of the fresh rows in memory, for one space.
struct SnapshotBlock {
  const float* vectors = nullptr;        // count * dim
  const float* inverse_norms = nullptr;  // count
  const RowId* rows = nullptr;           // count, ascending
  std::size_t count = 0;
  std::uint32_t dim = 0;
  // Sets out[i] = 1 when position begin + i is alive in this snapshot, else 0.
  std::function<void(std::size_t begin, std::span<std::uint8_t> out)> alive;
};

// A set of rows, for filters. Cheap to copy.
class RowSet {
 public:
  struct Bits;
  RowSet() = default;
  explicit RowSet(std::shared_ptr<const Bits> bits) : bits_(std::move(bits)) {}
  bool contains(RowId row) const;
  std::uint64_t size() const;
  static RowSet of(std::span<const RowId> rows);

 private:
  std::shared_ptr<const Bits> bits_;
};

class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual Sequence sequence() const = 0;
  virtual std::uint64_t size() const = 0;  // items alive
  // kNotFound when the collection has no such space.
  virtual Result<std::vector<SnapshotBlock>> blocks(const SpaceId& space) const = 0;
  virtual Result<std::vector<Item>> items(std::span<const RowId> rows,
                                          bool with_vectors) const = 0;  // in that order; kNotFound names a row
  virtual Result<std::optional<Item>> find(std::string_view id, bool with_vectors) const = 0;
  // Calls visit for every item alive, by row, until it returns an error, which is then returned.
  virtual Status scan(bool with_vectors, const std::function<Status(const Item&)>& visit) const = 0;
  // Rows alive whose metadata, id, source, text or picture size pass the filter (filter.h); kInvalid points at the
  // fault.
  virtual Result<RowSet> matching(std::string_view filter) const = 0;
  virtual Result<std::optional<Bytes>> blob(RowId row) const = 0;
  // The row's tokens as they were put. They are no history: none once the item was replaced or deleted, even if this
  // snapshot still shows it. kCorrupt when they are not what was written.
  virtual Result<std::optional<Bytes>> tokens(RowId row) const = 0;
};

struct CollectionStats {
  CollectionSpec spec;
  Sequence sequence = 0;
  std::uint64_t items = 0;
  std::uint64_t rows_dead = 0;  // replaced or deleted, kept as history
  std::uint64_t rows_fresh = 0;
  std::uint64_t segments = 0;
  std::uint64_t database_bytes = 0;
  std::uint64_t segment_bytes = 0;
  std::uint64_t blob_bytes = 0;
  std::uint64_t tokens_items = 0;    // items with tokens
  std::uint64_t tokens_bytes = 0;    // of them, within the database
  std::uint64_t leftover_files = 0;  // blobs that no item refers to, left by a crash: harmless
};

// One version of an item: who it was, from when to when.
struct Version {
  Item item;  // without vectors
  std::optional<Sequence> died;
  std::optional<std::int64_t> born_us, died_us;  // when those commits were; never going back from one to the next
  std::string batch;                             // that bore it; empty: no longer remembered
};

// What verify found. Empty: everything is as it was written.
struct Fault {
  std::string where;   // a file, or a table and a row
  std::string what;    // seen and wanted
  std::string advice;  // the command that mends it, or what to do
};

struct KnownSource {  // what an unchanged file looks like
  std::uint64_t bytes = 0;
  std::int64_t modified_us = 0;
  Hash256 content;
};

struct KnownVectors {
  std::vector<std::vector<float>> vectors;  // one per space
  std::string receipt;                      // where they came from
};

class Collection {
 public:
  virtual ~Collection() = default;
  virtual const CollectionSpec& spec() const = 0;
  // Validates the whole batch (names the item and the field), makes it durable, then visible. On error nothing changed.
  virtual Result<CommitResult> commit(const Batch& batch) = 0;
  virtual Result<std::unique_ptr<Snapshot>> snapshot() const = 0;
  // The collection as it was: all that a snapshot answers is of that moment, but for tokens, which are no history.
  // kNotFound: there is no such moment (yet), or its history is no longer kept; kInvalid: a time that is not yet.
  virtual Result<std::unique_ptr<Snapshot>> snapshot_as_of(const AsOf& at) const = 0;
  // Of the item of that id, newest first, at most limits::kVersionsListedMax; empty when there never was one.
  virtual Result<std::vector<Version>> versions(std::string_view id) const = 0;
  // Moves fresh rows into an immutable segment. Also done by commit when limits::kFreshRowsMax is reached.
  virtual Status seal() = 0;
  virtual Result<CollectionStats> stats() const = 0;
  virtual Result<std::vector<Fault>> verify(
      const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) const = 0;
  // The vectors of an item alive with that content, so that it need not be embedded again.
  virtual Result<std::optional<KnownVectors>> vectors_of_content(const Hash256& content) const = 0;
  // Likewise its tokens: from the row that vectors_of_content chose, unless another batch came between.
  virtual Result<std::optional<Bytes>> tokens_of_content(const Hash256& content) const = 0;
  virtual Result<std::optional<KnownSource>> known_source(std::string_view id) const = 0;
};

class DataFolder {
 public:
  // Makes the folder when it does not exist (unless `create` is false). kBusy: another process has it open.
  static Result<std::unique_ptr<DataFolder>> open(Env& env, const std::string& path, bool create = true);
  virtual ~DataFolder() = default;
  virtual Result<std::shared_ptr<Collection>> create_collection(const CollectionSpec& spec) = 0;  // kExists
  virtual Result<std::shared_ptr<Collection>> collection(
      std::string_view name) = 0;  // kNotFound names those that exist
  virtual Result<std::vector<CollectionSpec>> collections() const = 0;
  virtual Status drop_collection(std::string_view name) = 0;
  // A copy of the collections that writers need not wait for (docs/formats/backup.md). kCancelled: stopped, and the
  // same call goes on from there; kMismatch: the place holds a backup of something else.
  virtual Result<CopyReport> backup(const BackupRequest& request) = 0;
  // Where backups were made, whole or not: an erasure has to reach them.
  virtual Result<std::vector<BackupPlace>> backups() const = 0;
  virtual Status forget_backup(const std::string& path) = 0;
  virtual const std::string& path() const = 0;
};

// A collection within a backup, for whoever changes a backup on purpose.
struct BackupParts {
  std::string collection;
  std::string database;                         // a file that Database opens
  std::map<std::string, std::string> segments;  // by the name that the database has for them: the file
  std::string segments_folder, blobs_folder;    // blobs lie there as in a data folder
};
Result<std::vector<BackupParts>> backup_parts(Env& env, const std::string& path);
// After files of a backup were changed on purpose: its manifest has their lengths and sums of now. Segments that a
// database names anew are found under their plain names in segments_folder. Until then the backup is a damaged one.
Status remake_backup_manifest(Env& env, const std::string& path);

}  // namespace pictor
