// Lines, fields and CSV records of a text in memory, and the faults that are found in them.
//
// Not for use from several threads at once. Views point into the text, which must outlive them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.h"

namespace pictor {

struct TextFault {
  std::uint64_t line = 0;  // from 1
  std::string message;     // what was seen, and what was wanted
};

// The first limits::kMeasureFaultsTold faults of a text, and how many there are.
struct TextFaults {
  std::vector<TextFault> first;
  std::uint64_t count = 0;

  void add(std::uint64_t line, std::string message);
  // Ok when there is none, else kUnreadable with all that are told, each on a line of its own after "NAME, line 3: ".
  Status status(const std::string& name) const;
};

// Values of the columns by which queries are told apart: column, value.
using SliceValues = std::map<std::string, std::string>;

class LineCursor {
 public:
  explicit LineCursor(std::string_view text);
  // False: the end. Line ends are LF or CRLF; a byte order mark at the beginning is passed over.
  bool next(std::string_view& line);
  std::uint64_t line() const { return line_; }  // of the last one, from 1

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::uint64_t line_ = 0;
};

// Fields between blanks and tabs.
std::vector<std::string_view> fields_of(std::string_view line);

// Records of RFC 4180. Blank lines are passed over.
class CsvText {
 public:
  enum class Got : std::uint8_t { kRecord, kBad, kEnd };
  explicit CsvText(std::string_view text);
  // kBad: `problem` says why, and the next call goes on with the next line.
  Got next(std::vector<std::string>& cells, std::string& problem);
  std::uint64_t line() const { return first_line_; }  // where the last record began

 private:
  bool at_end() const { return at_ >= text_.size(); }
  bool take_line_end();
  bool quoted(std::string& cell, std::string& problem);
  Got bad(std::string why, std::string& problem);

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint64_t line_ = 1, first_line_ = 1;
};

std::string_view without_mark(std::string_view text);
std::string lower_of(std::string_view text);  // ASCII letters
// What a fault shows of a text: printable ASCII, cut, in quotes.
std::string shown(std::string_view text);

// Names in TREC files end at white space: bytes up to blank, DEL and '%' are written as %XX, and read back.
std::string trec_name(std::string_view name);
std::string from_trec_name(std::string_view written);

// What is wrong with the name of a query or an item; empty: nothing.
std::string name_fault(std::string_view what, std::string_view name);

}  // namespace pictor
