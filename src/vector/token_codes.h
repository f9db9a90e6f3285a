// Patch tokens as a collection keeps them: f16, or int8 with a scale a token.
//
// kF16: each number rounded to nearest, ties to even. kInt8: for each token the scale as f32, its largest magnitude
// / 127; then for each token its codes, number / scale rounded to nearest, ties to even, so that no number is off by
// more than half a scale. Little-endian; the same bytes on every machine. Free functions.
#pragma once

#include <span>
#include <vector>

#include "base/base.h"
#include "pictor/types.h"

namespace pictor {

// Bytes of one picture's tokens. 0 for kNone.
std::size_t packed_tokens_bytes(TokenCodec codec, const TokenGrid& grid);

// `tokens` has grid.places() rows of `row_numbers` each, of which the first grid.dim are kept. kInvalid when a number
// is not finite; kLimit when one is beyond f16. REQUIRES: codec is not kNone; row_numbers >= grid.dim.
Result<Bytes> pack_tokens(TokenCodec codec, const TokenGrid& grid, std::span<const float> tokens,
                          std::size_t row_numbers);

// grid.numbers() numbers. kCorrupt when there are not as many bytes as packed_tokens_bytes says.
Result<std::vector<float>> unpack_tokens(TokenCodec codec, const TokenGrid& grid, ByteView packed);

std::uint16_t f16_of(float number);
float f32_of_f16(std::uint16_t half);

}  // namespace pictor
