// Vectors as half a byte a number: an eighth of the memory, scanned list by list.
//
// 128 numbers lie in 64 bytes: byte i holds number i in its low half and number 64 + i in its high half, so that one
// mask and one shift give two whole registers of numbers in order. A code is 0 to 15 and means code - 7.5.
// Thread safety: pure functions and values.
#pragma once

#include <cstdint>
#include <span>

#include "vector/codes.h"
#include "vector/simd.h"

namespace pictor {

inline constexpr std::size_t kNibbleGroup = 128;  // numbers in 64 bytes

// As code_kernels, of rows of such bytes: out[i] = sum over j of query[j] * number j of row i, where the query has two
// bytes for each of the row. REQUIRES: bytes is a multiple of kCodeAlignment, at most limits::kVectorDimMax / 2.
const CodeKernels& nibble_kernels(SimdLevel level);  // REQUIRES: level is in available_simd()
const CodeKernels& nibble_kernels();                 // of best_simd()

// REQUIRES: codes are 0 to 15, a multiple of kNibbleGroup of them; out has half as many bytes.
void pack_nibbles(std::span<const std::uint8_t> codes, std::span<std::uint8_t> out);

}  // namespace pictor
