// Archives (zip, tar, compressed tars), read in one pass through libarchive.
//
// An entry's bytes are held from next() until its read() was called and let go, since an archive has one position only.
// Names are only ids: nothing is ever written to disk, so ".." and absolute names do no harm. Archives inside archives
// are not opened. Three limits stop a bomb: bytes of one entry, bytes in all, and unpacked to packed bytes; they are
// counted on what is skipped, too, since skipping in a compressed stream unpacks it. No modification time is given:
// archivers set them all alike, so they say nothing about whether an entry is unchanged.
#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>

#include "cli/source.h"
#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::size_t kReadBytes = 256 * limits::kKiB;

// Gives libarchive the bytes of a File of our Env.
struct Reader {
  std::unique_ptr<File> file;
  std::uint64_t size = 0;
  std::uint64_t position = 0;
  Bytes buffer = Bytes(kReadBytes);
};

la_ssize_t on_read(struct archive* handle, void* data, const void** buffer) {
  auto* reader = static_cast<Reader*>(data);
  const auto got = reader->file->read_at(reader->position, reader->buffer);
  if (!got.is_ok()) {
    archive_set_error(handle, EIO, "%s", got.status().message().c_str());
    return ARCHIVE_FATAL;
  }
  reader->position += got.value();
  *buffer = reader->buffer.data();
  return static_cast<la_ssize_t>(got.value());
}

la_int64_t on_skip(struct archive*, void* data, la_int64_t wanted) {
  auto* reader = static_cast<Reader*>(data);
  const std::uint64_t left = reader->size - std::min(reader->position, reader->size);
  const std::uint64_t step = std::min(left, static_cast<std::uint64_t>(std::max<la_int64_t>(0, wanted)));
  reader->position += step;
  return static_cast<la_int64_t>(step);
}

la_int64_t on_seek(struct archive*, void* data, la_int64_t offset, int whence) {
  auto* reader = static_cast<Reader*>(data);
  la_int64_t base = 0;
  if (whence == SEEK_CUR) base = static_cast<la_int64_t>(reader->position);
  if (whence == SEEK_END) base = static_cast<la_int64_t>(reader->size);
  if (base + offset < 0) return ARCHIVE_FATAL;
  reader->position = static_cast<std::uint64_t>(base + offset);
  return static_cast<la_int64_t>(reader->position);
}

struct CloseArchive {
  void operator()(struct archive* handle) const { archive_read_free(handle); }
};
using Handle = std::unique_ptr<struct archive, CloseArchive>;

std::string reason(struct archive* handle) {
  const char* text = archive_error_string(handle);
  return text != nullptr ? printable(text) : "unknown damage";
}

// A part that begins with a dot (".." is only a name here), or what macOS adds.
bool is_hidden(const std::string& name) {
  if (name.starts_with("__MACOSX/")) return true;
  const std::vector<std::string> parts = split(name, '/');
  return std::any_of(parts.begin(), parts.end(),
                     [](const std::string& part) { return part.starts_with(".") && part != "." && part != ".."; });
}

class ArchiveSource : public RawSource {
 public:
  ArchiveSource(Env& env, const std::string& path, const SourceOptions& options, SkipCounts* skipped)
      : env_(env), path_(path), options_(options), skipped_(skipped) {}

  bool next(RawEntry& out) override {
    if (!started_) {
      started_ = true;
      if (Status status = open(); !status.is_ok()) return stop(std::move(status), out);
    }
    while (handle_ != nullptr) {
      struct archive_entry* entry = nullptr;
      const int got = archive_read_next_header(handle_.get(), &entry);
      if (got == ARCHIVE_EOF) break;
      if (got == ARCHIVE_RETRY) continue;
      if (got == ARCHIVE_FATAL) return stop(damaged(), out);
      if (++entries_ > limits::kArchiveEntriesMax) {
        return stop({Code::kLimit, "archive has more than " + with_commas(limits::kArchiveEntriesMax) + " entries"},
                    out);
      }
      if (take(entry, out)) return true;
    }
    handle_.reset();
    return false;
  }

  // Only a zip file lists its entries without being unpacked.
  std::optional<std::uint64_t> count() override {
    if (!lower_ascii(path_).ends_with(".zip")) return std::nullopt;
    SkipCounts unused;
    ArchiveSource other(env_, path_, options_, &unused);
    if (!other.open().is_ok()) return std::nullopt;
    std::uint64_t found = 0;
    struct archive_entry* entry = nullptr;
    for (std::uint64_t seen = 0; seen < limits::kArchiveEntriesMax; ++seen) {
      const int got = archive_read_next_header(other.handle_.get(), &entry);
      if (got == ARCHIVE_EOF) return found;
      if (got == ARCHIVE_FATAL || other.compressed()) break;
      if (other.is_wanted(entry, name_of(entry, seen))) ++found;
    }
    return std::nullopt;
  }

 private:
  Status open() {
    PICTOR_ASSIGN(reader_.file, env_.open(path_, OpenMode::kRead));
    PICTOR_ASSIGN(reader_.size, reader_.file->size());
    handle_.reset(archive_read_new());
    if (handle_ == nullptr) return {Code::kInternal, "libarchive has no memory"};
    struct archive* handle = handle_.get();
    // Named one by one: "all" would also start programs of the system.
    archive_read_support_filter_gzip(handle);
    archive_read_support_filter_bzip2(handle);
    archive_read_support_filter_xz(handle);
    archive_read_support_filter_zstd(handle);
    archive_read_support_format_tar(handle);
    archive_read_support_format_zip(handle);
    archive_read_set_seek_callback(handle, on_seek);
    if (archive_read_open2(handle, &reader_, nullptr, on_read, on_skip, nullptr) != ARCHIVE_OK) {
      Status status = damaged();
      handle_.reset();
      return status;
    }
    return Status::ok();
  }

