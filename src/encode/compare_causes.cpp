// The first stage that departs, of pictures and of texts, and what they may have done otherwise.
#include <algorithm>

#include "encode/compare.h"

namespace pictor {

std::vector<std::string> Comparison::cause_of_numbers(const Row& row, const ItemState& state,
                                                      const ForeignRecord& record) {
  const auto theirs = floats_of(env_, record);
  if (!theirs.is_ok()) return {};
  Wanted wanted{0, "", *theirs};
  const bool vector = row.report.stage == kVectorStage;
  if (vector) {
    const auto& heads = stages_.details().card.heads;
    const auto head = std::ranges::find(heads, row.report.head, &CardHead::name);
    wanted.head = static_cast<std::size_t>(head - heads.begin());
    const auto* tokens = state.item->is_picture ? nullptr : &state.tokens;
    auto found = cause_in_network(stages_, state.outputs, tokens, wanted.head, *theirs);
    if (!found.empty()) return found;
  } else {
    wanted.output = record.stage;
  }
  if (state.item->is_picture && !state.their_tensor) {
    auto found = cause_in_picture(stages_, state.input(), wanted);
    if (!found.empty()) return found;
  }
  if (!state.item->is_picture && !state.their_tokens && vector) {
    auto found = cause_in_text(stages_, state.item->text, wanted);
    if (!found.empty()) return found;
  }
  // Near, but not by rounding alone.
  if (row.report.numbers_ours == row.report.numbers_theirs && row.report.cosine > 0.97) {
    return {"perhaps another precision (f16, int8), or weights that were trained on: nothing else fits"};
  }
  return {};
}

std::vector<std::string> Comparison::cause_of_one(const Row& row, const Departed& departed) {
  ItemState state;
  const auto& item = *departed.item;
  const auto begun = item.is_picture ? begin_picture(item, state, false) : begin_text(item, state, false);
  if (!begun.is_ok() || !*begun) return {};
  const auto& card = stages_.details().card;
  if (row.report.stage == kDecodedStage) {
    const auto theirs = pixels_of(env_, *departed.record);
    return theirs.is_ok() ? cause_of_pixels(card, state.file, *theirs) : std::vector<std::string>();
  }
  if (row.report.stage == kTensorStage) {
    const auto theirs = floats_of(env_, *departed.record);
    if (!theirs.is_ok()) return {};
    const auto found = cause_of_tensor(card, state.input(), *theirs);
    return found ? found->changes : std::vector<std::string>();
  }
  if (row.report.stage == kTokensStage) {
    const auto theirs = integers_of(env_, *departed.record);
    return theirs.is_ok() ? cause_of_tokens(stages_, item.text, *theirs) : std::vector<std::string>();
  }
  return cause_of_numbers(row, state, *departed.record);
}

DepartureCause Comparison::cause_of(const Row& row) {
  DepartureCause out{row.report.kind, row.report.stage, {}, 0, 0};
  for (const auto& departed : row.departed) {
    auto found = cause_of_one(row, departed);
    ++out.tried;
    if (out.changes.empty()) out.changes = found;
    if (!found.empty() && found == out.changes) ++out.explained;
  }
  return out;
}

void Comparison::find_causes(ForeignReport& report) {
  for (const char* kind : {"pictures", "texts"}) {
    const auto first =
        std::ranges::find_if(rows_, [&](const Row& row) { return row.report.kind == kind && row.report.differ > 0; });
    if (first != rows_.end()) report.departures.push_back(cause_of(*first));
  }
}

}  // namespace pictor
