#include "encode/quantize_passes.h"

#include <algorithm>
#include <array>

#include "encode/encode.h"
#include "encode/towers.h"

namespace pictor {

Status PicturePasses::run(std::size_t pass, const std::function<Status(std::span<const TensorView>)>& use) const {
  PICTOR_TRY(look_(pass, count()));
  const auto& prepare = details_.card.prepare;
  const std::size_t size = picture_numbers(prepare);
  const TensorView view{
      details_.image->input, ElementType::kF32, {1, 3, prepare.height, prepare.width}, pictures_.data() + pass * size};
  return use({&view, 1});
}

Result<TextPasses> TextPasses::make(const TextTower& tower, ElementType type, const Tokenizer& tokenizer,
                                    std::span<const std::string> texts, const LookUp& look) {
  TextPasses out(tower, type, look);
  out.pad_id_ = tower.pad_id >= 0 ? tower.pad_id : tokenizer.pad_id();
  for (const auto& text : texts) {
    PICTOR_ASSIGN(auto tokens, tokenizer.encode(text, tower.tokens_max));
    out.tokens_.push_back(std::move(tokens));
  }
  return out;
}

Status TextPasses::run(std::size_t pass, const std::function<Status(std::span<const TensorView>)>& use) const {
  PICTOR_TRY((*look_)(pass, count()));
  const auto& ids = tokens_[pass].ids;
  const std::size_t length = TextEncoder::bucket_of(ids.size(), *tower_);
  std::array<std::vector<std::int64_t>, 3> wide;
  std::array<std::vector<std::int32_t>, 3> narrow;
  wide[0].assign(length, pad_id_);
  std::ranges::copy(ids, wide[0].begin());
  wide[1].assign(length, 0);
  std::fill_n(wide[1].begin(), ids.size(), 1);
  wide[2].assign(length, 0);
  std::vector<TensorView> views;
  const std::array<const std::string*, 3> names = {&tower_->ids_input, &tower_->mask_input, &tower_->types_input};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i]->empty()) continue;
    const void* data = wide[i].data();
    if (type_ == ElementType::kI32) {
      narrow[i].assign(wide[i].begin(), wide[i].end());
      data = narrow[i].data();
    }
    views.push_back({*names[i], type_, {1, static_cast<std::int64_t>(length)}, data});
  }
  return use(views);
}

namespace {

constexpr std::array kThings = {"a dog",
                                "two cats",
                                "a red bicycle",
                                "an old wooden house",
                                "a steam train",
                                "a bowl of fruit",
                                "three children",
                                "a sailing boat",
                                "a laptop",
                                "a cup of coffee",
                                "a blue dress",
                                "leather shoes",
                                "a mountain",
                                "a city street",
                                "a flock of birds",
                                "a horse",
                                "a wedding cake",
                                "a guitar player",
                                "a snowman",
                                "a yellow taxi",
                                "the Eiffel tower",
                                "an X-ray of a hand",
                                "a handwritten note",
                                "a pizza",
                                "a football match",
                                "sunflowers",
                                "a cracked screen",
                                "a kitchen table",
                                "a waterfall",
                                "a woman with glasses",
                                "an elephant",
                                "a company logo"};
constexpr std::array kPlaces = {"",
                                " on a white background",
                                " at night",
                                " in the snow",
                                " by the sea",
                                " in front of a brick wall",
                                " seen from above",
                                " under a tree in a park on a sunny afternoon",
                                " on a shelf in a shop, price tag visible",
                                " with nobody else in the picture",
                                " behind a fence",
                                ", black and white"};
constexpr std::array kFrames = {"%",
                                "a photo of %",
                                "a close-up photograph of %",
                                "a drawing of %",
                                "% and a person who looks at it",
                                "find pictures that show %",
                                "a blurry picture of %, taken with a phone",
                                "%, %"};

class Draw {
 public:
  explicit Draw(std::uint32_t seed) : state_(seed) {}
  // Below `limit`, from the upper bits of a linear congruence: the same on every machine.
  std::size_t below(std::size_t limit) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>((state_ >> 33) % limit);
  }

 private:
  std::uint64_t state_;
};

}  // namespace

std::vector<std::string> calibration_sentences(std::size_t count, std::uint32_t seed) {
  Draw draw(seed);
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text;
    for (const char c : std::string_view(kFrames[draw.below(kFrames.size())])) {
      if (c != '%') {
        text += c;
      } else {
        text += kThings[draw.below(kThings.size())];
        text += kPlaces[draw.below(kPlaces.size())];
      }
    }
    out.push_back(std::move(text));
  }
  return out;
}

}  // namespace pictor
