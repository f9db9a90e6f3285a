#include "engine/strange_texts.h"

#include <array>
#include <string_view>

#include "engine/external.h"
#include "observe/observe.h"

namespace pictor {
namespace {

// Of many fields, since what is collected is not known: nobody's collection, nobody's searches.
constexpr std::array<std::string_view, 100> kThings = {
    "dog",           "cat",          "horse",       "cow",       "elephant",     "lion",          "owl",
    "penguin",       "butterfly",    "goldfish",    "shark",     "spider",       "sheep",         "parrot",
    "tree",          "rose",         "cactus",      "mushroom",  "autumn leaf",  "wheat field",   "mountain",
    "waterfall",     "beach",        "desert",      "volcano",   "river",        "snow storm",    "night sky",
    "sunset",        "rainbow",      "city street", "bridge",    "church",       "castle",        "skyscraper",
    "farm house",    "stadium",      "factory",     "airport",   "market",       "library",       "kitchen",
    "bathroom",      "bedroom",      "office",      "classroom", "restaurant",   "hospital bed",  "car",
    "truck",         "bicycle",      "motorcycle",  "train",     "aeroplane",    "helicopter",    "sailing boat",
    "tractor",       "traffic sign", "chair",       "sofa",      "table lamp",   "mirror",        "clock",
    "bookshelf",     "laptop",       "phone",       "camera",    "television",   "keyboard",      "circuit board",
    "screwdriver",   "broken glass", "shirt",       "red dress", "running shoe", "handbag",       "hat",
    "wrist watch",   "necklace",     "sunglasses",  "pizza",     "salad",        "birthday cake", "banana",
    "cup of coffee", "wine bottle",  "bread",       "baby",      "old man",      "bride",         "football player",
    "guitarist",     "dancer",       "crowd",       "soldier",   "doctor",       "oil painting",  "map",
    "postage stamp", "statue"};
static_assert(!kThings.back().empty());

constexpr std::size_t kTextsAtOnce = 8;  // a search need not wait for more

std::string with_article(std::string_view thing) {
  const bool vowel = std::string_view("aeiou").find(thing.front()) != std::string_view::npos;
  return (vowel ? "an " : "a ") + std::string(thing);
}

}  // namespace

std::vector<std::string> example_searches() {
  constexpr std::array<std::string_view, 6> kPlaces = {
      "on a white background", "in front of a house", "in the rain", "seen from above, far away", "at night",
      "in someone's hand"};
  std::vector<std::string> out;
  for (std::size_t i = 0; i < kThings.size(); ++i) {
    const std::string_view thing = kThings[i];
    const std::string_view other = kThings[(i * 37 + 11) % kThings.size()];
    const std::string place(kPlaces[i % kPlaces.size()]);
    out.emplace_back(thing);
    switch (i % 4) {
      case 0: out.push_back("a photo of " + with_article(thing) + " " + place); break;
      case 1: out.push_back(with_article(thing) + " and " + with_article(other)); break;
      case 2: out.push_back("a drawing of " + with_article(thing)); break;
      default: out.push_back("blue " + std::string(thing) + " " + place + ", black and white photograph"); break;
    }
  }
  return out;
}

std::vector<float> StrangeTexts::of(const CollectionSpec& spec, const SpaceSpec& space) {
  if (is_external(spec)) return {};
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(space.id);
  if (known != known_.end()) return known->second;
  auto made = make(spec, space);
  if (!made.is_ok()) {
    log(LogLevel::kWarning, "index_not_measured_with_texts",
        {{"collection", spec.name}, {"encoder", spec.encoder}, {"cause", made.status().message()}});
    return {};
  }
  return known_[space.id] = std::move(*made);
}

Result<std::vector<float>> StrangeTexts::make(const CollectionSpec& spec, const SpaceSpec& space) const {
  PICTOR_ASSIGN(const auto card, encoders_.card(spec.encoder));
  const CardHead* head = card.head(space.head);
  if (head == nullptr || !head->texts || head->space != space.id) return std::vector<float>{};
  PICTOR_ASSIGN(const auto batcher, encoders_.batcher(spec.encoder));
  const auto texts = example_searches();
  std::vector<float> vectors;
  for (std::size_t begin = 0; begin < texts.size(); begin += kTextsAtOnce) {
    const auto some = std::span(texts).subspan(begin, std::min(kTextsAtOnce, texts.size() - begin));
    PICTOR_ASSIGN(const auto made, batcher->encode_texts(some, space.head, {EncodePriority::kBulk, 0}));
    vectors.insert(vectors.end(), made.begin(), made.end());
  }
  return vectors;
}

}  // namespace pictor
