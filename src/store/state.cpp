#include "store/state.h"

#include <algorithm>
#include <cstring>

#include "vector/vector.h"

namespace pictor {
namespace {

constexpr std::uint64_t kFreshBlockBytes = 4 * limits::kMiB;  // of vectors; memory is touched as it is filled
constexpr std::uint64_t kFreshBlockRowsMin = 16;
constexpr std::uint64_t kFreshBlockRowsMax = 4096;

std::unique_ptr<std::atomic<Sequence>[]> no_deaths(std::size_t count) {
  auto died = std::make_unique<std::atomic<Sequence>[]>(count);
  for (std::size_t i = 0; i < count; ++i) died[i].store(kAlive, std::memory_order_relaxed);
  return died;
}

}  // namespace

RowBlock::RowBlock(std::shared_ptr<const void> owner, SegmentName segment, std::uint32_t dim, std::size_t count,
                   const RowPlaces& in_order, const RowPlaces& scattered)
    : dim_(dim),
      capacity_(count),
      segment_(segment),
      owner_(std::move(owner)),
      in_order_(in_order),
      scattered_(scattered),
      died_(no_deaths(count)) {}

RowBlock::RowBlock(std::uint32_t dim, std::size_t capacity)
    : dim_(dim),
      capacity_(capacity),
      own_{std::make_unique_for_overwrite<RowId[]>(capacity), std::make_unique_for_overwrite<Sequence[]>(capacity),
           std::make_unique_for_overwrite<float[]>(capacity), std::make_unique_for_overwrite<float[]>(capacity * dim)},
      in_order_{own_.rows.get(), own_.born.get(), own_.inverse_norms.get(), own_.vectors.get()},
      scattered_(in_order_),
      died_(no_deaths(capacity)) {}

void RowBlock::fill(std::size_t position, RowId row, Sequence born, std::span<const float> vector) {
  own_.rows[position] = row;
  own_.born[position] = born;
  own_.inverse_norms[position] = inverse_norm(vector);
  std::memcpy(own_.vectors.get() + position * dim_, vector.data(), vector.size_bytes());
}

void RowBlock::bury(std::size_t position, Sequence at) {
  died_[position].store(at, std::memory_order_relaxed);
  if (at < first_death_.load(std::memory_order_relaxed)) first_death_.store(at, std::memory_order_relaxed);
}

bool RowBlock::all_alive(Sequence at, std::size_t count) const {
  // Rows ascend, and with them their births.
  return scattered_.born[count - 1] <= at && at < first_death_.load(std::memory_order_relaxed);
}

void RowBlock::alive(Sequence at, std::size_t begin, std::span<std::uint8_t> out) const {
  if (out.empty()) return;
  if (all_alive(at, begin + out.size())) {
    std::memset(out.data(), 1, out.size());
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = born()[begin + i] <= at && at < died(begin + i) ? 1 : 0;
}

std::optional<BlockPosition> SpaceState::locate(RowId row) const {
  const auto block = std::lower_bound(blocks.begin(), blocks.end(), row, [](const BlockView& view, RowId wanted) {
    return view.block->scattered().rows[view.count - 1] < wanted;
  });
  if (block == blocks.end()) return std::nullopt;
  const std::span rows(block->block->scattered().rows, block->count);
  const auto found = std::lower_bound(rows.begin(), rows.end(), row);
  if (found == rows.end() || *found != row) return std::nullopt;
  return BlockPosition{block->block.get(), static_cast<std::size_t>(found - rows.begin())};
}

void SpaceState::append(std::uint32_t dim, RowId row, Sequence born, std::span<const float> vector) {
  if (blocks.size() == sealed || blocks.back().count == blocks.back().block->capacity()) {
    const auto capacity = std::clamp(kFreshBlockBytes / (dim * sizeof(float)), kFreshBlockRowsMin, kFreshBlockRowsMax);
    blocks.push_back({std::make_shared<RowBlock>(dim, capacity), 0});
  }
  auto& last = blocks.back();
  last.block->fill(last.count, row, born, vector);
  ++last.count;
}

bool State::is_damaged(RowId row) const {
  return std::ranges::any_of(damaged, [row](const auto& s) { return s.first_row <= row && row <= s.last_row; });
}

void State::bury(RowId row, Sequence at) {
  deaths->add(row, at);
  bury_vectors(row, at);
}

void State::bury_vectors(RowId row, Sequence at) {
  for (auto& space : spaces) {
    if (const auto found = space.locate(row)) found->block->bury(found->position, at);
  }
}

}  // namespace pictor
