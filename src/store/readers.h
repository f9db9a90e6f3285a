// Connections of those who read a collection: a few are kept, with their statements prepared.
//
// Thread safety: take from any thread; a Lease belongs to one thread. Nobody waits: when all kept connections are lent,
// another is opened, and closed when it comes back.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "db/db.h"

namespace pictor {

struct Reader {
  std::unique_ptr<Database> database;
  std::unique_ptr<Statement> item_by_row;  // ?1 row ?2 sequence: select_items
  std::unique_ptr<Statement> item_by_id;   // ?1 id ?2 sequence: select_items
  std::unique_ptr<Statement> items_after;  // ?1 row ?2 sequence ?3 how many: select_items
  std::unique_ptr<Statement> blob_of;      // ?1 row ?2 sequence: blob
  std::unique_ptr<Statement> by_content;   // ?1 content ?2 sequence: row, spaces, receipt
  std::unique_ptr<Statement> tokens_of;    // ?1 row: crc, packed
  std::unique_ptr<Statement> number_of;    // ?1 JSON: it as a number, and its type
};

class Readers {
 public:
  Readers(Env& env, std::string path) : env_(env), path_(std::move(path)) {}

  class Lease {
   public:
    Lease(Readers& readers, std::unique_ptr<Reader> reader) : readers_(&readers), reader_(std::move(reader)) {}
    ~Lease() {
      if (reader_ != nullptr) readers_->give_back(std::move(reader_));
    }
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    Reader* operator->() { return reader_.get(); }

   private:
    Readers* readers_;
    std::unique_ptr<Reader> reader_;
  };

  Result<Lease> take();

 private:
  Result<std::unique_ptr<Reader>> open() const;
  void give_back(std::unique_ptr<Reader> reader);

  Env& env_;
  std::string path_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Reader>> idle_;
};

}  // namespace pictor
