// One collection of a data folder: its database, segments and blobs, and the state that readers share.
//
// The writer's mutex orders commits, seals and the moment at which compaction puts a segment in the place of others;
// the state's mutex guards one pointer and the numbers of held snapshots and is held for no longer than it takes to
// copy it, so that readers never wait for a writer's work. One compaction or erasure at a time: compacting_, taken
// before writing_, taken before state_mutex_.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "db/db.h"
#include "store/blobs.h"
#include "store/fresh_columns.h"
#include "store/pieces.h"
#include "store/readers.h"
#include "store/segment.h"
#include "store/state.h"
#include "store/store.h"
#include "store/validate.h"

namespace pictor {

// A segment file mapped twice, for those who read it in order and for those who read here and there, and what its bytes
// say. The mappings outlive the blocks that look into them.
struct OpenSegment {
  std::shared_ptr<const Mapping> mapping;
  SegmentView view;
  std::shared_ptr<const Mapping> scattered_mapping;
  SegmentView scattered;
};

// The one connection that writes, and what it says.
struct Writer {
  std::unique_ptr<Database> database;
  std::unique_ptr<Statement> known_batch;  // ?1 id: sequence, added, replaced, deleted
  std::unique_ptr<Statement> alive;        // ?1 id: row
  std::unique_ptr<Statement> bury;         // ?1 row ?2 died
  std::unique_ptr<Statement> insert_row;
  std::unique_ptr<Statement> insert_vector;
  std::unique_ptr<Statement> insert_blob;
  std::unique_ptr<Statement> insert_tokens;
  std::unique_ptr<Statement> delete_tokens;  // ?1 row
  std::unique_ptr<Statement> insert_batch;
  std::unique_ptr<Statement> forget_batches;  // ?1 sequence: those before
  std::unique_ptr<Statement> set_state;       // ?1 sequence ?2 items ?3 sealed_row
  std::unique_ptr<Statement> insert_segment;
  std::unique_ptr<Statement> forget_segment;  // ?1 id
  std::unique_ptr<Statement> insert_commit;   // ?1 sequence ?2 time_us ?3 items
  std::unique_ptr<Statement> put_words;       // ?1 row; null: there is no index of words
  std::unique_ptr<Statement> remove_words;    // ?1 row, which is still there
  std::uint64_t next_segment = 1;
  std::int64_t last_commit_us = 0;  // times of commits never go back, whatever the clock does

  static Result<Writer> open(Env& env, const std::string& path);
};

// A segment file that stays readable whatever becomes of its name.
struct HeldSegment {
  std::string name;
  std::unique_ptr<File> file;
};

class CollectionStore : public Collection, public std::enable_shared_from_this<CollectionStore> {
 public:
  // `lock` is kept: the folder stays locked for as long as anybody holds the collection.
  static Result<std::shared_ptr<CollectionStore>> open(Env& env, const std::string& folder, CollectionSpec spec,
                                                       std::shared_ptr<FileLock> lock);

  ~CollectionStore() override;
  const CollectionSpec& spec() const override { return spec_; }
  Result<CommitResult> commit(const Batch& batch) override;
  Result<std::unique_ptr<Snapshot>> snapshot() const override;
  Result<std::unique_ptr<Snapshot>> snapshot_as_of(const AsOf& at) const override;
  Result<std::vector<Version>> versions(std::string_view id) const override;
  Status seal() override;
  Result<CompactReport> compact(const CompactOptions& options) override;
  Result<PurgeReport> purge(std::span<const std::string> ids, const PurgeOptions& options) override;
  Result<std::optional<std::int64_t>> erased(std::string_view id) const override;
  Result<CollectionStats> stats() const override;
  Result<std::vector<Fault>> verify(
      const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) const override;
  Result<std::optional<KnownVectors>> vectors_of_content(const Hash256& content) const override;
  Result<std::optional<Bytes>> tokens_of_content(const Hash256& content) const override;
  Result<std::uint64_t> quarantine() override;
  Status index_words(bool again) override;  // words.cpp
  IndexPolicy index_policy() const override;
  Status set_index_policy(const IndexPolicy& policy) override;
  Status write_index(std::uint64_t segment, std::size_t space, IndexKind kind, const IndexWriter& write) override;
  std::string index_path(std::uint64_t segment, std::size_t space, IndexKind kind) const;
  Result<std::optional<CommitResult>> applied(const std::string& batch_id) const override;
  std::shared_ptr<const Settings> settings() const override;
  Status set(const Settings& changes) override;

