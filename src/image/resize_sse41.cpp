// The resize loops for SSE4.1: as resize_avx2.cpp, with registers half as wide and one row at a time.
#if defined(__x86_64__)
#include <smmintrin.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "image/resize.h"

#define PICTOR_SSE41 __attribute__((target("sse4.1")))

namespace pictor {
namespace {

constexpr int kPrecisionBits = 32 - 8 - 2;

// Which bytes of 2 pixels make the pair (pixel 0, pixel 1) of each band as 16-bit numbers; -1 is zero.
PICTOR_SSE41 __m128i pair_mask(int bands) {
  alignas(16) std::array<std::int8_t, 16> bytes;
  bytes.fill(-1);
  for (int band = 0; band < std::min(bands, 4); ++band) {
    bytes[std::size_t{4} * band] = static_cast<std::int8_t>(band);
    bytes[std::size_t{4} * band + 2] = static_cast<std::int8_t>(bands + band);
  }
  return _mm_load_si128(reinterpret_cast<const __m128i*>(bytes.data()));
}

PICTOR_SSE41 inline __m128i two_weights(const std::int16_t* weights) {
  int two;
  std::memcpy(&two, weights, sizeof(two));
  return _mm_set1_epi32(two);
}

PICTOR_SSE41 inline __m128i settle(__m128i high, __m128i low) {
  const __m128i sum = _mm_add_epi32(_mm_slli_epi32(high, 15), low);
  return _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(1 << (kPrecisionBits - 1))), kPrecisionBits);
}

PICTOR_SSE41 inline std::uint32_t one_pixel(const std::uint8_t* from, const FilterBank& bank, std::uint32_t index,
                                            std::uint32_t bands, __m128i mask) {
  const std::int16_t* high = &bank.high[static_cast<std::size_t>(index) * bank.taps];
  const std::int16_t* low = &bank.low[static_cast<std::size_t>(index) * bank.taps];
  __m128i sum_high = _mm_setzero_si128(), sum_low = sum_high;
  for (std::uint32_t t = 0; t < bank.count[index]; t += 2, from += std::size_t{2} * bands) {
    const __m128i pixels = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)), mask);
    sum_high = _mm_add_epi32(sum_high, _mm_madd_epi16(pixels, two_weights(high + t)));
    sum_low = _mm_add_epi32(sum_low, _mm_madd_epi16(pixels, two_weights(low + t)));
  }
  const __m128i sum = _mm_packs_epi32(settle(sum_high, sum_low), _mm_setzero_si128());
  return static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm_packus_epi16(sum, sum)));
}

PICTOR_SSE41 void horizontal(const PixelView& source, const FilterBank& bank, std::uint32_t rows, std::uint8_t* out) {
  const std::uint32_t bands = source.bands;
  const auto results = static_cast<std::uint32_t>(bank.first.size());
  const __m128i mask = pair_mask(static_cast<int>(bands));
  for (std::uint32_t y = 0; y < rows; ++y) {
    const std::uint8_t* row = source.data + y * source.stride;
    const std::size_t readable = source.bytes - y * source.stride;
    for (std::uint32_t x = 0; x < results; ++x, out += bands) {
      const std::size_t touched = (std::size_t{bank.first[x]} + std::size_t{bank.count[x] + 1} / 2 * 2) * bands + 16;
      if (touched > readable) {
        resize_horizontal_pixel_plain(row, bank, x, bands, out);
        continue;
      }
      const std::uint32_t pixel = one_pixel(row + std::size_t{bank.first[x]} * bands, bank, x, bands, mask);
      for (std::uint32_t b = 0; b < bands; ++b) out[b] = static_cast<std::uint8_t>(pixel >> (8 * b));
    }
  }
}

struct Sums {
  __m128i high[4];
  __m128i low[4];
};

// Adds two rows of 16 bytes times their two weights.
PICTOR_SSE41 inline void add_pair(__m128i first, __m128i second, __m128i wh, __m128i wl, Sums& sums) {
  const __m128i zero = _mm_setzero_si128();
  const __m128i lo = _mm_unpacklo_epi8(first, second), hi = _mm_unpackhi_epi8(first, second);
  const __m128i pairs[4] = {_mm_unpacklo_epi8(lo, zero), _mm_unpackhi_epi8(lo, zero), _mm_unpacklo_epi8(hi, zero),
                            _mm_unpackhi_epi8(hi, zero)};
  for (int i = 0; i < 4; ++i) {
    sums.high[i] = _mm_add_epi32(sums.high[i], _mm_madd_epi16(pairs[i], wh));
    sums.low[i] = _mm_add_epi32(sums.low[i], _mm_madd_epi16(pairs[i], wl));
  }
}

PICTOR_SSE41 void vertical(const std::uint8_t* data, std::size_t stride, const FilterBank& bank, std::uint32_t index,
                           std::size_t bytes, std::uint8_t* out) {
  const std::int16_t* high = &bank.high[static_cast<std::size_t>(index) * bank.taps];
  const std::int16_t* low = &bank.low[static_cast<std::size_t>(index) * bank.taps];
  const std::uint32_t count = bank.count[index];
  std::size_t x = 0;
  for (; x + 16 <= bytes; x += 16) {
    Sums sums;
    for (int i = 0; i < 4; ++i) sums.high[i] = sums.low[i] = _mm_setzero_si128();
    for (std::uint32_t t = 0; t < count; t += 2) {
      // Weights are padded with zeros to a multiple of 4, so the pair after an odd last tap is (weight, 0).
      const std::uint8_t* from = data + t * stride + x;
      const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      const __m128i b = t + 1 < count ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + stride)) : a;
      add_pair(a, b, two_weights(high + t), two_weights(low + t), sums);
    }
    const __m128i lo = _mm_packs_epi32(settle(sums.high[0], sums.low[0]), settle(sums.high[1], sums.low[1]));
    const __m128i hi = _mm_packs_epi32(settle(sums.high[2], sums.low[2]), settle(sums.high[3], sums.low[3]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + x), _mm_packus_epi16(lo, hi));
  }
  resize_vertical_plain(data + x, stride, bank, index, bytes - x, out + x);
}

}  // namespace

const ResizeKernels kResizeSse41 = {horizontal, vertical};

}  // namespace pictor
#endif
