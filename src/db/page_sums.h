// Each page of a database ends with its sum, so that bits that a disk has changed are an error and no other answer
// (docs/formats/data-folder.md). SQLite leaves the room: kReservedBytes a page, as its header says. Databases that were
// made without have none.
//
// Thread safety: all calls from any thread; one PageSums belongs to one database file.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <cstdint>
#include <span>

#include "base/base.h"

namespace pictor::db {

inline constexpr int kReservedBytes = 8;  // at the end of a page: CRC-32C as a little-endian u64

class PageSums {
 public:
  // Bytes of a page when that file's pages have sums, else 0. Reads the header once there is one.
  std::uint32_t page_bytes(const File& file);
  // What page 1 says, when it is being written; or what a copy will say before its page 1 is.
  void learn(ByteView first_page);
  void set_page_bytes(std::uint32_t bytes) { page_bytes_ = bytes; }

 private:
  static constexpr std::int64_t kUnknown = -1;
  std::atomic<std::int64_t> page_bytes_{kUnknown};
};

// Writes the sum into the last bytes of the page. Pages count from 1, and the sum covers the number: a page in
// another's place is found, too.
void seal_page(std::span<std::byte> page, std::uint64_t number);
// A page of zeros was never written, and is whole.
bool is_whole(ByteView page, std::uint64_t number);

}  // namespace pictor::db
