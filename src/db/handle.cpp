#include "db/handle.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace pictor::db {
namespace {

constexpr std::size_t kPageBytesMin = 512;

thread_local Status last_env_error;

class LateFile : public File {
 public:
  LateFile(Env& env, std::string path) : env_(env), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    PICTOR_ASSIGN(const bool exists, look());
    if (!exists) return std::size_t{0};
    return file_->read_at(offset, out);
  }
  Result<std::uint64_t> size() const override {
    PICTOR_ASSIGN(const bool exists, look());
    if (!exists) return std::uint64_t{0};
    return file_->size();
  }
  Status write_at(std::uint64_t, ByteView) override { return refused(); }
  Status truncate(std::uint64_t) override { return refused(); }
  Status sync() override { return Status::ok(); }
  Result<std::unique_ptr<Mapping>> map(Access) const override {
    return Status(Code::kUnsupported, "'" + path_ + "' cannot be mapped");
  }

 private:
  Result<bool> look() const {
    if (file_) return true;
    auto opened = env_.open(path_, OpenMode::kRead);
    if (!opened.is_ok() && opened.status().code() == Code::kNotFound) return false;
    PICTOR_ASSIGN(file_, std::move(opened));
    return true;
  }
  Status refused() const { return {Code::kDenied, "cannot write '" + path_ + "': it was opened for reading"}; }

  Env& env_;
  std::string path_;
  mutable std::unique_ptr<File> file_;  // one connection, so one thread at a time
};

Handle& handle_of(sqlite3_file* file) { return *static_cast<Handle*>(file); }

int close(sqlite3_file* file) {
  Handle& handle = handle_of(file);
  Vfs& vfs = *handle.vfs;
  if (handle.is_temporary) {
    const std::string path = handle.path;
    handle.~Handle();
    static_cast<void>(vfs.env().remove(path));
    return SQLITE_OK;
  }
  if (handle.shared) {
    handle.shared->unmap(handle.locks);
    handle.shared->unlock(handle.locks, SQLITE_LOCK_NONE);
    if (handle.may_write) handle.shared->remove_writer();
  }
  handle.~Handle();
  vfs.forget_unused();
  return SQLITE_OK;
}

// The number of the page, when that is what is read or written, and it has a sum; else 0.
std::uint64_t page_with_sum(const Handle& handle, std::size_t count, sqlite3_int64 offset) {
  if (!handle.shared) return 0;
  const std::size_t bytes = handle.shared->sums().page_bytes(*handle.file);
  const auto begin = static_cast<std::uint64_t>(offset);
  return bytes != 0 && bytes == count && begin % bytes == 0 ? begin / bytes + 1 : 0;
}

int check_page(const Handle& handle, ByteView bytes, sqlite3_int64 offset) {
  const std::uint64_t number = page_with_sum(handle, bytes.size(), offset);
  if (number == 0 || is_whole(bytes, number)) return SQLITE_OK;
  return remember(
      {Code::kCorrupt, "page " + std::to_string(number) + " is not what was written: restore it from a backup"},
      SQLITE_IOERR_DATA);
}

int read(sqlite3_file* file, void* out, int count, sqlite3_int64 offset) {
  const std::span<std::byte> bytes(static_cast<std::byte*>(out), static_cast<std::size_t>(count));
  const auto got = handle_of(file).file->read_at(static_cast<std::uint64_t>(offset), bytes);
  if (!got.is_ok()) return remember(got.status(), SQLITE_IOERR_READ);
  if (got.value() == bytes.size()) return check_page(handle_of(file), bytes, offset);
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(got.value()), bytes.end(), std::byte{0});
  return SQLITE_IOERR_SHORT_READ;
}

