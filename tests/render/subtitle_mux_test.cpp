// Subtitles kept as a stream: read back by another program.
#include "render/subtitle_mux.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/process.h"
#include "media/probe.h"
#include "support/generated.h"

namespace studio {
namespace {

std::string extracted(const Path& file) {
  auto ran = run_process({"ffmpeg", "-v", "error", "-i", file.string(), "-map", "0:s:0", "-f", "srt", "-"});
  EXPECT_TRUE(ran);
  std::string text = ran ? ran->out : std::string{};
  std::erase(text, '\r');  // the other program's own line ends
  return text;
}

std::vector<Cue> cues() {
  return *parse_srt(
      "1\n00:00:00,200 --> 00:00:00,800\nHello & 2 < 3\n\n2\n00:00:01,000 --> 00:00:01,600\nZwei\nZeilen ü\n",
      "test");
}

TEST(SubtitleMux, TheStreamHoldsTheCuesAndThePicturesStay) {
  auto folder = ScratchFolder::create();
  for (const char* name : {"a.mp4", "a.mov", "a.mkv"}) {
    const Path file = folder->path() / name;
    ASSERT_TRUE(generated::write_clip(file, {.frames = 50}, generated::numbered(), generated::beeps()));
    auto muxed = mux_subtitles(file, cues());
    ASSERT_TRUE(muxed) << muxed.error().message;
    EXPECT_EQ(probe(file)->subtitle_streams, 1) << name;
    const std::string srt = extracted(file);
    EXPECT_THAT(srt, testing::HasSubstr("00:00:00,200 --> 00:00:00,800")) << name;
    EXPECT_THAT(srt, testing::HasSubstr("Hello & 2 < 3")) << name;
    EXPECT_THAT(srt, testing::HasSubstr("00:00:01,000 --> 00:00:01,600")) << name;
    EXPECT_THAT(srt, testing::HasSubstr("Zwei\nZeilen ü")) << name;
    std::vector<int> expected(50);
    for (int i = 0; i < 50; ++i) expected[static_cast<std::size_t>(i)] = i;
    EXPECT_EQ(generated::read_numbers(file), expected) << name;
  }
}

TEST(SubtitleMux, ContainersWithoutTextAreRefusedAndLeftAlone) {
  auto folder = ScratchFolder::create();
  const Path file = folder->path() / "a.ts";
  ASSERT_TRUE(generated::write_clip(file, {.frames = 10}, generated::numbered()));
  const auto before = read_file(file);
  auto muxed = mux_subtitles(file, cues());
  ASSERT_FALSE(muxed);
  EXPECT_EQ(muxed.error().kind, ErrorKind::unsupported);
  EXPECT_EQ(*read_file(file), *before);
}

TEST(SubtitleMux, CuesFollowTheirClip) {
  auto folder = ScratchFolder::create();
  const Path srt = folder->path() / "a.srt";
  ASSERT_TRUE(write_file_atomic(srt, to_srt(cues())));
  Timeline timeline;
  Track track;
  track.items.emplace_back(Gap{Time::from_seconds(2)});
  Clip clip;
  clip.source = Generator{"subtitles", {{"file", srt.string()}, {"mode", std::string("mux")}}};
  clip.source_range = {Time{}, Time::from_seconds(1.5)};
  track.items.emplace_back(clip);
  timeline.tracks.push_back(track);
  auto made = cues_to_mux(timeline);
  ASSERT_TRUE(made);
  ASSERT_EQ(made->size(), 2U);
  EXPECT_EQ((*made)[0].range.start, Time::ticks(2200, {1, 1000}));
  EXPECT_EQ((*made)[1].range.end(), Time::ticks(3500, {1, 1000}));
}

}  // namespace
}  // namespace studio
