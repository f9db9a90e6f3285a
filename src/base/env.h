// Files, clock and random numbers: everything that is not determined by a call's arguments comes through an Env.
//
// Env::real() is the machine; SimulatedEnv (simulated_env.h) is its twin in memory, which loses, tears and reorders
// what was not synced. Paths are UTF-8 bytes with '/'. Durability: what was written is durable only after File::sync, a
// new name (open with create, rename, remove, mkdir) only after sync_dir of its folder.
//
// Thread safety: an Env from any thread; one File may be read from several threads at once (read_at, size, map), and
// written by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "pictor/status.h"

namespace pictor {

enum class OpenMode {
  kRead,             // must exist
  kReadWrite,        // must exist
  kReadWriteCreate,  // made when it does not exist
  kCreateNew,        // must not exist
  kCreatePrivate,    // must not exist; nobody but its owner may read it: for keys
};

// How a mapped file is read. In order: a disk reads far ahead. Scattered: it reads what is touched and no more, so that
// one row does not drive a thousand others out of memory.
enum class Access { kInOrder, kScattered };

// Bytes of a file as memory, for as long as this object lives. The file must not shrink meanwhile.
class Mapping {
 public:
  virtual ~Mapping() = default;
  virtual ByteView bytes() const = 0;
};

class File {
 public:
  virtual ~File() = default;  // closes; does not sync
  // Reads up to out.size() bytes; fewer only at the end of the file. Returns how many.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;
  // Writes all bytes or fails; the file grows with zeros when offset is past its end.
  virtual Status write_at(std::uint64_t offset, ByteView bytes) = 0;
  virtual Status truncate(std::uint64_t size) = 0;
  // Content and size are durable when this returns ok.
  virtual Status sync() = 0;
  virtual Result<std::uint64_t> size() const = 0;
  // Maps the whole file read-only.
  virtual Result<std::unique_ptr<Mapping>> map(Access access) const = 0;
  Result<std::unique_ptr<Mapping>> map() const { return map(Access::kInOrder); }
};

enum class FileKind { kFile, kFolder, kOther };

struct FileInfo {
  FileKind kind = FileKind::kOther;
  std::uint64_t size = 0;
  std::int64_t modified_us = 0;  // microseconds since 1970
};

struct DirEntry {
  std::string name;
  FileKind kind = FileKind::kOther;
};

// Held until destroyed; also released when the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class Env {
 public:
  virtual ~Env() = default;

  // The machine this process runs on. Never destroyed.
  static Env& real();

  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual Result<FileInfo> info(const std::string& path) = 0;  // kNotFound when there is none; follows links
  // Entries in byte order of their names, without "." and "..".
  virtual Result<std::vector<DirEntry>> list(const std::string& path) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;  // replaces `to` atomically
  virtual Status remove(const std::string& path) = 0;                         // a file, or an empty folder
  virtual Status make_dirs(const std::string& path) = 0;                      // with parents; ok when it exists
  virtual Status sync_dir(const std::string& path) = 0;
  // kBusy when another process (or another lock of this one) holds it. Makes the file when needed.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
  virtual Result<std::uint64_t> free_bytes(const std::string& path) = 0;  // on the disk that holds `path`
  // A hint: this part of a Mapping is read soon. Fetched beside whatever is done meanwhile, if it is not in memory.
  virtual void will_read(ByteView part) = 0;

  virtual std::int64_t wall_us() = 0;                 // microseconds since 1970
  virtual std::int64_t monotonic_us() = 0;            // microseconds since some start; never goes back
  virtual void wait_us(std::int64_t us) = 0;          // the thread sleeps that long; a simulated clock jumps
  virtual void random(std::span<std::byte> out) = 0;  // good enough for keys
};

// Helpers over any Env.
Result<Bytes> read_file(Env& env, const std::string& path, std::uint64_t bytes_max);
// Written aside, synced, renamed, folder synced: after a crash the old bytes or the new ones are there, never a
// mixture.
Status write_file_atomic(Env& env, const std::string& path, ByteView bytes);
bool exists(Env& env, const std::string& path);
std::string join_path(std::string_view folder, std::string_view name);
std::string parent_path(std::string_view path);  // "." when there is none
std::string file_name(std::string_view path);

}  // namespace pictor
