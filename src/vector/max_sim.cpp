#include "vector/max_sim.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "vector/codes.h"
#include "vector/token_codes.h"

namespace pictor {
namespace {

constexpr int kZero = 128;  // code of zero in an item

// In double, from a whole number: the same bits on every machine.
float inverse_of(std::int64_t squares) {
  return squares == 0 ? 0.0F : static_cast<float>(1.0 / std::sqrt(static_cast<double>(squares)));
}

}  // namespace

Status item_tokens(TokenCodec codec, const TokenGrid& grid, ByteView packed, ItemTokens& out) {
  Bytes coded;
  if (codec == TokenCodec::kF16) {
    PICTOR_ASSIGN(const auto numbers, unpack_tokens(codec, grid, packed));
    PICTOR_ASSIGN(coded, pack_tokens(TokenCodec::kInt8, grid, numbers, grid.dim));
    packed = coded;
  }
  const std::size_t wanted = packed_tokens_bytes(TokenCodec::kInt8, grid);
  if (packed.size() != wanted) {
    return {Code::kCorrupt,
            "the tokens have " + std::to_string(packed.size()) + " bytes, wanted " + std::to_string(wanted)};
  }
  out.dim = grid.dim;
  out.count = grid.places();
  const std::size_t row_bytes = code_bytes(grid.dim);
  out.codes.resize(out.count * row_bytes);
  out.inverse_norms.resize(out.count);
  const std::byte* from = packed.data() + out.count * sizeof(float);  // behind the scales
  for (std::size_t place = 0; place < out.count; ++place, from += grid.dim) {
    std::uint8_t* row = out.codes.data() + place * row_bytes;
    std::int64_t squares = 0;
    for (std::size_t i = 0; i < grid.dim; ++i) {
      const int code = std::to_integer<int>(from[i] ^ std::byte{kZero});
      row[i] = static_cast<std::uint8_t>(code);
      squares += std::int64_t{code - kZero} * (code - kZero);
    }
    std::memset(row + grid.dim, kZero, row_bytes - grid.dim);
    out.inverse_norms[place] = inverse_of(squares);
  }
  return Status::ok();
}

QueryTokens query_tokens(const ItemTokens& item) {
  QueryTokens query{item.dim, item.count, {}, {}, item.inverse_norms};
  query.codes.reserve(item.codes.size());
  for (const std::uint8_t code : item.codes) query.codes.push_back(static_cast<std::int8_t>(int{code} - kZero));
  const std::size_t row_bytes = code_bytes(item.dim);
  for (std::size_t place = 0; place < item.count; ++place) {
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < row_bytes; ++i) sum += query.codes[place * row_bytes + i];
    query.offsets.push_back(sum * kZero);
  }
  return query;
}

double max_sim(const QueryTokens& query, const ItemTokens& item, SimdLevel level, std::vector<std::uint32_t>* best) {
  const CodeKernels& kernels = code_kernels(level);
  const std::size_t row_bytes = code_bytes(item.dim);
  std::vector<const std::uint8_t*> rows(item.count);
  for (std::size_t i = 0; i < item.count; ++i) rows[i] = item.codes.data() + i * row_bytes;
  std::vector<std::int32_t> sums(item.count);
  if (best != nullptr) best->clear();
  double all = 0;
  for (std::size_t token = 0; token < query.count; ++token) {
    kernels.dot_gather(query.codes.data() + token * row_bytes, rows.data(), item.count, row_bytes, sums.data());
    const std::int32_t offset = query.offsets[token];
    float most = static_cast<float>(sums[0] - offset) * item.inverse_norms[0];
    for (std::size_t i = 1; i < item.count; ++i) {
      most = std::max(most, static_cast<float>(sums[i] - offset) * item.inverse_norms[i]);
    }
    all += static_cast<double>(most) * static_cast<double>(query.inverse_norms[token]);
    if (best == nullptr) continue;
    std::size_t at = 0;
    while (static_cast<float>(sums[at] - offset) * item.inverse_norms[at] != most) ++at;
    best->push_back(static_cast<std::uint32_t>(at));
  }
  return all / static_cast<double>(query.count);
}

double max_sim(const QueryTokens& query, const ItemTokens& item) { return max_sim(query, item, best_simd()); }

}  // namespace pictor
