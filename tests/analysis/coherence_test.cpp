// Defects injected at known frames are found there, and clean clips stay clean.
#include "analysis/coherence.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "analysis/judgements.h"
#include "analysis/shots.h"
#include "analysis/watch.h"
#include "support/generated.h"

namespace studio {
namespace {

using generated::CameraPath;
using generated::ClipSpec;
using generated::Painter;
using generated::RgbImage;

const Path kData = "/usr/share/doc/opencv-doc/examples/data";
constexpr Rational kRate{25, 1};

struct Watched {
  ClipFeatures clip;
  Analysis analysis;

  std::vector<Issue> of(std::string_view kind) const {
    std::vector<Issue> found;
    std::ranges::copy_if(analysis.issues, std::back_inserter(found),
                         [&](const Issue& i) { return i.kind == kind; });
    return found;
  }
  std::string told() const {
    std::string text;
    for (const Issue& i : analysis.issues)
      text += i.kind + " " + std::to_string(i.first_frame) + ".." + std::to_string(i.last_frame) + ": " +
              i.message + "\n";
    return text;
  }
};

Watched watched(const Path& path) {
  Watched w;
  auto clip = watch(path);
  EXPECT_TRUE(clip) << (clip ? "" : clip.error().message);
  if (!clip) return w;
  w.clip = std::move(*clip);
  w.analysis.source = w.clip.source;
  w.analysis.audio = w.clip.audio;
  w.analysis.shots = detect_shots(w.clip);
  judge(w.clip, {}, w.analysis);
  return w;
}

Watched watched(const Painter& painter, int frames = 75, ClipSpec spec = {}) {
  auto folder = ScratchFolder::create("coherence");
  EXPECT_TRUE(folder);
  spec.width = 480;
  spec.height = 270;
  spec.frames = frames;
  const Path path = folder->path() / "clip.mp4";
  const auto written = generated::write_clip(path, spec, painter);
  EXPECT_TRUE(written) << (written ? "" : written.error().message);
  return watched(path);
}

Painter pan(double widths_per_s = 0.1) {
  static const auto still = generated::default_still();
  return generated::camera_over(*still, {.pan = widths_per_s, .start_x = 0.3}, kRate);
}
Painter tripod(double noise = 5) {
  static const auto still = generated::default_still();
  return generated::with_noise(generated::view_of(*still), noise);
}

void expect_issue(const Watched& w, std::string_view kind, std::int64_t first, std::int64_t last,
                  std::int64_t slack = 1) {
  const auto found = w.of(kind);
  ASSERT_EQ(found.size(), 1u) << kind << ":\n" << w.told();
  EXPECT_NEAR(static_cast<double>(found[0].first_frame), static_cast<double>(first),
              static_cast<double>(slack))
      << w.told();
  EXPECT_NEAR(static_cast<double>(found[0].last_frame), static_cast<double>(last), static_cast<double>(slack))
      << w.told();
  EXPECT_GT(found[0].severity, 0.2);
  EXPECT_FALSE(found[0].suggestion.empty());
}

TEST(Coherence, CleanClipsHaveNoIssues) {
  for (const double speed : {0.03, 0.1, 0.4}) {
    const auto w = watched(pan(speed), 60);
    EXPECT_TRUE(w.analysis.issues.empty()) << "pan " << speed << "\n" << w.told();
    EXPECT_GT(w.analysis.shots.front().coherence.score, 0.8);
  }
  const auto still = watched(tripod());
  EXPECT_TRUE(still.analysis.issues.empty()) << "tripod\n" << still.told();
  const auto people = watched(kData / "vtest.avi");
  EXPECT_TRUE(people.analysis.issues.empty()) << people.told();
  // This clip opens with one black frame, and nothing else is wrong with it.
  const auto animated = watched(kData / "Megamind.avi");
  expect_issue(animated, "black", 0, 0, 0);
  EXPECT_EQ(animated.analysis.issues.size(), 1u) << animated.told();
}

TEST(Coherence, FlickerIsFoundAtItsFrames) {
  for (const int period : {2, 3, 6}) {
    for (const bool moving : {false, true}) {
      const auto factor = [=](int frame) {
        return frame >= 30 && frame < 55 ? 1 + 0.08 * std::sin(2 * M_PI * (frame - 30) / period + 0.7) : 1.0;
      };
      const auto w = watched(generated::with_brightness(moving ? pan() : tripod(), factor));
      SCOPED_TRACE("period " + std::to_string(period) + (moving ? " moving" : " still"));
      expect_issue(w, "flicker", 30, 54, period);
      EXPECT_GT(w.analysis.shots.front().coherence.flicker, 0.01);
    }
  }
}

TEST(Coherence, FadesFlashesAndPassersByAreNoFlicker) {
  const auto fade =
      watched(generated::with_brightness(pan(), [](int f) { return std::min(1.0, 0.2 + f / 40.0); }));
  EXPECT_TRUE(fade.of("flicker").empty()) << fade.told();
  const auto flash =
      watched(generated::with_brightness(tripod(), [](int f) { return f == 30 || f == 31 ? 1.8 : 1.0; }));
  EXPECT_TRUE(flash.of("flicker").empty()) << flash.told();
  EXPECT_TRUE(flash.of("jump").empty()) << flash.told();
  const Painter background = tripod();
  const auto waving = watched([&](int frame, RgbImage& image) {
    background(frame, image);
    image.rectangle(frame % 4 < 2 ? 75 : 135, 90, 90, 120, {250, 250, 250});
  });
  EXPECT_TRUE(waving.of("flicker").empty()) << waving.told();
}

TEST(Coherence, APartThatAlternatesIsLocalFlicker) {
  const Painter background = tripod();
  const auto w = watched([&](int frame, RgbImage& image) {
    background(frame, image);
    if (frame < 20 || frame >= 50) return;
    const std::uint8_t tone = frame % 2 ? 200 : 130;
    image.rectangle(40, 40, 150, 120, {tone, tone, tone});
  });
  expect_issue(w, "flicker", 20, 50, 1);
}

TEST(Coherence, TransitionsAreNoDefects) {
  using generated::Join;
  const Painter a = tripod(), b = pan(0.1);
  for (const Join join : {Join::cut, Join::dissolve, Join::fade_black, Join::fade_white, Join::wipe_right}) {
    const auto w = watched(generated::sequence({{a, 50}, {b, 50}}, join, join == Join::cut ? 0 : 20), 100);
    EXPECT_EQ(w.analysis.shots.size(), 2u) << static_cast<int>(join);
    EXPECT_TRUE(w.analysis.issues.empty()) << static_cast<int>(join) << "\n" << w.told();
  }
}

TEST(Coherence, VBenchFlickerIsTheMeanAbsoluteDifference) {
  const auto w = watched(generated::with_brightness(tripod(0), [](int f) { return f % 2 ? 1.1 : 1.0; }), 40);
  double difference = 0;
  for (std::size_t i = 1; i < w.clip.frames.size(); ++i) difference += w.clip.frames[i].luma_difference;
  difference /= static_cast<double>(w.clip.frames.size() - 1);
  EXPECT_GT(difference, 3);
  EXPECT_NEAR(w.analysis.shots.front().coherence.vbench_flicker, (255 - difference) / 255, 1e-4);
}

TEST(Coherence, AFreezeIsFoundAndATripodIsNone) {
  const auto w =
      watched(generated::remapped(pan(), [](int f) { return f < 30   ? f
                                                            : f < 50 ? 29
                                                                     : f - 20; }), 90);
  expect_issue(w, "freeze", 30, 49);
  EXPECT_TRUE(w.of("jump").empty()) << w.told();
  for (const double noise : {1.5, 4.0, 10.0}) {
    const auto quiet = watched(tripod(noise), 60);
    EXPECT_TRUE(quiet.analysis.issues.empty()) << noise << "\n" << quiet.told();
  }
  const auto image = watched(tripod(0), 50);
  expect_issue(image, "freeze", 1, 49);
}

TEST(Coherence, BlackFramesAreFoundAndAreASmallThingAtTheEdges) {
  const Painter scene = pan(), dark = generated::black();
  const auto with_black = [&](int first, int last) {
    return watched(
        [=](int frame, RgbImage& image) { (frame >= first && frame <= last ? dark : scene)(frame, image); });
  };
  expect_issue(with_black(30, 36), "black", 30, 36, 0);
  expect_issue(with_black(40, 40), "black", 40, 40, 0);
  EXPECT_GT(with_black(40, 40).of("black").front().severity, 0.3);
  for (const auto& [first, last] : {std::pair{0, 0}, {0, 5}, {70, 74}}) {
    const auto w = with_black(first, last);
    expect_issue(w, "black", first, last, 0);
    for (const Issue& issue : w.of("black")) EXPECT_LT(issue.severity, 0.3);
  }
}

TEST(Coherence, DuplicatedFramesAreNamedOneByOne) {
  // Frames 20 and 45 are repeats; the movement goes on afterwards as if nothing had happened.
  const auto w = watched(generated::remapped(pan(), [](int f) {
    return f < 20 ? f : f < 45 ? f - 1 : f - 2;
  }));
  const auto found = w.of("duplicate");
  ASSERT_EQ(found.size(), 2u) << w.told();
  EXPECT_EQ(found[0].first_frame, 20);
  EXPECT_EQ(found[0].last_frame, 20);
  EXPECT_EQ(found[1].first_frame, 45);
  EXPECT_TRUE(w.of("dropped").empty()) << w.told();
}

TEST(Coherence, StutterThatCatchesUpIsADuplicateNotADrop) {
  const auto w = watched(generated::remapped(pan(), [](int f) { return f == 30 ? 29 : f; }));
  expect_issue(w, "duplicate", 30, 30, 0);
  EXPECT_TRUE(w.of("jump").empty()) << w.told();
}

TEST(Coherence, DroppedFramesAreFoundByTheirStep) {
  for (const int missing : {1, 2, 4}) {
    const auto w = watched(generated::remapped(pan(), [=](int f) { return f < 40 ? f : f + missing; }));
    expect_issue(w, "dropped", 40, 40, 0);
  }
}

TEST(Coherence, AGapInTimeIsADroppedFrame) {
  ClipSpec spec;
  spec.time_of = [](int frame) { return Time::frames(frame < 30 ? frame : frame + 3, kRate); };
  spec.time_base = Rational{1, 12800};
  const auto w = watched(tripod(), 60, spec);
  expect_issue(w, "dropped", 30, 30, 0);
}

TEST(Coherence, AJumpInsideAShotIsNoCut) {
  const auto still = *generated::default_still();
  const Painter a = generated::with_noise(generated::view_of(still, 0.45, 0.5), 4);
  const Painter b = generated::with_noise(generated::view_of(still, 0.48, 0.51), 4);
  const auto w = watched([&](int frame, RgbImage& image) { (frame < 40 ? a : b)(frame, image); });
  if (w.analysis.shots.size() == 1) {
    expect_issue(w, "jump", 40, 40, 0);
  } else {
    // A jump of that size may also pass for a cut, but then exactly there.
    EXPECT_EQ(w.analysis.shots[1].first_frame, 40);
  }
}

TEST(Coherence, AnimationOnTwosIsAStyle) {
  for (const int hold : {2, 3}) {
    const auto w = watched(generated::remapped(pan(0.15), [=](int f) { return f / hold * hold; }));
    EXPECT_TRUE(w.analysis.issues.empty()) << hold << "\n" << w.told();
    EXPECT_TRUE(std::ranges::any_of(w.analysis.insights, [](const Insight& i) {
      return i.text.find("Animated on") != std::string::npos;
    }));
    EXPECT_EQ(w.analysis.shots.front().camera.style, CameraStyle::smooth);
    const auto cadence = find_cadence(w.clip.frames, 0);
    EXPECT_EQ(cadence.cadence, hold == 2 ? Cadence::on_twos : Cadence::on_threes);
  }
}

TEST(Coherence, AConvertedFrameRateIsToldOnce) {
  const auto w = watched(generated::remapped(pan(0.15), [](int f) { return f - f / 5; }), 100);
  const auto found = w.of("duplicate");
  ASSERT_EQ(found.size(), 1u) << w.told();
  EXPECT_NE(found[0].message.find("every 5"), std::string::npos) << found[0].message;
  EXPECT_LE(found[0].severity, 0.35);
}

TEST(Coherence, DarkAndBurntStretchesAreNamed) {
  const auto dark = watched(generated::with_brightness(pan(), [](int f) { return f >= 25 ? 0.1 : 1.0; }));
  expect_issue(dark, "dark", 25, 74, 1);
  const auto burnt =
      watched(generated::with_brightness(pan(), [](int f) { return f >= 25 && f < 60 ? 6.0 : 1.0; }));
  expect_issue(burnt, "overexposed", 25, 59, 1);
}

TEST(Coherence, BlurredFramesAreNamed) {
  const Painter sharp = pan(0.05);
  const auto w = watched([&](int frame, RgbImage& image) {
    sharp(frame, image);
    if (frame < 40 || frame >= 55) return;
    RgbImage soft = image;
    const int r = 4;
    for (int pass = 0; pass < 2; ++pass) {
      for (int y = 0; y < image.height; ++y)
        for (int x = 0; x < image.width; ++x)
          for (int c = 0; c < 3; ++c) {
            int sum = 0;
            for (int k = -r; k <= r; ++k)
              sum += pass == 0 ? image.at(std::clamp(x + k, 0, image.width - 1), y)[c]
                               : image.at(x, std::clamp(y + k, 0, image.height - 1))[c];
            soft.at(x, y)[c] = static_cast<std::uint8_t>(sum / (2 * r + 1));
          }
      image = soft;
    }
  });
  expect_issue(w, "blur", 40, 54, 1);
}

TEST(Coherence, DefectsLowerTheScore) {
  const double clean = watched(pan()).analysis.score;
  const double flickering =
      watched(generated::with_brightness(pan(), [](int f) { return f % 2 ? 1.08 : 0.94; })).analysis.score;
  const double frozen =
      watched(generated::remapped(pan(), [](int f) { return std::min(f, 30); })).analysis.score;
  EXPECT_GT(clean, flickering + 0.1);
  EXPECT_GT(clean, frozen + 0.05);
}

}  // namespace
}  // namespace studio
