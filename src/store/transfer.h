// Copying files in pieces: hashed while they are copied, at a rate, stopped between two pieces, each under its name
// only when it is whole and synced.
//
// Thread safety: one thread. A file under its final name is whole; the names are durable once sync_folders has
// answered.
#pragma once

#include <set>
#include <string>

#include "base/base.h"
#include "pictor/backup.h"

namespace pictor {

class Transfer {
 public:
  Transfer(Env& env, const CopyOptions& options);

  // What is to come, for the progress.
  void expect(std::uint64_t bytes) { progress_.bytes_total += bytes; }
  void now_at(const std::string& collection) { progress_.collection = collection; }

  // Reads the whole file.
  Result<Hash256> hash(const File& file);
  // Copies the file to `to` by way of a file aside. kCorrupt when its bytes are not those of `sum`; then there is no
  // `to`. `mode`: kCreateNew or kCreatePrivate.
  Status copy(const std::string& from, const Hash256& sum, const std::string& to, OpenMode mode);
  Status copy(const File& from, const std::string& from_name, const Hash256& sum, const std::string& to, OpenMode mode);
  // A file that another hand wrote aside gets its name; synced first.
  Status put_in_place(const std::string& aside, const std::string& to);
  // Made when needed; its entries are durable after sync_folders.
  Status use_folder(const std::string& path);
  Status sync_folders();

  // Bytes that were read or written: waits as the rate asks; kCancelled when asked to stop.
  Status pace(std::uint64_t bytes);
  void done(std::uint64_t bytes);  // for the progress: copied, or there already
  void copied(std::uint64_t bytes);
  std::uint64_t files_copied() const { return files_copied_; }
  std::uint64_t bytes_copied() const { return progress_.bytes_copied; }

 private:
  Status write_aside(const File& from, const std::string& aside, OpenMode mode, Hash256& seen);

  Env& env_;
  const CopyOptions& options_;
  const std::int64_t start_us_;
  std::uint64_t paced_ = 0;
  std::int64_t told_us_ = 0;
  std::uint64_t files_copied_ = 0;
  CopyProgress progress_;
  std::set<std::string> folders_;
  Bytes piece_;
};

}  // namespace pictor
