#include "store/transfer.h"

#include <algorithm>

namespace pictor {
namespace {

constexpr std::int64_t kWaitSliceUs = 50'000;  // a stop is noticed within it
constexpr std::int64_t kProgressEveryUs = 100'000;

}  // namespace

Transfer::Transfer(Env& env, const CopyOptions& options)
    : env_(env), options_(options), start_us_(env.monotonic_us()), piece_(limits::kCopyPieceBytes) {}

Status Transfer::pace(std::uint64_t bytes) {
  paced_ += bytes;
  while (true) {
    if (options_.cancel != nullptr && options_.cancel->load()) return {Code::kCancelled, "stopped before it was done"};
    if (options_.bytes_per_second == 0) return Status::ok();
    const double due = static_cast<double>(paced_) * 1e6 / static_cast<double>(options_.bytes_per_second);
    const std::int64_t left = start_us_ + static_cast<std::int64_t>(due) - env_.monotonic_us();
    if (left <= 0) return Status::ok();
    env_.wait_us(std::min(left, kWaitSliceUs));
  }
}

void Transfer::done(std::uint64_t bytes) {
  progress_.bytes += bytes;
  if (!options_.progress) return;
  const std::int64_t now = env_.monotonic_us();
  if (told_us_ != 0 && now - told_us_ < kProgressEveryUs && progress_.bytes < progress_.bytes_total) return;
  told_us_ = now;
  progress_.seconds = static_cast<double>(now - start_us_) * 1e-6;
  CopyProgress told = progress_;
  told.bytes = std::min(told.bytes, told.bytes_total);
  options_.progress(told);
}

void Transfer::copied(std::uint64_t bytes) {
  ++files_copied_;
  progress_.bytes_copied += bytes;
}

Result<Hash256> Transfer::hash(const File& file) {
  Sha256Stream stream;
  for (std::uint64_t offset = 0;;) {
    PICTOR_ASSIGN(const std::size_t got, file.read_at(offset, piece_));
    if (got == 0) return stream.finish();
    stream.add(ByteView(piece_).first(got));
    offset += got;
    PICTOR_TRY(pace(got));
  }
}

Status Transfer::write_aside(const File& from, const std::string& aside, OpenMode mode, Hash256& seen) {
  if (exists(env_, aside)) PICTOR_TRY(env_.remove(aside));
  PICTOR_ASSIGN(const auto file, env_.open(aside, mode));
  Sha256Stream stream;
  for (std::uint64_t offset = 0;;) {
    PICTOR_ASSIGN(const std::size_t got, from.read_at(offset, piece_));
    if (got == 0) break;
    const ByteView bytes = ByteView(piece_).first(got);
    stream.add(bytes);
    PICTOR_TRY(file->write_at(offset, bytes));
    offset += got;
    PICTOR_TRY(pace(got));
    done(got);
    progress_.bytes_copied += got;
  }
  seen = stream.finish();
  return file->sync();
}

Status Transfer::copy(const std::string& from, const Hash256& sum, const std::string& to, OpenMode mode) {
  PICTOR_ASSIGN(const auto file, env_.open(from, OpenMode::kRead));
  return copy(*file, from, sum, to, mode);
}

Status Transfer::copy(const File& from, const std::string& from_name, const Hash256& sum, const std::string& to,
                      OpenMode mode) {
  const std::string aside = to + ".tmp";
  Hash256 seen;
  PICTOR_TRY(write_aside(from, aside, mode, seen));
  if (seen != sum) {
    static_cast<void>(env_.remove(aside));
    return {Code::kCorrupt, "'" + from_name + "' has SHA-256 " + seen.hex() + ", wanted " + sum.hex()};
  }
  PICTOR_TRY(env_.rename(aside, to));
  folders_.insert(parent_path(to));
  ++files_copied_;
  return Status::ok();
}

Status Transfer::put_in_place(const std::string& aside, const std::string& to) {
  {
    PICTOR_ASSIGN(const auto file, env_.open(aside, OpenMode::kReadWrite));
    PICTOR_TRY(file->sync());
  }
  PICTOR_TRY(env_.rename(aside, to));
  folders_.insert(parent_path(to));
  return Status::ok();
}

Status Transfer::use_folder(const std::string& path) {
  PICTOR_TRY(env_.make_dirs(path));
  folders_.insert(path);
  folders_.insert(parent_path(path));
  return Status::ok();
}

Status Transfer::sync_folders() {
  for (const auto& folder : folders_) PICTOR_TRY(env_.sync_dir(folder));
  return Status::ok();
}

}  // namespace pictor
