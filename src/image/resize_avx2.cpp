// The resize loops for AVX2: weights are split in two 16-bit parts, so that one multiply-add takes two taps.
#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "image/resize.h"

#define PICTOR_AVX2 __attribute__((target("avx2")))

namespace pictor {
namespace {

constexpr int kPrecisionBits = 32 - 8 - 2;
constexpr std::uint32_t kRowsAtOnce = 4;

// For each half of a register, which bytes of 4 pixels make the pairs (pixel 0, pixel 1) or (2, 3) of each band as
// 16-bit numbers; -1 is zero.
struct PairMask {
  alignas(32) std::array<std::int8_t, 32> bytes;
};

PairMask pair_mask(int bands) {
  PairMask mask;
  mask.bytes.fill(-1);
  for (int half = 0; half < 2; ++half) {
    for (int band = 0; band < std::min(bands, 4); ++band) {
      mask.bytes[half * 16 + band * 4] = static_cast<std::int8_t>((half * 2) * bands + band);
      mask.bytes[half * 16 + band * 4 + 2] = static_cast<std::int8_t>((half * 2 + 1) * bands + band);
    }
  }
  return mask;
}

PICTOR_AVX2 inline __m256i four_weights(const std::int16_t* weights) {
  const __m256i order =
      _mm256_setr_epi8(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
  long long four;
  std::memcpy(&four, weights, sizeof(four));
  return _mm256_shuffle_epi8(_mm256_set1_epi64x(four), order);
}

PICTOR_AVX2 inline std::uint32_t settle_pixel(__m256i high, __m256i low) {
  const __m256i both = _mm256_add_epi32(_mm256_slli_epi32(high, 15), low);
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
  sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(1 << (kPrecisionBits - 1))), kPrecisionBits);
  sum = _mm_packs_epi32(sum, sum);
  return static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm_packus_epi16(sum, sum)));
}

PICTOR_AVX2 inline __m256i four_pixels(const std::uint8_t* from, __m256i mask) {
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))),
                             mask);
}

// One output pixel of four neighbouring rows.
PICTOR_AVX2 inline void four_rows(const std::uint8_t* from, std::size_t stride, const FilterBank& bank,
                                  std::uint32_t index, std::uint32_t bands, __m256i mask, std::uint32_t* out) {
  const std::int16_t* high = &bank.high[static_cast<std::size_t>(index) * bank.taps];
  const std::int16_t* low = &bank.low[static_cast<std::size_t>(index) * bank.taps];
  __m256i h0 = _mm256_setzero_si256(), h1 = h0, h2 = h0, h3 = h0, l0 = h0, l1 = h0, l2 = h0, l3 = h0;
  for (std::uint32_t t = 0; t < bank.count[index]; t += 4, from += std::size_t{4} * bands) {
    const __m256i wh = four_weights(high + t), wl = four_weights(low + t);
    const __m256i p0 = four_pixels(from, mask), p1 = four_pixels(from + stride, mask);
    const __m256i p2 = four_pixels(from + 2 * stride, mask), p3 = four_pixels(from + 3 * stride, mask);
    h0 = _mm256_add_epi32(h0, _mm256_madd_epi16(p0, wh));
    l0 = _mm256_add_epi32(l0, _mm256_madd_epi16(p0, wl));
    h1 = _mm256_add_epi32(h1, _mm256_madd_epi16(p1, wh));
    l1 = _mm256_add_epi32(l1, _mm256_madd_epi16(p1, wl));
    h2 = _mm256_add_epi32(h2, _mm256_madd_epi16(p2, wh));
    l2 = _mm256_add_epi32(l2, _mm256_madd_epi16(p2, wl));
    h3 = _mm256_add_epi32(h3, _mm256_madd_epi16(p3, wh));
    l3 = _mm256_add_epi32(l3, _mm256_madd_epi16(p3, wl));
  }
  out[0] = settle_pixel(h0, l0);
  out[1] = settle_pixel(h1, l1);
  out[2] = settle_pixel(h2, l2);
  out[3] = settle_pixel(h3, l3);
}