  // For snapshot.cpp and verify.cpp.
  Result<std::optional<Bytes>> tokens_of(Reader& reader, RowId row) const;
  Env& env() const { return env_; }
  const std::string& folder() const { return folder_; }
  Readers& readers() const { return readers_; }
  const Blobs& blobs() const { return blobs_; }
  std::vector<std::shared_ptr<const Columns>> fresh_columns(const State& state) const {
    return fresh_columns_.of(readers_, state.sealed_row, state.last_row);
  }
  std::shared_ptr<const State> state() const;
  // The present state, whose sequence stays held until it is released: history is not dropped from under it.
  std::shared_ptr<const State> hold() const;
  void release(Sequence sequence) const;
  std::optional<std::size_t> space_position(const SpaceId& id) const;

  struct Still {
    std::shared_ptr<const State> state;
    Readers::Lease reader;  // inside a read transaction that sees exactly this state
  };
  Result<Still> hold_still() const;
  // The same for a copy: the files of the segments that the transaction sees are open, so that nobody can take them.
  struct Held {
    Readers::Lease reader;
    std::vector<HeldSegment> segments;
  };
  Result<Held> hold_for_copy() const;
  // A compaction or an erasure is at work in this process now.
  bool upkeep_runs() const {
    const std::unique_lock free(compacting_, std::try_to_lock);
    return !free.owns_lock();
  }

 private:
  struct Changes {
    CommitResult result;
    std::vector<RowId> dead;
  };

  CollectionStore(Env& env, std::string folder, CollectionSpec spec, std::shared_ptr<FileLock> lock);

  // open.cpp
  Status load();
  Status load_segments(State& state);
  Status load_segment(const Statement& row, State& state);  // one that is damaged is noted as such
  Status open_named_segment(const Statement& row, State& state);
  Status load_fresh(State& state);
  Status load_deaths(State& state);
  // column_files.cpp
  std::shared_ptr<const Columns> columns_of(Database& database, const SegmentEntry& segment) const;
  // Columns of the segments that have none. REQUIRES: compacting_ is held, writing_ is not.
  void make_columns();
  // Those that speak of one of these rows go, from memory and disk, before the rows do. REQUIRES: writing_ is held.
  Status forget_columns(std::span<const RowId> rows);
  // damaged.cpp. Forgets the damaged segments of which no row is kept any more. REQUIRES: compacting_ is held.
  Status drop_damaged();
  static Status count_damaged(const State& state, Reader& reader, CollectionStats& stats);
  Result<std::optional<std::string>> damage_of(const SegmentEntry& segment) const;
  Status set_aside(const SegmentEntry& segment, const std::string& what);
  void remove_leftover_segments(const State& state);
  void remove_leftover_copies();
  bool has_rows(const std::string& table);
  Status load_doomed();

  // commit.cpp
  Result<std::optional<CommitResult>> repeated(const std::string& batch_id) const;
  Result<std::vector<Hash256>> put_blobs(const Batch& batch);
  Result<Changes> store_batch(const Batch& batch, const std::vector<CheckedJson>& json,
                              const std::vector<Hash256>& blobs, const State& now);
  Status store_item(const ItemWrite& item, const CheckedJson& json, const Hash256& blob, RowId row, Sequence born);
  Status bury_alive(std::string_view id, Sequence at, std::vector<RowId>& dead);
  Status finish_batch(const std::string& id, const CommitResult& result, const State& now);
  void show(const Batch& batch, const Changes& changes, const State& now);

  // index_files.cpp
  bool has_segment(std::uint64_t segment, std::size_t space) const;
  // The file is made, or refused, while no segment can go.
  Result<std::unique_ptr<File>> begin_index(std::uint64_t segment, std::size_t space, const std::string& path);
  Status name_index(std::uint64_t segment, std::size_t space, IndexKind kind, const std::string& path);
  Status count_derived(CollectionStats& stats) const;
  // settings.cpp
  Status load_settings();
  // words.cpp
  Status load_words();
  Status prepare_words();
  Status forget_words();  // leaves nothing of rows that are gone

  // history.cpp
  Result<Sequence> sequence_of(const AsOf& at, const State& now, Reader& reader) const;
  Result<Sequence> sequence_of_time(std::int64_t time_us, const State& now, Reader& reader) const;
  Result<Sequence> sequence_of_batch(const std::string& batch, Reader& reader) const;
  Result<std::uint64_t> items_at(Sequence at, Reader& reader) const;
  // Holds it, as hold() holds the present. kNotFound names the earliest moment that is kept.
  Status hold_past(Sequence at, Reader& reader) const;

  // seal.cpp
  Status seal_locked();
  Status name_segment(const SegmentContent& content, const OpenSegment& segment);
  Status set_state(const State& next);
  void publish(std::shared_ptr<const State> state);
  void tell(const State& state);  // to the metrics: what this collection holds now

