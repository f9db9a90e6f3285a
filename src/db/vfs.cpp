#include "db/vfs.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <new>
#include <thread>

#include "db/handle.h"

namespace pictor::db {
namespace {

Vfs& vfs_of(sqlite3_vfs* vfs) { return *static_cast<Vfs*>(vfs->pAppData); }

constexpr int kJournals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;

thread_local const std::string* temporary_prefix = nullptr;
thread_local int temporary_count = 0;

struct Opened {
  std::unique_ptr<File> file;
  int flags = 0;  // as `flags`, but read-only when that is all that was had
};

// A log is asked for writing even by a connection that only reads.
bool is_log_for_reading(Vfs& vfs, const std::string& path, int flags) {
  constexpr std::string_view kSuffix = "-wal";
  if ((flags & SQLITE_OPEN_WAL) == 0 || !path.ends_with(kSuffix)) return false;
  return !vfs.shared(path.substr(0, path.size() - kSuffix.size()))->has_writers();
}

Result<Opened> open_named(Vfs& vfs, const std::string& path, int flags) {
  const int without = flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_READONLY);
  Opened opened{nullptr, flags};
  if (is_log_for_reading(vfs, path, flags)) {
    // After a clean end there is no log, and in a read-only folder none can be made.
    opened.file = make_late_file(vfs.env(), path);
    opened.flags = without | SQLITE_OPEN_READONLY;
    return opened;
  }
  if ((flags & SQLITE_OPEN_READWRITE) == 0) {
    PICTOR_ASSIGN(opened.file, vfs.env().open(path, OpenMode::kRead));
    return opened;
  }
  OpenMode mode = OpenMode::kReadWrite;
  if ((flags & SQLITE_OPEN_CREATE) != 0) mode = OpenMode::kReadWriteCreate;
  if ((flags & SQLITE_OPEN_EXCLUSIVE) != 0) mode = OpenMode::kCreateNew;
  PICTOR_ASSIGN(opened.file, vfs.env().open(path, mode));
  return opened;
}

int open_temporary(Vfs& vfs, sqlite3_file* raw, int flags, int* flags_out) {
  const std::string path = *temporary_prefix + std::to_string(temporary_count++);
  auto file = vfs.env().open(path, OpenMode::kReadWriteCreate);
  if (!file.is_ok()) return remember(file.status(), SQLITE_CANTOPEN);
  if (const auto emptied = (*file)->truncate(0); !emptied.is_ok()) return remember(emptied, SQLITE_CANTOPEN);
  auto* handle = new (raw) Handle;
  handle->vfs = &vfs;
  handle->file = std::move(file).value();
  handle->path = path;
  handle->is_temporary = true;
  handle->pMethods = &handle_methods();
  if (flags_out != nullptr) *flags_out = flags;
  return SQLITE_OK;
}

int open(sqlite3_vfs* self, const char* name, sqlite3_file* raw, int flags, int* flags_out) {
  raw->pMethods = nullptr;
  try {
    Vfs& vfs = vfs_of(self);
    if (name == nullptr && temporary_prefix != nullptr) return open_temporary(vfs, raw, flags, flags_out);
    if (name == nullptr) {
      const std::string what = "SQLite asks for a temporary file, though temp_store=MEMORY keeps them in memory";
      return remember({Code::kInternal, what}, SQLITE_CANTOPEN);
    }
    auto result = open_named(vfs, name, flags);
    if (!result.is_ok()) return remember(result.status(), SQLITE_CANTOPEN);
    Opened opened = std::move(result).value();
    static_assert(alignof(Handle) <= 8, "SQLite aligns files to 8 bytes");
    auto* handle = new (raw) Handle;
    handle->vfs = &vfs;
    handle->file = std::move(opened.file);
    handle->path = name;
    handle->may_write = (opened.flags & SQLITE_OPEN_READONLY) == 0;
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
      handle->shared = vfs.shared(name);
      if (handle->may_write) handle->shared->add_writer();
    }
    // As SQLite's own VFS does, whether or not the file is new: an earlier process may have made it. The database's own
    // name becomes durable with its first journal's, in the same folder.
    handle->folder_needs_sync = (opened.flags & SQLITE_OPEN_CREATE) != 0 && (flags & kJournals) != 0;
    handle->pMethods = &handle_methods();
    if (flags_out != nullptr) *flags_out = opened.flags;
    return SQLITE_OK;
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  }
}

int remove(sqlite3_vfs* self, const char* name, int sync_folder) {
  Env& env = vfs_of(self).env();
  const auto removed = env.remove(name);
  if (removed.code() == Code::kNotFound) return SQLITE_IOERR_DELETE_NOENT;
  if (!removed.is_ok()) return remember(removed, SQLITE_IOERR_DELETE);
  if (sync_folder == 0) return SQLITE_OK;
  return remember(env.sync_dir(parent_path(name)), SQLITE_IOERR_DIR_FSYNC);
}

