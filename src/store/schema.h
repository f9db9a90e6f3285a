// The tables of a collection and of the catalogue (docs/formats/data-folder.md), and rows of them as Items.
#pragma once

#include <span>

#include "db/db.h"
#include "store/store.h"

namespace pictor {

// A row that is alive has this in `died`: SQLite's integers are signed.
inline constexpr std::int64_t kStoredAlive = INT64_MAX;
// fresh_vectors.slot = row * kSlotsPerRow + position of the space.
inline constexpr std::int64_t kSlotsPerRow = limits::kSpacesPerCollectionMax;

std::span<const Migration> collection_migrations();
std::span<const Migration> catalogue_migrations();

// Bit of rows.spaces: the item has tokens. Above the bits of spaces, so that the greatest number still has all.
inline constexpr int kTokensBit = limits::kSpacesPerCollectionMax;

// Kept beside the tokens of a row.
std::uint32_t tokens_crc(RowId row, ByteView packed);

// "SELECT <all that item_of reads> FROM rows " + rest.
std::string select_items(std::string_view rest);
// The row a statement of select_items stands on; without vectors.
Item item_of(const Statement& statement);
Hash256 hash_of(ByteView stored);
inline ByteView bytes_of(const Hash256& hash) { return std::as_bytes(std::span(hash.bytes)); }

// Resets a statement when it goes out of scope, so that no reader keeps a read transaction open.
class Use {
 public:
  explicit Use(Statement& statement) : statement_(statement) {}
  ~Use() { statement_.reset(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  Statement* operator->() { return &statement_; }
  Statement& operator*() { return statement_; }

 private:
  Statement& statement_;
};

}  // namespace pictor
