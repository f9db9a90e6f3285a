// Reading files of columns: every number is checked before it is used, so that no bytes whatever make a reader leave
// them.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "store/columns.h"
#include "store/columns_layout.h"

namespace pictor {
namespace {

Status corrupt(const std::string& what) { return {Code::kCorrupt, "file of columns " + what}; }

std::string seen_wanted(const char* what, std::uint64_t seen, std::uint64_t wanted) {
  return std::string(what) + " is " + std::to_string(seen) + ", wanted " + std::to_string(wanted);
}

template <typename T>
std::span<const T> typed(ByteView bytes, std::size_t& at, std::size_t count) {
  const std::span<const T> view(reinterpret_cast<const T*>(bytes.data() + at), count);
  at += count * sizeof(T);
  return view;
}

template <typename Code>
bool codes_fit(const Column& column) {
  const auto* codes = static_cast<const Code*>(column.codes);
  Code greatest = 0;
  for (std::size_t i = 0; i < column.count; ++i) greatest = std::max(greatest, codes[i]);
  return greatest < column.code_count();
}

bool lists_good(const Column& column, std::size_t rows) {
  std::uint32_t begin = 0;
  if (column.list_ends.front() != 0 || column.list_ends.back() != column.count) return false;  // the absent have none
  for (const std::uint32_t end : column.list_ends) {
    if (end < begin || end > column.count) return false;
    for (std::uint32_t i = begin; i < end; ++i) {
      if (column.positions[i] >= rows || (i > begin && column.positions[i - 1] >= column.positions[i])) return false;
    }
    begin = end;
  }
  return true;
}

bool codes_good(const Column& column, std::size_t rows) {
  switch (column.encoding) {
    case ColumnEncoding::kDense8: return codes_fit<std::uint8_t>(column);
    case ColumnEncoding::kDense16: return codes_fit<std::uint16_t>(column);
    case ColumnEncoding::kDense32: return codes_fit<std::uint32_t>(column);
    default: break;
  }
  return column.encoding == ColumnEncoding::kLists && lists_good(column, rows);
}

bool numbers_good(const Column& column) {
  for (std::size_t i = 0; i < column.numbers.size(); ++i) {
    const auto kind = column.numbers[i].kind;
    if (kind != 1 && kind != 2) return false;
    if (kind == 2 && std::isnan(std::bit_cast<double>(column.numbers[i].bits))) return false;
    if (i > 0 && compare(column.number(i - 1), column.number(i)) >= 0) return false;
  }
  return true;
}

bool texts_good(const Column& column) {
  std::uint32_t end = 0;
  for (const auto next : column.text_ends) {
    if (next < end) return false;
    end = next;
  }
  if (end != column.texts.size()) return false;
  for (std::size_t i = 1; i < column.text_count(); ++i) {
    if (column.text(i - 1) >= column.text(i)) return false;
  }
  return true;
}

Status check_column(const Column& column, std::size_t rows) {
  const std::string name = "column '" + std::string(column.path) + "' ";
  const std::uint32_t seen = crc32c(column.bytes);
  if (seen != column.crc) return corrupt(name + "is damaged: " + seen_wanted("its sum", seen, column.crc));
  if (!numbers_good(column)) return corrupt(name + "has numbers out of order");
  if (!texts_good(column)) return corrupt(name + "has texts out of order");
  if (!codes_good(column, rows)) return corrupt(name + "has codes of no value, or out of order");
  return Status::ok();
}

bool before(const Column& a, ColumnKind kind, std::string_view path) {
  return a.kind != kind ? a.kind < kind : a.path < path;
}

}  // namespace

struct ColumnsParser {
  ByteView file;
  Columns& columns;
  ColumnsHeader header = {};
  std::vector<ColumnsEntry> entries = {};
  std::size_t at = kColumnsHeaderBytes;

  Status parse() {
    PICTOR_TRY(read_header());
    PICTOR_TRY(read_table());
    return read_columns();
  }

  Status read_header() {
    if (file.size() < kColumnsHeaderBytes) return corrupt("ends after " + std::to_string(file.size()) + " bytes");
    std::memcpy(&header, file.data(), sizeof(header));
    if (header.magic != kColumnsMagic) return corrupt("does not start as one");
    if (header.version != kColumnsVersion) {
      return {Code::kMismatch, "file of columns " + seen_wanted("version", header.version, kColumnsVersion)};
    }
    const std::uint32_t seen = crc32c(file.first(kColumnsHeaderBytes - sizeof(header.header_crc)));
    if (seen != header.header_crc) return corrupt(seen_wanted("sum of the header", seen, header.header_crc));
    if (header.file_bytes != file.size()) return corrupt(seen_wanted("size", file.size(), header.file_bytes));
    if (header.file_bytes > limits::kColumnsBytesMax) return corrupt("has " + std::to_string(file.size()) + " bytes");
    if (header.columns > limits::kColumnsMax) return corrupt("has " + std::to_string(header.columns) + " columns");
    if (header.last_row < header.first_row || header.last_row - header.first_row >= limits::kSegmentRowsMax) {
      return corrupt("has rows " + std::to_string(header.first_row) + " to " + std::to_string(header.last_row));
    }
    columns.segment_ = {header.segment, header.first_row, header.last_row, header.segment_sum};
    columns.complete_ = (header.flags & kColumnsComplete) != 0;
    columns.bytes_ = file.size();
    return Status::ok();
  }

