#include "engine/strange_texts.h"

#include <algorithm>
#include <span>

#include "engine/external.h"
#include "observe/observe.h"

namespace pictor {
namespace {

constexpr std::size_t kTexts = 200;
constexpr std::uint32_t kSeed = 13;      // other sentences than those that encoders are quantised and judged with
constexpr std::size_t kTextsAtOnce = 8;  // a search need not wait for more

}  // namespace

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
  const auto texts = calibration_sentences(kTexts, kSeed);
  std::vector<float> vectors;
  for (std::size_t begin = 0; begin < texts.size(); begin += kTextsAtOnce) {
    const auto some = std::span(texts).subspan(begin, std::min(kTextsAtOnce, texts.size() - begin));
    PICTOR_ASSIGN(const auto made, batcher->encode_texts(some, space.head, {EncodePriority::kBulk, 0}));
    vectors.insert(vectors.end(), made.begin(), made.end());
  }
  return vectors;
}

}  // namespace pictor
