// Layers, texts, effects, transitions, sounds and markers.
#include "timeline/verbs_layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "timeline/timelines.h"

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

TEST(Composite, TakesTheLowestFreeTrackAboveTheFilm) {
  auto timeline = composite(two(), seconds(1), clip_of("n", 0, 2, "pip.mp4"));
  timeline = composite(*timeline, seconds(2), clip_of("m", 0, 2, "pip.mp4"));
  timeline = composite(*timeline, seconds(5), clip_of("o", 0, 1, "pip.mp4"));
  ASSERT_TRUE(timeline) << why(timeline);
  ASSERT_EQ(timeline->tracks.size(), 3u);
  EXPECT_EQ(shape_of(*timeline, 0), shape_of(two()));
  EXPECT_EQ(shape_of(*timeline, 1), "gap(1) n[0,2) gap(2) o[0,1)");
  EXPECT_EQ(shape_of(*timeline, 2), "gap(2) m[0,2)");
  EXPECT_TRUE(validate(*timeline));
}

TEST(OverlayText, KeepsTheTextAsItIs) {
  const std::string text = "':%{pts}\\[x];";
  const auto timeline = overlay_text(two(), seconds(1), seconds(2), {"title", {{"text", text}}});
  const Clip& clip = std::get<Clip>(timeline->tracks[1].items[1]);
  EXPECT_EQ(std::get<std::string>(std::get<Generator>(clip.source).params.at("text")), text);
  EXPECT_FALSE(clip.sound);
  EXPECT_EQ(shape_of(*overlay_text(*timeline, seconds(3), seconds(1), {"title", {}}), 1),
            "gap(1) text[0,2) text~2[0,1)");
  EXPECT_THAT(why(overlay_text(two(), seconds(1), {}, {"title", {}})), HasSubstr("no length"));
}

TEST(AddEffect, ChecksItsTimes) {
  EXPECT_TRUE(add_effect(two(), "a", {"blur", {}, TimeRange{seconds(3), seconds(3)}}));
  EXPECT_THAT(why(add_effect(two(), "a", {"blur", {}, TimeRange{seconds(4), seconds(1)}})),
              HasSubstr("plays for 0:04"));
  EXPECT_THAT(why(add_effect(two(), "a", {"", {}, {}})), HasSubstr("no id"));
  EXPECT_THAT(why(add_effect(two(), "a",
                             {"blur", {{"x", std::vector<Keyframe>{{seconds(1), 0}, {seconds(1), 1}}}}, {}})),
              HasSubstr("ascend"));
  EXPECT_EQ(add_effect(two(), {"vignette", {}, {}})->effects.size(), 1u);
  EXPECT_EQ(add_track_effect(two(), "V1", {"volume", {}, {}})->tracks[0].effects.size(), 1u);
}

TEST(AddTransition, HalfOnEachSide) {
  const auto timeline = add_transition(two(), "a", "wipeleft", seconds(1));
  EXPECT_EQ(shape_of(*timeline), "a[10,14) x(0.5,0.5) b[30,33)");
  EXPECT_TRUE(validate(*timeline));
  EXPECT_EQ(duration_of(*timeline), duration_of(two()));
  EXPECT_EQ(shape_of(*add_transition(*timeline, "a", "crossfade", seconds(2))), "a[10,14) x(1,1) b[30,33)");
}

TEST(AddTransition, TheSideWithMoreHandleGivesMore) {
  const Timeline short_tail = timeline_of({clip_of("a", 50, 59.8), clip_of("b", 30, 33)});
  const auto timeline = add_transition(short_tail, "a", "crossfade", seconds(1));
  EXPECT_EQ(shape_of(*timeline), "a[50,59.8) x(0.8,0.2) b[30,33)");
  EXPECT_TRUE(validate(*timeline)) << why(validate(*timeline));
  const Timeline no_handles = timeline_of({clip_of("a", 50, 60), clip_of("b", 0, 3)});
  EXPECT_THAT(why(add_transition(no_handles, "a", "crossfade", seconds(1))),
              HasSubstr("longest possible there is 0:00.000"));
  EXPECT_EQ(longest_transition(no_handles, "a").value(), Time{});
  EXPECT_THAT(why(add_transition(two(), "b", "crossfade", seconds(1))), HasSubstr("nothing follows"));
  EXPECT_THAT(why(add_transition(two(), "a", "crossfade", {})), HasSubstr("needs a kind and a length"));
}

TEST(AddTransition, TwoOfOneClipDoNotMeet) {
  const Timeline three = timeline_of({clip_of("a", 10, 14), clip_of("b", 30, 31), clip_of("c", 40, 44)});
  const Timeline one = *add_transition(three, "a", "crossfade", seconds(1));
  EXPECT_EQ(longest_transition(one, "b").value(), seconds(4.5));  // 0.5 left of b, 4 of c
  const auto both = add_transition(one, "b", "crossfade", seconds(1));
  EXPECT_EQ(shape_of(*both), "a[10,14) x(0.5,0.5) b[30,31) x(0.5,0.5) c[40,44)");
  EXPECT_TRUE(validate(*both)) << why(validate(*both));
}

TEST(AddAudio, UsesAFreeAudioTrack) {
  auto timeline = add_audio(two(), seconds(1), clip_of("m", 0, 2, "music.wav"));
  timeline = add_audio(*timeline, seconds(2), clip_of("s", 0, 1, "hit.wav"));
  ASSERT_EQ(timeline->tracks.size(), 3u);
  EXPECT_EQ(timeline->tracks[1].id, "A1");
  EXPECT_EQ(shape_of(*timeline, 1), "gap(1) m[0,2)");
  EXPECT_FALSE(std::get<Clip>(timeline->tracks[1].items[1]).picture);
}

TEST(Markers, AreKeptInOrder) {
  auto timeline = add_marker(two(), {seconds(2), "later", "", ""});
  timeline = add_marker(*timeline, {seconds(1), "sooner", "", ""});
  EXPECT_EQ(timeline->markers[0].name, "sooner");
  EXPECT_EQ(remove_marker(*timeline, seconds(1))->markers.size(), 1u);
  EXPECT_EQ(remove_marker(*timeline, seconds(3)).error().kind, ErrorKind::not_found);
  EXPECT_THAT(why(add_marker(two(), {seconds(-1), "x", "", ""})), HasSubstr("before the start"));
}

}  // namespace
}  // namespace studio
