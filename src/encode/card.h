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

// What one output of the image network is for one picture.
enum class OutputKind : std::uint8_t {
  kVector,  // N x numbers
  kTokens,  // N x tokens x numbers: `prefix` tokens of no place (class, registers), then the grid of patches
  kMap,     // N x numbers x height x width
};

struct ImageOutput {
  OutputKind kind = OutputKind::kVector;
  std::uint32_t numbers = 0;
  std::uint32_t tokens = 0, prefix = 0;  // kTokens
  std::uint32_t height = 0, width = 0;   // kMap
};

struct ImageTower {
  std::string file;                            // one of EncoderCard::files
  std::vector<std::string> data;               // files beside it that hold its weights (ONNX external data)
  std::string input;                           // name of the network's input, N x 3 x height x width
  std::map<std::string, ImageOutput> outputs;  // by name
};

// How an output of several tokens, or of a map, becomes one vector.
enum class Pooling : std::uint8_t {
  kMean = 0,      // texts: over the tokens of the mask; pictures: over the patches, or the whole map
  kNone = 1,      // the output is one vector already
  kCls = 2,       // the first token
  kLast = 3,      // texts: the last position, padding included (SigLIP)
  kEndOfText = 4  // texts: the first token `end_id` (CLIP)
};

enum class Padding : std::uint8_t {
  kBucket = 0,  // to 8, 16, 32, ... tokens, by the text's own length
  kMax = 1      // to tokens_max
};

struct TextTower {
  std::string file;
  std::vector<std::string> data;
  std::string tokenizer;
  std::uint32_t tokens_max = 0;  // special tokens included
  std::uint32_t dim = 0;
  Pooling pooling = Pooling::kMean;
  std::int64_t end_id = 0;  // kEndOfText
  Padding padding = Padding::kBucket;
  std::int64_t pad_id = -1;                        // -1: as the tokenizer says
  bool together = true;                            // several texts in one forward pass
  std::string ids_input, mask_input, types_input;  // mask_input, types_input: empty when the network has none
  std::string output;                              // N x tokens x dim; kNone: N x dim
};

// How a pooled vector becomes the vector of a head.
enum class HeadMaking : std::uint8_t {
  kOutput,  // as it is
  kConse,   // softmax over class scores times a matrix of class vectors (Norouzi et al. 2013)
  kLinear,  // times a matrix, plus a bias: a projection head, or a PCA
};

// One side of a head: pictures or texts.
struct HeadSide {
  HeadMaking making = HeadMaking::kOutput;
  std::string output;                // of the image network
  Pooling pooling = Pooling::kNone;  // of that output
  std::uint32_t numbers = 0;         // that the pooled vector has: the classes of kConse
  std::string matrix;                // kConse, kLinear: file of numbers x full_dim f32 numbers, little-endian
  std::string bias;                  // kLinear: file of full_dim f32 numbers; empty: none
  std::uint32_t full_dim = 0;        // before the first `dim` numbers are taken (Matryoshka)
};

struct HeadDetails {
  HeadSide images, texts;
};

struct CardDetails {
  EncoderCard card;
  std::optional<ImageTower> image;
  std::optional<TextTower> text;
  std::vector<HeadDetails> heads;  // as card.heads
  std::string grid_output;         // of the image network, that card.grid is in; empty: none

  const CardFile* file(std::string_view path) const;
  bool is_read(std::string_view output) const;  // by a head
};

Result<CardDetails> parse_card_details(std::string_view json);
// The card of that name with its folder. kNotFound names the known encoders.
Result<CardDetails> read_card_details(Env& env, const EncoderPlaces& places, std::string_view name);

// The grid of one output's places; none when it has fewer than two, or no size of patch makes as many.
TokenGrid grid_of(const PrepareSpec& prepare, const ImageOutput& output);
// Finds the output whose numbers belong to places of the picture: tokens before maps, else by name. Sets card.grid.
void set_grid(CardDetails& details);

// The encoder of that name. kNotFound names those that are known.
Result<CardDetails> find_card(Env& env, const EncoderPlaces& places, std::string_view name);

// The card's text, which parse_card_details reads back to the same. `card.source` becomes its one source.
std::string write_card(const CardDetails& details);

// Names all that decides the bits of a vector in head `index`: see space.cpp.
SpaceId space_of(const CardDetails& details, std::size_t index);

}  // namespace pictor
