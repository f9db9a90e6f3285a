// One collection of a data folder: its database, segments and blobs, and the state that readers share.
//
// The writer's mutex orders commits and seals; the state's mutex guards one pointer and is held for no longer than it
// takes to copy it, so that readers never wait for a writer's work.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "db/db.h"
#include "store/blobs.h"
#include "store/readers.h"
#include "store/segment.h"
#include "store/state.h"
#include "store/store.h"
#include "store/validate.h"

namespace pictor {

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
  std::unique_ptr<Statement> insert_commit;  // ?1 sequence ?2 time_us ?3 items
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
  Result<CollectionStats> stats() const override;
  Result<std::vector<Fault>> verify(
      const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) const override;
  Result<std::optional<KnownVectors>> vectors_of_content(const Hash256& content) const override;
  Result<std::optional<Bytes>> tokens_of_content(const Hash256& content) const override;
  Result<std::optional<KnownSource>> known_source(std::string_view id) const override;

  // For snapshot.cpp and verify.cpp.
  Result<std::optional<Bytes>> tokens_of(Reader& reader, RowId row) const;
  Env& env() const { return env_; }
  const std::string& folder() const { return folder_; }
  Readers& readers() const { return readers_; }
  const Blobs& blobs() const { return blobs_; }
  std::shared_ptr<const State> state() const;
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
  // Snapshots from this number on are whole.
  Sequence history_from() const;

 private:
  struct Changes {
    CommitResult result;
    std::vector<RowId> dead;
  };

  CollectionStore(Env& env, std::string folder, CollectionSpec spec, std::shared_ptr<FileLock> lock);

  // open.cpp
  Status load();
  Status load_segments(State& state);
  Status load_segment(const Statement& row, State& state);
  Status load_fresh(State& state);
  Status load_deaths(State& state);
  void remove_leftover_segments();

  // commit.cpp
  Result<std::optional<CommitResult>> repeated(const std::string& batch_id);
  Result<std::vector<Hash256>> put_blobs(const Batch& batch);
  Result<Changes> store_batch(const Batch& batch, const std::vector<CheckedJson>& json,
                              const std::vector<Hash256>& blobs, const State& now);
  Status store_item(const ItemWrite& item, const CheckedJson& json, const Hash256& blob, RowId row, Sequence born);
  Status bury_alive(std::string_view id, Sequence at, std::vector<RowId>& dead);
  Status finish_batch(const std::string& id, const CommitResult& result, const State& now);
  void show(const Batch& batch, const Changes& changes, const State& now);

  // history.cpp
  Result<Sequence> sequence_of(const AsOf& at, const State& now, Reader& reader) const;
  Result<Sequence> sequence_of_time(std::int64_t time_us, const State& now, Reader& reader) const;
  Result<Sequence> sequence_of_batch(const std::string& batch, Reader& reader) const;
  Result<std::uint64_t> items_at(Sequence at, Reader& reader) const;
  Status check_kept(Sequence at, Reader& reader) const;  // kNotFound names the earliest moment

  // seal.cpp
  Status seal_locked();
  Status name_segment(const SegmentContent& content, std::uint64_t bytes, std::uint32_t footer_crc, const State& next);
  void publish(std::shared_ptr<const State> state);
  void tell(const State& state);  // to the metrics: what this collection holds now

  Env& env_;
  const std::string folder_;
  const CollectionSpec spec_;
  const std::shared_ptr<FileLock> lock_;
  mutable Readers readers_;

  mutable std::mutex writing_;  // guards writer_ and blobs_.put
  Writer writer_;
  Blobs blobs_;

  mutable std::mutex state_mutex_;
  std::shared_ptr<const State> state_;
  double told_fresh_rows_ = 0;  // the writer's
  double told_segments_ = 0;
};

std::string segment_file_name(std::uint64_t id);

// A mapped segment file, and what its bytes say. The mapping outlives the blocks that look into it.
struct OpenSegment {
  std::shared_ptr<const Mapping> mapping;
  SegmentView view;
};
Result<OpenSegment> open_segment(Env& env, const std::string& path);
// Adds the segment's vectors to the state's sealed blocks. kCorrupt when it is not of this collection.
Status add_segment(const OpenSegment& segment, const CollectionSpec& spec, State& state);

std::unique_ptr<Snapshot> make_snapshot(std::shared_ptr<const CollectionStore> collection,
                                        std::shared_ptr<const State> state);
// The vectors of a row, one a space, from memory or the mapped segments.
std::vector<std::vector<float>> vectors_of(const State& state, RowId row);

}  // namespace pictor
