// The readers on the real clips that Debian's opencv-doc ships, and on files that are no media.
#include <gtest/gtest.h>

#include <fstream>

#include "media/audio_reader.h"
#include "media/probe.h"
#include "media/video_reader.h"

namespace studio {
namespace {

const Path kData = "/usr/share/doc/opencv-doc/examples/data";

std::vector<Time> times_of(VideoReader& reader) {
  std::vector<Time> times;
  while (true) {
    auto frame = reader.next();
    EXPECT_TRUE(frame.has_value()) << frame.error().message;
    if (!frame || !*frame) return times;
    EXPECT_EQ((*frame)->index, static_cast<std::int64_t>(times.size()));
    times.push_back((*frame)->pts);
  }
}

TEST(RealClips, MegamindHas270Frames) {
  auto facts = probe(kData / "Megamind.avi");
  ASSERT_TRUE(facts.has_value()) << facts.error().message;
  ASSERT_TRUE(facts->video.has_value());
  EXPECT_EQ(facts->video->width, 720);
  EXPECT_EQ(facts->video->height, 528);
  auto reader = VideoReader::open(kData / "Megamind.avi");
  ASSERT_TRUE(reader.has_value()) << reader.error().message;
  const auto times = times_of(*reader);
  EXPECT_EQ(times.size(), 270u);
  for (std::size_t i = 1; i < times.size(); ++i) EXPECT_LT(times[i - 1], times[i]);
}

TEST(RealClips, SeekShowsTheFrameThatDecodingShows) {
  for (const char* name : {"Megamind.avi", "vtest.avi"}) {
    auto reader = VideoReader::open(kData / name, {.width = 64, .format = "gray"});
    ASSERT_TRUE(reader.has_value()) << reader.error().message;
    std::vector<Time> times;
    std::vector<std::vector<std::uint8_t>> rows;
    for (auto frame = reader->next(); frame && *frame; frame = reader->next()) {
      times.push_back((*frame)->pts);
      const PlaneView& plane = (*frame)->picture.plane[0];
      rows.emplace_back(plane.data + 20 * plane.stride, plane.data + 20 * plane.stride + plane.width);
    }
    ASSERT_GT(times.size(), 200u);
    for (const std::size_t n : {0u, 1u, 57u, 58u, 60u, 100u, 99u, 255u, 3u}) {
      ASSERT_TRUE(reader->seek(times[n]).has_value());
      auto frame = reader->next();
      ASSERT_TRUE(frame && *frame);
      EXPECT_EQ((*frame)->pts, times[n]) << name << " frame " << n;
      const PlaneView& plane = (*frame)->picture.plane[0];
      EXPECT_TRUE(std::equal(rows[n].begin(), rows[n].end(), plane.data + 20 * plane.stride))
          << name << " frame " << n;
      auto after = reader->next();
      ASSERT_TRUE(after && *after);
      EXPECT_EQ((*after)->pts, times[n + 1]);
    }
  }
}

TEST(RealClips, WhatIsNotMediaIsRefusedByName) {
  auto scratch = ScratchFolder::create();
  ASSERT_TRUE(scratch.has_value());
  const Path text = scratch->path() / "text.mp4";
  std::ofstream(text) << "this is a text, not a film\n";
  const Path empty = scratch->path() / "empty.mp4";
  std::ofstream(empty).flush();
  const auto kind_of = [](const Path& path) {
    const auto facts = probe(path);
    return facts.has_value() ? ErrorKind::below_threshold : facts.error().kind;
  };
  EXPECT_EQ(kind_of(text), ErrorKind::invalid_input);
  EXPECT_EQ(kind_of(empty), ErrorKind::invalid_input);
  EXPECT_EQ(kind_of(scratch->path()), ErrorKind::invalid_input);
  EXPECT_EQ(kind_of(scratch->path() / "absent.mp4"), ErrorKind::not_found);
  EXPECT_EQ(kind_of("/dev/zero"), ErrorKind::invalid_input);
  EXPECT_EQ(kind_of("concat:" + text.string()), ErrorKind::not_found);
}

}  // namespace
}  // namespace studio
