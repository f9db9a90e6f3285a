// Words and numbers for messages that a person reads.
#pragma once

#include <cstdint>
#include <string>

namespace pictor::words {

// 128000000 as "128,000,000".
inline std::string count(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

// "640 x 480".
inline std::string size(std::uint64_t width, std::uint64_t height) { return count(width) + " x " + count(height); }

}  // namespace pictor::words
