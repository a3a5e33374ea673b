// OpenTimelineIO in and out: ours without loss, others as far as they go, changes of other tools kept.
#include "timeline/otio.h"

#include <cstdlib>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/process.h"
#include "timeline/timelines.h"
#include "timeline/verbs.h"
#include "timeline/verbs_layers.h"
#include "timeline/verbs_time.h"

namespace studio {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

OtioTimeline read(const Json& json) {
  auto result = from_otio(json, "t.otio");
  EXPECT_TRUE(result) << result.error().message;
  return result ? *result : OtioTimeline{};
}

OtioTimeline read(std::string_view text) {
  return read(parse_json(text, "t.otio").value());
}

TEST(Otio, OursComesBackExactly) {
  const Timeline timeline = full_timeline();
  const OtioTimeline again = read(parse_json(to_text(to_otio(timeline)), "t").value());
  EXPECT_EQ(text_of(again.timeline), text_of(timeline));
  EXPECT_THAT(again.losses, IsEmpty());
}

TEST(Otio, AnEmptyTimelineComesBackExactly) {
  EXPECT_EQ(text_of(read(to_otio(Timeline{})).timeline), text_of(Timeline{}));
}

TEST(Otio, ARetimedClipHasItsPlayingLength) {
  const Timeline fast = *change_speed(timeline_of({clip_of("a", 10, 14)}), "a", {2, 1});
  const Json clip = to_otio(fast)["tracks"]["children"][0]["children"][0];
  EXPECT_EQ(clip["source_range"]["duration"]["value"], 50.0);
  EXPECT_EQ(clip["source_range"]["start_time"]["value"], 250.0);
  EXPECT_EQ(clip["effects"][0]["OTIO_SCHEMA"], "LinearTimeWarp.1");
  EXPECT_EQ(clip["effects"][0]["time_scalar"], 2.0);
}

TEST(Otio, TimecodeAndReelAreWritten) {
  Clip clip = clip_of("a", 10, 14);
  std::get<MediaFile>(clip.source).start_timecode = seconds(3600);
  std::get<MediaFile>(clip.source).reel = "A001";
  const Json out = to_otio(timeline_of({clip}))["tracks"]["children"][0]["children"][0];
  EXPECT_EQ(out["source_range"]["start_time"]["value"], 3610.0 * 25);
  EXPECT_EQ(out["media_references"]["DEFAULT_MEDIA"]["available_range"]["start_time"]["value"], 3600.0 * 25);
  EXPECT_EQ(out["metadata"]["cmx_3600"]["reel"], "A001");
}

TEST(Otio, JAndLCutsShowInTheSoundTrack) {
  Timeline timeline = timeline_of({clip_of("a", 10, 14), clip_of("b", 30, 33)});
  timeline = *j_cut(timeline, "b", seconds(1));
  const Json children = to_otio(timeline)["tracks"]["children"];
  ASSERT_EQ(children.size(), 2u);
  EXPECT_EQ(children[1]["kind"], "Audio");
  EXPECT_EQ(children[1]["children"][0]["source_range"]["duration"]["value"], 75.0);
  EXPECT_EQ(children[1]["children"][1]["source_range"]["start_time"]["value"], 29.0 * 25);
  EXPECT_EQ(children[1]["children"][1]["source_range"]["duration"]["value"], 100.0);
}

TEST(Otio, WhatAnotherToolChangedWins) {
  Json json = to_otio(timeline_of({clip_of("a", 10, 14), clip_of("b", 30, 33)}));
  Json& clip = json["tracks"]["children"][0]["children"][0];
  clip["source_range"]["start_time"]["value"] = 275.0;  // trimmed by a second
  clip["source_range"]["duration"]["value"] = 75.0;
  clip["media_references"]["DEFAULT_MEDIA"]["target_url"] = "file:///new%20place/film.mp4";
  clip["name"] = "renamed";
  Json& other = json["tracks"]["children"][0]["children"][1];
  other["effects"].push_back({{"OTIO_SCHEMA", "LinearTimeWarp.1"}, {"time_scalar", -2.0}});
  const Timeline timeline = read(json).timeline;
  EXPECT_EQ(shape_of(timeline), "a[11,14) b[30,36)");
  const Clip& a = std::get<Clip>(timeline.tracks[0].items[0]);
  EXPECT_EQ(std::get<MediaFile>(a.source).path, "/new place/film.mp4");
  EXPECT_EQ(a.name, "renamed");
  const Clip& b = std::get<Clip>(timeline.tracks[0].items[1]);
  EXPECT_TRUE(b.retime.reverse);
  EXPECT_EQ(b.retime.speed, (Rational{2, 1}));
  EXPECT_EQ(duration_of(b), seconds(3));
}

TEST(Otio, ATrimmedRampKeepsItsSpeeds) {
  Timeline timeline = timeline_of({clip_of("a", 10, 20)});
  timeline = *ramp(timeline, "a", {{seconds(0), 1}, {seconds(10), 3}});
  Json json = to_otio(timeline);
  Json& range = json["tracks"]["children"][0]["children"][0]["source_range"];
  range["start_time"]["value"] = 300.0;  // from 12 s on
  range["duration"]["value"] = 25.0;
  const auto cut = read(json).timeline;
  const Clip& clip = std::get<Clip>(cut.tracks[0].items[0]);
  EXPECT_NEAR(speed_at(clip, seconds(12)), 1.4, 1e-9);
  EXPECT_NEAR(duration_of(clip).seconds(), 1, 1e-6);
}

constexpr std::string_view kForeign = R"({
 "OTIO_SCHEMA": "Timeline.1", "name": "foreign",
 "global_start_time": {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 86400},
 "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [
  {"OTIO_SCHEMA": "Sequence.1", "name": "picture", "kind": "Video", "children": [
   {"OTIO_SCHEMA": "Clip.1", "name": "one", "metadata": {"tool": {"take": 3}},
    "source_range": {"OTIO_SCHEMA": "TimeRange.1", "start_time": {"OTIO_SCHEMA": "RationalTime.1", "rate": 23.976, "value": 86424},
                     "duration": {"OTIO_SCHEMA": "RationalTime.1", "rate": 23.976, "value": 48}},
    "media_reference": {"OTIO_SCHEMA": "ExternalReference.1", "target_url": "file:///a/b%20c.mov",
     "metadata": {"cmx_3600": {"reel": "R7"}},
     "available_range": {"OTIO_SCHEMA": "TimeRange.1", "start_time": {"OTIO_SCHEMA": "RationalTime.1", "rate": 23.976, "value": 86400},
                         "duration": {"OTIO_SCHEMA": "RationalTime.1", "rate": 23.976, "value": 240}}},
    "markers": [{"OTIO_SCHEMA": "Marker.1", "name": "m", "range": {"OTIO_SCHEMA": "TimeRange.1",
      "start_time": {"OTIO_SCHEMA": "RationalTime.1", "rate": 23.976, "value": 86448}, "duration": {"OTIO_SCHEMA": "RationalTime.1", "rate": 1, "value": 0}}}]},
   {"OTIO_SCHEMA": "Transition.1", "transition_type": "SMPTE_Wipe", "in_offset": {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 6},
    "out_offset": {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 6}},
   {"OTIO_SCHEMA": "Filler.1", "source_range": {"OTIO_SCHEMA": "TimeRange.1", "start_time": {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 0},
                     "duration": {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 24}}},
   {"OTIO_SCHEMA": "Clip.2", "name": "gone", "effects": [{"OTIO_SCHEMA": "Effect.1", "effect_name": "Glow"}],
    "source_range": {"OTIO_SCHEMA": "TimeRange.1", "start_time": {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 0},
                     "duration": {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 24}},
    "media_references": {"DEFAULT_MEDIA": {"OTIO_SCHEMA": "MissingReference.1"}}, "active_media_reference_key": "DEFAULT_MEDIA"},
   {"OTIO_SCHEMA": "Hologram.4"},
   {"OTIO_SCHEMA": "Stack.1", "source_range": {"OTIO_SCHEMA": "TimeRange.1", "start_time": {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 12},
                     "duration": {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 24}},
    "children": [
     {"OTIO_SCHEMA": "Clip.1", "name": "low", "source_range": {"OTIO_SCHEMA": "TimeRange.1", "start_time": {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 0},
                     "duration": {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 48}},
      "media_reference": {"OTIO_SCHEMA": "ExternalReference.1", "target_url": "low.mov"}},
     {"OTIO_SCHEMA": "Clip.1", "name": "high", "source_range": {"OTIO_SCHEMA": "TimeRange.1", "start_time": {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 0},
                     "duration": {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 48}},
      "effects": [{"OTIO_SCHEMA": "LinearTimeWarp.1", "time_scalar": 2.0}],
      "media_reference": {"OTIO_SCHEMA": "ExternalReference.1", "target_url": "high.mov"}}]}]},
  {"OTIO_SCHEMA": "Track.1", "name": "sound", "kind": "Audio", "children": [
   {"OTIO_SCHEMA": "Clip.1", "name": "one", "source_range": {"OTIO_SCHEMA": "TimeRange.1", "start_time": {"OTIO_SCHEMA": "RationalTime.1", "rate": 48000, "value": 48000},
                     "duration": {"OTIO_SCHEMA": "RationalTime.1", "rate": 48000, "value": 96000}},
    "media_reference": {"OTIO_SCHEMA": "ExternalReference.1", "target_url": "music.wav"}}]}]}})";

