#include "store/schema.h"

#include <array>

namespace pictor {
namespace {

// Short columns first: reading them does not touch the pages that long texts overflow to.
constexpr const char* kCollectionTables = R"sql(
CREATE TABLE state(
  one INTEGER PRIMARY KEY CHECK(one = 1),
  sequence INTEGER NOT NULL,
  items INTEGER NOT NULL,
  sealed_row INTEGER NOT NULL
) STRICT;
INSERT INTO state VALUES(1, 0, 0, 0);
CREATE TABLE rows(
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  born INTEGER NOT NULL,
  died INTEGER NOT NULL,
  spaces INTEGER NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  format TEXT NOT NULL,
  content BLOB NOT NULL,
  source_bytes INTEGER NOT NULL,
  source_modified_us INTEGER NOT NULL,
  created_us INTEGER NOT NULL,
  blob BLOB,
  source TEXT NOT NULL,
  metadata TEXT NOT NULL,
  text TEXT NOT NULL,
  receipt TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX rows_by_id ON rows(id, died);
CREATE INDEX rows_by_content ON rows(content);
CREATE INDEX rows_dead ON rows(row, died) WHERE died < 9223372036854775807;
CREATE TABLE fresh_vectors(slot INTEGER PRIMARY KEY, vector BLOB NOT NULL) STRICT;
CREATE TABLE segments(
  id INTEGER PRIMARY KEY,
  file TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  first_row INTEGER NOT NULL,
  last_row INTEGER NOT NULL,
  footer_crc INTEGER NOT NULL,
  created_us INTEGER NOT NULL
) STRICT;
CREATE TABLE blobs(hash BLOB PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE batches(
  id TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL,
  added INTEGER NOT NULL,
  replaced INTEGER NOT NULL,
  deleted INTEGER NOT NULL
) STRICT;
CREATE INDEX batches_by_sequence ON batches(sequence);
)sql";

constexpr const char* kCatalogueTables = R"sql(
CREATE TABLE collections(
  name TEXT PRIMARY KEY,
  encoder TEXT NOT NULL,
  isa_class TEXT NOT NULL,
  keep INTEGER NOT NULL,
  created_us INTEGER NOT NULL
) STRICT;
CREATE TABLE spaces(
  collection TEXT NOT NULL REFERENCES collections(name) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  id TEXT NOT NULL,
  head TEXT NOT NULL,
  dim INTEGER NOT NULL,
  metric INTEGER NOT NULL,
  PRIMARY KEY(collection, position)
) STRICT;
)sql";

constexpr const char* kTokensTable = R"sql(
CREATE TABLE tokens(row INTEGER PRIMARY KEY, crc INTEGER NOT NULL, packed BLOB NOT NULL) STRICT;
)sql";

// doomed, doomed_blobs: what is still to be deleted.
// erased: salted hashes of ids that were deleted for good.
constexpr const char* kHistoryTables = R"sql(
ALTER TABLE state ADD COLUMN history_from INTEGER NOT NULL DEFAULT 0;
CREATE TABLE doomed(row INTEGER PRIMARY KEY) STRICT;
CREATE TABLE doomed_blobs(hash BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE purges(id INTEGER PRIMARY KEY, begun_us INTEGER NOT NULL, done_us INTEGER) STRICT;
CREATE TABLE erased(hash BLOB PRIMARY KEY, at_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE erasure_salt(one INTEGER PRIMARY KEY CHECK(one = 1), salt BLOB NOT NULL) STRICT;
CREATE INDEX rows_by_blob ON rows(blob) WHERE blob IS NOT NULL;
)sql";

constexpr const char* kTokensOfCollections = R"sql(
ALTER TABLE collections ADD COLUMN tokens_codec INTEGER NOT NULL DEFAULT 0;
ALTER TABLE collections ADD COLUMN tokens_height INTEGER NOT NULL DEFAULT 0;
ALTER TABLE collections ADD COLUMN tokens_width INTEGER NOT NULL DEFAULT 0;
ALTER TABLE collections ADD COLUMN tokens_dim INTEGER NOT NULL DEFAULT 0;
)sql";

// When each commit was, and how many items it left. Of commits before this table those are known that bore a row which
// is still there; their items are counted when somebody asks.
constexpr const char* kCommitsTable = R"sql(
CREATE TABLE commits(sequence INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, items INTEGER) STRICT;
INSERT INTO commits(sequence, time_us)
  SELECT born, max(latest) OVER (ORDER BY born) FROM (SELECT born, max(created_us) AS latest FROM rows GROUP BY born);
CREATE INDEX commits_by_time ON commits(time_us);
)sql";

