#include "vector/token_codes.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace pictor {
namespace {

constexpr float kF16Max = 65504.0F;
constexpr std::uint32_t kF16BeyondMax = 0x477ff000;  // 65520, the first f32 that rounds to infinity

float largest(std::span<const float> numbers) {
  float most = 0;
  for (const float number : numbers) most = std::max(most, std::fabs(number));
  return most;
}

Status check(TokenCodec codec, std::span<const float> row, std::size_t place) {
  const auto odd = std::ranges::find_if(row, [](float number) { return !std::isfinite(number); });
  if (odd != row.end()) {
    return {Code::kInvalid, "token " + std::to_string(place) + " has a number that is not finite"};
  }
  const float most = largest(row);
  if (codec != TokenCodec::kF16 || std::bit_cast<std::uint32_t>(most) < kF16BeyondMax) return Status::ok();
  return {Code::kLimit, "token " + std::to_string(place) + " has the number " + std::to_string(most) +
                            ", f16 ends at " + std::to_string(static_cast<int>(kF16Max)) +
                            ": keep tokens as int8 in a new collection"};
}

void pack_f16(std::span<const float> row, ByteWriter& out) {
  for (const float number : row) out.put(f16_of(number));
}

// The quotient in double: it is exact enough that no code is off, on any machine.
void pack_int8(std::span<const float> row, std::byte* scale_at, std::byte* codes) {
  const float scale = largest(row) / 127.0F;
  std::memcpy(scale_at, &scale, sizeof(scale));
  for (std::size_t i = 0; i < row.size(); ++i) {
    const double quotient = scale == 0 ? 0 : std::nearbyint(static_cast<double>(row[i]) / static_cast<double>(scale));
    const auto code = static_cast<std::int8_t>(std::clamp(quotient, -127.0, 127.0));
    std::memcpy(codes + i, &code, 1);
  }
}

}  // namespace

std::uint16_t f16_of(float number) {
  const auto bits = std::bit_cast<std::uint32_t>(number);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) return static_cast<std::uint16_t>(sign | 0x7e00U);  // no number
  if (magnitude >= kF16BeyondMax) return static_cast<std::uint16_t>(sign | 0x7c00U);
  if (magnitude < 0x38800000U) {
    // Below the smallest normal f16, 2^-14: the sum with 0.5 has its last bit at 2^-24, where the processor rounds.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000U));
  }
  // Half of the last bit kept, less one where that bit is even, so that ties go to even; a carry moves the exponent.
  const std::uint32_t rounded = magnitude + 0xfffU + (magnitude >> 13 & 1U);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000U) >> 13));
}

float f32_of_f16(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16;
  const std::uint32_t magnitude = half & 0x7fffU;
  if (magnitude >= 0x7c00U) return std::bit_cast<float>(sign | 0x7f800000U | (magnitude & 0x3ffU) << 13);
  if (magnitude < 0x400U) {
    const float small = static_cast<float>(magnitude) * 0x1p-24F;
    return sign == 0 ? small : -small;
  }
  return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000U));
}

std::size_t packed_tokens_bytes(TokenCodec codec, const TokenGrid& grid) {
  switch (codec) {
    case TokenCodec::kNone: return 0;
    case TokenCodec::kF16: return grid.numbers() * sizeof(std::uint16_t);
    case TokenCodec::kInt8: return grid.numbers() + grid.places() * sizeof(float);
  }
  return 0;
}

Result<Bytes> pack_tokens(TokenCodec codec, const TokenGrid& grid, std::span<const float> tokens,
                          std::size_t row_numbers) {
  ByteWriter halves;
  Bytes codes(codec == TokenCodec::kInt8 ? packed_tokens_bytes(codec, grid) : 0);
  const std::size_t scales_bytes = grid.places() * sizeof(float);  // before the codes
  for (std::size_t place = 0; place < grid.places(); ++place) {
    const auto row = tokens.subspan(place * row_numbers, grid.dim);
    PICTOR_TRY(check(codec, row, place));
    if (codec == TokenCodec::kInt8) {
      pack_int8(row, codes.data() + place * sizeof(float), codes.data() + scales_bytes + place * grid.dim);
    } else {
      pack_f16(row, halves);
    }
  }
  return codec == TokenCodec::kInt8 ? codes : halves.take();
}

Result<std::vector<float>> unpack_tokens(TokenCodec codec, const TokenGrid& grid, ByteView packed) {
  const std::size_t wanted = packed_tokens_bytes(codec, grid);
  if (packed.size() != wanted) {
    return Status(Code::kCorrupt,
                  "the tokens have " + std::to_string(packed.size()) + " bytes, wanted " + std::to_string(wanted));
  }
  std::vector<float> out(codec == TokenCodec::kNone ? 0 : grid.numbers());
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (codec == TokenCodec::kF16) {
      std::uint16_t half = 0;
      std::memcpy(&half, packed.data() + i * sizeof(half), sizeof(half));
      out[i] = f32_of_f16(half);
    } else {
      float scale = 0;
      std::int8_t code = 0;
      std::memcpy(&scale, packed.data() + i / grid.dim * sizeof(scale), sizeof(scale));
      std::memcpy(&code, packed.data() + grid.places() * sizeof(scale) + i, 1);
      out[i] = static_cast<float>(code) * scale;
    }
  }
  return out;
}

}  // namespace pictor
