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
#include "pictor/facets.h"
#include "pictor/history.h"
#include "pictor/types.h"

namespace pictor {

// What is kept of a picture's bytes. Numbers are stored.
enum class Keep : std::uint8_t { kOriginal = 1, kThumbnail = 2, kReference = 3, kNone = 4 };

// Which index segments get: graphs (fast, a code and links a vector in memory), lists (small, read from the disk where
// need be), or whichever suits the collection's size and memory. Numbers are stored.
enum class IndexKind : std::uint8_t { kAuto = 0, kGraph = 1, kLists = 2 };
struct IndexPolicy {
  IndexKind kind = IndexKind::kAuto;
  std::uint64_t memory_bytes = 0;  // that kAuto chooses by; 0: half of what the machine has
  friend bool operator==(const IndexPolicy&, const IndexPolicy&) = default;
};

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
  bool sealed = false;        // a segment was made meanwhile
};

struct Item {
  RowId row = 0;
  Sequence born = 0;
  ItemWrite data;  // blob and tokens left empty: see Snapshot
  std::int64_t created_us = 0;
  bool vectors_lost = false;  // they lie in a damaged segment: the picture has to be embedded again
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
  bool all_alive = false;     // no row of this block is born after this snapshot or dead in it; `alive` says the same
  std::uint64_t segment = 0;  // its number: what is derived from it lies beside it. 0: fresh rows
  std::uint32_t segment_sum = 0;  // the sum of its footer, which holds the sums of all else. 0: fresh rows
  std::string graph_path = {};    // where a graph of this block is kept, if there is one. Empty: fresh rows
  std::string lists_path = {};    // the same of lists
  // The same numbers for those who read a row here and a row there: what is mapped is then read without the rows
  // around.
  const float* scattered_vectors = nullptr;
  const float* scattered_inverse_norms = nullptr;
  const RowId* scattered_rows = nullptr;
};

// How a filter was answered: over how many rows by columns beside segments, over how many by SQL.
struct FilterWork {
  std::uint64_t rows_by_columns = 0;
  std::uint64_t rows_by_sql = 0;
};
std::string describe(const FilterWork& work);  // "columns", "SQL", or both with their rows

// A set of rows, for filters. Cheap to copy.
class RowSet {
 public:
  struct Bits;
  RowSet() = default;
  explicit RowSet(std::shared_ptr<const Bits> bits) : bits_(std::move(bits)) {}
  bool contains(RowId row) const;
  std::uint64_t size() const;  // exact, at no cost
  // out[i] = 1 when ascending_rows[i] is in the set, else 0; much faster than asking row by row.
  void mark(std::span<const RowId> ascending_rows, std::span<std::uint8_t> out) const;
  // The first rows after `after`, ascending, as many as there are up to out.size(); says how many.
  std::size_t after(RowId after, std::span<RowId> out) const;
  static RowSet of(std::span<const RowId> rows);
  const FilterWork& work() const { return work_; }  // of a set that a filter gave
  void set_work(const FilterWork& work) { work_ = work; }
  const Bits* bits() const { return bits_.get(); }  // for the store itself; null: empty

 private:
  std::shared_ptr<const Bits> bits_;
  FilterWork work_;
};

// An item that words were found in; more is better (BM25, over the versions of all items that are kept).
struct WordHit {
  RowId row = 0;
  double score = 0;
  friend bool operator==(const WordHit&, const WordHit&) = default;
};

class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual Sequence sequence() const = 0;
  virtual std::uint64_t size() const = 0;  // items alive
  // False: a segment is damaged, and its vectors are in no block and no item (see Collection::quarantine).
  virtual bool whole() const = 0;
  // kNotFound when the collection has no such space.
  virtual Result<std::vector<SnapshotBlock>> blocks(const SpaceId& space) const = 0;
  virtual Result<std::vector<Item>> items(std::span<const RowId> rows,
                                          bool with_vectors) const = 0;  // in that order; kNotFound names a row
  virtual Result<std::optional<Item>> find(std::string_view id, bool with_vectors) const = 0;
  // Calls visit for every item alive of a row past `after`, by row, until it returns an error, which is then returned.
  virtual Status scan(bool with_vectors, const std::function<Status(const Item&)>& visit, RowId after = 0) const = 0;
  // Rows alive whose metadata, id, source, text or picture size pass the filter (filter.h); kInvalid points at the
  // fault.
  virtual Result<RowSet> matching(std::string_view filter) const = 0;
  // What values fields have. kInvalid: a field that is none; kLimit: too many different values.
  virtual Result<Facets> facets(const FacetRequest& request) const = 0;
  virtual Result<std::optional<Bytes>> blob(RowId row) const = 0;
  // The row's tokens as they were put. They are no history: none once the item was replaced or deleted, even if this
  // snapshot still shows it. kCorrupt when they are not what was written.
  virtual Result<std::optional<Bytes>> tokens(RowId row) const = 0;
  // Items with any of the words (docs/how/rank.md) in their text or in the texts of their metadata, at most k, the best
  // first, equal ones by row; `allowed` null: all. kInvalid, kLimit: words that say nothing, or too much. REQUIRES:
  // Collection::index_words has been ok.
  virtual Result<std::vector<WordHit>> by_words(std::string_view words, const RowSet* allowed, std::size_t k) const = 0;
  // Which of the words an item has, as they were given. REQUIRES: likewise.
  virtual Result<std::vector<std::string>> words_of(RowId row, std::string_view words) const = 0;
};

