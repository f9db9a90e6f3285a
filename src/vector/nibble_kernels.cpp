// The plain kernel of halves of bytes, and which one runs.
#include "vector/nibble_kernels.h"

#include "vector/code_kernels.h"

namespace pictor {
namespace {

std::int32_t dot(const std::int8_t* query, const std::uint8_t* row, std::size_t bytes) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < bytes; i += detail::kHalfGroup) {
    const std::int8_t* low = query + 2 * i;
    const std::int8_t* high = low + detail::kHalfGroup;
    for (std::size_t j = 0; j < detail::kHalfGroup; ++j) {
      sum += std::int32_t{low[j]} * (row[i + j] & 15) + std::int32_t{high[j]} * (row[i + j] >> 4);
    }
  }
  return sum;
}

void four(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t bytes, std::int32_t* out) {
  for (std::size_t j = 0; j < detail::kCodeGroup; ++j) out[j] = dot(query, rows[j], bytes);
}

}  // namespace

const CodeKernels& nibble_kernels(SimdLevel level) {
  static const CodeKernels plain{dot, detail::dot_codes<dot, four>};
#if defined(__x86_64__)
  static const CodeKernels avx2 = detail::avx2_nibble_kernels();
  static const CodeKernels vnni = detail::vnni_nibble_kernels();
  return detail::choose_kernels(level, plain, avx2, vnni);
#else
  static_cast<void>(level);
  return plain;
#endif
}

const CodeKernels& nibble_kernels() {
  static const CodeKernels& best = nibble_kernels(best_simd());
  return best;
}

void pack_nibbles(std::span<const std::uint8_t> codes, std::span<std::uint8_t> out) {
  for (std::size_t i = 0; i < out.size(); i += detail::kHalfGroup) {
    const std::uint8_t* low = codes.data() + 2 * i;
    const std::uint8_t* high = low + detail::kHalfGroup;
    for (std::size_t j = 0; j < detail::kHalfGroup; ++j) {
      out[i + j] = static_cast<std::uint8_t>(low[j] | (high[j] << 4));
    }
  }
}

}  // namespace pictor
