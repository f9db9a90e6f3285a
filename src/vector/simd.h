// Levels of SIMD, chosen at run time.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace pictor {

enum class SimdLevel : std::uint8_t { kPlain, kAvx2, kAvx512, kNeon };
std::string_view simd_name(SimdLevel level);  // "plain", "avx2", "avx512", "neon"
// The fastest level of this machine. PICTOR_SIMD=plain|avx2|avx512|neon, read once, lowers it; a name that is unknown
// or that this machine lacks changes nothing.
SimdLevel best_simd();
std::vector<SimdLevel> available_simd();  // slowest first

}  // namespace pictor
