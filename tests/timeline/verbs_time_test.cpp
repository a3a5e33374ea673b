// Speed, ramp, freeze, reverse, J and L cuts: lengths, frames, effects in place, refusals.
#include "timeline/verbs_time.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "timeline/timelines.h"
#include "timeline/verbs_layers.h"

namespace studio {
namespace {

using testing::HasSubstr;

Timeline two() {
  return timeline_of({clip_of("a", 10, 14), clip_of("b", 30, 33, "other.mp4")});
}

template <typename T>
std::string why(const Result<T>& result) {
  return result ? "it was done" : result.error().message;
}

const Clip& clip_in(const Timeline& timeline, std::size_t item) {
  return std::get<Clip>(timeline.tracks[0].items[item]);
}

TEST(ChangeSpeed, TheRestFollowsAndEffectsStayOnTheirPictures) {
  Timeline timeline = *add_effect(two(), "a", {"flash", {}, TimeRange{seconds(2), seconds(1)}});
  timeline.markers = {{seconds(5), "b", "", ""}};
  const auto fast = change_speed(timeline, "a", {2, 1});
  ASSERT_TRUE(fast) << why(fast);
  EXPECT_EQ(duration_of(*fast), seconds(5));
  EXPECT_EQ(clip_in(*fast, 0).effects[0].active, (TimeRange{seconds(1), seconds(0.5)}));
  EXPECT_EQ(fast->markers[0].at, seconds(3));
  const auto back = change_speed(*fast, "a", {1, 1});
  EXPECT_EQ(clip_in(*back, 0).effects[0].active, (TimeRange{seconds(2), seconds(1)}));
  EXPECT_THAT(why(change_speed(two(), "a", {0, 1})), HasSubstr("1/1000"));
  EXPECT_THAT(why(change_speed(two(), "a", {-1, 1})), HasSubstr("1/1000"));
  EXPECT_EQ(change_speed(two(), "z", {1, 1}).error().kind, ErrorKind::not_found);
}

TEST(ChangeSpeed, ATransitionThatNoLongerFitsGoes) {
  const Timeline faded = *add_transition(two(), "a", "crossfade", seconds(2));
  EXPECT_EQ(shape_of(*change_speed(faded, "a", {2, 1})), "a[10,14) x(1,1) b[30,33)");
  EXPECT_EQ(shape_of(*change_speed(faded, "a", {8, 1})), "a[10,14) b[30,33)");
}

TEST(Ramp, LengthIsTheIntegral) {
  const auto after = ramp(two(), "a", {{seconds(0), 1}, {seconds(4), 4}});
  EXPECT_NEAR(duration_of(clip_in(*after, 0)).seconds(), 4 * std::log(4.0) / 3, 1e-8);
  EXPECT_THAT(why(ramp(two(), "a", {})), HasSubstr("no speeds"));
  EXPECT_THAT(why(ramp(two(), "a", {{seconds(1), 1}, {seconds(1), 2}})), HasSubstr("ascend"));
  EXPECT_THAT(why(ramp(two(), "a", {{seconds(0), 0}})), HasSubstr("1/1000"));
  EXPECT_THAT(why(ramp(two(), "a", {{seconds(0), std::nan("")}})), HasSubstr("1/1000"));
}

TEST(Freeze, HoldsOnePictureInBetween) {
  const auto before = shown(two());
  const auto after = freeze(two(), "a", seconds(1), seconds(2));
  ASSERT_TRUE(after) << why(after);
  const auto frames = shown(*after);
  ASSERT_EQ(frames.size(), before.size() + 50);
  for (int n = 25; n < 75; ++n) EXPECT_EQ(frames[n], "film:275");
  EXPECT_EQ(frames[24], "film:274");
  EXPECT_EQ(frames[75], "film:275");
  EXPECT_EQ(frames.back(), before.back());
  EXPECT_TRUE(validate(*after)) << why(validate(*after));
}

TEST(Freeze, AtTheVeryEndHoldsTheLastPicture) {
  const auto after = freeze(two(), "a", seconds(4), seconds(1));
  EXPECT_EQ(shown(*after)[100], "film:349");
  EXPECT_EQ(shown(*after)[125], "other:750");
  EXPECT_TRUE(validate(*after)) << why(validate(*after));
  const auto first = freeze(two(), "a", seconds(0), seconds(1));
  EXPECT_EQ(shown(*first)[24], "film:250");
  EXPECT_EQ(shown(*first)[25], "film:250");
}

TEST(Freeze, KeepsTheEffectsOfThatMoment) {
  Timeline timeline = *add_effect(
      two(), "a", {"zoom_punch", {{"amount", std::vector<Keyframe>{{seconds(0), 1}, {seconds(2), 3}}}}, {}});
  timeline = *add_effect(timeline, "a", {"flash", {}, TimeRange{seconds(3), seconds(1)}});
  const Clip still = clip_in(*freeze(timeline, "a", seconds(1), seconds(1)), 1);
  ASSERT_EQ(still.effects.size(), 1u);
  EXPECT_DOUBLE_EQ(std::get<double>(still.effects[0].params.at("amount")), 2);
  EXPECT_FALSE(still.retime.reverse);
}

TEST(Freeze, RefusesWhatCannotBeHeld) {
  EXPECT_THAT(why(freeze(two(), "a", seconds(5), seconds(1))), HasSubstr("plays for 0:04.000"));
  EXPECT_THAT(why(freeze(two(), "a", seconds(1), seconds(0))), HasSubstr("no time"));
  const Timeline faded = *add_transition(two(), "a", "crossfade", seconds(1));
  EXPECT_THAT(why(freeze(faded, "a", seconds(3.8), seconds(1))), HasSubstr("crossfade runs there"));
  const auto frozen = freeze(two(), "a", seconds(1), seconds(1));
  EXPECT_THAT(why(change_speed(*frozen, "a~2", {2, 1})), HasSubstr("stands still"));
  EXPECT_THAT(why(reverse(*frozen, "a~2")), HasSubstr("stands still"));
}

TEST(Reverse, TwiceIsAsItWas) {
  Timeline timeline =
      *add_effect(two(), "a",
                  {"zoom_punch",
                   {{"amount", std::vector<Keyframe>{{seconds(1), 1, Easing::ease_in}, {seconds(2), 3}}}},
                   TimeRange{seconds(1), seconds(2)}});
  const auto once = reverse(timeline, "a");
  auto expected = shown(timeline);
  std::reverse(expected.begin(), expected.begin() + 100);
  EXPECT_EQ(shown(*once), expected);
  EXPECT_EQ(clip_in(*once, 0).effects[0].active, (TimeRange{seconds(1), seconds(2)}));
  for (double t = 0.05; t < 4; t += 0.1)
    EXPECT_NEAR(value_at(clip_in(*once, 0).effects[0].params.at("amount"), seconds(4 - t), 0),
                value_at(clip_in(timeline, 0).effects[0].params.at("amount"), seconds(t), 0), 1e-9);
  EXPECT_EQ(text_of(*reverse(*once, "a")), text_of(timeline));
}

TEST(JCut, SoundLeadsAndTheSoundBeforeEnds) {
  const auto after = j_cut(two(), "b", seconds(0.5));
  ASSERT_TRUE(after) << why(after);
  EXPECT_EQ(clip_in(*after, 1).audio_lead, seconds(-0.5));
  EXPECT_EQ(clip_in(*after, 0).audio_tail, seconds(-0.5));
  EXPECT_EQ(shown(*after), shown(two()));
  EXPECT_TRUE(validate(*after));
  EXPECT_EQ(text_of(*j_cut(*after, "b", {})), text_of(two()));
  EXPECT_THAT(why(j_cut(two(), "a", seconds(0.5))), HasSubstr("before the timeline"));
  EXPECT_THAT(why(j_cut(two(), "b", seconds(4))), HasSubstr("plays for 0:04.000 only"));
  EXPECT_THAT(why(j_cut(timeline_of({clip_of("a", 10, 50), clip_of("b", 1, 3)}), "b", seconds(2))),
              HasSubstr("only 0:01.000 more sound"));
}

TEST(LCut, SoundLagsAndTheNextSoundStartsThere) {
  const auto after = l_cut(two(), "a", seconds(0.5));
  ASSERT_TRUE(after) << why(after);
  EXPECT_EQ(clip_in(*after, 0).audio_tail, seconds(0.5));
  EXPECT_EQ(clip_in(*after, 1).audio_lead, seconds(0.5));
  EXPECT_THAT(why(l_cut(two(), "b", seconds(0.5))), HasSubstr("nothing follows"));
  EXPECT_THAT(why(l_cut(two(), "a", seconds(3))), HasSubstr("plays for 0:03.000 only"));
  EXPECT_THAT(why(l_cut(two(), "a", seconds(-1))), HasSubstr("not negative"));
}

}  // namespace
}  // namespace studio
