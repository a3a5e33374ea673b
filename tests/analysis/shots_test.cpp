// Shots against clips whose changes are known, and against what only looks like a change.
#include "analysis/shots.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "analysis/block_views.h"
#include "analysis/frame_grabs.h"
#include "analysis/watch.h"
#include "support/generated.h"

namespace studio {
namespace {

using generated::Join;
using generated::Painter;
using generated::RgbImage;
using generated::Scene;

const Path kData = "/usr/share/doc/opencv-doc/examples/data";

Painter still_of(const char* file, double pan = 0, double x = 0.5) {
  return generated::camera_over(generated::Still::load(kData / file).value(),
                                {.pan = pan, .start_x = x, .view = 0.5}, {25, 1});
}

class Shots : public testing::Test {
 protected:
  ClipFeatures features(const Painter& painter, int frames, Rational rate = {25, 1}) {
    const Path path = folder_.path() / "clip.mp4";
    const auto written = generated::write_clip(path, {.frame_rate = rate, .frames = frames},
                                               generated::with_noise(painter, 2));
    EXPECT_TRUE(written) << written.error().message;
    WatchOptions options;
    options.composition = options.audio = false;
    auto clip = watch(path, options);
    EXPECT_TRUE(clip) << clip.error().message;
    return *std::move(clip);
  }
  std::vector<Shot> shots(const Painter& painter, int frames) {
    return detect_shots(features(painter, frames));
  }

