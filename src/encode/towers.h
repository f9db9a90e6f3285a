// The two towers of an encoder, loaded: pictures and texts to vectors, chunk by chunk.
//
// Thread safety: const calls from any thread. A tower keeps the details it was loaded with by reference: the encoder
// that owns both outlives it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "encode/card.h"
#include "encode/heads.h"
#include "encode/tokenizer.h"

namespace pictor {

// What loading a tower needs.
struct TowerPlace {
  Env& env;
  const Runtime& runtime;
  std::string folder;
  ModelOptions options;
};

// How many numbers a picture has in an output.
std::size_t size_of(const ImageOutput& output);

// One forward pass over texts that all fill `bucket` tokens, padded with `pad_id`; `integers` is what the network
// takes.
Result<std::vector<OutputTensor>> run_texts(const Model& model, const TextTower& tower, ElementType integers,
                                            std::span<const Tokens* const> texts, std::size_t bucket,
                                            std::int64_t pad_id);

class ImageEncoder {
 public:
  // The network ends with the outputs that heads read, and with that of the grid if `with_grid`.
  static Result<std::unique_ptr<ImageEncoder>> load(const TowerPlace& place, const CardDetails& details,
                                                    bool with_grid = false);
  // Pictures of one forward pass.
  static std::size_t pass_pictures(const EncoderCard& card);
  // One forward pass over n <= pass_pictures() pictures. Writes n * dim numbers for each head with images to
  // out[head] + first * dim; `first` is also the number by which an error names a picture. `tokens`, if not empty, gets
  // the grid of picture i at (first + i) * its numbers; REQUIRES: loaded with it.
  Status encode(std::span<const float> tensors, std::size_t n, std::size_t first, std::span<std::vector<float>> out,
                std::span<float> tokens = {}) const;

 private:
  struct Head {
    std::size_t output = 0;  // index in the network's outputs
    ImageOutput shape;
    Pooling pooling = Pooling::kNone;
    HeadMaker maker;
  };
  explicit ImageEncoder(const CardDetails& details);
  Status check_ports(std::span<const std::string> outputs) const;
  Status add_heads(const TowerPlace& place);

  const CardDetails& details_;
  std::unique_ptr<Model> model_;
  std::vector<Head> heads_;
  std::size_t grid_output_ = 0;  // index in the network's outputs, when the card has a grid
  bool fixed_;                   // the network takes one picture, no other number
};

class TextEncoder {
 public:
  static Result<std::unique_ptr<TextEncoder>> load(const TowerPlace& place, const CardDetails& details);
  // One forward pass over texts that all fill `bucket` tokens, padded. out[i] is the place of text i's dim numbers in
  // head `head`, an index in the card's heads.
  Status encode(std::span<const Tokens* const> texts, std::size_t bucket, std::int64_t pad_id, std::size_t head,
                std::span<float* const> out) const;

  // The padded length of a text of `count` tokens: decided by the text alone, so that neighbours change no bit.
  static std::size_t bucket_of(std::size_t count, const TextTower& tower);
  // Texts of one forward pass of that padded length.
  static std::size_t pass_texts(std::size_t bucket, const CardDetails& details);

 private:
  explicit TextEncoder(const CardDetails& details) : tower_(*details.text) {}
  Status check_ports();

  const TextTower& tower_;
  std::unique_ptr<Model> model_;
  std::vector<HeadMaker> makers_;  // as the card's heads; those without texts are empty
  std::size_t output_ = 0;
  ElementType integers_ = ElementType::kI64;
};

}  // namespace pictor
