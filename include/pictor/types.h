// The nouns that users of the library and all rooms share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pictor {

// How near two vectors are. Numbers are stored on disk.
enum class Metric : std::uint8_t { kCosine = 1, kInnerProduct = 2, kL2 = 3 };

// Smaller is nearer; never shown to users. Cosine: 1 - cos. Inner product: -dot. L2: the squared distance.
struct Distance {
  float value = 0;
  friend bool operator==(Distance, Distance) = default;
  friend auto operator<=>(Distance, Distance) = default;  // NOLINT(modernize-use-nullptr): finds its own code
};

// Larger is better; what users see. Made from a Distance in engine/score.cpp alone: cosine: cos; inner product: dot;
// L2: 1 / (1 + distance).
struct Score {
  float value = 0;
  friend bool operator==(Score, Score) = default;
  friend auto operator<=>(Score, Score) = default;
};

// The patch tokens of one picture: height x width places of it, row by row, `dim` numbers each.
struct TokenGrid {
  std::uint32_t height = 0, width = 0, dim = 0;  // all 0: there is none
  std::size_t places() const { return std::size_t{height} * width; }
  std::size_t numbers() const { return places() * dim; }
  friend bool operator==(const TokenGrid&, const TokenGrid&) = default;
};
// How tokens are kept. Numbers are stored on disk. kF16: rounded to nearest, ties to even. kInt8: symmetric, one f32
// scale a token: its largest number / 127.
enum class TokenCodec : std::uint8_t { kNone = 0, kF16 = 1, kInt8 = 2 };

// A row of one collection: internal, never reused, never shown.
using RowId = std::uint64_t;
// A point in a collection's history. A row is in snapshot s when born <= s < died.
using Sequence = std::uint64_t;
inline constexpr Sequence kAlive = UINT64_MAX;

// 64 hexadecimal digits: the hash of all that decides a vector's bits, for one head.
using SpaceId = std::string;

}  // namespace pictor