constexpr const char* kSettingsTable = R"sql(
CREATE TABLE settings(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
)sql";

// Which data folder this is, wherever it is moved, and where backups of it were made.
constexpr const char* kBackupTables = R"sql(
CREATE TABLE folder(one INTEGER PRIMARY KEY CHECK(one = 1), id TEXT NOT NULL) STRICT;
INSERT INTO folder VALUES(1, lower(hex(randomblob(16))));
CREATE TABLE backups(
  path TEXT PRIMARY KEY,
  collection TEXT NOT NULL,
  begun_us INTEGER NOT NULL,
  made_us INTEGER
) STRICT;
)sql";

// A backup of the data folder that this one is a tenant of: it has all that is here, and another makes it.
constexpr const char* kBackupsOfParent = R"sql(
ALTER TABLE backups ADD COLUMN of_parent INTEGER NOT NULL DEFAULT 0;
)sql";

// From here on the table `words` may be there, which whoever writes rows has to keep in step (words.h).
constexpr const char* kWordsMayBe = "-- nothing yet";

constexpr std::array kCollectionMigrations = {Migration{1, kCollectionTables}, Migration{2, kTokensTable},
                                              Migration{3, kHistoryTables},    Migration{4, kCommitsTable},
                                              Migration{5, kSettingsTable},    Migration{6, kWordsMayBe}};
constexpr std::array kCatalogueMigrations = {Migration{1, kCatalogueTables}, Migration{2, kTokensOfCollections},
                                             Migration{3, kBackupTables}, Migration{4, kBackupsOfParent}};

}  // namespace

std::span<const Migration> collection_migrations() { return kCollectionMigrations; }
std::span<const Migration> catalogue_migrations() { return kCatalogueMigrations; }

std::string select_items(std::string_view rest) {
  return std::string(
             "SELECT row, id, born, width, height, format, content, source_bytes, source_modified_us, created_us, "
             "source, "
             "metadata, text, receipt FROM rows ")
      .append(rest);
}

// The row is part of it, so that tokens of another row are no tokens of this one.
std::uint32_t tokens_crc(RowId row, ByteView packed) {
  return crc32c(packed, crc32c(std::as_bytes(std::span(&row, 1))));
}

Item item_of(const Statement& statement) {
  Item item;
  item.row = static_cast<RowId>(statement.integer(0));
  item.data.id = statement.text(1);
  item.born = static_cast<Sequence>(statement.integer(2));
  item.data.width = static_cast<std::uint32_t>(statement.integer(3));
  item.data.height = static_cast<std::uint32_t>(statement.integer(4));
  item.data.format = statement.text(5);
  item.data.content = hash_of(statement.blob(6));
  item.data.source_bytes = static_cast<std::uint64_t>(statement.integer(7));
  item.data.source_modified_us = statement.integer(8);
  item.created_us = statement.integer(9);
  item.data.source = statement.text(10);
  item.data.metadata = statement.text(11);
  item.data.text = statement.text(12);
  item.data.receipt = statement.text(13);
  return item;
}

Hash256 hash_of(ByteView stored) {
  Hash256 hash;
  if (stored.size() == hash.bytes.size()) std::memcpy(hash.bytes.data(), stored.data(), stored.size());
  return hash;
}

}  // namespace pictor
