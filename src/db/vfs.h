// SQLite's view of an Env: one registered sqlite3_vfs for each Env in use.
//
// Thread safety: all calls from any thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/base.h"
#include "db/shared_file.h"

namespace pictor::db {

class Vfs {
 public:
  // The VFS of this Env, registered on first use and until the last holder lets go.
  static std::shared_ptr<Vfs> of(Env& env);

  explicit Vfs(Env& env);
  ~Vfs();
  Vfs(const Vfs&) = delete;
  Vfs& operator=(const Vfs&) = delete;

  const std::string& name() const { return name_; }
  Env& env() const { return env_; }
  // What the connections to the database at this path share. One path, one spelling: see full_path.
  std::shared_ptr<SharedFile> shared(const std::string& path);
  void forget_unused();

 private:
  Env& env_;
  std::string name_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<SharedFile>> shared_;
};

// While one lives, SQLite may have temporary files on this thread: PREFIX0, PREFIX1, ... Without one they are refused,
// for all else is to be kept in memory. They are removed when SQLite closes them.
class TemporaryFiles {
 public:
  explicit TemporaryFiles(std::string prefix);
  ~TemporaryFiles();
  TemporaryFiles(const TemporaryFiles&) = delete;
  TemporaryFiles& operator=(const TemporaryFiles&) = delete;

 private:
  const std::string prefix_;
};

// The path without empty and "." parts.
std::string full_path(std::string_view path);

// The last error of an Env under a call of SQLite on this thread, which SQLite itself reduces to a number.
void clear_env_error();
Status env_error();

}  // namespace pictor::db