  // The table, which rows are there, and the paths: one run of bytes with one sum.
  Status read_table() {
    const std::size_t words = (columns.rows() + 63) / 64;
    std::size_t end = at + header.columns * sizeof(ColumnsEntry) + words * sizeof(std::uint64_t);
    if (end > file.size()) return corrupt("ends within its table");
    const auto table = typed<ColumnsEntry>(file, at, header.columns);
    entries.assign(table.begin(), table.end());
    columns.present_ = typed<std::uint64_t>(file, at, words);
    for (const auto& entry : entries) end += entry.path_bytes;
    if (end > file.size()) return corrupt("ends within its paths");
    const std::uint32_t seen = crc32c(file.subspan(kColumnsHeaderBytes, end - kColumnsHeaderBytes));
    if (seen != header.table_crc) return corrupt(seen_wanted("sum of the table", seen, header.table_crc));
    const std::size_t tail = columns.rows() % 64;
    if (tail != 0 && columns.present_.back() >> tail != 0) return corrupt("has more rows than its segment");
    return Status::ok();
  }

  Status read_columns() {
    std::size_t end = at;
    for (const auto& entry : entries) end += entry.path_bytes;
    for (const auto& entry : entries) {
      Column column;
      column.path = as_text(file.subspan(at, entry.path_bytes));
      at += entry.path_bytes;
      column.kind = static_cast<ColumnKind>(entry.kind);
      column.encoding = static_cast<ColumnEncoding>(entry.encoding);
      column.crc = entry.crc;
      if (!shape_good(entry, column)) return corrupt("has a column '" + std::string(column.path) + "' that cannot be");
      end = aligned_column(end);
      const std::uint64_t bytes = column_bytes(entry);
      if (entry.offset != end || end > file.size() || bytes > file.size() - end) {
        return corrupt("has column '" + std::string(column.path) + "' outside its bounds");
      }
      column.bytes = file.subspan(end, bytes);
      look_into(entry, column);
      end += bytes;
      columns.columns_.push_back(column);
    }
    if (end != file.size()) return corrupt(seen_wanted("end of its columns", end, file.size()));
    columns.verdicts_ = std::make_unique<std::atomic<std::uint8_t>[]>(entries.size());
    return Status::ok();
  }

  bool shape_good(const ColumnsEntry& entry, const Column& column) const {
    const bool kinds = entry.kind >= 1 && entry.kind <= 3 && entry.encoding <= 4;
    const bool sizes = entry.numbers <= limits::kColumnValuesMax && entry.texts <= limits::kColumnValuesMax &&
                       (entry.times == 0 || entry.times == entry.texts);
    const bool none = entry.count == 0 && entry.numbers == 0 && entry.texts == 0 && entry.text_bytes == 0;
    const bool dense = column.encoding == ColumnEncoding::kDense8 || column.encoding == ColumnEncoding::kDense16 ||
                       column.encoding == ColumnEncoding::kDense32;
    const bool ordered = columns.columns_.empty() || before(columns.columns_.back(), column.kind, column.path);
    return kinds && sizes && ordered && (column.encoding != ColumnEncoding::kNone || none) &&
           (!dense || entry.count == columns.rows());
  }

  static void look_into(const ColumnsEntry& entry, Column& column) {
    std::size_t within = 0;
    column.count = entry.count;
    column.numbers = typed<StoredNumber>(column.bytes, within, entry.numbers);
    column.times = typed<std::int64_t>(column.bytes, within, entry.times);
    column.text_ends = typed<std::uint32_t>(column.bytes, within, entry.texts);
    if (column.encoding == ColumnEncoding::kLists) {
      column.list_ends = typed<std::uint32_t>(column.bytes, within, lists_of(entry));
      column.positions = typed<std::uint32_t>(column.bytes, within, entry.count);
    }
    column.codes = column.bytes.data() + within;
    column.texts = as_text(column.bytes.last(entry.text_bytes));
  }
};

std::string_view Column::text(std::size_t i) const {
  const std::uint32_t begin = i == 0 ? 0 : text_ends[i - 1];
  return texts.substr(begin, text_ends[i] - begin);
}

FilterNumber Column::number(std::size_t i) const {
  if (numbers[i].kind == 1) return {false, std::bit_cast<std::int64_t>(numbers[i].bits), 0.0};
  return {true, 0, std::bit_cast<double>(numbers[i].bits)};
}

Result<std::shared_ptr<const Columns>> Columns::parse(std::shared_ptr<const void> owner, ByteView bytes) {
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(std::uint64_t) != 0) {
    return Status(Code::kInternal, "bytes of columns are not aligned in memory");
  }
  std::shared_ptr<Columns> columns(new Columns());
  columns->owner_ = std::move(owner);
  PICTOR_TRY((ColumnsParser{bytes, *columns}.parse()));
  return std::shared_ptr<const Columns>(std::move(columns));
}

bool Columns::good(std::size_t i) const {
  auto& verdict = verdicts_[i];
  const std::uint8_t known = verdict.load(std::memory_order_acquire);
  if (known != 0) return known == 1;
  const bool good = check_column(columns_[i], rows()).is_ok();  // twice at once does no harm
  if (!good) damaged_.store(true, std::memory_order_relaxed);
  verdict.store(good ? 1 : 2, std::memory_order_release);
  return good;
}

Columns::Found Columns::find(ColumnKind kind, std::string_view path) const {
  const auto found =
      std::lower_bound(columns_.begin(), columns_.end(), path,
                       [&](const Column& column, const auto& wanted) { return before(column, kind, wanted); });
  if (found == columns_.end() || found->kind != kind || found->path != path) return {nullptr, complete_};
  if (found->encoding == ColumnEncoding::kNone) return {};
  if (!good(static_cast<std::size_t>(found - columns_.begin()))) return {};
  return {&*found, true};
}

Status Columns::check() const {
  for (const auto& column : columns_) PICTOR_TRY(check_column(column, rows()));
  return Status::ok();
}

}  // namespace pictor
