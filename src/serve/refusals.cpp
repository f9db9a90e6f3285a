#include "serve/refusals.h"

#include <utility>

#include "base/base.h"

namespace pictor {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
constexpr std::int64_t kHourUs = 3600 * kSecondUs;

}  // namespace

bool RefusalMeter::has_room(Span& span, std::int64_t number, std::uint32_t most) {
  if (span.number != number) span = {number, 0};
  return span.written < most;
}

std::optional<std::uint64_t> RefusalMeter::take(std::int64_t now_us) {
  const bool this_second = has_room(second_, now_us / kSecondUs, limits::kAuditRefusalsPerSecond);
  const bool this_hour = has_room(hour_, now_us / kHourUs, limits::kAuditRefusalsPerHour);
  if (!this_second || !this_hour) {
    ++left_out_;
    return std::nullopt;
  }
  ++second_.written;
  ++hour_.written;
  return std::exchange(left_out_, 0);
}

}  // namespace pictor