TEST(Otio, ForeignFilesAreReadAndLossesNamed) {
  const OtioTimeline found = read(kForeign);
  const Timeline& timeline = found.timeline;
  EXPECT_EQ(timeline.frame_rate, (Rational{24000, 1001}));
  ASSERT_EQ(timeline.tracks.size(), 3u);
  EXPECT_EQ(shape_of(timeline, 0), "one[1.001,3.003) x(0.25,0.25) gap(2) low[0.5,1.5)");
  EXPECT_EQ(shape_of(timeline, 1), "gap(4.002) high[1,3)");
  EXPECT_EQ(shape_of(timeline, 2), "one~2[1,3)");
  EXPECT_EQ(timeline.tracks[2].kind, TrackKind::audio);
  const auto& file = std::get<MediaFile>(std::get<Clip>(timeline.tracks[0].items[0]).source);
  EXPECT_EQ(file.path, "/a/b c.mov");
  EXPECT_EQ(file.reel, "R7");
  EXPECT_EQ(file.start_timecode, Time::frames(86400, {24000, 1001}));
  ASSERT_EQ(timeline.markers.size(), 1u);
  EXPECT_EQ(timeline.markers[0].at, Time::frames(24, {24000, 1001}));
  EXPECT_THAT(found.losses, ElementsAre(HasSubstr("start timecode"), HasSubstr("SMPTE_Wipe"),
                                        HasSubstr("media is missing"), HasSubstr("Hologram")));
  EXPECT_TRUE(validate(timeline)) << validate(timeline).error().message;
  // What was foreign stays with the clip when it is written again.
  EXPECT_EQ(to_otio(timeline)["tracks"]["children"][0]["children"][0]["metadata"]["tool"]["take"], 3);
}

