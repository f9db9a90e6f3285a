// Words and numbers for messages that a person reads.
#pragma once

#include <cstdint>
#include <string>

namespace pictor::words {

// 104000000 as "104,000,000".
inline std::string count(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

// "640 x 480".
inline std::string size(std::uint64_t width, std::uint64_t height) { return count(width) + " x " + count(height); }

}  // namespace pictor::words
