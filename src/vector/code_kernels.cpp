// The plain kernel of codes, and which one runs. On aarch64 the compiler makes NEON of the plain one.
#include "vector/code_kernels.h"

namespace pictor {
namespace {

std::int32_t dot(const std::int8_t* query, const std::uint8_t* row, std::size_t bytes) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < bytes; ++i) sum += std::int32_t{query[i]} * std::int32_t{row[i]};
  return sum;
}

void four(const std::int8_t* query, const std::uint8_t* const* rows, std::size_t bytes, std::int32_t* out) {
  for (std::size_t j = 0; j < detail::kCodeGroup; ++j) out[j] = dot(query, rows[j], bytes);
}

}  // namespace

#if defined(__x86_64__)
const CodeKernels& detail::choose_kernels(SimdLevel level, const CodeKernels& plain, const CodeKernels& avx2,
                                          const CodeKernels& vnni) {
  static const bool has_vnni = __builtin_cpu_supports("avx512vnni") != 0;
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (level == SimdLevel::kAvx512 && has_vnni) return vnni;
  return level != SimdLevel::kPlain && has_avx2 ? avx2 : plain;
}
#endif

const CodeKernels& code_kernels(SimdLevel level) {
  static const CodeKernels plain{dot, detail::dot_codes<dot, four>};
#if defined(__x86_64__)
  static const CodeKernels avx2 = detail::avx2_code_kernels();
  static const CodeKernels vnni = detail::vnni_code_kernels();
  return detail::choose_kernels(level, plain, avx2, vnni);
#else
  static_cast<void>(level);
  return plain;
#endif
}

const CodeKernels& code_kernels() {
  static const CodeKernels& best = code_kernels(best_simd());
  return best;
}

}  // namespace pictor
