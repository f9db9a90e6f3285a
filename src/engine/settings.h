// What a search takes that names no recall and no deadline: the collection's settings, else Pictor's.
//
// Thread safety: pure functions.
#pragma once

#include <optional>

#include "store/store.h"

namespace pictor {

inline constexpr double kRecallOfSearches = 0.98;
inline constexpr const char* kRecallSetting = "search.recall";
inline constexpr const char* kDeadlineSetting = "search.deadline_ms";

struct SearchSettings {
  std::optional<double> recall;
  std::optional<std::int64_t> deadline_ms;
};
// A text that is no such number, or out of range, counts as none: a search does not fail for it.
SearchSettings search_settings(const Settings& settings);

}  // namespace pictor