  // compact.cpp
  struct Rewrite {
    std::vector<SegmentEntry> from;  // neighbours
    SegmentContent content;
    std::size_t rows = 0;  // that are kept
  };
  Status begin_history(const CompactOptions& options);
  Rewrite rewrite_of(std::vector<SegmentEntry> from, const State& now, const LeftOut& left_out) const;
  // Writes the new file and puts it in the place of the old ones.
  Status replace_segments(Rewrite rewrite, const SegmentStep& step, CompactReport& report);
  Result<std::shared_ptr<const State>> switch_segments(const Rewrite& rewrite, const OpenSegment* made);
  void remove_segment_files(const std::set<std::uint64_t>& gone);

  // sweep.cpp
  struct Swept {
    std::uint64_t rows = 0;
    std::uint64_t blobs = 0;
  };
  // Deletes rows, a few at a time, whose vectors no segment has any more. `select`: ?1 after which row, ?2 a sequence.
  Result<Swept> sweep(const char* select, Sequence died_by);
  Result<Swept> sweep_some(Statement& select, RowId& after, Sequence died_by);
  Result<bool> delete_row(RowId row, const std::optional<Hash256>& blob);
  Result<std::uint64_t> remove_doomed_blobs();

  // purge.cpp: two steps. The first, one transaction a batch of ids, promises; the second keeps, and can be done again.
  Status doom(std::span<const std::string> ids, PurgeReport& report);
  struct Doomed {
    std::vector<RowId> rows;
    std::vector<RowId> alive;
    std::map<Sequence, std::int64_t> births;  // of those rows, less deaths: what each commit from there on loses
  };
  Status forget_count(const Doomed& doomed);
  Result<bool> doom_id(const std::string& id, const Hash256& tombstone, Sequence at, Doomed& doomed,
                       PurgeReport& report);
  Result<Bytes> erasure_salt();
  Status erase_doomed(const PurgeOptions& options, PurgeReport& report);
  void wait_for_snapshots(const PurgeOptions& options, PurgeReport& report) const;
  Status rewrite_doomed_segments(const PurgeOptions& options, PurgeReport& report);
  Status remove_unnamed_segments();
  Status scrub();
  void finish_purges();

  Env& env_;
  const std::string folder_;
  const CollectionSpec spec_;
  const std::shared_ptr<FileLock> lock_;
  mutable FreshColumns fresh_columns_;

  mutable std::mutex compacting_;
  bool swept_ = false;  // guarded by compacting_: what an earlier process left was looked for

  mutable std::mutex writing_;  // guards writer_, doomed_, blobs_.put and blobs_.remove
  Writer writer_;
  mutable Readers readers_;  // closed before the writer, whose end then empties the log
  Blobs blobs_;
  std::atomic<bool> has_words_ = false;  // set under writing_
  std::vector<RowId> doomed_;  // ascending: rows of an erasure that is not done; no segment that is made has them

  std::mutex making_index_;   // one is made at a time; taken before indexes_mutex_
  std::mutex indexes_mutex_;  // held while index files are begun, named or removed; nothing is locked within

  mutable std::mutex state_mutex_;
  std::shared_ptr<const State> state_;
  std::shared_ptr<const Settings> settings_ = std::make_shared<const Settings>();
  mutable std::multiset<Sequence> held_;  // of snapshots
  double told_fresh_rows_ = 0;            // the writer's
  double told_segments_ = 0;
};

std::string segment_file_name(std::uint64_t id);
inline constexpr std::string_view kGraphSuffix = ".graph";
inline constexpr std::string_view kListsSuffix = ".lists";
inline constexpr std::string_view kColumnsSuffix = ".columns";
std::string index_file_name(std::uint64_t segment, std::size_t space, IndexKind kind);
std::string columns_file_name(std::uint64_t id);
// "12.seg" is segment 12's, "12.0.graph", "12.0.lists" and "12.columns" are derived from it, each with ".tmp" behind it
// is half of one. 0: the name is neither's.
std::uint64_t segment_id_of(std::string_view name);

Result<OpenSegment> open_segment(Env& env, const std::string& path);
// Adds the segment's vectors and rows to the state. kCorrupt when it is not of this collection.
Status add_segment(const OpenSegment& segment, const CollectionSpec& spec, State& state);

// Of a state that is held, and released by the snapshot's end.
std::unique_ptr<Snapshot> make_snapshot(std::shared_ptr<const CollectionStore> collection,
                                        std::shared_ptr<const State> state);
// The vectors of a row, one a space, from memory or the mapped segments.
std::vector<std::vector<float>> vectors_of(const State& state, RowId row);

}  // namespace pictor