  ScratchFolder folder_ = ScratchFolder::create("shots").value();
};

void expect_tiling(const std::vector<Shot>& shots, std::int64_t frames) {
  std::int64_t next = 0;
  for (const auto& shot : shots) {
    EXPECT_EQ(shot.first_frame, next);
    EXPECT_GE(shot.last_frame, shot.first_frame);
    EXPECT_GE(shot.keyframe, shot.first_frame);
    EXPECT_LE(shot.keyframe, shot.last_frame);
    EXPECT_LT(shot.start, shot.end);
    next = shot.last_frame + 1;
  }
  EXPECT_EQ(next, frames);
}

TEST_F(Shots, CutsAreExact) {
  const auto found = shots(
      generated::sequence(
          {{still_of("fruits.jpg"), 30}, {still_of("home.jpg", 0.2), 41}, {still_of("baboon.jpg"), 29}}),
      100);
  ASSERT_EQ(found.size(), 3u);
  expect_tiling(found, 100);
  EXPECT_EQ(found[0].transition, TransitionKind::start);
  EXPECT_EQ(found[1].first_frame, 30);
  EXPECT_EQ(found[1].transition, TransitionKind::cut);
  EXPECT_EQ(found[1].start, Time::frames(30, {25, 1}));
  EXPECT_EQ(found[2].first_frame, 71);
  EXPECT_EQ(found[2].end, Time::frames(100, {25, 1}));
}

TEST_F(Shots, ACutBetweenTwoViewsOfOneSceneIsFound) {
  const auto view = [](const char* file, double x, double size) {
    return generated::camera_over(generated::Still::load(kData / file).value(),
                                  {.pan = 0.03, .start_x = x, .view = size}, {25, 1});
  };
  for (const char* file : {"home.jpg", "fruits.jpg", "building.jpg", "aloeL.jpg"}) {
    // From the side, then closer.
    const auto found =
        shots(generated::sequence(
                  {{view(file, 0.3, 0.4), 40}, {view(file, 0.7, 0.4), 40}, {view(file, 0.7, 0.25), 40}}),
              120);
    ASSERT_EQ(found.size(), 3u) << file;
    EXPECT_EQ(found[1].first_frame, 40) << file;
    EXPECT_EQ(found[2].first_frame, 80) << file;
    EXPECT_EQ(found[2].transition, TransitionKind::cut) << file;
  }
}

TEST_F(Shots, AClipThatFadesInAndOutIsOneShot) {
  for (const int length : {8, 15, 30}) {
    for (const int held : {0, 5}) {
      const auto gain = [=](int frame) {
        const double in = (frame - held) / static_cast<double>(length);
        const double out = (119 - held - frame) / static_cast<double>(length);
        return std::clamp(std::min(in, out), 0.0, 1.0);
      };
      const auto found = shots(generated::with_brightness(still_of("home.jpg", 0.05), gain), 120);
      ASSERT_EQ(found.size(), 1u) << length << " " << held << " " << found[1].first_frame;
      EXPECT_EQ(found[0].transition, TransitionKind::start);
    }
  }
}

TEST_F(Shots, ALightThatRisesSlowlyIsNoChange) {
  const auto rising = generated::with_brightness(still_of("building.jpg", 0.02), [](int frame) {
    return 0.35 + 0.65 * std::clamp((frame - 40) / 30.0, 0.0, 1.0);
  });
  EXPECT_EQ(shots(rising, 120).size(), 1u);
}

TEST_F(Shots, KnownDetectorsFindPlainCutsToo) {
  const auto clip =
      features(generated::sequence({{still_of("fruits.jpg"), 30}, {still_of("home.jpg"), 30}}), 60);
  for (const auto detector : {ShotDetector::content, ShotDetector::adaptive}) {
    const auto found = detect_shots(clip, {.detector = detector});
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[1].first_frame, 30);
  }
  EXPECT_EQ(detect_shots(clip, {.detector = ShotDetector::content, .threshold = 250}).size(), 1u);
}

TEST_F(Shots, TheRealCutsOfAnAnimatedClip) {
  const auto clip = watch(kData / "Megamind.avi");
  ASSERT_TRUE(clip) << clip.error().message;
  const auto found = detect_shots(*clip);
  std::vector<std::int64_t> first;
  for (const auto& shot : found) first.push_back(shot.first_frame);
  EXPECT_EQ(first, (std::vector<std::int64_t>{0, 98, 154, 200}));
}

TEST_F(Shots, AFixedCameraWithPeopleIsOneShot) {
  const auto clip = watch(kData / "vtest.avi");
  ASSERT_TRUE(clip) << clip.error().message;
  EXPECT_EQ(detect_shots(*clip).size(), 1u);
}

TEST_F(Shots, ADissolveIsOneChangeInsideItsFrames) {
  const auto found = shots(
      generated::sequence({{still_of("fruits.jpg"), 50}, {still_of("home.jpg"), 50}}, Join::dissolve, 20),
      100);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_NEAR(static_cast<double>(found[1].first_frame), 50, 6);
  EXPECT_EQ(found[1].transition, TransitionKind::dissolve);
  EXPECT_GT(found[1].transition_frames, 8);
  EXPECT_LT(found[0].keyframe, 42);
}

TEST_F(Shots, AWipeIsOneChangeInsideItsFrames) {
  const auto found = shots(
      generated::sequence({{still_of("fruits.jpg"), 50}, {still_of("home.jpg"), 50}}, Join::wipe_right, 20),
      100);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_NEAR(static_cast<double>(found[1].first_frame), 50, 8);
  EXPECT_EQ(found[1].transition, TransitionKind::wipe);
}

TEST_F(Shots, FadesThroughBlackAndWhiteAreOneChangeEach) {
  for (const auto join : {Join::fade_black, Join::fade_white}) {
    const auto found =
        shots(generated::sequence({{still_of("fruits.jpg"), 50}, {still_of("home.jpg"), 50}}, join, 24), 100);
    ASSERT_EQ(found.size(), 2u);
    EXPECT_NEAR(static_cast<double>(found[1].first_frame), 50, 8);
    EXPECT_EQ(found[1].transition, TransitionKind::fade);
  }
}

TEST_F(Shots, AFlashIsNoChange) {
  for (const int length : {1, 2, 4}) {
    const Painter scene = still_of("fruits.jpg", 0.1);
    const Painter flashing = [&, length](int frame, RgbImage& image) {
      scene(frame, image);
      if (frame >= 40 && frame < 40 + length) image.fill({255, 255, 255});
    };
    EXPECT_EQ(shots(flashing, 90).size(), 1u) << length;
  }
}

TEST_F(Shots, ALightSwitchedOnIsNoChange) {
  const auto lit = generated::with_brightness(still_of("home.jpg", 0.05),
                                              [](int frame) { return frame < 45 ? 0.45 : 1.0; });
  EXPECT_EQ(shots(lit, 90).size(), 1u);
}

TEST_F(Shots, AWhipPanIsNoChange) {
  const auto whip =
      generated::camera_over(generated::Still::load(kData / "home.jpg").value(),
                             {.start_x = 0.25,
                              .view = 0.3,
                              .shake =
                                  [](int frame) {
                                    const double t = std::clamp((frame - 40) / 8.0, 0.0, 1.0);
                                    return std::array<double, 2>{1.6 * t * t * (3 - 2 * t), 0.0};
                                  }},
                             {25, 1});
  EXPECT_EQ(shots(whip, 90).size(), 1u);
}

TEST_F(Shots, SomethingDarkPassingTheLensIsNoChange) {
  const Painter scene = still_of("fruits.jpg");
  const Painter passing = [&](int frame, RgbImage& image) {
    scene(frame, image);
    const int left = (frame - 40) * image.width / 6 - image.width;
    image.rectangle(left, 0, image.width, image.height, {14, 12, 10});
  };
  EXPECT_EQ(shots(passing, 100).size(), 1u);
}

TEST_F(Shots, SomethingThatTakesASecondToPassTheLensIsNoChange) {
  for (const int tone : {12, 60, 200}) {
    const Painter scene = still_of("fruits.jpg", 0.02);
    const Painter passing = [&](int frame, RgbImage& image) {
      scene(frame, image);
      const auto level = static_cast<std::uint8_t>(tone);
      const int left = (frame - 40) * image.width / 14 - image.width;
      image.rectangle(left, 0, image.width, image.height, {level, level, level});
    };
    EXPECT_EQ(shots(passing, 120).size(), 1u) << tone;
  }
}

// A street through a fixed camera, film half a minute later: only the people stand elsewhere.
TEST_F(Shots, AJumpCutBeforeAFixedCameraIsFound) {
  std::vector<Time> times;
  for (const int from : {40, 420})
    for (int i = 0; i < 60; ++i) times.push_back(Time::frames(from + i, {10, 1}));
  const auto film = grab_frames(kData / "vtest.avi", times, 320);
  ASSERT_TRUE(film) << film.error().message;
  const Painter jumping = [&](int frame, RgbImage& image) {
    const Picture& picture = (*film)[static_cast<std::size_t>(frame)];
    const auto rows = std::min(picture.height, image.height);
    std::copy_n(picture.rgb.begin(), static_cast<std::size_t>(rows) * picture.width * 3, image.rgb.begin());
  };
  const auto found = shots(jumping, 120);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1].first_frame, 60);
  EXPECT_EQ(found[1].transition, TransitionKind::cut);
}

