// The forward passes of a tower by which its network is calibrated: one picture or one text each.
//
// Thread safety: const calls. Lifetime: the pictures, the tower and `look` outlive them.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "encode/card.h"
#include "encode/tokenizer.h"

namespace pictor {

// Numbers of one prepared picture.
inline std::size_t picture_numbers(const PrepareSpec& prepare) {
  return std::size_t{3} * prepare.width * prepare.height;
}

// Called before each pass; an error stops the work.
using LookUp = std::function<Status(std::size_t done, std::size_t of)>;

class PicturePasses final : public CalibrationPasses {
 public:
  PicturePasses(const CardDetails& details, std::span<const float> pictures, const LookUp& look)
      : details_(details), pictures_(pictures), look_(look) {}
  std::size_t count() const override { return pictures_.size() / picture_numbers(details_.card.prepare); }
  Status run(std::size_t pass, const std::function<Status(std::span<const TensorView>)>& use) const override;

 private:
  const CardDetails& details_;
  std::span<const float> pictures_;
  const LookUp& look_;
};

class TextPasses final : public CalibrationPasses {
 public:
  // `type` is the network's for its inputs.
  static Result<TextPasses> make(const TextTower& tower, ElementType type, const Tokenizer& tokenizer,
                                 std::span<const std::string> texts, const LookUp& look);
  std::size_t count() const override { return tokens_.size(); }
  Status run(std::size_t pass, const std::function<Status(std::span<const TensorView>)>& use) const override;

 private:
  TextPasses(const TextTower& tower, ElementType type, const LookUp& look)
      : tower_(&tower), type_(type), look_(&look) {}

  const TextTower* tower_;
  ElementType type_;
  const LookUp* look_;
  std::int64_t pad_id_ = 0;
  std::vector<Tokens> tokens_;
};

}  // namespace pictor