TEST(Otio, DisabledLayersAreLeftOutAndNamed) {
  Json json = to_otio(timeline_of({clip_of("a", 10, 14)}));
  json["tracks"]["children"][0]["enabled"] = false;
  const OtioTimeline found = read(json);
  EXPECT_TRUE(found.timeline.tracks.empty());
  EXPECT_THAT(found.losses, ElementsAre(HasSubstr("disabled layer 'V1'")));
}

TEST(Otio, BrokenFilesAreRefusedWithThePlace) {
  const auto error_of = [](std::string_view text) {
    const auto result = from_otio(parse_json(text, "t").value(), "t.otio");
    return result ? std::string("read") : result.error().message;
  };
  EXPECT_THAT(error_of("{}"), HasSubstr("no OTIO_SCHEMA"));
  EXPECT_THAT(error_of("[1]"), HasSubstr("no OTIO_SCHEMA"));
  EXPECT_THAT(error_of(R"({"OTIO_SCHEMA":"Marker.2"})"), HasSubstr("is a Marker"));
  EXPECT_THAT(error_of(R"({"OTIO_SCHEMA":"SerializableCollection.1","children":[]})"),
              HasSubstr("no timeline"));
  EXPECT_THAT(error_of(R"({"OTIO_SCHEMA":"Track.1","children":[{"OTIO_SCHEMA":"Transition.1"}]})"),
              HasSubstr("t.otio.children[0].in_offset"));
  EXPECT_THAT(error_of(R"({"OTIO_SCHEMA":"Track.1","children":[{"OTIO_SCHEMA":"Gap.1","source_range":
      {"OTIO_SCHEMA":"TimeRange.1","start_time":{"OTIO_SCHEMA":"RationalTime.1","rate":0,"value":1},
       "duration":{"OTIO_SCHEMA":"RationalTime.1","rate":0,"value":1}}}]})"),
              HasSubstr("rate is not positive"));
}

