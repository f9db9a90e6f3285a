#include "serve/refusals.h"

#include <gtest/gtest.h>

#include "base/base.h"

namespace pictor {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

TEST(RefusalMeter, of_a_burst_the_first_are_written_and_the_rest_is_counted) {
  RefusalMeter meter;
  for (std::uint32_t i = 0; i < limits::kAuditRefusalsPerSecond; ++i) EXPECT_EQ(meter.take(i), 0U) << i;
  for (int i = 0; i < 7; ++i) EXPECT_FALSE(meter.take(kSecond - 1).has_value());
  EXPECT_EQ(meter.take(kSecond), 7U) << "the next that is written tells of them";
  EXPECT_EQ(meter.take(kSecond), 0U);
}

TEST(RefusalMeter, whoever_goes_on_for_hours_fills_no_disk) {
  RefusalMeter meter;
  std::uint64_t written = 0, told = 0, asked = 0;
  for (std::int64_t second = 0; second < 3600; ++second) {
    for (std::uint32_t i = 0; i < limits::kAuditRefusalsPerSecond; ++i, ++asked) {
      const auto left_out = meter.take(second * kSecond);
      written += left_out ? 1 : 0;
      told += left_out.value_or(0);
    }
  }
  EXPECT_EQ(written, limits::kAuditRefusalsPerHour);
  EXPECT_EQ(told, 0U);
  EXPECT_EQ(meter.take(3600 * kSecond), asked - written);
}

}  // namespace
}  // namespace pictor
