// Typed columns beside a segment: what its rows' metadata says, path by path, so that a filter reads a byte or two a
// row instead of JSON. docs/formats/columns.md describes the bytes.
//
// Derived from the table `rows`: without them, or with damaged ones, filters take SQL and find the same rows. They
// speak of rows whether alive or dead. Parsing checks every number it uses; a column's own bytes are checked when it is
// first asked for. Thread safety: a Columns from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "db/db.h"
#include "pictor/types.h"
#include "store/filter.h"

namespace pictor {

inline constexpr std::uint32_t kColumnsVersion = 1;

// Numbers are stored and never reused.
enum class ColumnKind : std::uint32_t {
  kValue = 1,     // what stands at a path of the metadata
  kElements = 2,  // the elements of the array that stands there
  kBuiltIn = 3,   // "format", "height", "id", "source", "width"
};
enum class ColumnEncoding : std::uint32_t {
  kNone = 0,  // the path is there and its values did not fit the limits: take SQL
  kDense8 = 1,
  kDense16 = 2,
  kDense32 = 3,  // a code a row
  kLists = 4,    // for each code the positions that have it, ascending
};

// A code says which value a row has. After these come the column's numbers, then its texts, each ascending.
using ColumnCode = std::uint32_t;
inline constexpr ColumnCode kCodeAbsent = 0;
inline constexpr ColumnCode kCodeNull = 1;
inline constexpr ColumnCode kCodeFalse = 2;
inline constexpr ColumnCode kCodeTrue = 3;
inline constexpr ColumnCode kCodeArray = 4;
inline constexpr ColumnCode kCodeObject = 5;
inline constexpr ColumnCode kCodesFixed = 6;

inline constexpr std::int64_t kNoTime = INT64_MIN;  // of a text that is no date

struct StoredNumber {
  std::uint64_t kind = 0;  // 1 integer, 2 real
  std::uint64_t bits = 0;
};

struct Column {
  ColumnKind kind{};
  ColumnEncoding encoding{};
  std::string_view path;  // names, a zero byte between two
  std::span<const StoredNumber> numbers;
  std::span<const std::int64_t> times;  // of the texts; empty: none is a date
  std::span<const std::uint32_t> text_ends;
  std::string_view texts;
  std::span<const std::uint32_t> list_ends;  // of each code; lists only
  std::span<const std::uint32_t> positions;
  const void* codes = nullptr;  // u8, u16 or u32 each, as the encoding says
  std::size_t count = 0;        // of codes or positions
  std::uint32_t crc = 0;
  ByteView bytes;

  std::size_t text_count() const { return text_ends.size(); }
  std::string_view text(std::size_t i) const;
  FilterNumber number(std::size_t i) const;
  ColumnCode first_text() const { return kCodesFixed + static_cast<ColumnCode>(numbers.size()); }
  ColumnCode code_count() const { return first_text() + static_cast<ColumnCode>(text_count()); }
};

// The segment that columns stand beside: its number, its rows, and the sum of its footer.
struct ColumnsSegment {
  std::uint64_t id = 0;
  RowId first_row = 0;
  RowId last_row = 0;
  std::uint32_t sum = 0;
  friend bool operator==(const ColumnsSegment&, const ColumnsSegment&) = default;
};

class Columns {
 public:
  // Looks into `bytes`, which `owner` keeps. kCorrupt, kMismatch (another version).
  static Result<std::shared_ptr<const Columns>> parse(std::shared_ptr<const void> owner, ByteView bytes);

  const ColumnsSegment& segment() const { return segment_; }
  std::size_t rows() const { return segment_.last_row - segment_.first_row + 1; }
  std::span<const std::uint64_t> present() const { return present_; }  // which of them the table has
  std::size_t size() const { return columns_.size(); }
  std::uint64_t bytes() const { return bytes_; }

  struct Found {
    const Column* column = nullptr;  // null: no row has it
    bool known = false;              // false: take SQL
  };
  Found find(ColumnKind kind, std::string_view path) const;
  Status check() const;                                                      // reads everything
  bool damaged() const { return damaged_.load(std::memory_order_relaxed); }  // find met a column that is not as written

 private:
  Columns() = default;
  bool good(std::size_t i) const;

  std::shared_ptr<const void> owner_;
  ColumnsSegment segment_;
  bool complete_ = false;
  std::uint64_t bytes_ = 0;
  std::span<const std::uint64_t> present_;
  std::vector<Column> columns_;                            // by kind and path
  std::unique_ptr<std::atomic<std::uint8_t>[]> verdicts_;  // 0 not looked at, 1 good, 2 damaged
  mutable std::atomic<bool> damaged_ = false;

  friend struct ColumnsParser;
};

struct ColumnsBounds {  // smaller in tests
  std::size_t columns = limits::kColumnsMax;
  std::size_t values = limits::kColumnValuesMax;
  std::uint64_t making_bytes = limits::kColumnsMakingBytesMax;
};

// Makes the columns of the segment's rows from the table `rows`.
Result<Bytes> make_columns(Database& database, const ColumnsSegment& segment, const ColumnsBounds& bounds = {});
// The same into a file, written aside, synced and renamed; its folder is not synced: a power cut may take the file.
Status write_columns(Env& env, const std::string& path, Database& database, const ColumnsSegment& segment);
// From the file; made anew when it is missing, damaged or another segment's. Null when that fails, too.
std::shared_ptr<const Columns> open_columns(Env& env, const std::string& path, Database& database,
                                            const ColumnsSegment& segment);

// A filter, made ready for one segment's columns, which must outlive it.
class ColumnFilter {
 public:
  // REQUIRES: read_numbers of filter.h was done.
  ColumnFilter(const FilterNode& filter, const Columns& columns);
  // false: the columns do not suffice, and rows that do not pass are among those that run() gives.
  bool exact() const { return exact_; }
  // Bit i of the words: whether row first_row + i passes and is in the table. REQUIRES: a bit for each row.
  void run(std::span<std::uint64_t> words) const;

 private:
  struct Run {  // codes first to first + length
    ColumnCode first;
    ColumnCode length;
  };
  struct Node {
    FilterOp op{};
    bool never = false;              // no row passes: none has such a value
    bool unknown = false;            // no column tells: taken for true or, below a `not`, for false
    bool positive = true;            // not below an odd number of `not`
    const Column* column = nullptr;  // of a comparison
    std::vector<Run> runs;
    std::vector<std::uint64_t> table;  // instead of many runs, where codes are looked up: a bit a code
    std::vector<Node> children;
  };
  struct Maker;
  struct Runner;

  const Columns* columns_;
  bool exact_ = true;
  Node root_;
};

}  // namespace pictor
