// Sets of rows, made page by page: what is behind a RowSet.
//
// A page is 65,536 rows: a word a 64 of them, or, when there are few, their low halves in order. Pages that two sets
// share are shared. Thread safety: none for RowPages; a finished set is immutable.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "store/store.h"

namespace pictor {

inline constexpr std::size_t kPageRows = 65'536;
inline constexpr std::size_t kPageWords = kPageRows / 64;
inline constexpr std::size_t kPageFewMax = kPageWords * 4;  // from here on, words take no more than a list

using PageWords = std::array<std::uint64_t, kPageWords>;

struct RowPage {
  std::uint64_t number = 0;  // row / kPageRows
  std::uint32_t count = 0;
  std::vector<std::uint16_t> few;    // ascending
  std::unique_ptr<PageWords> words;  // null: `few` holds the rows

  bool contains(std::uint16_t low) const;
  void copy_to(PageWords& out) const;
};

struct RowSet::Bits {
  std::vector<std::shared_ptr<const RowPage>> pages;  // by number; none is empty
  std::uint64_t size = 0;

  const RowPage* find(std::uint64_t number) const;
};

class RowPages {
 public:
  // Rows of `without` are left out of what is made.
  explicit RowPages(RowSet without = {}) : without_(std::move(without)) {}

  void add(const RowSet& rows);
  void add(RowId row);  // fastest in order
  // Bit i of the words is row first + i; bits from `count` on are 0.
  void add(RowId first, std::size_t count, std::span<const std::uint64_t> words);
  RowSet take();

 private:
  void turn_to(std::uint64_t page);
  void close();
  void add_word(RowId first, std::uint64_t word);

  RowSet without_;
  std::map<std::uint64_t, std::shared_ptr<const RowPage>> pages_;
  std::uint64_t open_ = UINT64_MAX;  // which page stands in words_
  std::unique_ptr<PageWords> words_;
};

// Which rows of a collection are dead, as of any sequence number since it was opened. One writer, any number of
// readers.
class Deaths {
 public:
  explicit Deaths(RowSet at_opening) : base_(std::move(at_opening)), known_(base_) {}

  // REQUIRES: `at` is not less than in the call before, and no State of that sequence is published yet.
  void add(RowId row, Sequence at);
  RowSet as_of(Sequence at) const;

 private:
  RowSet with_first(const RowSet& start, std::size_t begin, std::size_t end) const;

  mutable std::mutex mutex_;
  RowSet base_;
  std::vector<std::pair<Sequence, RowId>> log_;
  mutable RowSet known_;  // base_ and the first known_count_ of the log: the sets of new snapshots grow from it
  mutable std::size_t known_count_ = 0;
};

}  // namespace pictor
