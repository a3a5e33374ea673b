// Subtitles kept as a stream: read back by another program.
#include "render/subtitle_mux.h"

#include <cmath>
#include <cstdlib>

#include <fmt/format.h>
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

// Matroska has no edit lists: FFmpeg moves the streams by the sound's priming (21 ms here, half a frame);
// versions differ in whether a cue is given on the moved clock.
double picture_start_s(const Path& file) {
  auto ran = run_process({"ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries",
                          "stream=start_time", "-of", "csv=p=0", file.string()});
  EXPECT_TRUE(ran);
  return ran ? std::strtod(ran->out.c_str(), nullptr) : 0;
}

std::string srt_times(double start_s, double end_s) {
  const auto one = [](double s) {
    const long ms = std::lround(s * 1000);
    return fmt::format("00:00:{:02},{:03}", ms / 1000, ms % 1000);
  };
  return one(start_s) + " --> " + one(end_s);
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
    const double at = picture_start_s(file);
    EXPECT_THAT(srt, testing::AnyOf(testing::HasSubstr(srt_times(0.2, 0.8)),
                                    testing::HasSubstr(srt_times(at + 0.2, at + 0.8))))
        << name;
    EXPECT_THAT(srt, testing::HasSubstr("Hello & 2 < 3")) << name;
    EXPECT_THAT(srt, testing::AnyOf(testing::HasSubstr(srt_times(1, 1.6)),
                                    testing::HasSubstr(srt_times(at + 1, at + 1.6))))
        << name;
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
