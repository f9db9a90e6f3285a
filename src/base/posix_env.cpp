// Env over POSIX. Uses open file description locks, so that two locks of one process exclude each other too.
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <thread>

#include "base/env.h"

namespace pictor {
namespace {

Code code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR: return Code::kNotFound;
    case EEXIST: return Code::kExists;
    case EACCES:
    case EPERM:
    case EROFS: return Code::kDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE: return Code::kLimit;
    case EISDIR:
    case EINVAL:
    case ELOOP:
    case ENAMETOOLONG: return Code::kInvalid;
    case EWOULDBLOCK: return Code::kBusy;
    default: return Code::kIo;
  }
}

Status error_of(const char* what, const std::string& path) {
  const int error = errno;
  std::string message = std::string("cannot ") + what + " '" + path + "': " + std::generic_category().message(error);
  if (error == ENOSPC || error == EDQUOT) message += "; free some space and try again";
  if (error == EROFS) message += "; choose a folder that can be written";
  return {code_of(error), std::move(message)};
}

class PosixMapping : public Mapping {
 public:
  PosixMapping(void* data, std::size_t size) : data_(data), size_(size) {}
  ~PosixMapping() override {
    if (size_ > 0) ::munmap(data_, size_);
  }
  PosixMapping(const PosixMapping&) = delete;
  PosixMapping& operator=(const PosixMapping&) = delete;
  ByteView bytes() const override { return {static_cast<const std::byte*>(data_), size_}; }

 private:
  void* data_;
  std::size_t size_;
};

class PosixFile : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t got = ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return error_of("read", path_);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Status write_at(std::uint64_t offset, ByteView bytes) override {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t put = ::pwrite(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return error_of("write", path_);
      done += static_cast<std::size_t>(put);
    }
    return Status::ok();
  }

  Status truncate(std::uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return error_of("truncate", path_);
    return Status::ok();
  }

  Status sync() override {
    if (::fdatasync(fd_) != 0) return error_of("sync", path_);
    return Status::ok();
  }

  Result<std::uint64_t> size() const override {
    struct stat info {};
    if (::fstat(fd_, &info) != 0) return error_of("look at", path_);
    return static_cast<std::uint64_t>(info.st_size);
  }

  Result<std::unique_ptr<Mapping>> map(Access access) const override {
    PICTOR_ASSIGN(const auto bytes, size());
    if (bytes == 0) return std::unique_ptr<Mapping>(std::make_unique<PosixMapping>(nullptr, 0));
    void* data = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd_, 0);
    if (data == MAP_FAILED) return error_of("map", path_);
    if (access == Access::kScattered) static_cast<void>(::madvise(data, bytes, MADV_RANDOM));  // a hint, no more
    return std::unique_ptr<Mapping>(std::make_unique<PosixMapping>(data, bytes));
  }

 private:
  int fd_;
  std::string path_;
};

class PosixLock : public FileLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}
  ~PosixLock() override { ::close(fd_); }
  PosixLock(const PosixLock&) = delete;
  PosixLock& operator=(const PosixLock&) = delete;

 private:
  int fd_;
};

FileKind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::kFile;
  return S_ISDIR(mode) ? FileKind::kFolder : FileKind::kOther;
}

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead: return O_RDONLY;
    case OpenMode::kReadWrite: return O_RDWR;
    case OpenMode::kReadWriteCreate: return O_RDWR | O_CREAT;
    case OpenMode::kCreateNew:
    case OpenMode::kCreatePrivate: return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

class PosixEnv : public Env {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    // A fifo would block for ever: opened without blocking, and refused.
    const mode_t rights = mode == OpenMode::kCreatePrivate ? 0600 : 0644;
    const int fd = ::open(path.c_str(), flags_of(mode) | O_CLOEXEC | O_NONBLOCK, rights);
    if (fd < 0) return error_of("open", path);
    struct stat info {};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
      ::close(fd);
      return Status(Code::kInvalid, "'" + path + "' is not a regular file");
    }
    return std::unique_ptr<File>(std::make_unique<PosixFile>(fd, path));
  }

  Result<FileInfo> info(const std::string& path) override {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return error_of("find", path);
    return FileInfo{kind_of(info.st_mode), static_cast<std::uint64_t>(info.st_size),
                    info.st_mtim.tv_sec * 1'000'000LL + info.st_mtim.tv_nsec / 1000};
  }

  Result<std::vector<DirEntry>> list(const std::string& path) override {
    DIR* folder = ::opendir(path.c_str());
    if (folder == nullptr) return error_of("list", path);
    std::vector<DirEntry> entries;
    while (const dirent* entry = ::readdir(folder)) {  // NOLINT(concurrency-mt-unsafe): one thread a folder
      std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat info {};
      if (::fstatat(::dirfd(folder), entry->d_name, &info, 0) != 0) continue;  // gone, or a dangling link
      entries.push_back({std::move(name), kind_of(info.st_mode)});
    }
    ::closedir(folder);
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return entries;
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return error_of("rename", from);
    return Status::ok();
  }

  Status remove(const std::string& path) override {
    if (std::remove(path.c_str()) != 0) return error_of("remove", path);
    return Status::ok();
  }

  Status make_dirs(const std::string& path) override {
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
      const std::string part = path.substr(0, end);
      if (::mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) return error_of("make folder", part);
      if (end == std::string::npos) break;
    }
    PICTOR_ASSIGN(const auto found, info(path));
    if (found.kind == FileKind::kFolder) return Status::ok();
    return {Code::kExists, "'" + path + "' exists and is not a folder"};
  }

  Status sync_dir(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return error_of("open folder", path);
    const int failed = ::fsync(fd);
    Status status = failed == 0 ? Status::ok() : error_of("sync folder", path);
    ::close(fd);
    return status;
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return error_of("open lock", path);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      const Status status = error_of("lock", path);
      ::close(fd);
      return status;
    }
    return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(fd));
  }

  Result<std::uint64_t> free_bytes(const std::string& path) override {
    struct statvfs info {};
    if (::statvfs(path.c_str(), &info) != 0) return error_of("look at the disk of", path);
    return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  }

  void will_read(ByteView part) override {
    static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto begin = reinterpret_cast<std::uintptr_t>(part.data());
    const std::uintptr_t first = begin / page * page;
    if (part.empty()) return;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel wants whole pages
    static_cast<void>(::madvise(reinterpret_cast<void*>(first), begin + part.size() - first, MADV_WILLNEED));
  }

  std::int64_t wall_us() override {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  std::int64_t monotonic_us() override {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  void wait_us(std::int64_t us) override { std::this_thread::sleep_for(std::chrono::microseconds(us)); }

  void random(std::span<std::byte> out) override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t got = ::getrandom(out.data() + done, out.size() - done, 0);
      if (got > 0) done += static_cast<std::size_t>(got);
    }
  }
};

}  // namespace

Env& Env::real() {
  static auto* env = new PosixEnv;  // never destroyed: files may outlive main's statics
  return *env;
}

}  // namespace pictor
