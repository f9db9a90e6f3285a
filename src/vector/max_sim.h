// Late interaction of patch tokens (MaxSim; Khattab and Zaharia, ColBERT, 2020): for each token of a query the best
// cosine to a token of an item, and the mean of these.
//
// Cosines are of int8 codes: sums of products are whole numbers, so that every SIMD level gives the same bits, and a
// token's scale has no part in them. Thread safety: pure functions and values.
#pragma once

#include <cstdint>
#include <vector>

#include "base/base.h"
#include "pictor/types.h"
#include "vector/simd.h"

namespace pictor {

// Tokens as a query: signed codes of rows of code_bytes(dim) bytes, zeros behind `dim`.
struct QueryTokens {
  std::uint32_t dim = 0;
  std::size_t count = 0;
  std::vector<std::int8_t> codes;
  std::vector<std::int32_t> offsets;  // what the 128 of every code of an item adds to a sum
  std::vector<float> inverse_norms;   // 0 for a token of zeros: it is like nothing
};

// Tokens as an item: codes plus 128 of rows of code_bytes(dim) bytes.
struct ItemTokens {
  std::uint32_t dim = 0;
  std::size_t count = 0;
  std::vector<std::uint8_t> codes;
  std::vector<float> inverse_norms;
};

// Packed tokens (token_codes.h), as they were kept; f16 is coded now. kCorrupt when there are not as many bytes as the
// grid has. REQUIRES: codec is not kNone; `out` may be used again for another item of the same grid.
Status item_tokens(TokenCodec codec, const TokenGrid& grid, ByteView packed, ItemTokens& out);
QueryTokens query_tokens(const ItemTokens& item);

// In -1..1. `best`, if it is not null, gets for each token of the query the position of its best token of the item, the
// first of several. REQUIRES: the same dim; neither is empty.
double max_sim(const QueryTokens& query, const ItemTokens& item, SimdLevel level,
               std::vector<std::uint32_t>* best = nullptr);
double max_sim(const QueryTokens& query, const ItemTokens& item);  // of best_simd()

}  // namespace pictor
