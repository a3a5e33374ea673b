// studio.timeline/1: everything survives the round trip; wrong files are refused with the place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json_schema.h"
#include "timeline/timeline.h"
#include "timeline/timelines.h"

namespace studio {
namespace {

using testing::HasSubstr;

TEST(TimelineJson, TheRoundTripKeepsEverything) {
  const Json json = to_json(full_timeline());
  const auto again = timeline_from_json(parse_json(to_text(json), "t").value(), "t");
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(to_text(to_json(*again)), to_text(json));
  EXPECT_EQ(std::get<Clip>(again->tracks[0].items[0]).source_range.start, Time::ticks(1001, {1, 30000}));
}

TEST(TimelineJson, WhatIsWrittenFollowsTheSchemaFile) {
  const Json schema = read_json_file(STUDIO_SOURCE_DIR "/schemas/timeline.schema.json").value();
  EXPECT_TRUE(validate_schema(to_json(full_timeline()), schema, "t"));
  Json wrong = to_json(full_timeline());
  wrong["tracks"][0]["items"][0]["source_range"]["start"] = 3;
  EXPECT_FALSE(validate_schema(wrong, schema, "t"));
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
