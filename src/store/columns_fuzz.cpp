// Any bytes whatever, through the parser of columns and filters over them; the sums are repaired, or nothing would get
// past them.
#include <array>
#include <cstdlib>
#include <cstring>

#include "store/columns.h"
#include "store/columns_layout.h"

namespace {

using pictor::ByteView;

void repair(pictor::Bytes& file) {
  if (file.size() < pictor::kColumnsHeaderBytes) return;
  pictor::ColumnsHeader header;
  std::memcpy(&header, file.data(), sizeof(header));
  header.magic = pictor::kColumnsMagic;
  header.version = pictor::kColumnsVersion;
  header.file_bytes = file.size();
  header.columns %= 16;
  header.last_row = header.first_row + header.last_row % 1024;
  const std::size_t words = ((header.last_row - header.first_row + 1) + 63) / 64;
  std::size_t end = pictor::kColumnsHeaderBytes + header.columns * sizeof(pictor::ColumnsEntry) + words * 8;
  if (end <= file.size()) {
    std::size_t paths = end;
    for (std::uint32_t i = 0; i < header.columns; ++i) {
      auto* at = file.data() + pictor::kColumnsHeaderBytes + i * sizeof(pictor::ColumnsEntry);
      pictor::ColumnsEntry entry;
      std::memcpy(&entry, at, sizeof(entry));
      entry.path_bytes %= 8;
      paths += entry.path_bytes;
      const std::uint64_t bytes = pictor::column_bytes(entry);
      if (entry.offset <= file.size() && bytes <= file.size() - entry.offset) {
        entry.crc = pictor::crc32c(ByteView(file).subspan(entry.offset, bytes));
      }
      std::memcpy(at, &entry, sizeof(entry));
    }
    if (paths <= file.size()) {
      header.table_crc =
          pictor::crc32c(ByteView(file).subspan(pictor::kColumnsHeaderBytes, paths - pictor::kColumnsHeaderBytes));
    }
  }
  const auto bytes = std::as_bytes(std::span(&header, 1));
  header.header_crc = pictor::crc32c(bytes.first(pictor::kColumnsHeaderBytes - sizeof(header.header_crc)));
  std::memcpy(file.data(), &header, sizeof(header));
}

void ask(const pictor::Columns& columns) {
  constexpr std::array kFilters = {"a = 'x' or a > 3", "not (a contains 'b') and any a != 2",
                                   "a in (1, 2, 3, 'x', null, true) or a >= date '2024-05-01'",
                                   "@width >= 3 and not (@format like 'j%') or exists a.b"};
  std::vector<std::uint64_t> words(columns.rows() / 64 + 1);
  for (const auto* text : kFilters) {
    auto filter = pictor::parse_filter(text);
    if (!filter.is_ok()) std::abort();
    static_cast<void>(pictor::read_numbers(*filter, [](const std::string&) {
      return pictor::FilterNumber{true, 0, 1.5};
    }));
    pictor::ColumnFilter(*filter, columns).run(words);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pictor::Bytes file(size);
  if (size > 0) std::memcpy(file.data(), data, size);
  for (int round = 0; round < 2; ++round) {
    const auto columns = pictor::Columns::parse(nullptr, file);
    if (columns.is_ok()) {
      ask(**columns);
      static_cast<void>((*columns)->check());
    }
    repair(file);
  }
  return 0;
}