TEST(Otio, UrlsAndPathsTurnIntoEachOther) {
  for (const std::string path : {"/a b/ü%25#?.mp4", "rel/ative film.mp4", "/x'\"[]{}.mov"})
    EXPECT_EQ(path_of_url(url_of_path(path)), path);
  EXPECT_EQ(url_of_path("/a b.mp4"), "file:///a%20b.mp4");
  EXPECT_EQ(path_of_url("file://localhost/a.mp4"), "/a.mp4");
  EXPECT_EQ(path_of_url("http://x/a%20b"), "http://x/a%20b");
  EXPECT_EQ(path_of_url("a%2"), "a%2");
}

// Many quick cuts, all of one name: reading, writing and editing must not take the square of it.
TEST(Otio, ManyClipsOfOneName) {
  Timeline timeline = timeline_of({});
  for (int i = 0; i < 8'000; ++i) {
    timeline.tracks[0].items.push_back(clip_of("c", 1, 1.12));
    std::get<Clip>(timeline.tracks[0].items.back()).id = fmt::format("c{}", i);
  }
  Json json = to_otio(timeline);
  for (Json& clip : json["tracks"]["children"][0]["children"]) clip["metadata"] = Json::object();
  json["metadata"] = Json::object();
  json["tracks"]["children"].erase(1);  // its sound, read as a track of others
  const OtioTimeline again = read(json);
  EXPECT_EQ(again.timeline.tracks[0].items.size(), 8'000u);
  EXPECT_EQ(duration_of(again.timeline), seconds(960));
  EXPECT_TRUE(validate(again.timeline));
  EXPECT_TRUE(split(again.timeline, again.timeline.tracks[0].id, seconds(480.04)));
}

// The interpreter of the test environment that setup/ makes, or the one on PATH, if it has the package.
std::string python_with_otio() {
  std::vector<std::string> places;
  if (const char* chosen = std::getenv("STUDIO_TEST_PYTHON")) places.push_back(chosen);
  places.push_back((cache_folder() / "python/tests/bin/python").string());
  places.push_back("python3");
  for (const std::string& python : places) {
    const auto tried = run_process({python, "-c", "import opentimelineio"});
    if (tried && tried->exit_code == 0) return python;
  }
  return "";
}

TEST(Otio, ThePackageOpensOurFilesUnchanged) {
  const std::string python = python_with_otio();
  if (python.empty())
    GTEST_SKIP() << "the Python package opentimelineio is not installed: setup/setup.sh --tests gets it";
  const ScratchFolder folder = ScratchFolder::create().value();
  const Path ours = folder.path() / "ours.otio";
  const Path theirs = folder.path() / "theirs.otio";
  ASSERT_TRUE(write_otio(ours.string(), full_timeline()));
  const auto run = run_process(
      {python, STUDIO_SOURCE_DIR "/tests/timeline/open_with_otio.py", ours.string(), theirs.string()});
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->exit_code, 0) << run->out << run->err;
  EXPECT_THAT(run->out, HasSubstr("clips 4 gaps 1 transitions 1 markers 1 effects 7"));
  const auto again = read_otio(theirs.string());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(text_of(again->timeline), text_of(full_timeline()));
}

}  // namespace
}  // namespace studio