// A journal without bytes is no journal, as in SQLite's own VFS.
int access(sqlite3_vfs* self, const char* name, int flags, int* out) {
  const auto info = vfs_of(self).env().info(name);
  if (!info.is_ok() && info.status().code() != Code::kNotFound) return remember(info.status(), SQLITE_IOERR_ACCESS);
  *out = info.is_ok() && (flags != SQLITE_ACCESS_EXISTS || info->kind != FileKind::kFile || info->size > 0) ? 1 : 0;
  return SQLITE_OK;
}

int full_pathname(sqlite3_vfs*, const char* name, int capacity, char* out) {
  const std::string path = full_path(name);
  if (path.size() + 1 > static_cast<std::size_t>(capacity)) return SQLITE_CANTOPEN;
  std::memcpy(out, path.c_str(), path.size() + 1);
  return SQLITE_OK;
}

int randomness(sqlite3_vfs* self, int count, char* out) {
  vfs_of(self).env().random(std::as_writable_bytes(std::span(out, static_cast<std::size_t>(count))));
  return count;
}

int sleep(sqlite3_vfs*, int us) {
  std::this_thread::sleep_for(std::chrono::microseconds(us));
  return us;
}

int current_time_ms(sqlite3_vfs* self, sqlite3_int64* out) {
  constexpr sqlite3_int64 kJulianMsOf1970 = 210'866'760'000'000;
  *out = kJulianMsOf1970 + vfs_of(self).env().wall_us() / 1000;
  return SQLITE_OK;
}

int current_time(sqlite3_vfs* self, double* out) {
  sqlite3_int64 ms = 0;
  current_time_ms(self, &ms);
  *out = static_cast<double>(ms) / 86'400'000.0;
  return SQLITE_OK;
}

int last_error(sqlite3_vfs*, int, char*) { return 0; }

std::mutex registry_mutex;
std::map<Env*, std::weak_ptr<Vfs>>& registry() {
  static auto* map = new std::map<Env*, std::weak_ptr<Vfs>>;  // never destroyed: databases may outlive main's statics
  return *map;
}

}  // namespace

TemporaryFiles::TemporaryFiles(std::string prefix) : prefix_(std::move(prefix)) {
  temporary_prefix = &prefix_;
  temporary_count = 0;
}

TemporaryFiles::~TemporaryFiles() { temporary_prefix = nullptr; }

std::string full_path(std::string_view path) {
  std::string out = path.starts_with('/') ? "/" : "";
  for (std::size_t begin = 0; begin < path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto part = path.substr(begin, end - begin);
    if (!part.empty() && part != ".") out = join_path(out, part);
    begin = end + 1;
  }
  return out;
}

std::shared_ptr<Vfs> Vfs::of(Env& env) {
  const std::lock_guard guard(registry_mutex);
  auto& slot = registry()[&env];
  auto vfs = slot.lock();
  if (!vfs) {
    vfs = std::make_shared<Vfs>(env);
    slot = vfs;
  }
  std::erase_if(registry(), [](const auto& entry) { return entry.second.expired(); });
  return vfs;
}

Vfs::Vfs(Env& env) : env_(env), vfs_(std::make_unique<sqlite3_vfs>()) {
  static std::atomic<std::uint64_t> count{0};
  name_ = "pictor-" + std::to_string(count++);
  vfs_->iVersion = 2;
  vfs_->szOsFile = sizeof(Handle);
  vfs_->mxPathname = static_cast<int>(limits::kPathBytesMax);
  vfs_->zName = name_.c_str();
  vfs_->pAppData = this;
  vfs_->xOpen = open;
  vfs_->xDelete = remove;
  vfs_->xAccess = access;
  vfs_->xFullPathname = full_pathname;
  vfs_->xRandomness = randomness;
  vfs_->xSleep = sleep;
  vfs_->xCurrentTime = current_time;
  vfs_->xGetLastError = last_error;
  vfs_->xCurrentTimeInt64 = current_time_ms;
  sqlite3_vfs_register(vfs_.get(), 0);
}

Vfs::~Vfs() { sqlite3_vfs_unregister(vfs_.get()); }

std::shared_ptr<SharedFile> Vfs::shared(const std::string& path) {
  const std::lock_guard guard(mutex_);
  auto& slot = shared_[path];
  auto shared = slot.lock();
  if (!shared) {
    shared = std::make_shared<SharedFile>();
    slot = shared;
  }
  return shared;
}

void Vfs::forget_unused() {
  const std::lock_guard guard(mutex_);
  std::erase_if(shared_, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace pictor::db
