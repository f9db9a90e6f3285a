// Records of a CSV file (RFC 4180) and lines of a text file, read with bounded memory from an Env's file.
//
// Not for use from several threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/base.h"

namespace pictor {

// Letters of a file, one at a time. A byte order mark at the beginning is passed over.
class LetterReader {
 public:
  explicit LetterReader(std::unique_ptr<File> file);
  int peek();  // -1: the end, or a failure: see status()
  int get();
  std::uint64_t line() const { return line_; }  // of the next letter, from 1
  const Status& status() const { return status_; }

 private:
  void fill();

  std::unique_ptr<File> file_;
  Bytes buffer_;
  std::size_t position_ = 0, filled_ = 0;
  std::uint64_t offset_ = 0, line_ = 1;
  Status status_;
};

enum class Read { kRecord, kBad, kEnd };

// One line without its end (LF or CRLF). kBad: `problem` says why, and the next call goes on behind it.
Read read_line(LetterReader& in, std::string& line, Status& problem);

class CsvReader {
 public:
  CsvReader(std::unique_ptr<File> file, char separator) : in_(std::move(file)), separator_(separator) {}

  // Blank lines are passed over. kBad: `problem` says why, and the next call goes on with the next line.
  Read next(std::vector<std::string>& cells, Status& problem);
  std::uint64_t line() const { return first_line_; }  // where the last record began

 private:
  Read quoted(std::string& cell, Status& problem);
  Read bad(std::string why, Status& problem);
  bool take_line_end();

  LetterReader in_;
  char separator_;
  std::uint64_t first_line_ = 1;
  std::uint64_t bytes_ = 0;
};

}  // namespace pictor