int write(sqlite3_file* file, const void* data, int count, sqlite3_int64 offset) {
  Handle& handle = handle_of(file);
  ByteView bytes(static_cast<const std::byte*>(data), static_cast<std::size_t>(count));
  if (handle.shared && offset == 0 && bytes.size() >= kPageBytesMin) handle.shared->sums().learn(bytes);
  if (const auto number = page_with_sum(handle, bytes.size(), offset); number != 0) {
    try {
      handle.page.assign(bytes.begin(), bytes.end());
    } catch (const std::bad_alloc&) {
      return SQLITE_IOERR_NOMEM;
    }
    seal_page(handle.page, number);
    bytes = handle.page;
  }
  return remember(handle.file->write_at(static_cast<std::uint64_t>(offset), bytes), SQLITE_IOERR_WRITE);
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  return remember(handle_of(file).file->truncate(static_cast<std::uint64_t>(size)), SQLITE_IOERR_TRUNCATE);
}

int sync(sqlite3_file* file, int) {
  Handle& handle = handle_of(file);
  const int code = remember(handle.file->sync(), SQLITE_IOERR_FSYNC);
  if (code != SQLITE_OK || !handle.folder_needs_sync) return code;
  const auto folder = handle.vfs->env().sync_dir(parent_path(handle.path));
  if (!folder.is_ok()) return remember(folder, SQLITE_IOERR_DIR_FSYNC);
  handle.folder_needs_sync = false;
  return SQLITE_OK;
}

int file_size(sqlite3_file* file, sqlite3_int64* out) {
  const auto size = handle_of(file).file->size();
  if (!size.is_ok()) return remember(size.status(), SQLITE_IOERR_FSTAT);
  *out = static_cast<sqlite3_int64>(size.value());
  return SQLITE_OK;
}

int lock(sqlite3_file* file, int level) {
  Handle& handle = handle_of(file);
  return handle.shared ? handle.shared->lock(handle.locks, level) : SQLITE_OK;
}

int unlock(sqlite3_file* file, int level) {
  Handle& handle = handle_of(file);
  return handle.shared ? handle.shared->unlock(handle.locks, level) : SQLITE_OK;
}

int check_reserved(sqlite3_file* file, int* out) {
  const Handle& handle = handle_of(file);
  *out = handle.shared && handle.shared->is_reserved() ? 1 : 0;
  return SQLITE_OK;
}

int file_control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }

int sector_bytes(sqlite3_file*) { return 4096; }

// A write leaves the bytes beside it alone even when power fails in it: SQLite assumes so on every POSIX disk.
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

int shm_map(sqlite3_file* file, int index, int bytes, int extend, void volatile** out) {
  Handle& handle = handle_of(file);
  *out = nullptr;
  if (!handle.shared) return SQLITE_IOERR_SHMMAP;
  try {
    *out = handle.shared->map(handle.locks, index, bytes, extend != 0);
    return SQLITE_OK;
  } catch (const std::bad_alloc&) {
    return SQLITE_IOERR_NOMEM;
  }
}

int shm_lock(sqlite3_file* file, int first, int count, int flags) {
  Handle& handle = handle_of(file);
  return handle.shared ? handle.shared->lock_slots(handle.locks, first, count, flags) : SQLITE_IOERR_SHMLOCK;
}

void shm_barrier(sqlite3_file* file) {
  if (const auto& shared = handle_of(file).shared) shared->barrier();
}

int shm_unmap(sqlite3_file* file, int) {
  Handle& handle = handle_of(file);
  if (handle.shared) handle.shared->unmap(handle.locks);
  return SQLITE_OK;
}

}  // namespace

void clear_env_error() { last_env_error = Status::ok(); }
Status env_error() { return last_env_error; }

int remember(const Status& status, int code) {
  if (status.is_ok()) return SQLITE_OK;
  last_env_error = status;
  return status.code() == Code::kLimit ? SQLITE_FULL : code;
}

std::unique_ptr<File> make_late_file(Env& env, std::string path) {
  return std::make_unique<LateFile>(env, std::move(path));
}

const sqlite3_io_methods& handle_methods() {
  static const sqlite3_io_methods methods = {
      2,         close,          read,         write,        truncate,        sync,    file_size, lock,
      unlock,    check_reserved, file_control, sector_bytes, characteristics, shm_map, shm_lock,  shm_barrier,
      shm_unmap, nullptr,        nullptr};
  return methods;
}

}  // namespace pictor::db