struct CollectionStats {
  CollectionSpec spec;
  Sequence sequence = 0;
  std::uint64_t items = 0;
  std::uint64_t rows_dead = 0;  // replaced or deleted, kept as history
  std::uint64_t rows_fresh = 0;
  std::uint64_t segments = 0;
  std::uint64_t segments_damaged = 0;  // of them: left out of answers
  std::uint64_t items_damaged = 0;     // alive, with vectors there
  std::uint64_t database_bytes = 0;
  std::uint64_t segment_bytes = 0;
  std::uint64_t vectors = 0;  // in segments, dead ones and all spaces counted
  IndexPolicy index_policy = {};
  std::uint64_t graphs = 0;  // files
  std::uint64_t graph_bytes = 0;
  std::uint64_t lists = 0;  // files
  std::uint64_t list_bytes = 0;
  std::uint64_t column_bytes = 0;
  // What is in memory whatever the system does: vectors of fresh rows, and when each row in segments died. Segments,
  // indexes and columns are mapped: of them the system keeps what it has room for.
  std::uint64_t resident_bytes = 0;
  std::uint64_t blob_bytes = 0;
  std::uint64_t tokens_items = 0;    // items with tokens
  std::uint64_t tokens_bytes = 0;    // of them, within the database
  std::uint64_t leftover_files = 0;  // blobs that no item refers to, left by a crash: harmless
  Sequence history_from = 0;         // snapshots as of before it are no longer whole
  std::uint64_t purges_begun = 0;    // and not done: the next one, or opening the folder, ends them
};

// Merges segments that lie beside each other, and leaves out what nobody may ask for any more. The defaults choose what
// is worth its writing: neighbours of like size, and segments of which much is left out.
struct CompactOptions {
  bool everything = false;  // all that fit into one segment, and every row that may be left out
  // What died at or before this number (before that time, microseconds since 1970) is dropped for good: history begins
  // there. Less is dropped while a Snapshot still needs more.
  std::optional<Sequence> drop_history = std::nullopt;
  std::optional<std::int64_t> drop_history_us = std::nullopt;
  std::uint64_t rows_max = limits::kSegmentMergeRowsMax;  // in a segment that is made
  std::size_t neighbours_min = 4;                         // that are merged by default
  double dropped_share_min = 0.2;                         // of the rows of a segment that is rewritten by default
  std::uint32_t mib_per_second = 0;                       // written at most; 0: as fast as it goes
  // Bytes written, and to write. False stops: what was made until then stays.
  std::function<bool(std::uint64_t done, std::uint64_t total)> progress = nullptr;
};

// Deleting for good.
struct PurgeOptions {
  // How long snapshots that still show an item are waited for. Those that are held longer lose its rows.
  std::int64_t wait_us = 10'000'000;
  // False stops with kCancelled: the next purge, or opening the folder, ends what was begun.
  std::function<bool(std::uint64_t done, std::uint64_t total)> progress = nullptr;
};

struct PurgeReport {
  std::vector<std::string> erased;   // ids that had rows, each once, as they were given
  std::vector<std::string> unknown;  // ids that had none
  std::vector<Hash256> contents;     // of the pictures of those rows, so that caches can be told
  std::uint64_t rows = 0;            // dead ones included
  std::uint64_t segments = 0;        // that were written again
  std::uint64_t blobs = 0;           // files
  std::uint64_t snapshots_held = 0;  // that showed an item until the end: they have its vectors mapped until they go
  std::int64_t begun_us = 0, done_us = 0;
};

