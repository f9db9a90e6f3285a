#include "base/base64.h"

#include <array>
#include <cstdint>
#include <string>

namespace pictor {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNone = 255;

constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNone);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    values[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  return values;
}();

}  // namespace

std::string base64_of(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  const std::uint8_t* in = as_u8(bytes);
  std::size_t left = bytes.size();
  for (; left >= 3; left -= 3, in += 3) {
    const std::uint32_t three = std::uint32_t{in[0]} << 16U | std::uint32_t{in[1]} << 8U | in[2];
    for (const unsigned shift : {18U, 12U, 6U, 0U}) out += kAlphabet[three >> shift & 63U];
  }
  if (left == 0) return out;
  const std::uint32_t last = std::uint32_t{in[0]} << 16U | (left == 2 ? std::uint32_t{in[1]} << 8U : 0U);
  out += kAlphabet[last >> 18U & 63U];
  out += kAlphabet[last >> 12U & 63U];
  out += left == 2 ? kAlphabet[last >> 6U & 63U] : '=';
  out += '=';
  return out;
}

Result<Bytes> bytes_of_base64(std::string_view text) {
  if (text.size() % 4 == 0) {
    for (int padding = 0; padding < 2 && !text.empty() && text.back() == '='; ++padding) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) {
    return Status(Code::kInvalid, "base64 of " + std::to_string(text.size()) + " characters cannot be whole");
  }
  Bytes out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::uint8_t value = kValues[static_cast<std::uint8_t>(text[i])];
    if (value == kNone) {
      return Status(Code::kInvalid,
                    "base64 has a character that is none of its alphabet at place " + std::to_string(i));
    }
    bits = bits << 6U | value;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out.push_back(static_cast<std::byte>(bits >> held & 255U));
  }
  return out;
}

}  // namespace pictor
