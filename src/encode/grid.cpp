#include <algorithm>

#include "encode/card.h"

namespace pictor {
namespace {

// The grid that patches of some size make of the input; a border that fills no patch is left out. Nothing when no size
// makes as many.
TokenGrid grid_of(const PrepareSpec& prepare, std::uint32_t patches, std::uint32_t numbers) {
  for (std::uint32_t side = 1; side <= std::min(prepare.width, prepare.height); ++side) {
    const std::uint64_t height = prepare.height / side, width = prepare.width / side;
    if (height * width == patches) return {prepare.height / side, prepare.width / side, numbers};
  }
  return {};
}

TokenGrid grid_of(const PrepareSpec& prepare, const ImageOutput& output) {
  switch (output.kind) {
    case OutputKind::kTokens: return grid_of(prepare, output.tokens - output.prefix, output.numbers);
    case OutputKind::kMap: return {output.height, output.width, output.numbers};
    case OutputKind::kVector: break;
  }
  return {};
}

}  // namespace

bool CardDetails::is_read(std::string_view output) const {
  for (std::size_t i = 0; i < heads.size(); ++i) {
    if (card.heads[i].images && heads[i].images.output == output) return true;
  }
  return false;
}

void set_grid(CardDetails& details) {
  details.card.grid = {};
  details.grid_output.clear();
  if (!details.image) return;
  for (const auto kind : {OutputKind::kTokens, OutputKind::kMap}) {
    for (const auto& [name, output] : details.image->outputs) {
      if (output.kind != kind || !details.grid_output.empty()) continue;
      const auto grid = grid_of(details.card.prepare, output);
      // One place is a vector, and what is beyond the limit is kept by nobody.
      if (grid.places() < 2 || grid.numbers() > limits::kTokenNumbersMax) continue;
      details.card.grid = grid;
      details.grid_output = name;
    }
  }
}

}  // namespace pictor
