// studio.timeline/1: everything survives the round trip; wrong files are refused with the place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "timeline/timeline.h"
#include "timeline/timelines.h"

namespace studio {
namespace {

using testing::HasSubstr;

Timeline full_timeline() {
  Clip a = clip_of("a", 1, 4);
  a.source_range.start = Time::ticks(1001, {1, 30000});
  a.retime.ramp = {{seconds(0), 1}, {seconds(2), 2.5}};
  a.effects = {{"zoom_punch",
                {{"amount", std::vector<Keyframe>{{seconds(0), 1, Easing::ease_in}, {seconds(1), 2}}},
                 {"on", std::string("subject")}},
                TimeRange{seconds(0.5), seconds(1)}}};
  a.gain_db = -3.5;
  a.audio_lead = seconds(-0.25);
  a.audio_tail = seconds(0.5);
  a.metadata = {{"decision", "d1"}, {"shot", "3"}};
  Clip b = clip_of("b", 10, 14);
  b.retime.reverse = true;
  b.retime.keep_pitch = false;
  std::get<MediaFile>(b.source).start_timecode = seconds(3600);
  std::get<MediaFile>(b.source).reel = "A001";
  std::get<MediaFile>(b.source).sha256 = std::string(64, 'a');
  Clip frozen = clip_of("c", 20, 21);
  frozen.retime.freeze = true;
  frozen.retime.freeze_duration = seconds(2);
  Clip title;
  title.id = "t";
  title.source = Generator{"title", {{"text", std::string("Naïve “quotes” \\ %{pts}")}, {"size", 48.0}}};
  title.source_range = {{}, seconds(3)};
  Timeline timeline = timeline_of({a, Transition{"wipeleft", seconds(0.25), seconds(0.5)}, b, frozen});
  timeline.frame_rate = {30000, 1001};
  timeline.tracks[0].effects = {{"volume", {{"gain_db", -6.0}}, {}}};
  timeline.tracks.push_back({"V2", TrackKind::video, {Gap{seconds(1)}, title}, {}});
  timeline.tracks.push_back({"A1", TrackKind::audio, {}, {{"duck", {}, {}}}});
  timeline.markers = {{seconds(2), "beat", "red", "drop"}};
  timeline.effects = {{"vignette", {}, {}}};
  return timeline;
}

TEST(TimelineJson, TheRoundTripKeepsEverything) {
  const Json json = to_json(full_timeline());
  const auto again = timeline_from_json(parse_json(to_text(json), "t").value(), "t");
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(to_text(to_json(*again)), to_text(json));
  EXPECT_EQ(std::get<Clip>(again->tracks[0].items[0]).source_range.start, Time::ticks(1001, {1, 30000}));
}

TEST(TimelineJson, SecondsAloneAreEnoughForAPerson) {
  const auto timeline =
      timeline_from_json(parse_json(R"({"schema":"studio.timeline/1","tracks":[{"id":"V1","items":[
        {"type":"clip","id":"a","source":{"kind":"file","path":"x.mp4","available":{"duration_s":9}},
         "source_range":{"start_s":1.5,"duration_s":2}}]}]})",
                                    "t")
                             .value(),
                         "t");
  ASSERT_TRUE(timeline.has_value()) << timeline.error().message;
  EXPECT_EQ(duration_of(*timeline), seconds(2));
}

std::string problem_of(std::string_view text) {
  const auto json = parse_json(text, "t.json");
  const auto timeline = timeline_from_json(*json, "t.json");
  return timeline ? "" : timeline.error().message;
}

TEST(TimelineJson, ErrorsNameThePlace) {
  EXPECT_THAT(problem_of("[]"), HasSubstr("schema"));
  EXPECT_THAT(problem_of(R"({"schema":"studio.timeline/9"})"), HasSubstr("studio.timeline/9 is newer"));
  EXPECT_THAT(problem_of(R"({"schema":"studio.plan/1"})"), HasSubstr("not studio.timeline/1"));
  EXPECT_THAT(problem_of(R"({"schema":"studio.timeline/1","tracks":[{"id":"V1","items":[{"type":"egg"}]}]})"),
              HasSubstr("t.json.tracks[0].items[0].type: 'egg'"));
  EXPECT_THAT(
      problem_of(
          R"({"schema":"studio.timeline/1","tracks":[{"id":"V1","items":[{"type":"gap","duration":"1/0"}]}]})"),
      HasSubstr("items[0].duration"));
  EXPECT_THAT(
      problem_of(
          R"({"schema":"studio.timeline/1","tracks":[{"id":"V1","items":[{"type":"gap","duration_s":1e300}]}]})"),
      HasSubstr("beyond"));
  EXPECT_THAT(problem_of(R"({"schema":"studio.timeline/1","width":-4})"),
              HasSubstr("width: is out of range"));
}

}  // namespace
}  // namespace studio
