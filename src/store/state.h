// What readers see: blocks of vectors, each row's birth and death, and the state that ties them to one sequence number.
//
// A RowBlock is filled up to some count, which a State publishes; what lies before that count never changes again but
// for deaths, which are atomic. So readers that hold a State need no lock: a row is alive at s when born <= s < died,
// and a death that comes later has a later number. Thread safety: one writer; any number of readers.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/base.h"
#include "pictor/types.h"
#include "store/columns.h"
#include "store/row_pages.h"

namespace pictor {

// The segment a block is of. Fresh blocks are of none.
struct SegmentName {
  std::uint64_t id = 0;
  std::uint32_t footer_crc = 0;
};

// Where the numbers of rows lie, one after the other.
struct RowPlaces {
  const RowId* rows = nullptr;
  const Sequence* born = nullptr;
  const float* inverse_norms = nullptr;
  const float* vectors = nullptr;
};

class RowBlock {
 public:
  // Looks into the memory of `owner`, which is kept: a segment that is mapped twice, for those who read it in order and
  // for those who read here and there.
  RowBlock(std::shared_ptr<const void> owner, SegmentName segment, std::uint32_t dim, std::size_t count,
           const RowPlaces& in_order, const RowPlaces& scattered);
  // Empty, in memory of its own, with room for `capacity` rows.
  RowBlock(std::uint32_t dim, std::size_t capacity);

  const SegmentName& segment() const { return segment_; }
  std::uint32_t dim() const { return dim_; }
  std::size_t capacity() const { return capacity_; }
  const RowId* rows() const { return in_order_.rows; }
  const Sequence* born() const { return in_order_.born; }
  const float* inverse_norms() const { return in_order_.inverse_norms; }
  const float* vectors() const { return in_order_.vectors; }
  const RowPlaces& scattered() const { return scattered_; }  // the same numbers
  Sequence first_death() const { return first_death_.load(std::memory_order_relaxed); }
  Sequence died(std::size_t position) const { return died_[position].load(std::memory_order_relaxed); }

  // REQUIRES: own memory; position < capacity, not published yet.
  void fill(std::size_t position, RowId row, Sequence born, std::span<const float> vector);
  // REQUIRES: before a State of sequence >= `at` is published.
  void bury(std::size_t position, Sequence at);
  void alive(Sequence at, std::size_t begin, std::span<std::uint8_t> out) const;
  // Whether the first `count` are; costs nothing. REQUIRES: count > 0.
  bool all_alive(Sequence at, std::size_t count) const;

 private:
  struct Own {
    std::unique_ptr<RowId[]> rows;
    std::unique_ptr<Sequence[]> born;
    std::unique_ptr<float[]> inverse_norms;
    std::unique_ptr<float[]> vectors;
  };

  std::uint32_t dim_;
  std::size_t capacity_;
  SegmentName segment_;
  std::shared_ptr<const void> owner_;
  Own own_;
  RowPlaces in_order_;
  RowPlaces scattered_;
  std::unique_ptr<std::atomic<Sequence>[]> died_;
  std::atomic<Sequence> first_death_ = kAlive;  // no row of this block died before
};

struct BlockView {
  std::shared_ptr<RowBlock> block;
  std::size_t count = 0;  // published
};

struct BlockPosition {
  RowBlock* block = nullptr;
  std::size_t position = 0;
};

// One space at one sequence number: sealed blocks, then fresh ones, rows ascending throughout.
struct SpaceState {
  std::vector<BlockView> blocks;
  std::size_t sealed = 0;  // how many of them are segments

  std::optional<BlockPosition> locate(RowId row) const;
  // Adds a fresh row; earlier States do not see it. REQUIRES: row is greater than every row before.
  void append(std::uint32_t dim, RowId row, Sequence born, std::span<const float> vector);
};

struct SegmentEntry {
  SegmentName name;
  RowId first_row = 0;  // the rows it is responsible for, with or without vectors
  RowId last_row = 0;
  std::shared_ptr<const Mapping> mapping;
  std::shared_ptr<const Columns> columns;  // null: filters take SQL
};

// A segment whose file is missing or cannot be what was written. Its vectors are left out of answers, which say so; its
// place stays its own until no row of it is needed.
struct DamagedSegment {
  std::uint64_t id = 0;
  RowId first_row = 0;
  RowId last_row = 0;
  std::string what;  // with the file's path, and what to do
};

struct State {
  Sequence sequence = 0;
  std::uint64_t items = 0;  // alive
  RowId last_row = 0;       // the greatest given out; rows count from 1
  RowId sealed_row = 0;     // rows up to this one are in segments
  std::uint64_t fresh_bytes = 0;
  bool is_past = false;  // made of a later State: its rows and deaths are of that one, and SQL alone knows which count
  Sequence history_from = 0;            // what died at or before it may be gone
  std::vector<SegmentEntry> segments;   // by row
  std::vector<DamagedSegment> damaged;  // likewise; none of them is in `segments`
  std::vector<SpaceState> spaces;
  std::shared_ptr<Deaths> deaths;  // of all rows; shared by all States since the collection was opened

  std::uint64_t fresh_rows() const { return last_row - sealed_row; }
  bool is_damaged(RowId row) const;
  void bury(RowId row, Sequence at);
  void bury_vectors(RowId row, Sequence at);  // leaves `deaths` as it is
};

}  // namespace pictor
