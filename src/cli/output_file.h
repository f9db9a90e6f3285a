// A file that a command makes: written aside as NAME.part, and given its name only when it is whole.
//
// Not for use from several threads at once.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/base.h"

namespace pictor {

class OutputFile {
 public:
  // kExists when `path` is there and `replace` is false.
  static Result<std::unique_ptr<OutputFile>> create(Env& env, const std::string& path, bool replace);
  ~OutputFile();  // not finished: the part is removed

  Status write(std::string_view bytes);
  // Writes over the beginning. REQUIRES: not more bytes than were written.
  Status rewrite_begin(std::string_view bytes);
  Status finish();

 private:
  OutputFile(Env& env, std::string path, std::unique_ptr<File> file)
      : env_(env), path_(std::move(path)), file_(std::move(file)) {}
  Status flush();

  Env& env_;
  std::string path_;
  std::unique_ptr<File> file_;
  std::string buffer_;
  std::uint64_t written_ = 0;
  bool finished_ = false;
};

// The header of a .npy file (format 1.0) of rows x columns little-endian floats in C order; always 128 bytes, so that
// it can be written again when the rows are known.
std::string npy_header(std::uint64_t rows, std::uint64_t columns);

}  // namespace pictor
