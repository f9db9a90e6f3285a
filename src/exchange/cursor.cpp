#include "exchange/cursor.h"

#include <algorithm>

namespace pictor {
namespace {

constexpr std::size_t kHeldBytes = 256 * limits::kKiB;

}  // namespace

Result<SourceFile> SourceFile::open(Env& env, const std::string& path) {
  PICTOR_ASSIGN(const auto info, env.info(path));
  if (info.kind != FileKind::kFile) return Status(Code::kInvalid, "'" + path + "' is no file");
  PICTOR_ASSIGN(auto file, env.open(path, OpenMode::kRead));
  PICTOR_ASSIGN(const auto size, file->size());
  return SourceFile{std::move(file), size, "'" + path + "'"};
}

Status Cursor::ends_early(std::uint64_t wanted) const {
  return {Code::kUnreadable, file_.name + " has " + std::to_string(file_.size) + " bytes, and " +
                                 std::to_string(wanted) + " more are wanted at byte " + std::to_string(position_) +
                                 ": it is not whole, or not what it says"};
}

Status Cursor::fill() {
  if (position_ >= held_from_ && position_ < held_from_ + held_.size()) return Status::ok();
  held_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kHeldBytes, remaining())));
  held_from_ = position_;
  PICTOR_ASSIGN(const auto got, file_.file->read_at(position_, held_));
  held_.resize(got);
  return Status::ok();
}

Status Cursor::read(std::span<std::byte> out) {
  while (!out.empty()) {
    if (remaining() < out.size()) return ends_early(out.size());
    if (const bool large = out.size() >= kHeldBytes; large) {
      PICTOR_ASSIGN(const auto got, file_.file->read_at(position_, out));
      if (got < out.size()) return ends_early(out.size());
      position_ += got;
      return Status::ok();
    }
    PICTOR_TRY(fill());
    const auto from = static_cast<std::size_t>(position_ - held_from_);
    if (from >= held_.size()) return ends_early(out.size());  // the file shrank meanwhile
    const std::size_t count = std::min(out.size(), held_.size() - from);
    std::copy_n(held_.begin() + static_cast<std::ptrdiff_t>(from), count, out.begin());
    out = out.subspan(count);
    position_ += count;
  }
  return Status::ok();
}

Status Cursor::skip(std::uint64_t count, std::uint64_t each) {
  if (each != 0 && count > remaining() / each) {
    return {Code::kUnreadable, file_.name + " says at byte " + std::to_string(position_) + " that " +
                                   std::to_string(count) + " things of " + std::to_string(each) +
                                   " bytes follow, and has " + std::to_string(remaining()) + " bytes left"};
  }
  position_ += count * each;
  return Status::ok();
}

Result<bool> Cursor::line(std::string& out, std::uint64_t bytes_max) {
  out.clear();
  if (remaining() == 0) return false;
  bool fits = true;
  for (bool ended = false; !ended && remaining() > 0;) {
    PICTOR_TRY(fill());
    const auto from = static_cast<std::size_t>(position_ - held_from_);
    if (from >= held_.size()) return ends_early(1);
    const std::string_view held = as_text(ByteView(held_).subspan(from));
    const std::size_t end = held.find('\n');
    ended = end != std::string_view::npos;
    const std::string_view part = held.substr(0, end);
    fits = fits && out.size() + part.size() <= bytes_max;
    if (fits) out += part;
    position_ += part.size() + (ended ? 1 : 0);
  }
  if (!fits) {
    return Status(Code::kLimit, "is longer than " + std::to_string(bytes_max) + " bytes");
  }
  if (!out.empty() && out.back() == '\r') out.pop_back();
  return true;
}

}  // namespace pictor
