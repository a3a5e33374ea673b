// Alignment and damage detectors on fingerprints made in memory: nothing is decoded.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "editing/damage.h"

namespace studio {
namespace {

constexpr int kWidth = 96, kHeight = 54;
constexpr double kRate = 25;

// Something that moves all the time and never repeats: three soft blobs on different paths.
void paint(double t, double gain, std::vector<std::uint8_t>& luma) {
  luma.resize(kWidth * kHeight);
  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth; ++x) {
      double v = 60 + 0.4 * x;
      for (int b = 0; b < 3; ++b) {
        const double bx = kWidth * (0.5 + 0.4 * std::sin(t * (0.9 + 0.37 * b) + b)),
                     by = kHeight * (0.5 + 0.35 * std::cos(t * (0.7 + 0.23 * b) + 2 * b));
        v += 110 * std::exp(-((x - bx) * (x - bx) + (y - by) * (y - by)) / 60);
      }
      luma[static_cast<std::size_t>(y * kWidth + x)] =
          static_cast<std::uint8_t>(std::clamp(v * gain, 0.0, 255.0));
    }
}

// A wave whose pitch and strength wander, so that every moment sounds like itself.
float sound_at(double t) {
  const double phase = 2 * std::numbers::pi * (300 * t + 60 * std::sin(1.7 * t) + 25 * std::sin(3.1 * t));
  return static_cast<float>(0.3 * (0.55 + 0.4 * std::sin(2.9 * t)) * std::sin(phase));
}

struct Film {
  std::function<double(double)> picture = [](double t) { return t; };  // source time shown at t
  std::function<double(double)> gain = [](double) { return 1.0; };
  std::function<float(double)> sound = sound_at;
  double length_s = 8;
  int grain = 0;  // of the pictures, in steps; another seed, another grain
  unsigned seed = 1;
};

Fingerprint print_of(const Film& film) {
  FingerprintBuilder builder;
  std::vector<std::uint8_t> luma;
  const int frames = static_cast<int>(film.length_s * kRate);
  unsigned seed = film.seed;
  for (int i = 0; i < frames; ++i) {
    const double t = i / kRate;
    paint(film.picture(t), film.gain(t), luma);
    if (film.grain > 0)
      for (std::uint8_t& sample : luma) {
        seed = seed * 1664525u + 1013904223u;
        const int off =
            static_cast<int>((seed >> 16) % static_cast<unsigned>(2 * film.grain + 1)) - film.grain;
        sample = static_cast<std::uint8_t>(std::clamp(sample + off, 0, 255));
      }
    FingerprintBuilder::Picture picture;
    picture.width = kWidth;
    picture.height = kHeight;
    picture.luma = luma.data();
    picture.luma_stride = kWidth;
    picture.full_range = true;
    builder.add(picture, t);
  }
  constexpr int kSamples = 16000;
  std::vector<float> samples;
  for (int i = 0; i < static_cast<int>(film.length_s * kSamples); ++i)
    samples.push_back(film.sound(static_cast<double>(i) / kSamples));
  builder.add_sound(samples, 1, kSamples);
  return builder.finish(film.length_s);
}

const Issue* named(const std::vector<Issue>& issues, const std::string& kind) {
  for (const Issue& issue : issues)
    if (issue.kind == kind) return &issue;
  return nullptr;
}

std::vector<Issue> damage_of(const Film& film, const Film& clean = {}) {
  const Fingerprint file = print_of(film), reference = print_of(clean);
  return find_damage(file, compare_with_plan(file, reference));
}

void expect_at(const std::vector<Issue>& issues, const std::string& kind, double from_s, double to_s,
               double slack_s = 0.25) {
  const Issue* issue = named(issues, kind);
  ASSERT_NE(issue, nullptr) << kind << " was not named";
  EXPECT_NEAR(static_cast<double>(issue->first_frame) / kRate, from_s, slack_s) << kind;
  EXPECT_NEAR(static_cast<double>(issue->last_frame + 1) / kRate, to_s, slack_s) << kind;
}

TEST(Damage, NothingIsNamedInTheFilmItself) {
  for (const Issue& issue : damage_of({}))
    ADD_FAILURE() << issue.kind << " " << issue.first_frame << ": " << issue.message;
}

TEST(Damage, PicturesOutOfPlaceAreFound) {
  expect_at(damage_of({.picture = [](double t) { return t > 3 && t < 4.4 ? 3.0 : t; }}), "freeze", 3, 4.4);
  expect_at(damage_of({.gain = [](double t) { return t >= 2 && t < 3 ? 0.0 : 1.0; }}), "black", 2, 3, 0.05);
  expect_at(damage_of({.gain = [](double t) { return t >= 2 && t < 5 ? 0.5 : 1.0; }}), "dark", 2, 5);
  expect_at(damage_of({.gain =
                           [](double t) {
                             return t >= 2 && t < 5 ? 1 + 0.2 * std::cos(std::numbers::pi * t * kRate) : 1.0;
                           }}),
            "flicker", 2, 5, 0.4);
  expect_at(damage_of({.picture = [](double t) { return std::floor(t * 6) / 6; }}), "stutter", 0, 8, 0.5);
  expect_at(damage_of({.picture = [](double t) { return t < 3   ? t
                                                        : t < 6 ? 3 + (t - 3) * 1.5
                                                                : t + 1.5; },
                       .length_s = 6.5}),
            "speed", 3, 6, 0.5);
  EXPECT_NE(
      named(damage_of({.picture = [](double t) { return t < 2   ? t
                                                        : t < 5 ? t + 3
                                                                : t - 3; }}), "order"),
      nullptr);
  EXPECT_NE(named(damage_of({.picture = [](double t) { return t < 4 ? t : t + 1; }, .length_s = 7}), "jump"),
            nullptr);
  expect_at(damage_of({.length_s = 6.5}), "length", 5.5, 6.5);
  expect_at(damage_of({.length_s = 9}), "length", 8, 9);
}

TEST(Damage, SoundIsFoundGoneClippedAndOutOfStep) {
  expect_at(damage_of({.sound = [](double t) { return t > 2 && t < 3.5 ? 0.f : sound_at(t); }}),
            "dropped_audio", 2, 3.5);
  expect_at(damage_of({.sound =
                           [](double t) {
                             return t > 2 && t < 4 ? std::clamp(12 * sound_at(t), -1.f, 1.f) : sound_at(t);
                           }}),
            "clipping", 2, 4, 0.6);
  const auto late = damage_of({.sound = [](double t) { return t < 0.3 ? 0.f : sound_at(t - 0.3); }});
  ASSERT_NE(named(late, "desync"), nullptr);
  EXPECT_NE(named(late, "desync")->message.find("behind"), std::string::npos);
  const auto early = damage_of({.sound = [](double t) { return sound_at(t + 0.2); }});
  ASSERT_NE(named(early, "desync"), nullptr);
  EXPECT_NE(named(early, "desync")->message.find("ahead"), std::string::npos);
}

TEST(Damage, ASteadyToneIsNeverCalledOutOfStep) {
  const auto tone = [](double t) {
    return static_cast<float>(0.3 * std::sin(2 * std::numbers::pi * 440 * t));
  };
  EXPECT_EQ(named(damage_of({.sound = tone}, {.sound = tone}), "desync"), nullptr);
}

TEST(Damage, WhatThePlanAsksForIsNoDamage) {
  const Film freezes{.picture = [](double t) { return t > 3 && t < 4.4 ? 3.0 : t; }};
  EXPECT_TRUE(damage_of(freezes, freezes).empty());
  const Film black{.gain = [](double t) { return t >= 2 && t < 3 ? 0.0 : 1.0; }};
  EXPECT_TRUE(damage_of(black, black).empty());
  const Film silent{.sound = [](double) { return 0.f; }};
  EXPECT_TRUE(damage_of(silent, silent).empty());
}

TEST(Damage, PiecesOfASourceAreFoundWithoutAPlan) {
  const Fingerprint source = print_of({.length_s = 14});
  // Two pieces in order are an edit; swapped they are out of order; a freeze inside one is a freeze.
  const Fingerprint edit =
      print_of({.picture = [](double t) { return t < 3 ? t + 1 : t + 5; }, .length_s = 7});
  const Comparison fine = compare_with_sources(edit, source, {{"s1", 0, source.duration_s}});
  EXPECT_EQ(named(find_displaced(edit, fine, {}), "order"), nullptr);
  EXPECT_TRUE(find_standing(edit, fine).empty());
  const Fingerprint swapped =
      print_of({.picture = [](double t) { return t < 3 ? t + 8 : t - 1; }, .length_s = 7});
  EXPECT_NE(named(find_displaced(swapped,
                                 compare_with_sources(swapped, source, {{"s1", 0, source.duration_s}}), {}),
                  "order"),
            nullptr);
  const Fingerprint frozen =
      print_of({.picture = [](double t) { return t < 3     ? t + 1
                                                 : t < 4.2 ? 8.0
                                                           : t + 5; }, .length_s = 7});
  EXPECT_NE(named(find_standing(frozen, compare_with_sources(frozen, source, {{"s1", 0, source.duration_s}})),
                  "freeze"),
            nullptr);
}

TEST(Damage, AloneOnlyWhatNoEditWantsIsNamed) {
  const Film hole{.gain = [](double t) { return t >= 3 && t < 4 ? 0.0 : 1.0; },
                  .sound = [](double t) { return t > 5 && t < 6 ? 0.f : sound_at(t); }};
  const Fingerprint file = print_of(hole);
  const auto found = find_damage(file, compare_with_nothing(file));
  expect_at(found, "black", 3, 4, 0.05);
  expect_at(found, "dropped_audio", 5, 6);
  const Fingerprint whole = print_of({});
  EXPECT_TRUE(find_damage(whole, compare_with_nothing(whole)).empty());
}

TEST(Fingerprint, FrameAtGivesTheFrameOnScreen) {
  const Fingerprint print = print_of({.length_s = 1});
  EXPECT_EQ(print.frame_at(-1), 0u);
  EXPECT_EQ(print.frame_at(0.0399), 0u);
  EXPECT_EQ(print.frame_at(0.04), 1u);
  EXPECT_EQ(print.frame_at(99), 24u);
  EXPECT_NEAR(print.frame_rate, 25, 1e-6);
}

TEST(Alignment, APictureThatHardlyMovesIsWhereThePlanHasIt) {
  // Over a nearly still picture the best offset is a matter of noise; nobody could see it.
  const auto creep = [](double t) { return 3 + 0.1 * t; };
  Film planned, made;
  planned.picture = creep;
  made.picture = [&](double t) { return creep(t + (t > 4 ? 0.12 : 0)); };
  planned.grain = made.grain = 8;
  made.seed = 2;
  made.sound = planned.sound;
  const Fingerprint reference = print_of(planned), file = print_of(made);
  const auto shifted = [](const Alignment& alignment) {
    return std::count_if(alignment.frames.begin(), alignment.frames.end(),
                         [](const FrameMatch& m) { return std::abs(m.offset_s) > 0.03; });
  };
  EXPECT_EQ(shifted(compare_with_plan(file, reference).alignment), 0);
  // A picture that moves is not: three frames are seen.
  made.picture = [](double t) { return t + (t > 4 ? 0.12 : 0); };
  EXPECT_GT(shifted(compare_with_plan(print_of(made), print_of(Film{})).alignment), 50);
}

// Newer encoders' priming shows as sound that starts before its picture; each second is told by its level.
TEST(Concatenation, SoundThatStartsBeforeOrAfterItsPictureKeepsItsPlace) {
  const auto print = [](double start_s, float level) {
    Fingerprint made;
    made.duration_s = 1;
    made.has_audio = true;
    made.sound.start_s = start_s;
    const double length = 1 - start_s;
    made.sound.steps.assign(static_cast<std::size_t>(std::lround(length / kSoundStep_s)), {level, level, 0});
    made.sound.wave.assign(static_cast<std::size_t>(std::lround(length * kSoundRate)), level);
    return made;
  };
  const Fingerprint early = print(-0.25, 0.5F), late = print(0.25, 0.75F);
  std::vector<SourceSpan> spans;
  const Fingerprint all = concatenate({&early, &late}, spans, {"s1", "s2"});
  ASSERT_EQ(spans.size(), 2u);
  const double second = spans[1].start_s;
  const auto level_at = [&](double t) {
    return all.sound.wave.at(static_cast<std::size_t>(std::lround(t * kSoundRate)));
  };
  EXPECT_EQ(all.sound.steps.size(), static_cast<std::size_t>(std::lround((second + 1) / kSoundStep_s)));
  EXPECT_EQ(level_at(0.0), 0.5F);
  EXPECT_EQ(level_at(0.99), 0.5F);
  EXPECT_EQ(level_at(1.01), 0.0F);
  EXPECT_EQ(level_at(second + 0.24), 0.0F);
  EXPECT_EQ(level_at(second + 0.26), 0.75F);
}

}  // namespace
}  // namespace studio
