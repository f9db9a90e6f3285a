#include "store/fresh_columns.h"

namespace pictor {
namespace {

std::shared_ptr<const Columns> made(Readers& readers, RowId first, RowId last) {
  auto reader = readers.take();
  if (!reader.is_ok()) return nullptr;
  auto bytes = make_columns(*(*reader)->database, {0, first, last, 0});
  if (!bytes.is_ok()) return nullptr;
  const auto kept = std::make_shared<const Bytes>(std::move(bytes).value());
  auto columns = Columns::parse(kept, *kept);
  return columns.is_ok() ? *columns : nullptr;
}

}  // namespace

std::vector<std::shared_ptr<const Columns>> FreshColumns::of(Readers& readers, RowId sealed_row, RowId last_row) {
  std::vector<std::shared_ptr<const Columns>> known;
  {
    const std::lock_guard lock(mutex_);
    if (sealed_row < sealed_row_) return {};  // a snapshot of before the last sealing
    if (sealed_row > sealed_row_) known_.clear();
    sealed_row_ = sealed_row;
    known = known_;
  }
  while (!known.empty() && known.back()->segment().last_row > last_row) known.pop_back();
  const RowId next = sealed_row + known.size() * kRows;
  if (last_row < next + kRows) return known;
  auto columns = made(readers, next + 1, next + kRows);  // without the lock: others go on meanwhile
  if (columns == nullptr) return known;
  known.push_back(std::move(columns));
  const std::lock_guard lock(mutex_);
  if (sealed_row == sealed_row_ && known.size() == known_.size() + 1) known_.push_back(known.back());
  return known;
}

}  // namespace pictor
