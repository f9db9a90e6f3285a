#include "store/iso_time.h"

#include <gtest/gtest.h>

namespace pictor {
namespace {

TEST(IsoTime, dates_and_times_are_moments) {
  EXPECT_EQ(iso_time_us("1970-01-01"), 0);
  EXPECT_EQ(iso_time_us("2024-02-29"), 1'709'164'800'000'000);
  EXPECT_EQ(iso_time_us("1969-12-31T23:59:59.5Z"), -500'000);
  EXPECT_EQ(iso_time_us("2024-05-01T10:30:00+02:00"), iso_time_us("2024-05-01 08:30"));
  EXPECT_EQ(iso_time_us("2024-05-01T10:30:00-0530"), iso_time_us("2024-05-01T16:00Z"));
  EXPECT_EQ(iso_time_us("2024-05-01T10:30+02"), iso_time_us("2024-05-01t08:30z"));
  EXPECT_EQ(*iso_time_us("2024-05-01T00:00:00.123456789"), *iso_time_us("2024-05-01") + 123'456);
  EXPECT_EQ(iso_time_us("0000-03-01"), -62'162'035'200'000'000);
  EXPECT_EQ(iso_time_us("9999-12-31T23:59:59Z"), 253'402'300'799'000'000);
}

TEST(IsoTime, what_is_no_date_has_no_moment) {
  for (const char* text : {"",
                           "2024",
                           "2024-5-1",
                           "2023-02-29",
                           "1900-02-29",
                           "2024-13-01",
                           "2024-00-10",
                           "2024-04-31",
                           "2024-05-01T",
                           "2024-05-01T24:00",
                           "2024-05-01T10:60",
                           "2024-05-01T10:30:60",
                           "2024-05-01T10:30:00.",
                           "2024-05-01T10:30+2",
                           "2024-05-01T10:30+02:",
                           "2024-05-01T10:30Zz",
                           "20240501",
                           "2024-05-01x",
                           " 2024-05-01",
                           "+2024-05-01"}) {
    EXPECT_FALSE(iso_time_us(text)) << text;
  }
}

}  // namespace
}  // namespace pictor
