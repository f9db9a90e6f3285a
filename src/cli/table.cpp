#include "cli/table.h"

#include <algorithm>

#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::size_t kGap = 2;

std::string cell_text(const TableColumn& column, const std::string& cell, std::size_t width) {
  switch (column.kind) {
    case TableColumn::Kind::kText: return pad_right(cut_end(cell, width), width);
    case TableColumn::Kind::kPath: return pad_right(cut_middle(cell, width), width);
    case TableColumn::Kind::kNumber: break;
  }
  return pad_left(cell, width);
}

}  // namespace

void Table::add(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = printable(cell);
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths(std::size_t width) const {
  std::vector<std::size_t> wanted;
  std::size_t total = kGap * (columns_.size() - 1);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t widest = display_width(columns_[i].title);
    for (const auto& row : rows_) widest = std::max(widest, display_width(row[i]));
    wanted.push_back(widest);
    total += widest;
  }
  // The widest column that may still be cut gives way first, one column at a time.
  while (total > width) {
    std::size_t* best = nullptr;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const bool fixed_width = columns_[i].kind == TableColumn::Kind::kNumber || wanted[i] <= columns_[i].width_min;
      if (!fixed_width && (best == nullptr || wanted[i] > *best)) best = &wanted[i];
    }
    if (best == nullptr) break;
    --*best;
    --total;
  }
  return wanted;
}

std::string Table::text(std::size_t width) const {
  const std::vector<std::size_t> wanted = widths(width);
  std::string out;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) line.append(kGap, ' ');
      line += cell_text(columns_[i], cells[i], wanted[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  std::vector<std::string> titles;
  for (const TableColumn& column : columns_) titles.push_back(column.title);
  add_line(titles);
  for (const auto& row : rows_) add_line(row);
  return out;
}

}  // namespace pictor
