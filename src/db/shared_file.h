// What the connections of this process to one database file share: SQLite's file locks and the write-ahead log's
// shared memory.
//
// SQLite's own VFS keeps both in the file system, for other processes; here one process owns a data folder, so they
// live in memory, and a simulated disk need not know of them. The rules are those of sqlite3_io_methods: SHARED by
// many, RESERVED beside SHARED, PENDING keeps new SHARED away, EXCLUSIVE alone.
//
// Thread safety: all calls from any thread; one ConnectionLocks belongs to one connection.
#pragma once

#include <sqlite3.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "db/page_sums.h"

namespace pictor::db {

// What one connection holds of a SharedFile. Guarded by the SharedFile's mutex.
struct ConnectionLocks {
  int level = SQLITE_LOCK_NONE;
  std::uint32_t shared_slots = 0;  // one bit a slot of the shared memory's locks
  std::uint32_t exclusive_slots = 0;
  bool mapped = false;
};

class SharedFile {
 public:
  // All return SQLITE_OK or SQLITE_BUSY, at once.
  int lock(ConnectionLocks& mine, int level);
  int unlock(ConnectionLocks& mine, int level);
  bool is_reserved() const;
  int lock_slots(ConnectionLocks& mine, int first, int count, int flags);

  // Region `index` of the shared memory, zeroed when new; null when it does not exist and `extend` is false. Every
  // region has the same size. Lives until the last connection that mapped calls unmap.
  void* map(ConnectionLocks& mine, int index, int bytes, bool extend);
  void unmap(ConnectionLocks& mine);
  void barrier();

  // How many connections may write: without any, the log is opened for reading too.
  void add_writer();
  void remove_writer();
  bool has_writers() const;

  PageSums& sums() { return sums_; }

  // Returns when a lock was released since the call began, or after `longest`.
  void wait_for_release(std::chrono::milliseconds longest);

 private:
  void notify_released();

  PageSums sums_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable released_;
  std::uint64_t releases_ = 0;
  int shared_count_ = 0;
  const ConnectionLocks* writer_ = nullptr;  // holds RESERVED, PENDING or EXCLUSIVE
  std::array<int, SQLITE_SHM_NLOCK> slot_shared_{};
  std::array<const ConnectionLocks*, SQLITE_SHM_NLOCK> slot_exclusive_{};
  std::vector<std::unique_ptr<std::uint64_t[]>> regions_;
  int mappers_ = 0;
  int writers_ = 0;
};

}  // namespace pictor::db
