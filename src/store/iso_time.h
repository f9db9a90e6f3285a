// ISO 8601 dates and times as moments: `2024-05-01`, `2024-05-01T10:30`, `2024-05-01 10:30:15.25+02:00`, `...Z`.
//
// Without an offset a time is UTC; a date alone is its first moment. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pictor {

// Microseconds since 1970; digits beyond are cut off. None: not written so, or no such day (2023-02-29).
std::optional<std::int64_t> iso_time_us(std::string_view text);

}  // namespace pictor
