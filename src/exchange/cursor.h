// Reading a file from front to back with bounded memory; what is not there is an error that names the file and byte.
//
// Not for use from several threads at once; several cursors may share a file.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>

#include "base/base.h"

namespace pictor {

// An open file, its length and how messages name it.
struct SourceFile {
  std::shared_ptr<const File> file;
  std::uint64_t size = 0;
  std::string name;  // "'vectors.npy'"

  static Result<SourceFile> open(Env& env, const std::string& path);
};

class Cursor {
 public:
  explicit Cursor(SourceFile file, std::uint64_t position = 0) : file_(std::move(file)), position_(position) {}

  const SourceFile& file() const { return file_; }
  std::uint64_t position() const { return position_; }
  std::uint64_t remaining() const { return position_ < file_.size ? file_.size - position_ : 0; }
  void seek(std::uint64_t position) { position_ = position; }

  // All of `out`; kUnreadable when the file ends before.
  Status read(std::span<std::byte> out);
  template <Number T>
  Status get(T& out) {
    return read(std::as_writable_bytes(std::span(&out, 1)));
  }
  // Passes over count * each bytes, which must be there; overflow is no way around it.
  Status skip(std::uint64_t count, std::uint64_t each);
  Status ends_early(std::uint64_t wanted) const;

  // The next line without its end (LF or CRLF); false: the end. kLimit: longer than bytes_max; it was passed over.
  Result<bool> line(std::string& out, std::uint64_t bytes_max);

 private:
  Status fill();  // so that the byte at position_ is held, if there is one

  SourceFile file_;
  std::uint64_t position_;
  Bytes held_;
  std::uint64_t held_from_ = 0;
};

}  // namespace pictor
