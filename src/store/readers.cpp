#include "store/readers.h"

#include "store/filter.h"
#include "store/schema.h"

namespace pictor {

Result<Readers::Lease> Readers::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto reader = std::move(idle_.back());
      idle_.pop_back();
      return Lease(*this, std::move(reader));
    }
  }
  PICTOR_ASSIGN(auto reader, open());
  return Lease(*this, std::move(reader));
}

Result<std::unique_ptr<Reader>> Readers::open() const {
  auto reader = std::make_unique<Reader>();
  DatabaseOptions options;
  options.read_only = true;
  options.create = false;
  PICTOR_ASSIGN(reader->database, Database::open(env_, path_, options));
  Database& database = *reader->database;
  PICTOR_ASSIGN(reader->item_by_row, database.prepare(select_items("WHERE row = ?1 AND born <= ?2 AND died > ?2")));
  PICTOR_ASSIGN(reader->item_by_id, database.prepare(select_items("WHERE id = ?1 AND died > ?2 AND born <= ?2")));
  PICTOR_ASSIGN(reader->items_after,
                database.prepare(select_items("WHERE row > ?1 AND born <= ?2 AND died > ?2 ORDER BY row LIMIT ?3")));
  PICTOR_ASSIGN(reader->blob_of, database.prepare("SELECT blob FROM rows WHERE row = ?1 AND born <= ?2 AND died > ?2"));
  PICTOR_ASSIGN(reader->tokens_of, database.prepare("SELECT crc, packed FROM tokens WHERE row = ?1"));
  PICTOR_TRY(add_filter_functions(database));
  PICTOR_ASSIGN(reader->number_of, database.prepare("SELECT json_extract(?1, '$'), typeof(json_extract(?1, '$'))"));
  // The greatest number is the set of all spaces.
  PICTOR_ASSIGN(
      reader->by_content,
      database.prepare("SELECT row, spaces, receipt FROM rows WHERE content = ?1 AND born <= ?2 AND died > ?2 "
                       "ORDER BY spaces DESC, row DESC LIMIT 1"));
  return reader;
}

void Readers::give_back(std::unique_ptr<Reader> reader) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < limits::kReadersKept) idle_.push_back(std::move(reader));
}

}  // namespace pictor
