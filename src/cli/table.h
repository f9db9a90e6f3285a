// A table for a terminal: columns as wide as needed, cut so that a line fits the terminal's width.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace pictor {

struct TableColumn {
  std::string title;
  enum class Kind : unsigned char { kText, kPath, kNumber } kind = Kind::kText;  // cut at the end, in the middle, never
  std::size_t width_min = 8;                                                     // of columns that may be cut
};

class Table {
 public:
  explicit Table(std::vector<TableColumn> columns) : columns_(std::move(columns)) {}

  // REQUIRES: as many cells as columns. Cells are made printable.
  void add(std::vector<std::string> cells);
  // Lines without a space at their end; every line is at most `width` columns when the least widths allow it.
  std::string text(std::size_t width) const;
  std::size_t rows() const { return rows_.size(); }

 private:
  std::vector<std::size_t> widths(std::size_t width) const;

  std::vector<TableColumn> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace pictor