TEST_F(Shots, AFadeThroughTheWhiteOfADarkFilmIsAFade) {
  const auto faded =
      generated::sequence({{still_of("fruits.jpg"), 50}, {still_of("home.jpg"), 50}}, Join::fade_white, 24);
  const auto found = shots(generated::with_brightness(faded, [](int) { return 0.5; }), 100);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_NEAR(static_cast<double>(found[1].first_frame), 50, 8);
  EXPECT_EQ(found[1].transition, TransitionKind::fade);
}

TEST_F(Shots, BarsOfALetterboxChangeNothing) {
  // 0.11 of the height: the bar ends inside a block.
  const Painter film = generated::sequence(
      {{still_of("fruits.jpg", 0.05), 45}, {still_of("home.jpg", 0.05), 55}}, Join::dissolve, 20);
  const Painter boxed = [&](int frame, RgbImage& image) {
    film(frame, image);
    const int bar = image.height * 11 / 100;
    image.rectangle(0, 0, image.width, bar, {0, 0, 0});
    image.rectangle(0, image.height - bar, image.width, bar, {0, 0, 0});
  };
  const auto found = shots(boxed, 100);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[1].transition, TransitionKind::dissolve);
}

TEST_F(Shots, ADarkSceneIsNotTakenForBars) {
  std::vector<FrameFeatures> frames(3);
  for (std::size_t i = 0; i < frames.size(); ++i)
    for (std::size_t k = 0; k < frames[i].luma_blocks.size(); ++k)
      frames[i].luma_blocks[k] = static_cast<std::uint8_t>(4 + (k * 7 + i * 11) % 17);
  EXPECT_EQ(active_area(frames).blocks(), kLumaColumns * kLumaRows);
  for (auto& frame : frames) std::fill_n(frame.luma_blocks.begin(), 2 * kLumaColumns, std::uint8_t{2});
  const auto area = active_area(frames);
  EXPECT_EQ(area.top, 3);  // two rows of bar, and the row that may hold its edge
  EXPECT_EQ(area.bottom, kLumaRows);
}

TEST_F(Shots, LikenessOfViewsIsBlindToLightAndSmallMoves) {
  const auto apart = [](const FrameFeatures& a, const FrameFeatures& b) {
    return unlike(BlockPatches(a), BlockPatches(b), {});
  };
  const auto picture = [](int seed, double gain, int offset, int shift) {
    FrameFeatures frame;
    for (int y = 0; y < kLumaRows; ++y) {
      for (int x = 0; x < kLumaColumns; ++x) {
        const unsigned h = static_cast<unsigned>(x + shift + 100) * 73856093u ^
                           static_cast<unsigned>(y + 9) * 19349663u ^ static_cast<unsigned>(seed) * 83492791u;
        frame.luma_blocks[static_cast<std::size_t>(y) * kLumaColumns + x] = static_cast<std::uint8_t>(
            std::clamp(gain * static_cast<double>((h * 2654435761u) >> 25) + offset, 0.0, 255.0));
      }
    }
    return frame;
  };
  EXPECT_LT(apart(picture(1, 1, 20, 0), picture(1, 1, 20, 0)), 0.01);
  EXPECT_LT(apart(picture(1, 1, 20, 0), picture(1, 0.5, 40, 0)), 0.05);
  EXPECT_LT(apart(picture(1, 1, 20, 0), picture(1, 0.8, 10, 2)), 0.2);
  EXPECT_GT(apart(picture(1, 1, 20, 0), picture(2, 1, 20, 0)), 0.6);
  FrameFeatures flat;
  EXPECT_EQ(apart(flat, flat), 0.5f);
}

TEST_F(Shots, ShorterShotsThanAskedJoinTheirNeighbour) {
  const auto clip =
      features(generated::sequence(
                   {{still_of("fruits.jpg"), 40}, {still_of("home.jpg"), 12}, {still_of("baboon.jpg"), 40}}),
               92);
  EXPECT_EQ(detect_shots(clip, {.min_shot_s = 0.3}).size(), 3u);
  const auto merged = detect_shots(clip, {.min_shot_s = 1.0});
  EXPECT_EQ(merged.size(), 2u);
  expect_tiling(merged, 92);
}

TEST_F(Shots, OneFrameIsOneShot) {
  const auto found = shots(still_of("fruits.jpg"), 1);
  ASSERT_EQ(found.size(), 1u);
  expect_tiling(found, 1);
}

}  // namespace
}  // namespace studio
