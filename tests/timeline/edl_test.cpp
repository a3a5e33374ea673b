// Timecode by hand-counted values; lists against the lines a CMX 3600 system expects.
#include "timeline/edl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "timeline/timecode.h"
#include "timeline/timelines.h"
#include "timeline/verbs_layers.h"
#include "timeline/verbs_time.h"

namespace studio {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Rational kNtsc{30000, 1001};

TEST(Timecode, CountsWithoutDropping) {
  EXPECT_EQ(timecode_of(0, {25, 1}), "00:00:00:00");
  EXPECT_EQ(timecode_of(90000 + 26, {25, 1}), "01:00:01:01");
  EXPECT_EQ(timecode_of(86400, {24000, 1001}), "01:00:00:00");
  EXPECT_EQ(timecode_of(25 * 86400, {25, 1}), "00:00:00:00");
  EXPECT_EQ(timecode_of(-1, {25, 1}), "23:59:59:24");
}

// ST 12-1: ten minutes have 17982 frames, the first minute 1800, the others 1798.
TEST(Timecode, DropsNumbersNotFrames) {
  EXPECT_EQ(timecode_of(1799, kNtsc, true), "00:00:59;29");
  EXPECT_EQ(timecode_of(1800, kNtsc, true), "00:01:00;02");
  EXPECT_EQ(timecode_of(17981, kNtsc, true), "00:09:59;29");
  EXPECT_EQ(timecode_of(17982, kNtsc, true), "00:10:00;00");
  EXPECT_EQ(timecode_of(107892, kNtsc, true), "01:00:00;00");
  EXPECT_EQ(timecode_of(3600, {60000, 1001}, true), "00:01:00;04");
}

TEST(Timecode, ReadsWhatItWrites) {
  for (const std::int64_t frames : {0, 1, 1799, 1800, 1801, 3597, 3598, 17981, 17982, 107892, 2589407}) {
    EXPECT_EQ(frames_of_timecode(timecode_of(frames, kNtsc, true), kNtsc), frames);
    EXPECT_EQ(frames_of_timecode(timecode_of(frames, kNtsc, false), kNtsc), frames);
  }
  for (const char* text :
       {"", "1:2:3", "00:01:00;00", "25:00:00:00", "00:00:00:30", "a:b:c:d", "00:00:00:00:00"})
    EXPECT_FALSE(frames_of_timecode(text, kNtsc)) << text;
  EXPECT_FALSE(frames_of_timecode("00:00:00;00", {25, 1}));
}

EditDecisionList list_of(const Timeline& timeline, const EdlOptions& options = {}) {
  auto list = to_edl(timeline, options);
  EXPECT_TRUE(list) << list.error().message;
  return list ? *list : EditDecisionList{};
}

Clip reel_clip(const std::string& id, double from, double to, const std::string& reel) {
  Clip clip = clip_of(id, from, to);
  std::get<MediaFile>(clip.source).reel = reel;
  std::get<MediaFile>(clip.source).start_timecode = seconds(36000);
  return clip;
}

TEST(Edl, CutsWithReelAndSourceTimecode) {
  const auto list =
      list_of(timeline_of({reel_clip("a", 1, 3, "A001"), Gap{seconds(1)}, reel_clip("b", 0, 1, "B002")}));
  EXPECT_EQ(list.text,
            "TITLE: test\n"
            "FCM: NON-DROP FRAME\n"
            "\n"
            "001  A001     AA/V  C        10:00:01:00 10:00:03:00 01:00:00:00 01:00:02:00\n"
            "* FROM CLIP NAME: a\n"
            "* SOURCE FILE: film.mp4\n"
            "002  B002     AA/V  C        10:00:00:00 10:00:01:00 01:00:03:00 01:00:04:00\n"
            "* FROM CLIP NAME: b\n"
            "* SOURCE FILE: film.mp4\n");
  EXPECT_THAT(list.losses, IsEmpty());
}

TEST(Edl, ADissolveStartsWhereTheTransitionStarts) {
  Timeline timeline = timeline_of({reel_clip("a", 1, 3, "A001"), reel_clip("b", 10, 12, "B002")});
  timeline = *add_transition(timeline, "a", "crossfade", seconds(1));
  const auto list = list_of(timeline);
  EXPECT_THAT(list.text,
              HasSubstr("001  A001     AA/V  C        10:00:01:00 10:00:02:13 01:00:00:00 01:00:01:13\n"
                        "* FROM CLIP NAME: a\n"));
  EXPECT_THAT(list.text,
              HasSubstr("002  A001     AA/V  C        10:00:02:13 10:00:02:13 01:00:01:13 01:00:01:13\n"
                        "002  B002     AA/V  D    025 10:00:09:13 10:00:12:00 01:00:01:13 01:00:04:00\n"));
  EXPECT_THAT(list.text, HasSubstr("* FROM CLIP NAME: a\n* TO CLIP NAME: b\n"));
}

TEST(Edl, WipesAndFadesToBlack) {
  Timeline timeline =
      timeline_of({reel_clip("a", 1, 3, "A001"), reel_clip("b", 10, 12, "B002"), Gap{seconds(1)}});
  timeline = *add_transition(timeline, "a", "wipeleft", seconds(1));
  timeline = *add_transition(timeline, "b", "fade_black", seconds(0.4));
  const auto list = list_of(timeline);
  EXPECT_THAT(list.text, HasSubstr("W001 025"));
  EXPECT_THAT(list.text, HasSubstr("003  BL       V     D    010 00:00:00:00"));
  EXPECT_THAT(list.losses, ElementsAre(HasSubstr("wipeleft"), HasSubstr("fade_black")));
}

TEST(Edl, SpeedsAreM2Lines) {
  Timeline timeline = timeline_of(
      {reel_clip("a", 1, 5, "A001"), reel_clip("b", 10, 12, "B002"), reel_clip("c", 20, 22, "C")});
  timeline = *change_speed(timeline, "a", {2, 1});
  timeline = *reverse(timeline, "b");
  timeline = *freeze(timeline, "c", seconds(2), seconds(1));
  const auto list = list_of(timeline);
  EXPECT_THAT(list.text,
              HasSubstr("001  A001     AA/V  C        10:00:01:00 10:00:05:00 01:00:00:00 01:00:02:00\n"
                        "M2   A001     050.0                10:00:01:00\n"));
  EXPECT_THAT(list.text, HasSubstr("M2   B002     -025.0                10:00:10:00\n"));
  EXPECT_THAT(list.text, HasSubstr("M2   C        000.0                10:00:21:24\n"));
}

TEST(Edl, LeadingSoundIsItsOwnEvent) {
  Timeline timeline = timeline_of({reel_clip("a", 1, 3, "A001"), reel_clip("b", 10, 12, "B002")});
  timeline = *j_cut(timeline, "b", seconds(0.4));
  const auto list = list_of(timeline);
  EXPECT_THAT(list.text,
              HasSubstr("A001     V     C        10:00:01:00 10:00:03:00 01:00:00:00 01:00:02:00"));
  EXPECT_THAT(list.text,
              HasSubstr("A001     AA    C        10:00:01:00 10:00:02:15 01:00:00:00 01:00:01:15"));
  EXPECT_THAT(list.text,
              HasSubstr("B002     AA    C        10:00:09:15 10:00:12:00 01:00:01:15 01:00:04:00"));
}

TEST(Edl, DropFrameOnlyWhereItExists) {
  Timeline timeline = timeline_of({clip_of("a", 0, 59)});
  timeline.frame_rate = kNtsc;
  const auto list = list_of(timeline, {.track = "", .drop_frame = true, .record_start_hours = 1});
  EXPECT_THAT(list.text, HasSubstr("FCM: DROP FRAME"));
  EXPECT_THAT(list.text, HasSubstr("01:00:00;00 01:00:58;28"));
  timeline.frame_rate = {25, 1};
  EXPECT_FALSE(to_edl(timeline, {.track = "", .drop_frame = true, .record_start_hours = 1}));
  EXPECT_EQ(to_edl(timeline, {.track = "V7", .drop_frame = false, .record_start_hours = 1}).error().kind,
            ErrorKind::not_found);
}

TEST(Edl, ReelsFromFileNamesAreUniqueAndClean) {
  const auto list = list_of(
      timeline_of({clip_of("a", 0, 1, "x/holiday film (1).mp4"), clip_of("b", 0, 1, "y/holiday film (1).mp4"),
                   clip_of("c", 0, 1, "x/holiday film (1).mp4"), clip_of("d", 0, 1, "猫.mp4")}));
  EXPECT_THAT(list.text, HasSubstr("001  HOLIDAYF AA/V"));
  EXPECT_THAT(list.text, HasSubstr("002  HOLIDAY2 AA/V"));
  EXPECT_THAT(list.text, HasSubstr("003  HOLIDAYF AA/V"));
  EXPECT_THAT(list.text, HasSubstr("004  TAPE     AA/V"));
}

TEST(Edl, SaysWhatItCannotSay) {
  Timeline timeline = timeline_of({clip_of("a\nb", 0, 10)});
  timeline = *ramp(timeline, "a\nb", {{seconds(0), 1}, {seconds(10), 2}});
  timeline = *add_effect(timeline, "a\nb", {"blur", {}, {}});
  timeline = *overlay_text(timeline, seconds(1), seconds(1), {"title", {}});
  const auto list = list_of(timeline);
  EXPECT_THAT(list.losses, ElementsAre(HasSubstr("V2"), HasSubstr("blur"), HasSubstr("ramp")));
  EXPECT_THAT(list.text, HasSubstr("* FROM CLIP NAME: a b\n"));
}

}  // namespace
}  // namespace studio
