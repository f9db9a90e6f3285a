#include <roaring/roaring64map.hh>

#include "store/store.h"

namespace pictor {

struct RowSet::Bits {
  Roaring64Map map;
};

bool RowSet::contains(RowId row) const { return bits_ != nullptr && bits_->map.contains(std::uint64_t{row}); }

std::uint64_t RowSet::size() const { return bits_ == nullptr ? 0 : bits_->map.cardinality(); }

RowSet RowSet::of(std::span<const RowId> rows) {
  if (rows.empty()) return {};
  auto bits = std::make_shared<Bits>();
  bits->map.addMany(rows.size(), rows.data());
  bits->map.runOptimize();
  return RowSet(std::move(bits));
}

}  // namespace pictor
