// Lengths, easing and source times against hand-computed values; validation names the place.
#include "timeline/timeline.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "timeline/timelines.h"

namespace studio {
namespace {

using testing::HasSubstr;

TEST(ValueAt, FollowsTheEasings) {
  const auto keys = [](Easing easing) {
    return Parameter{std::vector<Keyframe>{{seconds(1), 10, easing}, {seconds(3), 20, Easing::linear}}};
  };
  EXPECT_DOUBLE_EQ(value_at(keys(Easing::linear), seconds(2), 0), 15);
  EXPECT_DOUBLE_EQ(value_at(keys(Easing::hold), seconds(2.9), 0), 10);
  EXPECT_DOUBLE_EQ(value_at(keys(Easing::ease_in), seconds(2), 0), 12.5);
  EXPECT_DOUBLE_EQ(value_at(keys(Easing::ease_out), seconds(2), 0), 17.5);
  EXPECT_DOUBLE_EQ(value_at(keys(Easing::ease_in_out), seconds(1.5), 0), 10 + 10 * 0.15625);
  EXPECT_DOUBLE_EQ(value_at(keys(Easing::linear), seconds(0), 0), 10);
  EXPECT_DOUBLE_EQ(value_at(keys(Easing::hold), seconds(3), 0), 20);
  EXPECT_DOUBLE_EQ(value_at(keys(Easing::hold), seconds(9), 0), 20);
}

TEST(ValueAt, ATextOrNoKeyframesGivesTheFallback) {
  EXPECT_DOUBLE_EQ(value_at(Parameter{std::string("x")}, {}, 7), 7);
  EXPECT_DOUBLE_EQ(value_at(Parameter{std::vector<Keyframe>{}}, {}, 7), 7);
  EXPECT_DOUBLE_EQ(value_at(Parameter{3.0}, {}, 7), 3);
}

TEST(Retime, ConstantSpeedIsExact) {
  Clip clip = clip_of("a", 10, 20);
  clip.retime.speed = {3, 1};
  EXPECT_EQ(duration_of(clip), Time::ticks(10, {1, 3}));
  EXPECT_EQ(source_time_at(clip, seconds(1)), seconds(13));
  EXPECT_EQ(offset_of_source_time(clip, seconds(13)), seconds(1));
}

TEST(Retime, ReversedShowsTheLastFrameFirst) {
  Clip clip = clip_of("a", 10, 20);
  clip.retime.reverse = true;
  EXPECT_EQ(source_time_at(clip, {}), seconds(20) - Time::frames(1, {25, 1}));
  EXPECT_EQ(source_time_at(clip, Time::frames(249, {25, 1})), seconds(10));
  EXPECT_EQ(offset_of_source_time(clip, seconds(10)), Time::frames(249, {25, 1}));
  clip.retime.speed = {2, 1};
  EXPECT_EQ(duration_of(clip), seconds(5));
  EXPECT_EQ(source_time_at(clip, seconds(1)), seconds(18) - Time::frames(1, {25, 1}));
}

TEST(Retime, AFreezeHoldsItsFirstFrame) {
  Clip clip = clip_of("a", 10, 20);
  clip.retime.freeze = true;
  clip.retime.freeze_duration = seconds(3);
  EXPECT_EQ(duration_of(clip), seconds(3));
  EXPECT_EQ(source_time_at(clip, seconds(2.5)), seconds(10));
  EXPECT_DOUBLE_EQ(speed_at(clip, seconds(10)), 0);
}

// From speed 1 to 2 over 10 s of source: t = 10 ln 2.
TEST(Retime, ARampIsTheIntegralOfItsSpeed) {
  Clip clip = clip_of("a", 0, 10);
  clip.retime.ramp = {{seconds(0), 1}, {seconds(10), 2}};
  EXPECT_NEAR(duration_of(clip).seconds(), 10 * std::log(2), 1e-8);
  EXPECT_NEAR(offset_of_source_time(clip, seconds(5)).seconds(), 10 * std::log(1.5), 1e-8);
  EXPECT_NEAR(source_time_at(clip, Time::from_seconds(10 * std::log(1.5))).seconds(), 5, 1e-5);
  EXPECT_NEAR(speed_at(clip, seconds(5)), 1.5, 1e-12);
}

TEST(Retime, ARampIsConstantOutsideItsKeysAndWhereKeysAgree) {
  Clip clip = clip_of("a", 5, 15);
  clip.retime.ramp = {{seconds(2), 2}, {seconds(6), 2}};
  EXPECT_EQ(duration_of(clip), seconds(5));
  EXPECT_EQ(source_time_at(clip, seconds(4)), seconds(13));
  clip.retime.ramp = {{seconds(0), 0.5}, {seconds(4), 0.5}, {seconds(6), 4}};
  EXPECT_NEAR(duration_of(clip).seconds(), 8 + 2 * std::log(8.0) / 3.5 + 1, 1e-8);
  EXPECT_EQ(source_time_at(clip, seconds(4)), seconds(7));
}

TEST(Retime, ARampAgreesWithNumericalIntegrationAtEveryFrame) {
  Clip clip = clip_of("a", 3, 11);
  clip.retime.ramp = {{seconds(-1), 3}, {seconds(1), 1}, {seconds(2.5), 0.25}, {seconds(9), 5}};
  double t = 0;
  const double step = 1e-4;
  for (int i = 0; i < 80'000; ++i) {
    const double s = i * step;
    t += step / speed_at(clip, Time::from_seconds(3 + s + step / 2));
    if (i % 4000 != 0) continue;
    EXPECT_NEAR(offset_of_source_time(clip, Time::from_seconds(3 + s + step)).seconds(), t, 1e-5);
    EXPECT_NEAR(source_time_at(clip, Time::from_seconds(t)).seconds(), 3 + s + step, 1e-4);
  }
  EXPECT_NEAR(duration_of(clip).seconds(), t, 1e-5);
  Clip reversed = clip;
  reversed.retime.reverse = true;
  EXPECT_EQ(duration_of(reversed), duration_of(clip));
}

TEST(Durations, ATransitionTakesNoTime) {
  Timeline timeline = timeline_of({clip_of("a", 0, 4), Transition{"crossfade", seconds(0.5), seconds(0.5)},
                                   clip_of("b", 2, 5), Gap{seconds(1)}});
  EXPECT_EQ(duration_of(timeline), seconds(8));
  EXPECT_EQ(start_of(timeline.tracks[0], 2), seconds(4));
  EXPECT_TRUE(validate(timeline).has_value());
}

std::string problem_of(const Timeline& timeline) {
  const auto result = validate(timeline);
  return result ? "" : result.error().message;
}

TEST(Validate, NamesWhatIsWrongAndWhere) {
  EXPECT_THAT(problem_of(timeline_of({clip_of("a", 0, 61)})), HasSubstr("clip 'a'): its range"));
  EXPECT_THAT(problem_of(timeline_of({clip_of("a", 0, 1), clip_of("a", 0, 1)})), HasSubstr("used twice"));
  EXPECT_THAT(problem_of(timeline_of({clip_of("a", 1, 1)})), HasSubstr("empty"));
  EXPECT_THAT(problem_of(timeline_of({Transition{"crossfade", seconds(1), seconds(1)}, clip_of("a", 0, 5)})),
              HasSubstr("between two"));
  EXPECT_THAT(problem_of(timeline_of({clip_of("a", 5, 60), Transition{"crossfade", seconds(0), seconds(1)},
                                      clip_of("b", 5, 10)})),
              HasSubstr("0:00.000 left after its end"));
  EXPECT_THAT(problem_of(timeline_of({clip_of("a", 5, 10), Transition{"crossfade", seconds(1), seconds(0)},
                                      clip_of("b", 0, 10)})),
              HasSubstr("left before its start"));
  EXPECT_THAT(problem_of(timeline_of({clip_of("a", 5, 6), Transition{"crossfade", seconds(2), seconds(1)},
                                      clip_of("b", 5, 10)})),
              HasSubstr("longer than the item"));
  Clip negative = clip_of("a", 0, 1);
  negative.retime.speed = {-1, 1};
  EXPECT_THAT(problem_of(timeline_of({negative})), HasSubstr("not positive"));
  Timeline huge = timeline_of({clip_of("a", 0, 1)});
  huge.width = 100'000;
  EXPECT_THAT(problem_of(huge), HasSubstr("100000x720"));
  huge.width = 1280;
  huge.frame_rate = {0, 1};
  EXPECT_THAT(problem_of(huge), HasSubstr("frame_rate"));
}

TEST(Validate, AReversedClipHasItsHandlesTheOtherWayRound) {
  Clip reversed = clip_of("a", 0, 10);
  reversed.retime.reverse = true;
  const auto with = [&](Time out) {
    return timeline_of({reversed, Transition{"crossfade", Time{}, out}, clip_of("b", 5, 10)});
  };
  EXPECT_THAT(problem_of(with(seconds(1))), HasSubstr("left after its end"));
}

}  // namespace
}  // namespace studio