PICTOR_AVX2 void horizontal(const PixelView& source, const FilterBank& bank, std::uint32_t rows, std::uint8_t* out) {
  const std::uint32_t bands = source.bands;
  const auto results = static_cast<std::uint32_t>(bank.first.size());
  const std::size_t out_stride = static_cast<std::size_t>(results) * bands;
  const PairMask pairs = pair_mask(static_cast<int>(bands));
  const __m256i mask = _mm256_load_si256(reinterpret_cast<const __m256i*>(pairs.bytes.data()));
  std::uint32_t y = 0;
  for (; y + kRowsAtOnce <= rows; y += kRowsAtOnce) {
    const std::uint8_t* row = source.data + y * source.stride;
    // Loads take 16 bytes, weights are padded to 4 taps: what they touch past a pixel is multiplied by 0, but it must
    // be memory of the picture.
    const std::size_t readable = source.bytes - (y + kRowsAtOnce - 1) * source.stride;
    for (std::uint32_t x = 0; x < results; ++x) {
      std::uint8_t* to = out + y * out_stride + static_cast<std::size_t>(x) * bands;
      const std::size_t touched = (std::size_t{bank.first[x]} + std::size_t{bank.count[x] + 3} / 4 * 4) * bands + 16;
      if (touched <= readable) {
        std::uint32_t pixels[kRowsAtOnce];
        four_rows(row + std::size_t{bank.first[x]} * bands, source.stride, bank, x, bands, mask, pixels);
        for (std::uint32_t r = 0; r < kRowsAtOnce; ++r) {
          for (std::uint32_t b = 0; b < bands; ++b) {
            to[r * out_stride + b] = static_cast<std::uint8_t>(pixels[r] >> (8 * b));
          }
        }
      } else {
        for (std::uint32_t r = 0; r < kRowsAtOnce; ++r) {
          resize_horizontal_pixel_plain(row + r * source.stride, bank, x, bands, to + r * out_stride);
        }
      }
    }
  }
  PixelView rest = source;
  rest.data += y * source.stride;
  resize_horizontal_plain(rest, bank, rows - y, out + y * out_stride);
}

struct Sums {
  __m256i high[4];
  __m256i low[4];
};

// Adds two rows of 32 bytes times their two weights.
PICTOR_AVX2 inline void add_pair(__m256i first, __m256i second, __m256i wh, __m256i wl, Sums& sums) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i lo = _mm256_unpacklo_epi8(first, second), hi = _mm256_unpackhi_epi8(first, second);
  const __m256i pairs[4] = {_mm256_unpacklo_epi8(lo, zero), _mm256_unpackhi_epi8(lo, zero),
                            _mm256_unpacklo_epi8(hi, zero), _mm256_unpackhi_epi8(hi, zero)};
  for (int i = 0; i < 4; ++i) {
    sums.high[i] = _mm256_add_epi32(sums.high[i], _mm256_madd_epi16(pairs[i], wh));
    sums.low[i] = _mm256_add_epi32(sums.low[i], _mm256_madd_epi16(pairs[i], wl));
  }
}

PICTOR_AVX2 inline __m256i settle_bytes(const Sums& sums) {
  __m256i done[4];
  const __m256i half = _mm256_set1_epi32(1 << (kPrecisionBits - 1));
  for (int i = 0; i < 4; ++i) {
    const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(sums.high[i], 15), sums.low[i]);
    done[i] = _mm256_srai_epi32(_mm256_add_epi32(sum, half), kPrecisionBits);
  }
  return _mm256_packus_epi16(_mm256_packs_epi32(done[0], done[1]), _mm256_packs_epi32(done[2], done[3]));
}

PICTOR_AVX2 inline __m256i two_weights(const std::int16_t* weights) {
  int two;
  std::memcpy(&two, weights, sizeof(two));
  return _mm256_set1_epi32(two);
}

PICTOR_AVX2 void vertical(const std::uint8_t* data, std::size_t stride, const FilterBank& bank, std::uint32_t index,
                          std::size_t bytes, std::uint8_t* out) {
  const std::int16_t* high = &bank.high[static_cast<std::size_t>(index) * bank.taps];
  const std::int16_t* low = &bank.low[static_cast<std::size_t>(index) * bank.taps];
  const std::uint32_t count = bank.count[index];
  std::size_t x = 0;
  for (; x + 32 <= bytes; x += 32) {
    Sums sums;
    for (int i = 0; i < 4; ++i) sums.high[i] = sums.low[i] = _mm256_setzero_si256();
    for (std::uint32_t t = 0; t < count; t += 2) {
      // Weights are padded with zeros to a multiple of 4, so the pair after an odd last tap is (weight, 0).
      const std::uint8_t* from = data + t * stride + x;
      const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
      const __m256i b = t + 1 < count ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + stride)) : a;
      add_pair(a, b, two_weights(high + t), two_weights(low + t), sums);
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + x), settle_bytes(sums));
  }
  resize_vertical_plain(data + x, stride, bank, index, bytes - x, out + x);
}

}  // namespace

const ResizeKernels kResizeAvx2 = {horizontal, vertical};

}  // namespace pictor
#endif
