// All of a card, the parts that only encode needs included: towers and how each head is made.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "encode/encode.h"

namespace pictor {

// Raised when our own code changes a vector's bits for the same card: it is part of every SpaceId.
inline constexpr std::uint32_t kEncodeSemanticsVersion = 1;

struct ImageTower {
  std::string file;                              // one of EncoderCard::files
  std::string input;                             // name of the network's input, N x 3 x height x width
  std::map<std::string, std::uint32_t> outputs;  // name and numbers a picture
};

enum class Pooling : std::uint8_t { kMean };  // over the tokens of the mask

struct TextTower {
  std::string file;
  std::string tokenizer;
  std::uint32_t tokens_max = 0;  // special tokens included
  std::uint32_t dim = 0;
  Pooling pooling = Pooling::kMean;
  std::string ids_input, mask_input, types_input;  // types_input: empty when the network has none
  std::string output;                              // N x tokens x dim
};

// How the image tower's numbers become a vector of a head.
enum class HeadMaking : std::uint8_t {
  kOutput,  // an output as it is
  kConse,   // softmax over class scores times a matrix of class vectors (Norouzi et al. 2013)
};

struct HeadDetails {
  HeadMaking making = HeadMaking::kOutput;
  std::string output;         // of the image network
  std::uint32_t numbers = 0;  // that the output has: dim, or the classes of kConse
  std::string matrix;         // kConse: file of classes x dim f32 numbers, little-endian
};

struct CardDetails {
  EncoderCard card;
  std::optional<ImageTower> image;
  std::optional<TextTower> text;
  std::vector<HeadDetails> heads;  // as card.heads

  const CardFile* file(std::string_view path) const;
};

Result<CardDetails> parse_card_details(std::string_view json);

// Names all that decides the bits of a vector in head `index`: see space.cpp.
SpaceId space_of(const CardDetails& details, std::size_t index);

}  // namespace pictor
