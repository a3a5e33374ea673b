// Time is exact: sums of awkward rates do not drift.
#include "base/time.h"

#include <gtest/gtest.h>

namespace studio {
namespace {

TEST(Time, AnHourOfNtscFramesDoesNotDrift) {
  const Rational rate{30000, 1001};
  Time sum;
  for (int i = 0; i < 107892; ++i) sum += Time::frames(1, rate);
  EXPECT_EQ(sum, Time::frames(107892, rate));
  EXPECT_EQ(sum.to_frames(rate), 107892);
}

TEST(Time, AudioAndVideoTimebasesAddExactly) {
  const Time t = Time::ticks(1, {1, 48000}) + Time::frames(1, {24000, 1001});
  EXPECT_EQ(t - Time::frames(1, {24000, 1001}), Time::ticks(1, {1, 48000}));
}

TEST(Time, RoundsAsAsked) {
  const Time t = Time::ticks(5, {1, 2});
  EXPECT_EQ(t.to_ticks({1, 1}, Rounding::down), 2);
  EXPECT_EQ(t.to_ticks({1, 1}, Rounding::nearest), 3);
  EXPECT_EQ((-t).to_ticks({1, 1}, Rounding::down), -3);
  EXPECT_EQ((-t).to_ticks({1, 1}, Rounding::up), -2);
}

TEST(Time, ParsesClocks) {
  EXPECT_EQ(parse_clock("1:02.5").value(), Time::from_seconds(62.5));
  EXPECT_EQ(parse_clock("01:00:03").value(), Time::from_seconds(3603));
  EXPECT_FALSE(parse_clock("a:3").has_value());
  EXPECT_FALSE(parse_clock("").has_value());
  EXPECT_EQ(to_clock(Time::from_seconds(62.5)), "1:02.500");
}

TEST(TimeRange, IsHalfOpen) {
  const TimeRange range{Time::from_seconds(1), Time::from_seconds(2)};
  EXPECT_TRUE(range.contains(Time::from_seconds(1)));
  EXPECT_FALSE(range.contains(Time::from_seconds(3)));
  EXPECT_FALSE(overlaps(range, {Time::from_seconds(3), Time::from_seconds(1)}));
}

}  // namespace
}  // namespace studio
