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

}  // namespace

TokenGrid grid_of(const PrepareSpec& prepare, const ImageOutput& output) {
  TokenGrid grid;
  if (output.kind == OutputKind::kTokens) grid = grid_of(prepare, output.tokens - output.prefix, output.numbers);
  if (output.kind == OutputKind::kMap) grid = {output.height, output.width, output.numbers};
  return grid.places() < 2 ? TokenGrid{} : grid;
}

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
      if (grid.numbers() == 0 || grid.numbers() > limits::kTokenNumbersMax) continue;  // nobody keeps more
      details.card.grid = grid;
      details.grid_output = name;
    }
  }
}

}  // namespace pictor