struct CompactReport {
  std::uint64_t segments_before = 0, segments_after = 0;
  std::uint64_t bytes_before = 0, bytes_after = 0;  // of segments
  std::uint64_t merged = 0;                         // segments that are gone
  std::uint64_t bytes_written = 0;
  std::uint64_t rows_dropped = 0;   // dead items whose rows are gone
  std::uint64_t blobs_dropped = 0;  // files
  Sequence history_from = 0;
  bool stopped = false;
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

// What a collection is told about itself, by name: "search.recall" -> "0.99". At most limits::kSettingsMax, each a
// short text. What the names mean is the business of the rooms above.
using Settings = std::map<std::string, std::string>;

struct KnownVectors {
  std::vector<std::vector<float>> vectors;  // one per space
  std::string receipt;                      // where they came from
};

// Gives the bytes of a file to the sink, piece after piece, front to back.
using IndexSink = std::function<Status(ByteView)>;
using IndexWriter = std::function<Status(const IndexSink&)>;

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
  // Readers and writers go on meanwhile. One at a time; another waits.
  virtual Result<CompactReport> compact(const CompactOptions& options) = 0;
  // Deletes all that there is of these ids, history too, so that no file of the folder has it: rows, vectors, tokens,
  // blobs that nobody else has, files derived from their segments. An error leaves the items deleted for readers and
  // the rest to the next purge, or to the next opening of the folder.
  virtual Result<PurgeReport> purge(std::span<const std::string> ids, const PurgeOptions& options) = 0;
  // When the id was purged, microseconds since 1970. It may have been put again since.
  virtual Result<std::optional<std::int64_t>> erased(std::string_view id) const = 0;
  virtual Result<CollectionStats> stats() const = 0;
  virtual Result<std::vector<Fault>> verify(
      const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) const = 0;
  // Reads every segment and moves those that are not what was written aside, as N.seg.damaged: from then on answers
  // leave their vectors out and say that they are not complete, and items of theirs that are put again are whole again.
  // A segment that cannot be opened at all is left out in the same way without this. Says how many were moved.
  virtual Result<std::uint64_t> quarantine() = 0;
  // The vectors of an item alive with that content, so that it need not be embedded again.
  virtual Result<std::optional<KnownVectors>> vectors_of_content(const Hash256& content) const = 0;
  // Likewise its tokens: from the row that vectors_of_content chose, unless another batch came between.
  virtual Result<std::optional<Bytes>> tokens_of_content(const Hash256& content) const = 0;
  // Makes the index of words where there is none yet; from then on it is kept in step with the items, at the cost of
  // their words. `again`: makes the one that is there anew, and none where there is none. Writers wait meanwhile.
  virtual Status index_words(bool again) = 0;
  virtual IndexPolicy index_policy() const = 0;
  virtual Status set_index_policy(const IndexPolicy& policy) = 0;
  // Keeps an index of the segment's vectors in the space at that position of the spec: under the path that
  // SnapshotBlock names, whole or not at all, in the place of the one of the other kind. It is derived: it goes with
  // its segment. kNotFound: the segment is gone. REQUIRES: kind is not kAuto.
  virtual Status write_index(std::uint64_t segment, std::size_t space, IndexKind kind, const IndexWriter& write) = 0;
  // How the batch of that id was answered, if it was applied lately (limits::kBatchesRemembered): it need not be made
  // again.
  virtual Result<std::optional<CommitResult>> applied(const std::string& batch_id) const = 0;
  // As they are now, at the cost of copying a pointer; never null.
  virtual std::shared_ptr<const Settings> settings() const = 0;
  // Those that are named change, an empty text takes one away; durable, then seen by all. On error nothing changed.
  virtual Status set(const Settings& changes) = 0;
  // Keeps a graph of the segment's vectors in the space at that position of the spec: under SnapshotBlock::graph_path,
  // whole or not at all. It is derived: it goes with its segment, and no sync waits for it. kNotFound: the segment is
  // gone.
};

struct BackupSource;

class DataFolder {
 public:
  // Opens the data folder of a tenant for a backup of all, wherever it may be open already.
  using OpenTenant = std::function<Result<std::shared_ptr<DataFolder>>(const std::string& path)>;

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
  // Without a name of a collection keys, the audit log and the folders of tenants are in it.
  virtual Result<CopyReport> backup(const BackupRequest& request, const OpenTenant& open) = 0;
  virtual Result<CopyReport> backup(const BackupRequest& request) = 0;  // tenants' by DataFolder::open
  // This folder as a part of a backup of its parent.
  virtual Result<BackupSource> source_for_parent(const std::string& place) = 0;
  // Names of the folders of tenants below this one.
  virtual Result<std::vector<std::string>> tenants() const = 0;
  // Where backups were made, whole or not: an erasure has to reach them.
  virtual Result<std::vector<BackupPlace>> backups() const = 0;
  virtual Status forget_backup(const std::string& path) = 0;
  virtual const std::string& path() const = 0;
};

}  // namespace pictor
