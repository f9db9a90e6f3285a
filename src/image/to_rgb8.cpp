// Grey, alpha and 16 bits to 8-bit RGB. RGBA of 8 bits, which most PNG files of drawings are, has a loop of its own.
#include "image/to_rgb8.h"

#include <span>

#include "image/words.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pictor {
namespace {

// As Pillow's alpha_composite over an opaque background.
std::uint8_t over(std::uint32_t colour, std::uint32_t alpha, std::uint32_t background) {
  const std::uint32_t sum = colour * alpha + background * (255 - alpha) + 128;
  return static_cast<std::uint8_t>((sum + (sum >> 8)) >> 8);
}

std::uint32_t eight_bits(std::uint8_t value) { return value; }
std::uint32_t eight_bits(std::uint16_t value) { return (value + 128u) / 257u; }

// `kBands` is the picture's: known when compiled, the loop has no branch in it. Over at full opacity is the colour
// itself, so opaque pixels need no way of their own.
template <std::size_t kBands, typename Value>
void settle_bands_of(std::span<const Value> values, const DecodeSpec& spec, std::uint8_t* to) {
  constexpr bool kColour = kBands >= 3, kAlpha = kBands % 2 == 0;
  const bool over_background = kAlpha && spec.alpha == Alpha::kOver;
  const std::array<std::uint32_t, 3> background = {spec.background[0], spec.background[1], spec.background[2]};
  const Value* from = values.data();
  for (std::size_t left = values.size() / kBands; left > 0; --left, from += kBands, to += 3) {
    const std::uint32_t opacity = over_background ? eight_bits(from[kBands - 1]) : 255;
    for (std::size_t b = 0; b < 3; ++b) to[b] = over(eight_bits(from[kColour ? b : 0]), opacity, background[b]);
  }
}

template <typename Value>
void settle_bands(const Image& image, std::span<const Value> values, const DecodeSpec& spec, std::uint8_t* to) {
  switch (image.bands) {
    case 1: return settle_bands_of<1>(values, spec, to);
    case 2: return settle_bands_of<2>(values, spec, to);
    case 3: return settle_bands_of<3>(values, spec, to);
    default: return settle_bands_of<4>(values, spec, to);
  }
}

void rgba_over_plain(const std::uint8_t* rgba, std::size_t pixels, const std::array<std::uint8_t, 3>& background,
                     std::uint8_t* rgb) {
  for (; pixels > 0; --pixels, rgba += 4, rgb += 3) {
    for (std::size_t b = 0; b < 3; ++b) rgb[b] = over(rgba[b], rgba[3], background[b]);
  }
}

#if defined(__x86_64__)

// Two pixels as eight 16-bit numbers. No step leaves 16 bits: a sum is at most 255 * 255 + 128, with its high byte
// added 65407.
__attribute__((target("sse4.1"))) inline __m128i two_over(__m128i colours, __m128i background) {
  const __m128i opacities =
      _mm_shuffle_epi8(colours, _mm_setr_epi8(6, 7, 6, 7, 6, 7, 6, 7, 14, 15, 14, 15, 14, 15, 14, 15));
  const __m128i rest = _mm_sub_epi16(_mm_set1_epi16(255), opacities);
  __m128i sum = _mm_add_epi16(_mm_mullo_epi16(colours, opacities), _mm_mullo_epi16(background, rest));
  sum = _mm_add_epi16(sum, _mm_set1_epi16(128));
  return _mm_srli_epi16(_mm_add_epi16(sum, _mm_srli_epi16(sum, 8)), 8);
}

// Four pixels at a time. A store is 16 bytes of which 12 count, so the last pixels go the plain way.
__attribute__((target("sse4.1"))) void rgba_over_sse41(const std::uint8_t* rgba, std::size_t pixels,
                                                       const std::array<std::uint8_t, 3>& background,
                                                       std::uint8_t* rgb) {
  const auto [r, g, b] = background;
  const __m128i behind = _mm_setr_epi16(r, g, b, 0, r, g, b, 0);
  const __m128i drop_alpha = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  for (; pixels >= 6; pixels -= 4, rgba += 16, rgb += 12) {
    const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rgba));
    const __m128i low = two_over(_mm_cvtepu8_epi16(four), behind);
    const __m128i high = two_over(_mm_unpackhi_epi8(four, _mm_setzero_si128()), behind);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(rgb), _mm_shuffle_epi8(_mm_packus_epi16(low, high), drop_alpha));
  }
  rgba_over_plain(rgba, pixels, background, rgb);
}

#endif

}  // namespace

Status check_pixels(const Image& image) {
  const std::size_t numbers = std::size_t{image.width} * image.height * image.bands;
  const std::size_t held = image.bits == 16 ? image.u16.size() : image.u8.size();
  if ((image.bits == 8 || image.bits == 16) && numbers > 0 && held == numbers) return Status::ok();
  return {Code::kInvalid, "the picture's memory has " + words::count(held) + " numbers, its header says " +
                              words::size(image.width, image.height) + " with " + words::count(image.bands) +
                              " bands of " + words::count(image.bits) + " bits"};
}

void rgba_over(const std::uint8_t* rgba, std::size_t pixels, const std::array<std::uint8_t, 3>& background,
               std::uint8_t* rgb, [[maybe_unused]] ResizeSimd level) {
#if defined(__x86_64__)
  if (level != ResizeSimd::kPlain) return rgba_over_sse41(rgba, pixels, background, rgb);
#endif
  rgba_over_plain(rgba, pixels, background, rgb);
}

Result<Image> to_rgb8(const Image& image, const DecodeSpec& spec) {
  PICTOR_TRY(check_pixels(image));
  if (image.bands > 4) {
    return Status{Code::kUnsupported, "the picture has " + words::count(image.bands) +
                                          " bands, and nothing says which of them are red, green and blue; save it "
                                          "with 1 to 4 bands"};
  }
  Image out;
  out.width = image.width;
  out.height = image.height;
  out.bands = 3;
  const std::size_t pixels = std::size_t{image.width} * image.height;
  out.u8.resize(pixels * 3);
  if (image.bits == 16) {
    settle_bands<std::uint16_t>(image, image.u16, spec, out.u8.data());
  } else if (image.bands == 4 && spec.alpha == Alpha::kOver) {
    rgba_over(image.u8.data(), pixels, spec.background, out.u8.data(), simd_level());
  } else {
    settle_bands<std::uint8_t>(image, image.u8, spec, out.u8.data());
  }
  return out;
}

}  // namespace pictor
