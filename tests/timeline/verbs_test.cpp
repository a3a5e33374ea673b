// Each verb against its drawing: the frames shown before and after, and the refusals.
#include "timeline/verbs.h"

#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "timeline/timelines.h"
#include "timeline/verbs_layers.h"

namespace studio {
namespace {

using testing::HasSubstr;
using Frames = std::vector<std::string>;

Frames slice(const Frames& frames, std::size_t from, std::size_t to) {
  return {frames.begin() + static_cast<std::ptrdiff_t>(from),
          frames.begin() + static_cast<std::ptrdiff_t>(to)};
}
Frames operator+(Frames a, const Frames& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// a and b are 4 s and 3 s long, with handles on all sides.
Timeline two() {
  return timeline_of({clip_of("a", 10, 14), clip_of("b", 30, 33, "other.mp4")});
}
Timeline three() {
  return timeline_of(
      {clip_of("a", 10, 14), clip_of("b", 30, 33, "other.mp4"), clip_of("c", 50, 52, "third.mp4")});
}

template <typename T>
std::string why(const Result<T>& result) {
  return result ? "it was done" : result.error().message;
}

TEST(Cut, TakesAPieceOfAFile) {
  const auto clip = cut(file_of(), {seconds(3), seconds(2)}, "a");
  ASSERT_TRUE(clip) << why(clip);
  EXPECT_EQ(clip->source_range.end(), seconds(5));
  EXPECT_EQ(clip->name, "film");
  EXPECT_THAT(why(cut(file_of(), {seconds(59), seconds(2)}, "a")), HasSubstr("holds 0:00.000 to 1:00.000"));
  EXPECT_THAT(why(cut(file_of(), {seconds(1), seconds(0)}, "a")), HasSubstr("no length"));
}

TEST(Split, ShowsTheSameFrames) {
  const auto after = split(two(), "V1", seconds(1.48));
  ASSERT_TRUE(after) << why(after);
  EXPECT_EQ(shape_of(*after), "a[10,11.48) a~2[11.48,14) b[30,33)");
  EXPECT_EQ(shown(*after), shown(two()));
  EXPECT_TRUE(validate(*after));
}

TEST(Split, AtACutOrInAGapNothingChanges) {
  EXPECT_EQ(shape_of(*split(two(), "V1", seconds(4))), shape_of(two()));
  EXPECT_EQ(shape_of(*split(two(), "V1", seconds(0))), shape_of(two()));
  EXPECT_EQ(shape_of(*split(two(), "V1", seconds(7))), shape_of(two()));
  const Timeline gap = timeline_of({Gap{seconds(2)}, clip_of("a", 0, 1)});
  EXPECT_EQ(shape_of(*split(gap, "V1", seconds(1))), "gap(2) a[0,1)");
}

TEST(Split, IsRefusedBeyondTheEndsAndInsideATransition) {
  EXPECT_THAT(why(split(two(), "V1", seconds(7.04))), HasSubstr("plays from"));
  EXPECT_THAT(why(split(two(), "V1", seconds(-1))), HasSubstr("plays from"));
  EXPECT_EQ(split(two(), "V9", seconds(1)).error().kind, ErrorKind::not_found);
  const Timeline faded = *add_transition(two(), "a", "crossfade", seconds(1));
  EXPECT_THAT(why(split(faded, "V1", seconds(3.6))), HasSubstr("a crossfade runs there from 0:03.500"));
  const auto beside = split(faded, "V1", seconds(3.5));
  EXPECT_EQ(shape_of(*beside), "a[10,13.5) a~2[13.5,14) x(0.5,0.5) b[30,33)");
  EXPECT_TRUE(validate(*beside));
}

TEST(Split, KeepsEffectsRampsAndSoundInPlace) {
  Clip a = clip_of("a", 10, 14);
  a.retime.ramp = {{seconds(0), 1}, {seconds(4), 2}};
  a.audio_lead = seconds(-0.2);
  a.audio_tail = seconds(0.4);
  a.effects = {{"zoom_punch", {{"amount", std::vector<Keyframe>{{seconds(0.5), 1}, {seconds(2), 2}}}}, {}},
               {"flash", {}, TimeRange{seconds(0.2), seconds(0.1)}}};
  const Timeline before = timeline_of({a});
  const auto after = split(before, "V1", seconds(1));
  ASSERT_TRUE(after) << why(after);
  const auto& left = std::get<Clip>(after->tracks[0].items[0]);
  const auto& right = std::get<Clip>(after->tracks[0].items[1]);
  EXPECT_NEAR(duration_of(*after).seconds(), duration_of(before).seconds(), 1e-8);
  for (double t = 0; t < 1.7; t += 0.1) {
    EXPECT_NEAR(source_time_at(right, seconds(t)).seconds(), source_time_at(a, seconds(t + 1)).seconds(),
                1e-6);
    EXPECT_DOUBLE_EQ(value_at(right.effects[0].params.at("amount"), seconds(t), 0),
                     value_at(a.effects[0].params.at("amount"), seconds(t + 1), 0));
  }
  EXPECT_EQ(left.effects.size(), 2u);
  EXPECT_EQ(right.effects.size(), 1u);  // the flash was over
  EXPECT_EQ(left.audio_lead, seconds(-0.2));
  EXPECT_EQ(left.audio_tail, Time{});
  EXPECT_EQ(right.audio_lead, Time{});
  EXPECT_EQ(right.audio_tail, seconds(0.4));
}

TEST(Split, AReversedClipGoesOnBackwards) {
  Clip a = clip_of("a", 10, 14);
  a.retime.reverse = true;
  const Timeline before = timeline_of({a});
  const auto after = split(before, "V1", seconds(1));
  EXPECT_EQ(shape_of(*after), "a[13,14) a~2[10,13)");
  EXPECT_EQ(shown(*after), shown(before));
}

TEST(Insert, MovesTheRestLater) {
  const Frames before = shown(two());
  const auto after = insert(two(), "V1", seconds(1), clip_of("n", 0, 2, "new.mp4"));
  EXPECT_EQ(shape_of(*after), "a[10,11) n[0,2) a~2[11,14) b[30,33)");
  EXPECT_EQ(shown(*after),
            slice(before, 0, 25) + slice(shown(*after), 25, 75) + slice(before, 25, before.size()));
  EXPECT_EQ(shape_of(*insert(two(), "V1", seconds(4), clip_of("n", 0, 2))), "a[10,14) n[0,2) b[30,33)");
  EXPECT_EQ(shape_of(*insert(two(), "V1", seconds(9), clip_of("n", 0, 2))),
            "a[10,14) b[30,33) gap(2) n[0,2)");
  EXPECT_EQ(shape_of(*insert(two(), "V1", seconds(4), clip_of("a", 0, 2))), "a[10,14) a~2[0,2) b[30,33)");
  EXPECT_THAT(why(insert(two(), "V1", seconds(-1), clip_of("n", 0, 2))), HasSubstr("before the start"));
  EXPECT_THAT(why(insert(two(), "V1", seconds(1), clip_of("n", 2, 2))), HasSubstr("no length"));
}

TEST(Insert, AtATransitionTheTransitionGoes) {
  const Timeline faded = *add_transition(two(), "a", "crossfade", seconds(1));
  EXPECT_EQ(shape_of(*insert(faded, "V1", seconds(4), clip_of("n", 0, 2))), "a[10,14) n[0,2) b[30,33)");
  EXPECT_EQ(shape_of(*insert(faded, "V1", seconds(3.75), clip_of("n", 0, 2))),
            "a[10,13.75) n[0,2) a~2[13.75,14) b[30,33)");
}

TEST(Insert, MarkersFollow) {
  Timeline timeline =
      *add_marker(*add_marker(two(), {seconds(0.5), "early", "", ""}), {seconds(2), "late", "", ""});
  const auto after = insert(timeline, "V1", seconds(1), clip_of("n", 0, 2));
  EXPECT_EQ(after->markers[0].at, seconds(0.5));
  EXPECT_EQ(after->markers[1].at, seconds(4));
}

TEST(Overwrite, NothingMoves) {
  const Frames before = shown(two());
  const auto after = overwrite(two(), "V1", seconds(3), clip_of("n", 0, 2, "new.mp4"));
  EXPECT_EQ(shape_of(*after), "a[10,13) n[0,2) b[31,33)");
  EXPECT_EQ(slice(shown(*after), 0, 75), slice(before, 0, 75));
  EXPECT_EQ(slice(shown(*after), 125, 175), slice(before, 125, 175));
  EXPECT_EQ(shape_of(*overwrite(two(), "V1", seconds(1), clip_of("n", 0, 2))),
            "a[10,11) n[0,2) a~2[13,14) b[30,33)");
  EXPECT_EQ(shape_of(*overwrite(two(), "V1", seconds(0), clip_of("n", 0, 9))), "n[0,9)");
  EXPECT_EQ(shape_of(*overwrite(two(), "V1", seconds(8), clip_of("n", 0, 1))),
            "a[10,14) b[30,33) gap(1) n[0,1)");
}

TEST(Remove, LeavesAGap) {
  EXPECT_EQ(shape_of(*remove(three(), "b")), "a[10,14) gap(3) c[50,52)");
  EXPECT_EQ(shape_of(*remove(three(), "c")), "a[10,14) b[30,33)");
  EXPECT_EQ(shape_of(*remove(*remove(three(), "a"), "b")), "gap(7) c[50,52)");
  const Timeline faded = *add_transition(three(), "a", "crossfade", seconds(1));
  EXPECT_EQ(shape_of(*remove(faded, "b")), "a[10,14) gap(3) c[50,52)");
  EXPECT_EQ(remove(three(), "z").error().kind, ErrorKind::not_found);
}

TEST(RippleDelete, CutsOutAndCloses) {
  const Frames before = shown(three());
  const auto after = ripple_delete(three(), "V1", {seconds(1), seconds(7.2)});
  EXPECT_EQ(shape_of(*after), "a[10,11) c[51.2,52)");
  EXPECT_EQ(shown(*after), slice(before, 0, 25) + slice(before, 205, before.size()));
  EXPECT_EQ(shape_of(*ripple_delete(three(), "V1", {seconds(1), seconds(1)})),
            "a[10,11) a~2[12,14) b[30,33) c[50,52)");
  EXPECT_EQ(shape_of(*ripple_delete(three(), "V1", {seconds(8), seconds(100)})),
            "a[10,14) b[30,33) c[50,51)");
  EXPECT_EQ(shape_of(*ripple_delete(three(), "V1", {seconds(-3), seconds(4)})), "a[11,14) b[30,33) c[50,52)");
  EXPECT_THAT(why(ripple_delete(three(), "V1", {seconds(9), seconds(1)})), HasSubstr("nothing of it"));
  EXPECT_THAT(why(ripple_delete(three(), "V1", {seconds(1), seconds(0)})), HasSubstr("nothing of it"));
}

TEST(RippleDelete, OfEverythingLeavesAnEmptyTrack) {
  EXPECT_EQ(shape_of(*ripple_delete(three(), "V1", {seconds(0), seconds(9)})), "");
}

TEST(RippleDelete, OnAllTracksKeepsThemInStep) {
  Timeline timeline = three();
  timeline.tracks.push_back({"A1", TrackKind::audio, {Gap{seconds(2)}, clip_of("m", 0, 6, "music.wav")}, {}});
  timeline.markers = {
      {seconds(1), "stays", "", ""}, {seconds(3.5), "goes", "", ""}, {seconds(6), "moves", "", ""}};
  const auto after = ripple_delete(timeline, {seconds(3), seconds(2)});
  EXPECT_EQ(shape_of(*after, 0), "a[10,13) b[31,33) c[50,52)");
  EXPECT_EQ(shape_of(*after, 1), "gap(2) m[0,1) m~2[3,6)");
  ASSERT_EQ(after->markers.size(), 2u);
  EXPECT_EQ(after->markers[1].at, seconds(4));
}

TEST(Trim, NothingElseMoves) {
  EXPECT_EQ(shape_of(*trim(three(), "b", seconds(1), seconds(0))), "a[10,14) gap(1) b[31,33) c[50,52)");
  EXPECT_EQ(shape_of(*trim(three(), "b", seconds(0), seconds(-1))), "a[10,14) b[30,32) gap(1) c[50,52)");
  EXPECT_EQ(shape_of(*trim(three(), "c", seconds(0), seconds(5))), "a[10,14) b[30,33) c[50,57)");
  EXPECT_EQ(shape_of(*trim(three(), "c", seconds(0), seconds(-0.5))), "a[10,14) b[30,33) c[50,51.5)");
  const Timeline gaps =
      timeline_of({Gap{seconds(2)}, clip_of("a", 10, 14), Gap{seconds(1)}, clip_of("b", 0, 1)});
  EXPECT_EQ(shape_of(*trim(gaps, "a", seconds(-2), seconds(1))), "a[8,15) b[0,1)");
  EXPECT_EQ(shape_of(*trim(gaps, "a", seconds(-0.5), seconds(0.25))),
            "gap(1.5) a[9.5,14.25) gap(0.75) b[0,1)");
}

TEST(Trim, RefusesWhatIsNotThere) {
  EXPECT_THAT(why(trim(three(), "b", seconds(-1), seconds(0))), HasSubstr("at most 0:00.000 earlier"));
  EXPECT_THAT(why(trim(three(), "b", seconds(0), seconds(1))), HasSubstr("at most 0:00.000 later"));
  EXPECT_THAT(why(trim(three(), "b", seconds(2), seconds(-1))), HasSubstr("nothing of it would be left"));
  EXPECT_THAT(why(trim(three(), "c", seconds(0), seconds(20))), HasSubstr("which holds"));
}

TEST(RippleTrim, TheRestFollows) {
  EXPECT_EQ(shape_of(*ripple_trim(three(), "b", seconds(1), seconds(-0.5))), "a[10,14) b[31,32.5) c[50,52)");
  EXPECT_EQ(shape_of(*ripple_trim(three(), "b", seconds(-2), seconds(3))), "a[10,14) b[28,36) c[50,52)");
  EXPECT_THAT(why(ripple_trim(three(), "b", seconds(-31), seconds(0))), HasSubstr("which holds"));
  Timeline marked = three();
  marked.markers = {{seconds(1), "a", "", ""},
                    {seconds(4.5), "cut off", "", ""},
                    {seconds(5.5), "b", "", ""},
                    {seconds(8), "c", "", ""}};
  const auto after = ripple_trim(marked, "b", seconds(1), seconds(-0.5));
  ASSERT_EQ(after->markers.size(), 3u);
  EXPECT_EQ(after->markers[1].at, seconds(4.5));
  EXPECT_EQ(after->markers[2].at, seconds(6.5));
}

TEST(Roll, OnlyTheCutMoves) {
  const auto after = roll(three(), "a", seconds(0.6));
  EXPECT_EQ(shape_of(*after), "a[10,14.6) b[30.6,33) c[50,52)");
  EXPECT_EQ(slice(shown(*after), 115, 225), slice(shown(three()), 115, 225));
  EXPECT_EQ(shape_of(*roll(three(), "a", seconds(-1))), "a[10,13) b[29,33) c[50,52)");
  EXPECT_THAT(why(roll(three(), "a", seconds(3))), HasSubstr("nothing of it would be left"));
  EXPECT_THAT(why(roll(three(), "c", seconds(1))), HasSubstr("nothing follows"));
  const Timeline faded = *add_transition(three(), "a", "crossfade", seconds(1));
  EXPECT_EQ(shape_of(*roll(faded, "a", seconds(1))), "a[10,15) x(0.5,0.5) b[31,33) c[50,52)");
  const Timeline gap = timeline_of({clip_of("a", 10, 14), Gap{seconds(1)}, clip_of("b", 0, 1)});
  EXPECT_EQ(shape_of(*roll(gap, "a", seconds(1))), "a[10,15) b[0,1)");
  EXPECT_THAT(why(roll(gap, "a", seconds(2))), HasSubstr("gap beside it is shorter"));
}

TEST(Slip, ShowsOtherMaterialInTheSamePlace) {
  EXPECT_EQ(shape_of(*slip(three(), "b", seconds(2.5))), "a[10,14) b[32.5,35.5) c[50,52)");
  EXPECT_THAT(why(slip(three(), "b", seconds(28))), HasSubstr("which holds"));
  EXPECT_THAT(why(slip(three(), "b", seconds(-31))), HasSubstr("which holds"));
}

TEST(Slide, TheNeighboursGiveWay) {
  const auto after = slide(three(), "b", seconds(1));
  EXPECT_EQ(shape_of(*after), "a[10,15) b[30,33) c[51,52)");
  EXPECT_EQ(duration_of(*after), duration_of(three()));
  EXPECT_EQ(shape_of(*slide(three(), "b", seconds(-1))), "a[10,13) b[30,33) c[49,52)");
  EXPECT_EQ(shape_of(*slide(three(), "a", seconds(1))), "gap(1) a[10,14) b[31,33) c[50,52)");
  EXPECT_THAT(why(slide(three(), "a", seconds(-1))), HasSubstr("at the start"));
  EXPECT_THAT(why(slide(three(), "b", seconds(2))), HasSubstr("nothing of it would be left"));
}

TEST(Concatenate, JoinsTrackByTrackInStep) {
  Timeline first = two();
  first.effects = {{"vignette", {}, {}}};
  Timeline second = timeline_of({clip_of("a", 0, 1, "second.mp4")});
  second.tracks.push_back({"A1", TrackKind::audio, {clip_of("m", 0, 1, "music.wav")}, {}});
  second.markers = {{seconds(0.5), "m", "", ""}};
  const auto after = concatenate(first, second);
  EXPECT_EQ(shape_of(*after, 0), "a[10,14) b[30,33) a~2[0,1)");
  EXPECT_EQ(shape_of(*after, 1), "gap(7) m[0,1)");
  EXPECT_EQ(after->markers[0].at, seconds(7.5));
  EXPECT_EQ(after->effects[0].active, (TimeRange{{}, seconds(7)}));
  EXPECT_TRUE(validate(*after));
  EXPECT_EQ(shape_of(*concatenate(Timeline{}, two())), shape_of(two()));
}

// Random edits of random tracks, against the same edit made on the list of frames they show.
TEST(Verbs, RandomEditsShowTheFramesTheyShould) {
  std::mt19937 random(7);
  const auto pick = [&](int from, int to) { return std::uniform_int_distribution<int>(from, to)(random); };
  const auto frame_time = [](int n) { return Time::frames(n, {25, 1}); };
  for (int round = 0; round < 400; ++round) {
    std::vector<Item> items;
    for (int i = 0; i < pick(1, 6); ++i) {
      if (pick(0, 4) == 0) {
        items.push_back(Gap{frame_time(pick(1, 20))});
        continue;
      }
      Clip clip = clip_of(fmt::format("c{}", i), 0, 1, fmt::format("file{}.mp4", i));
      clip.source_range = {frame_time(pick(100, 900)), frame_time(pick(2, 60))};
      clip.retime.reverse = pick(0, 3) == 0;
      if (pick(0, 4) == 0) clip.retime.speed = {1, 2};
      items.push_back(clip);
    }
    const Timeline before = timeline_of(items);
    const Frames frames = shown(before);
    const int size = static_cast<int>(frames.size());
    const int at = pick(0, size);
    const int length = pick(1, 40);
    const Clip fresh = clip_of("n", 40, 40 + length / 25.0, "new.mp4");
    const Frames news = shown(timeline_of({fresh}));
    const int end = std::min(at + length, size);

    const auto divided = split(before, "V1", frame_time(at));
    ASSERT_TRUE(divided) << why(divided);
    EXPECT_EQ(shown(*divided), frames);
    const auto inserted = insert(before, "V1", frame_time(at), fresh);
    EXPECT_EQ(shown(*inserted), slice(frames, 0, at) + news + slice(frames, at, size));
    const auto over = overwrite(before, "V1", frame_time(at), fresh);
    EXPECT_EQ(shown(*over), slice(frames, 0, at) + news + slice(frames, end, size));
    if (end > at) {
      const auto deleted = ripple_delete(before, "V1", {frame_time(at), frame_time(length)});
      EXPECT_EQ(shown(*deleted), slice(frames, 0, at) + slice(frames, end, size));
      EXPECT_TRUE(validate(*deleted)) << why(validate(*deleted));
    }
    EXPECT_TRUE(validate(*over)) << why(validate(*over));
    EXPECT_TRUE(validate(*inserted)) << why(validate(*inserted));
  }
}

}  // namespace
}  // namespace studio
