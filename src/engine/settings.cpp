#include "engine/settings.h"

#include <charconv>

namespace pictor {
namespace {

template <typename T>
std::optional<T> number_of(const Settings& settings, const char* name) {
  const auto found = settings.find(name);
  if (found == settings.end()) return std::nullopt;
  const std::string& text = found->second;
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

SearchSettings search_settings(const Settings& settings) {
  SearchSettings out{number_of<double>(settings, kRecallSetting), number_of<std::int64_t>(settings, kDeadlineSetting)};
  if (out.recall.has_value() && !(*out.recall > 0 && *out.recall <= 1)) out.recall.reset();
  if (out.deadline_ms.has_value() && (*out.deadline_ms <= 0 || *out.deadline_ms > limits::kQueryDeadlineMsMax)) {
    out.deadline_ms.reset();
  }
  return out;
}

}  // namespace pictor
