// Our own stages of one encoder, one by one, each from whatever it is given: what another stack is compared with.
//
// Thread safety: const calls from any thread. Not for making vectors in earnest: it runs all of a network, picture by
// picture.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "encode/card.h"
#include "encode/heads.h"
#include "encode/tokenizer.h"
#include "image/image.h"

namespace pictor {

using Outputs = std::vector<OutputTensor>;

// The first output of that name; null when there is none.
const OutputTensor* find_output(const Outputs& outputs, std::string_view name);

class OwnStages {
 public:
  // Loads both towers, with all their outputs where a network gives them for its own input alone.
  static Result<std::unique_ptr<OwnStages>> open(Env& env, CardDetails details, const Runtime& runtime,
                                                 const std::string& cache_folder);

  const CardDetails& details() const { return details_; }
  const HeadMaker& picture_maker(std::size_t head) const { return picture_makers_[head]; }
  const HeadMaker& text_maker(std::size_t head) const { return text_makers_[head]; }

  Result<std::vector<float>> tensor_of(const Image& image) const;
  Result<Outputs> outputs_of(std::span<const float> tensor) const;
  Result<std::vector<float>> vector_of(const Outputs& outputs, std::size_t head) const;
  // Before the head does anything to it.
  Result<std::vector<double>> pooled_of(const Outputs& outputs, const HeadSide& side) const;

  Result<Tokens> tokens_of(std::string_view text) const;
  // To the length that the encoder runs it in.
  std::vector<std::int64_t> padded(std::vector<std::int64_t> ids) const;
  std::int64_t pad_id() const;
  std::int64_t id_max() const { return std::max(tokenizer_->id_max(), pad_id()); }
  Result<Outputs> outputs_of(const Tokens& tokens) const;
  Result<std::vector<float>> vector_of(const Outputs& outputs, const Tokens& tokens, std::size_t head) const;
  Result<std::vector<double>> pooled_of(const Outputs& outputs, const Tokens& tokens) const;

 private:
  explicit OwnStages(CardDetails details) : details_(std::move(details)) {}
  Status load_towers(Env& env, const Runtime& runtime, const std::string& cache_folder);
  Status load_heads(Env& env);

  CardDetails details_;
  std::unique_ptr<Model> image_, text_;
  std::optional<Tokenizer> tokenizer_;
  ElementType integers_ = ElementType::kI64;
  std::vector<HeadMaker> picture_makers_, text_makers_;  // as the card's heads; without dim cut off
};

}  // namespace pictor
