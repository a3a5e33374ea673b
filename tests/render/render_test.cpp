// Timelines rendered to files and read back: each cut, retime and transition frame-exact by the
// number in the pixels, sound in step with the picture.
#include "render/render.h"

#include <gtest/gtest.h>

#include "media/audio_reader.h"
#include "media/probe.h"
#include "media/video_reader.h"
#include "render/render_fixture.h"
#include "support/generated.h"

namespace studio {
namespace {

using namespace generated;

class Render : public RenderFixture {};

TEST_F(Render, CutsAreFrameExact) {
  const Path a = numbered_clip("a.mp4");
  EXPECT_EQ(numbers_after(
                timeline_of({clip_of(a, 40, 10), clip_of(a, 7, 5), clip_of(a, 90, 10), clip_of(a, 0, 1)})),
            row(40, 10) + row(7, 5) + row(90, 10) + row(0, 1));
}

TEST_F(Render, GapsAreBlack) {
  const Path a = numbered_clip("a.mp4");
  EXPECT_EQ(numbers_after(timeline_of({clip_of(a, 3, 5), Gap{frames(4)}, clip_of(a, 50, 5)})),
            row(3, 5) + std::vector<int>(4, -1) + row(50, 5));
}

TEST_F(Render, ConstantSpeedPicksTheFrameOnScreen) {
  const Path a = numbered_clip("a.mp4");
  Clip fast = clip_of(a, 10, 40);
  fast.retime.speed = {2, 1};
  Clip slow = clip_of(a, 60, 10);
  slow.retime.speed = {1, 2};
  std::vector<int> halves;
  for (int i = 0; i < 20; ++i) halves.push_back(60 + i / 2);
  EXPECT_EQ(numbers_after(timeline_of({fast, slow})), row(10, 20, 2) + halves);
}

TEST_F(Render, ReverseShowsEveryFrameOnce) {
  const Path a = numbered_clip("a.mp4");
  Clip back = clip_of(a, 20, 50);
  back.retime.reverse = true;
  Clip whole = clip_of(a, 0, 100);
  whole.retime.reverse = true;
  EXPECT_EQ(numbers_after(timeline_of({back, whole})), row(69, 50, -1) + row(99, 100, -1));
}

TEST_F(Render, FreezeHoldsOneFrame) {
  const Path a = numbered_clip("a.mp4");
  Clip frozen = clip_of(a, 33, 1);
  frozen.retime.freeze = true;
  frozen.retime.freeze_duration = frames(12);
  EXPECT_EQ(numbers_after(timeline_of({clip_of(a, 30, 3), frozen, clip_of(a, 34, 3)})),
            row(30, 3) + std::vector<int>(12, 33) + row(34, 3));
}

TEST_F(Render, RampFollowsItsSpeed) {
  const Path a = numbered_clip("a.mp4");
  Clip ramp = clip_of(a, 0, 100);
  ramp.retime.ramp = {{Time{}, 1.0}, {frames(100), 3.0}};
  const auto numbers = numbers_after(timeline_of({ramp}));
  // Speed linear in source: length is ln(3) / 2 of the plain length.
  EXPECT_EQ(numbers.size(), 55u);
  for (std::size_t i = 0; i < numbers.size(); ++i)
    EXPECT_EQ(numbers[i],
              std::min<std::int64_t>(99, (source_time_at(ramp, frames(static_cast<std::int64_t>(i))) +
                                          Time::ticks(1, {1, 25600}))
                                             .to_frames(k25, Rounding::down)));
}

TEST_F(Render, CrossfadeKeepsTheLengthAndUsesHandles) {
  const Path a = numbered_clip("a.mp4");
  const Path b = file("b.mp4");
  ASSERT_OK(write_clip(b, {.frames = 100}, color({200, 200, 200})));
  Transition cross;
  cross.in = frames(4);
  cross.out = frames(6);
  const auto numbers = numbers_after(timeline_of({clip_of(a, 10, 30), cross, clip_of(b, 20, 30)}));
  ASSERT_EQ(numbers.size(), 60u);
  for (int i = 0; i < 26; ++i) EXPECT_EQ(numbers[static_cast<std::size_t>(i)], 10 + i);
  // The luma of the number's black squares rises evenly over the ten frames of the transition.
  auto reader = VideoReader::open(file("out.mp4"), {.format = "gray"});
  ASSERT_OK(reader);
  for (int n = 0; n < 60; ++n) {
    auto frame = reader->next();
    ASSERT_TRUE(frame && *frame);
    const FramePlanes& p = (*frame)->picture;
    const double corner = p.plane[0].data[5 * p.plane[0].stride + 5];  // background of clip a: luma ~110
    const double expected = n < 26 ? 107 : n >= 36 ? 200 : 107 + (200 - 107) * (n - 26 + 0.5) / 10;
    EXPECT_NEAR(corner, expected, 8) << n;
  }
}

TEST_F(Render, MixedSizesAndRatesAreConformed) {
  ClipSpec ntsc{.width = 640, .height = 480, .frame_rate = {30000, 1001}};
  const Path a = numbered_clip("a.mp4", 60, ntsc);
  const Path b = numbered_clip("b.mp4", 60);
  const Clip from_a = clip_of(a, 10, 30, {30000, 1001});
  const auto numbers_a = numbers_after(timeline_of({from_a}), {0.125 + 0.75 * 0.1, 0.05, 0.75 * 0.8, 0.3});
  EXPECT_EQ(numbers_a.size(), 25u);
  for (std::size_t i = 0; i < numbers_a.size(); ++i) {
    const auto expected = (from_a.source_range.start + frames(static_cast<std::int64_t>(i)))
                              .to_frames({30000, 1001}, Rounding::down);
    EXPECT_EQ(numbers_a[i], expected) << i;
  }
  EXPECT_EQ(numbers_after(timeline_of({clip_of(b, 5, 20)}, 640, 360)), row(5, 20));
}

TEST_F(Render, VariableRateShowsTheFrameOnScreen) {
  ClipSpec spec{.frames = 40};
  spec.time_base = {1, 1000};
  spec.time_of = [](int n) { return Time::ticks(n * 33 + (n % 4) * 9 + (n >= 20 ? 400 : 0), {1, 1000}); };
  ASSERT_OK(write_clip(file("v.mkv"), spec, numbered()));
  const Clip clip = clip_of(file("v.mkv"), 0, 40);
  std::vector<int> expected;
  for (int i = 0; i < 40; ++i) {
    int shown = 0;
    for (int n = 0; n < 40; ++n)
      if (spec.time_of(n) <= frames(i) + Time::ticks(1, {1, 2000})) shown = n;
    expected.push_back(shown);
  }
  EXPECT_EQ(numbers_after(timeline_of({clip})), expected);
}

TEST_F(Render, RotatedAndDeepMaterial) {
  ClipSpec turned{.width = 180, .height = 320};
  turned.rotation = 90;
  // The number is painted so that it stands upright after turning: paint the turned picture.
  const Painter upright = numbered();
  ASSERT_OK(write_clip(
      file("r.mp4"),
      [&] {
        turned.frames = 10;
        return turned;
      }(),
      [&](int n, RgbImage& image) {
        RgbImage drawn(320, 180);
        upright(n, drawn);
        for (int y = 0; y < image.height; ++y)
          for (int x = 0; x < image.width; ++x)
            std::copy_n(drawn.at(319 - y, x), 3, image.at(x, y));  // counterclockwise
      }));
  EXPECT_EQ(numbers_after(timeline_of({clip_of(file("r.mp4"), 2, 6)})), row(2, 6));
  ClipSpec deep;
  deep.pixel_format = "yuv420p10le";
  EXPECT_EQ(numbers_after(timeline_of({clip_of(numbered_clip("d.mkv", 20, deep), 2, 6)})), row(2, 6));
}

TEST_F(Render, OneFrame) {
  ASSERT_OK(write_clip(file("one.mp4"), {.frames = 1}, numbered(9)));
  EXPECT_EQ(numbers_after(timeline_of({clip_of(file("one.mp4"), 0, 1)})), row(9, 1));
}

TEST_F(Render, NoSoundGivesNoAudioStream) {
  const Path a = numbered_clip("a.mp4");
  ASSERT_OK(rendered(timeline_of({clip_of(a, 0, 10)})));
  EXPECT_FALSE(probe(file("out.mp4"))->audio.has_value());
}

TEST_F(Render, SyncHoldsThroughEveryOperation) {
  ClipSpec spec{.frames = 150};
  const FlashBeep what{.length_s = 0.24};  // at four times the speed still more than a frame
  ASSERT_OK(write_clip(file("s.mp4"), spec, flashes(spec, what), beeps(what)));
  const auto worst = [&](const Timeline& timeline) {
    const auto made = rendered(timeline);
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message);
    const auto sync = measure_sync(file("out.mp4"));
    EXPECT_TRUE(sync.has_value()) << (sync ? "" : sync.error().message);
    return sync ? sync->worst_offset_s : 99.0;
  };
  const Clip plain = clip_of(file("s.mp4"), 0, 150);
  EXPECT_LT(worst(timeline_of({plain})), 0.008);
  EXPECT_LT(worst(timeline_of({clip_of(file("s.mp4"), 30, 40), clip_of(file("s.mp4"), 85, 60), Gap{frames(7)},
                               clip_of(file("s.mp4"), 5, 60)})),
            0.008);
  for (const Rational speed :
       {Rational{2, 1}, Rational{1, 2}, Rational{3, 2}, Rational{4, 5}, Rational{4, 1}}) {
    for (const bool keep_pitch : {true, false}) {
      Clip fast = plain;
      fast.retime.speed = speed;
      fast.retime.keep_pitch = keep_pitch;
      EXPECT_LT(worst(timeline_of({clip_of(file("s.mp4"), 5, 8), fast})), 0.04)
          << speed.to_string() << keep_pitch;
    }
  }
  Clip back = plain;
  back.retime.reverse = true;
  // Backwards a flash begins where it ended: onsets of both sides still agree.
  EXPECT_LT(worst(timeline_of({back})), 0.04);
  Clip ramp = plain;
  ramp.retime.ramp = {{Time{}, 0.5}, {frames(75), 2.0}, {frames(150), 1.0}};
  EXPECT_LT(worst(timeline_of({ramp})), 0.04);
}

TEST_F(Render, ManyCutsStayInStepToTheEnd) {
  ClipSpec spec;
  spec.width = 160;
  spec.height = 90;
  spec.frames = 1500;
  spec.gop = 50;
  const FlashBeep flash;
  ASSERT_OK(write_clip(file("in.mp4"), spec, flashes(spec, flash), beeps(flash)));
  // Forward and back over the film; each piece holds one whole flash and beep, 10 frames long.
  std::vector<Item> items;
  for (int i = 0; i < 150; ++i) {
    const int second = i * 37 % 58;
    items.emplace_back(clip_of(file("in.mp4"), second * 25 + 6 + i % 3, 10));
  }
  const auto made = rendered(timeline_of(std::move(items), 160, 90));
  ASSERT_OK(made);
  EXPECT_EQ(made->frames, 1500);
  const auto sync = measure_sync(file("out.mp4"));
  ASSERT_OK(sync);
  EXPECT_EQ(sync->flashes_s.size(), 150U);
  EXPECT_EQ(sync->beeps_s.size(), 150U);
  EXPECT_LT(sync->worst_offset_s, 0.04);
}

TEST_F(Render, HoldsTheLastPictureOfAShortFileAndSaysSo) {
  const Path a = numbered_clip("a.mkv", 100);
  const auto content = read_file(a);
  ASSERT_OK(content);
  Clip clip = clip_of(a, 0, 100);
  ASSERT_OK(write_file_atomic(a, std::string_view(*content).substr(0, content->size() / 2)));
  const auto made = rendered(timeline_of({clip}));
  ASSERT_OK(made);
  EXPECT_EQ(made->frames, 100);
  EXPECT_FALSE(made->warnings.empty());
}

TEST_F(Render, OddCanvasesAndStrangeRates) {
  const Path a = numbered_clip("a.mp4", 60);
  Timeline odd = timeline_of({clip_of(a, 0, 10)}, 321, 181);
  const auto made = rendered(odd);
  if (made) {
    EXPECT_EQ(made->frames, 10);
  } else {
    EXPECT_FALSE(made.error().message.empty());
    EXPECT_NE(made.error().kind, ErrorKind::internal) << made.error().message;
  }
  Timeline film = timeline_of({clip_of(a, 0, 50)});
  film.frame_rate = {24000, 1001};
  const auto numbers = numbers_after(film);
  EXPECT_EQ(numbers.size(), 48u);  // 2 s of 23.976
  for (std::size_t i = 0; i < numbers.size(); ++i)
    EXPECT_EQ(numbers[i],
              Time::frames(static_cast<std::int64_t>(i), film.frame_rate).to_frames(k25, Rounding::down));
}

TEST_F(Render, StillPicturesAreClipsToo) {
  const Path still = "/usr/share/doc/opencv-doc/examples/data/fruits.jpg";
  Clip clip = clip_of(still, 0, 25);
  std::get<MediaFile>(clip.source).available.duration = frames(1000);
  clip.source_range.duration = frames(25);
  const auto made = rendered(timeline_of({clip}));
  ASSERT_OK(made);
  EXPECT_EQ(made->frames, 25);
  EXPECT_TRUE(made->warnings.empty());
}

// Mean luma of every frame: tells frames of a real film apart well enough to check their order.
std::vector<double> brightness_of(const Path& path) {
  std::vector<double> means;
  auto reader = VideoReader::open(path, {.width = 160, .height = 120, .format = "gray"});
  if (!reader) return means;
  for (auto frame = reader->next(); frame && *frame; frame = reader->next()) {
    const PlaneView& plane = (*frame)->picture.plane[0];
    double sum = 0;
    for (int y = 0; y < plane.height; ++y)
      for (int x = 0; x < plane.width; ++x) sum += plane.data[y * plane.stride + x];
    means.push_back(sum / (plane.width * plane.height));
  }
  return means;
}

TEST_F(Render, ARealFilmIsCutAndReversedToTheFrame) {
  const Path film = "/usr/share/doc/opencv-doc/examples/data/Megamind.avi";
  const auto facts = probe(film);
  ASSERT_OK(facts);
  const Rational rate = facts->video->frame_rate;
  const auto truth = brightness_of(film);
  ASSERT_EQ(truth.size(), 270u);
  Clip back = clip_of(film, 100, 60, rate);
  back.retime.reverse = true;
  Timeline timeline = timeline_of({clip_of(film, 30, 40, rate), back}, 320, 240);
  timeline.frame_rate = rate;
  ASSERT_OK(rendered(timeline));
  const auto shown = brightness_of(file("out.mp4"));
  ASSERT_EQ(shown.size(), 100u);
  // Bars and coding change the level alike: compare what remains after the best straight line.
  std::vector<double> expected;
  for (std::size_t i = 0; i < 40; ++i) expected.push_back(truth[30 + i]);
  for (std::size_t i = 0; i < 60; ++i) expected.push_back(truth[159 - i]);
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (std::size_t i = 0; i < 100; ++i) {
    sx += expected[i];
    sy += shown[i];
    sxx += expected[i] * expected[i];
    sxy += expected[i] * shown[i];
  }
  const double slope = (100 * sxy - sx * sy) / (100 * sxx - sx * sx), offset = (sy - slope * sx) / 100;
  for (std::size_t i = 0; i < 100; ++i) EXPECT_NEAR(shown[i], offset + slope * expected[i], 2.5) << i;
}

TEST_F(Render, RefusesWhatCannotBe) {
  const Path a = numbered_clip("a.mp4");
  const auto kind = [](const Result<RenderedFile>& result) {
    return result ? ErrorKind::below_threshold : result.error().kind;
  };
  EXPECT_EQ(kind(render(timeline_of({clip_of(a, 0, 10)}), a)), ErrorKind::invalid_input);
  ASSERT_OK(write_sound(file("only.wav"), 2, tone(440)));
  EXPECT_EQ(kind(rendered(timeline_of({clip_of(file("only.wav"), 0, 10)}))), ErrorKind::unsupported);
  Clip absent = clip_of(a, 0, 10);
  std::get<MediaFile>(absent.source).path = file("absent.mp4").string();
  EXPECT_EQ(kind(rendered(timeline_of({absent}))), ErrorKind::not_found);
  Clip late = clip_of(a, 0, 10);
  std::get<MediaFile>(late.source).available.duration = frames(1000);
  late.source_range.start = frames(500);
  EXPECT_EQ(kind(rendered(timeline_of({late}))), ErrorKind::invalid_input);
  EXPECT_FALSE(std::filesystem::exists(file("out.mp4")));
}

TEST_F(Render, StopLeavesNothingBehind) {
  const Path a = numbered_clip("a.mp4");
  std::stop_source source;
  Job job;
  job.stop = source.get_token();
  job.progress = [&](const ProgressUpdate& update) {
    if (update.done >= 5) source.request_stop();
  };
  RenderSettings settings;
  settings.smart_cut = false;
  const auto result = render(timeline_of({clip_of(a, 0, 100)}), file("stopped.mp4"), settings, job);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().kind, ErrorKind::interrupted);
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(file("a.mp4").parent_path()))
    ++entries;
  EXPECT_EQ(entries, 1u);  // a.mp4 alone
}

}  // namespace
}  // namespace studio
