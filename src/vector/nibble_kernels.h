// What every SIMD level implements for halves of bytes. Inside vector/ only.
#pragma once

#include "vector/nibbles.h"

namespace pictor::detail {

inline constexpr std::size_t kHalfGroup = kNibbleGroup / 2;

#if defined(__x86_64__)
CodeKernels avx2_nibble_kernels();
CodeKernels vnni_nibble_kernels();
#endif

}  // namespace pictor::detail
