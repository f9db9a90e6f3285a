// From the numbers of a network to the vector of a head: pooling, projection, truncation, L2 norm.
//
// All sums are in double and in index order, so the bits are the same on every machine. Thread safety: const calls from
// any thread.
#pragma once

#include <span>
#include <vector>

#include "encode/card.h"

namespace pictor {

// One picture's numbers of an output to one vector. REQUIRES: numbers has the output's size.
void pool_image(std::span<const float> numbers, const ImageOutput& output, Pooling pooling, std::vector<double>& out);

// One picture's numbers of an output of tokens or a map, to its grid: place by place. REQUIRES: out has that size.
void take_grid(std::span<const float> numbers, const ImageOutput& output, std::span<float> out);

// One text's numbers, tokens x dim, to one vector. `ids` are the text's tokens, without padding; `padded` is their
// number with it. kInvalid when the text has no end token where pooling wants one.
Status pool_text(std::span<const float> numbers, const TextTower& tower, std::span<const std::int64_t> ids,
                 std::size_t padded, std::vector<double>& out);

// What a pooled vector goes through on its way into one head.
class HeadMaker {
 public:
  // Reads the matrices from the encoder's folder.
  static Result<HeadMaker> load(Env& env, const std::string& folder, const CardDetails& details, const HeadSide& side,
                                std::uint32_t dim);

  std::uint32_t dim() const { return dim_; }
  // Writes dim() numbers of length 1, and leaves them in `pooled` as long as they were. kInvalid when the vector has no
  // direction. `scratch` is memory to work in.
  Status make(std::vector<double>& pooled, std::vector<double>& scratch, std::span<float> out) const;

 private:
  HeadMaking making_ = HeadMaking::kOutput;
  std::vector<float> matrix_, bias_;
  std::uint32_t dim_ = 0;
};

}  // namespace pictor
