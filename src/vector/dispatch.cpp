#include <algorithm>
#include <array>
#include <cstdlib>

#include "vector/kernels.h"

namespace pictor {
namespace {

struct LevelName {
  SimdLevel level;
  std::string_view name;
};
constexpr std::array<LevelName, 4> kLevelNames{{{SimdLevel::kPlain, "plain"},
                                                {SimdLevel::kAvx2, "avx2"},
                                                {SimdLevel::kAvx512, "avx512"},
                                                {SimdLevel::kNeon, "neon"}}};

}  // namespace

std::string_view simd_name(SimdLevel level) { return kLevelNames.at(static_cast<std::size_t>(level)).name; }

std::vector<SimdLevel> available_simd() {
  std::vector<SimdLevel> levels{SimdLevel::kPlain};
#if defined(__x86_64__)
  // These ask the processor and whether the system saves its registers.
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) levels.push_back(SimdLevel::kAvx2);
  if (__builtin_cpu_supports("avx512f")) levels.push_back(SimdLevel::kAvx512);
#elif defined(__aarch64__)
  levels.push_back(SimdLevel::kNeon);
#endif
  return levels;
}

SimdLevel detail::chosen_simd(std::string_view setting, std::span<const SimdLevel> available) {
  for (const SimdLevel level : available) {
    if (simd_name(level) == setting) return level;
  }
  return available.back();
}

SimdLevel best_simd() {
  static const SimdLevel level = [] {
    const char* setting = std::getenv("PICTOR_SIMD");  // NOLINT(concurrency-mt-unsafe): read once, nothing here sets it
    return detail::chosen_simd(setting == nullptr ? "" : setting, available_simd());
  }();
  return level;
}

const Kernels& kernels(SimdLevel level) {
  static const Kernels plain = detail::plain_kernels();
#if defined(__x86_64__)
  static const Kernels avx2 = detail::avx2_kernels();
  static const Kernels avx512 = detail::avx512_kernels();
  if (level == SimdLevel::kAvx2) return avx2;
  if (level == SimdLevel::kAvx512) return avx512;
#elif defined(__aarch64__)
  static const Kernels neon = detail::neon_kernels();
  if (level == SimdLevel::kNeon) return neon;
#endif
  return plain;
}

const Kernels& kernels() {
  static const Kernels& best = kernels(best_simd());
  return best;
}

}  // namespace pictor