  Status damaged() const {
    return {Code::kUnreadable, "archive cannot be read" +
                                   (entries_ == 0 ? "" : " after entry " + with_commas(entries_)) + ": " +
                                   reason(handle_.get())};
  }

  // The archive's own fault, as its last entry.
  bool stop(Status status, RawEntry& out) {
    out = {};
    out.path = out.full_path = path_;
    out.entry.item.source = to_utf8(absolute_path(path_));
    out.entry.problem = std::move(status);
    handle_.reset();
    return true;
  }

  bool compressed() const { return archive_filter_count(handle_.get()) > 1; }

  static std::string name_of(struct archive_entry* entry, std::uint64_t number) {
    const char* name = archive_entry_pathname_utf8(entry);
    if (name == nullptr) name = archive_entry_pathname(entry);
    if (name == nullptr || *name == '\0') return "entry " + std::to_string(number);
    while (std::string_view(name).starts_with("./")) name += 2;
    return to_utf8(name);
  }

  static bool is_plain_file(struct archive_entry* entry) {
    return archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == nullptr;
  }

  bool is_wanted(struct archive_entry* entry, const std::string& name) const {
    if (!is_plain_file(entry)) return false;
    const bool hidden = is_hidden(name);
    if (hidden && !options_.hidden) return false;
    return options_.all_files || is_picture_name(name);
  }

  bool take(struct archive_entry* entry, RawEntry& out) {
    const std::string name = name_of(entry, entries_);
    if (!is_wanted(entry, name)) {
      if (is_plain_file(entry)) ++skipped_->not_pictures;
      return compressed() && drain(out);
    }
    out = {};
    out.path = name;
    out.full_path = path_ + "/" + name;
    out.entry.item.source = to_utf8(absolute_path(path_)) + "!/" + name;
    if (archive_entry_is_data_encrypted(entry) != 0) {
      out.entry.problem = {Code::kUnsupported, "entry is encrypted; unpack the archive with its password first"};
      return true;
    }
    Bytes bytes;
    if (const Status status = read_blocks(&bytes); !status.is_ok()) {
      const bool over = handle_ == nullptr;
      out.entry.problem = {status.code(), status.message() + (over ? "; the rest of the archive is not read" : "")};
      return true;
    }
    out.entry.bytes = bytes.size();
    auto held = std::make_shared<Bytes>(std::move(bytes));
    out.entry.read = [held]() -> Result<Bytes> { return std::move(*held); };
    return true;
  }

  // Goes over an unwanted entry of a compressed stream; true when that ends the archive, with the cause in `out`.
  bool drain(RawEntry& out) {
    const Status status = read_blocks(nullptr);
    return status.is_ok() ? false : stop(status, out);
  }

  // Reads the entry's blocks into `bytes` (null: only counts). What passes the limit of one entry is an error of that
  // entry; what passes a limit of the archive ends it.
  Status read_blocks(Bytes* bytes) {
    Status problem;
    for (;;) {
      const void* block = nullptr;
      std::size_t size = 0;
      la_int64_t offset = 0;
      const int got = archive_read_data_block(handle_.get(), &block, &size, &offset);
      if (got == ARCHIVE_EOF) return problem;
      if (got == ARCHIVE_RETRY) continue;
      if (got == ARCHIVE_FATAL || got == ARCHIVE_FAILED) {
        Status status(Code::kUnreadable, "entry cannot be unpacked: " + reason(handle_.get()));
        if (got == ARCHIVE_FATAL) handle_.reset();
        return status;
      }
      unpacked_ += size;
      if (Status status = check_unpacked(); !status.is_ok()) {
        handle_.reset();
        return status;
      }
      const auto end = static_cast<std::uint64_t>(std::max<la_int64_t>(0, offset)) + size;
      if (end > limits::kImageFileBytesMax && problem.is_ok()) {
        problem = {Code::kLimit, "entry has more than " + bytes_text(limits::kImageFileBytesMax) + " unpacked"};
        if (!compressed()) return problem;  // the rest is skipped without reading
      }
      if (bytes == nullptr || !problem.is_ok()) continue;
      bytes->resize(static_cast<std::size_t>(end));  // a gap of a sparse entry is zeros
      std::copy_n(static_cast<const std::byte*>(block), size, bytes->end() - static_cast<std::ptrdiff_t>(size));
    }
  }

  Status check_unpacked() const {
    if (unpacked_ > limits::kArchiveBytesMax) {
      return {Code::kLimit, "archive unpacks to more than " + bytes_text(limits::kArchiveBytesMax)};
    }
    if (unpacked_ / limits::kArchiveRatioMax > reader_.size) {
      return {Code::kLimit, "archive of " + bytes_text(reader_.size) + " unpacks to more than " +
                                std::to_string(limits::kArchiveRatioMax) + " times its size: looks like a bomb"};
    }
    return Status::ok();
  }

  Env& env_;
  std::string path_;
  SourceOptions options_;
  SkipCounts* skipped_;
  Reader reader_;
  Handle handle_;
  std::uint64_t entries_ = 0;
  std::uint64_t unpacked_ = 0;
  bool started_ = false;
};

}  // namespace

std::unique_ptr<RawSource> make_archive_source(Env& env, const std::string& archive, const SourceOptions& options,
                                               SkipCounts* skipped) {
  return std::make_unique<ArchiveSource>(env, archive, options, skipped);
}

}  // namespace pictor
