// A machine in memory for tests: a disk that loses, tears and reorders what was not synced, a clock that is moved by
// hand, and seeded random numbers.
//
// The disk keeps no promise that POSIX does not make. Written bytes are durable after File::sync; a name (create,
// rename, remove, make_dirs) after sync_dir of its folder (of the new name's folder, for a rename); syncing a file does
// not make its name durable. Every write-like operation (write_at, truncate, sync, sync_dir, rename, remove, and each
// creation of a file or folder) is counted, and power can be made to fail at any of them. A typical crash test:
//
//   for (n = 1;; ++n) {
//     SimulatedEnv env(seed);
//     env.set_fault_after(n);
//     run the work until it fails, remembering what was acknowledged; close everything
//     if (!env.power_is_out()) break;                    // the work ended before operation n
//     env.power_loss();
//     open again; everything acknowledged must be there
//   }
//
// The same seed and the same calls give the same machine. Thread safety: all calls from any thread. A Mapping is the
// file as it was when it was mapped. Files, locks and mappings may outlive the SimulatedEnv.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/env.h"

namespace pictor {

class SimulatedEnv : public Env {
 public:
  enum class Operation { kWrite, kTruncate, kSync, kSyncDir, kCreate, kRename, kRemove };
  struct State;

  explicit SimulatedEnv(std::uint64_t seed);
  ~SimulatedEnv() override;

  // Power fails at the n-th operation from now (1: the next); that one may be half done, and everything after it,
  // reading too, fails with kIo. 0: never.
  void set_fault_after(std::uint64_t operations);
  bool power_is_out() const;
  // The operation at which power failed, for messages: "write 'db-wal'". Empty when it did not.
  std::string fault() const;
  std::uint64_t operations() const;  // counted so far

  // Power fails now (if it is not out yet) and comes back: each change that was not synced is kept, dropped or torn at
  // sectors of 512 bytes, independently of the others; open files are dead and locks released.
  void power_loss();

  // Syncs (kSync with the file's path, kSyncDir with the folder's) for which this says true are skipped, yet answer ok:
  // to show that a crash test notices. It is called under the machine's lock and must not call it back. Null: none.
  void ignore_syncs(std::function<bool(Operation, const std::string& path)> ignored);

  void set_free_bytes(std::uint64_t bytes);  // a write that needs more writes what fits and fails with kLimit
  void set_read_only(const std::string& path, bool read_only);  // changes there or below fail with kDenied
  void advance_us(std::int64_t us);                             // both clocks

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<FileInfo> info(const std::string& path) override;
  Result<std::vector<DirEntry>> list(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status make_dirs(const std::string& path) override;
  Status sync_dir(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Result<std::uint64_t> free_bytes(const std::string& path) override;
  void will_read(ByteView) override {}
  std::int64_t wall_us() override;
  std::int64_t monotonic_us() override;
  void wait_us(std::int64_t us) override;  // as advance_us
  void random(std::span<std::byte> out) override;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace pictor
