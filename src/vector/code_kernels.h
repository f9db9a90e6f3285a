// What every SIMD level implements for codes: sums of products of bytes, which are whole numbers and so the same
// however they are added. Inside vector/ only.
#pragma once

#include "vector/codes.h"

namespace pictor::detail {

// Rows whose sums are made side by side: four chains of additions hide each other's latency.
inline constexpr std::size_t kCodeGroup = 4;
using OneCodeRow = std::int32_t (*)(const std::int8_t* query, const std::uint8_t* row, std::size_t bytes);
using CodeRowGroup = void (*)(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t bytes,
                              std::int32_t* out);

template <OneCodeRow kOne, CodeRowGroup kMany>
void dot_codes(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t count, std::size_t bytes,
               std::int32_t* out) {
  std::size_t i = 0;
  for (; i + kCodeGroup <= count; i += kCodeGroup) kMany(query, rows + i, bytes, out + i);
  for (; i < count; ++i) out[i] = kOne(query, rows[i], bytes);
}

#if defined(__x86_64__)
// The best of them that runs here and is not above `level`.
const CodeKernels& choose_kernels(SimdLevel level, const CodeKernels& plain, const CodeKernels& avx2,
                                  const CodeKernels& vnni);
CodeKernels avx2_code_kernels();
CodeKernels vnni_code_kernels();
#endif

}  // namespace pictor::detail
