// The bytes of a file of columns (docs/formats/columns.md), for those that read and write it.
#pragma once

#include <cstdint>

#include "store/columns.h"

namespace pictor {

inline constexpr std::uint64_t kColumnsMagic = 0x4C4F43524F544350;  // "PCTORCOL"
inline constexpr std::size_t kColumnsHeaderBytes = 64;
inline constexpr std::uint32_t kColumnsComplete = 1;  // flag: a path that has no column is in no row

struct ColumnsHeader {
  std::uint64_t magic = kColumnsMagic;
  std::uint32_t version = kColumnsVersion;
  std::uint32_t columns = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t segment = 0;
  std::uint64_t first_row = 0;
  std::uint64_t last_row = 0;
  std::uint32_t segment_sum = 0;
  std::uint32_t flags = 0;
  std::uint32_t table_crc = 0;
  std::uint32_t header_crc = 0;  // of what stands before it
};
static_assert(sizeof(ColumnsHeader) == kColumnsHeaderBytes);

struct ColumnsEntry {
  std::uint32_t kind = 0;
  std::uint32_t encoding = 0;
  std::uint64_t offset = 0;
  std::uint32_t count = 0;
  std::uint32_t numbers = 0;
  std::uint32_t texts = 0;
  std::uint32_t times = 0;
  std::uint32_t text_bytes = 0;
  std::uint32_t path_bytes = 0;
  std::uint32_t crc = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(ColumnsEntry) == 48);

inline std::uint64_t aligned_column(std::uint64_t offset) { return (offset + 63) / 64 * 64; }

inline std::uint64_t code_bytes(ColumnEncoding encoding) {
  switch (encoding) {
    case ColumnEncoding::kDense8: return 1;
    case ColumnEncoding::kDense16: return 2;
    case ColumnEncoding::kDense32:
    case ColumnEncoding::kLists: return 4;  // a code, a position
    case ColumnEncoding::kNone: return 0;
  }
  return 0;
}

// How many codes there are lists of.
inline std::uint64_t lists_of(const ColumnsEntry& entry) {
  const bool lists = static_cast<ColumnEncoding>(entry.encoding) == ColumnEncoding::kLists;
  return lists ? std::uint64_t{kCodesFixed} + entry.numbers + entry.texts : 0;
}

inline std::uint64_t column_bytes(const ColumnsEntry& entry) {
  return lists_of(entry) * sizeof(std::uint32_t) + std::uint64_t{entry.numbers} * sizeof(StoredNumber) +
         std::uint64_t{entry.times} * sizeof(std::int64_t) + std::uint64_t{entry.texts} * sizeof(std::uint32_t) +
         entry.count * code_bytes(static_cast<ColumnEncoding>(entry.encoding)) + entry.text_bytes;
}

}  // namespace pictor
