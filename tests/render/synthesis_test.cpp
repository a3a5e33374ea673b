// The studio's own sounds, loudness and ducking, measured.
#include <gtest/gtest.h>

#include <cmath>
#include <complex>

#include "render/ducking.h"
#include "render/generators.h"
#include "render/loudness.h"
#include "render/render.h"

namespace studio {
namespace {

constexpr int kSampleRate = 48000;

std::vector<float> sound(const std::string& kind, double seconds,
                         std::map<std::string, Parameter> params = {}) {
  auto made = generate_sound({kind, std::move(params)}, Time::from_seconds(seconds), kSampleRate, 1);
  EXPECT_TRUE(made) << made.error().message;
  return made.value_or(std::vector<float>{});
}

double rms(const std::vector<float>& s, double from, double to) {
  const auto a = static_cast<std::size_t>(from * kSampleRate), b = static_cast<std::size_t>(to * kSampleRate);
  double sum = 0;
  for (std::size_t i = a; i < b; ++i) sum += static_cast<double>(s[i]) * s[i];
  return std::sqrt(sum / static_cast<double>(b - a));
}

// Centre of gravity of the spectrum in Hz, by a plain transform of 2048 samples.
double centroid(const std::vector<float>& s, double at) {
  constexpr int n = 2048;
  const auto start = static_cast<std::size_t>(at * kSampleRate);
  double weighted = 0, sum = 0;
  for (int k = 1; k < n / 2; k += 2) {
    std::complex<double> bin = 0;
    for (int i = 0; i < n; ++i) {
      const double window = 0.5 - 0.5 * std::cos(2 * M_PI * i / n);
      bin += window * s[start + i] * std::polar(1.0, -2 * M_PI * k * i / n);
    }
    weighted += std::norm(bin) * k * kSampleRate / n;
    sum += std::norm(bin);
  }
  return sum > 0 ? weighted / sum : 0;
}

TEST(Sounds, PeaksAreBoundedEndsAreSilentAndSeedsRepeat) {
  for (const char* kind : {"impact", "whoosh", "riser", "boing", "tone"}) {
    for (double seconds : {0.05, 0.4, 2.0}) {
      const auto s = sound(kind, seconds, {{"level_db", -3.0}});
      ASSERT_EQ(s.size(), static_cast<std::size_t>(std::lround(seconds * kSampleRate))) << kind;
      float peak = 0;
      for (float v : s) {
        ASSERT_TRUE(std::isfinite(v));
        peak = std::max(peak, std::abs(v));
      }
      EXPECT_LE(peak, 0.7080F) << kind;
      EXPECT_GT(peak, 0.6) << kind << seconds;
      EXPECT_LT(std::abs(s.back()), 0.02) << kind << seconds;
      EXPECT_LT(std::abs(s.front()), 0.05) << kind;
    }
    EXPECT_EQ(sound(kind, 0.5, {{"seed", 5.0}}), sound(kind, 0.5, {{"seed", 5.0}})) << kind;
  }
  EXPECT_NE(sound("whoosh", 0.5, {{"seed", 5.0}}), sound("whoosh", 0.5, {{"seed", 6.0}}));
}

TEST(Sounds, ImpactDecays) {
  const auto s = sound("impact", 1.5);
  EXPECT_GT(rms(s, 0, 0.1), 4 * rms(s, 0.6, 0.7));
  EXPECT_GT(rms(s, 0.3, 0.4), rms(s, 1.2, 1.3));
  EXPECT_GT(centroid(s, 0.0), centroid(s, 0.3));
}

TEST(Sounds, RiserGrowsLouderAndBrighter) {
  const auto s = sound("riser", 3);
  EXPECT_LT(rms(s, 0.5, 0.7), rms(s, 1.5, 1.7));
  EXPECT_LT(rms(s, 1.5, 1.7), rms(s, 2.6, 2.8));
  EXPECT_LT(centroid(s, 0.6), centroid(s, 1.6));
  EXPECT_LT(centroid(s, 1.6), centroid(s, 2.7));
}

TEST(Sounds, WhooshComesAndGoes) {
  const auto s = sound("whoosh", 1);
  EXPECT_GT(rms(s, 0.5, 0.6), 5 * rms(s, 0.05, 0.15));
  EXPECT_GT(rms(s, 0.5, 0.6), 5 * rms(s, 0.88, 0.98));
}

TEST(Sounds, ToneHasItsFrequency) {
  const auto s = sound("tone", 1, {{"frequency_hz", 1000.0}});
  int crossings = 0;
  for (std::size_t i = 4800; i < 43200; ++i) crossings += s[i - 1] < 0 && s[i] >= 0;
  EXPECT_NEAR(crossings, 800, 1);
}

TEST(LoudnessGain, ReachesTheTargetButNotOverTheCeiling) {
  const LoudnessGain gain = gain_to(Loudness{-3, 0, 0}, -16, -1);
  EXPECT_NEAR(gain.gain_db, -13, 0.1);
  EXPECT_FALSE(gain.held_by_peak);
  const LoudnessGain held = gain_to(Loudness{-20, 5, -2}, -14, -1);
  EXPECT_NEAR(held.gain_db, 1, 1e-9);
  EXPECT_TRUE(held.held_by_peak);
  EXPECT_EQ(gain_to(Loudness{}, -14, -1).gain_db, 0);
}

TEST(Ducking, TheBedIsDownWhenTheVoiceBeginsAndComesBackSmoothly) {
  DuckOptions options;
  options.amount_db = 12;
  Ducker ducker(options, kSampleRate, 1);
  std::vector<float> voice(kSampleRate * 6, 0.0F);  // speaks from 2 s to 3 s, with a pause of 0.2 s
  for (int i = 2 * kSampleRate; i < 3 * kSampleRate; ++i)
    if (i < 2.4 * kSampleRate || i > 2.6 * kSampleRate)
      voice[i] = 0.2F * static_cast<float>(std::sin(i * 0.05));
  for (std::size_t i = 0; i < voice.size(); i += 1000) {
    ducker.push_voice(std::span(voice).subspan(i, 1000));
    EXPECT_GE(ducker.known_frames() + ducker.look_ahead_frames(), static_cast<std::int64_t>(i));
  }
  ducker.finish_voice();
  auto db = [&](double s) {
    return 20 * std::log10(ducker.gain_at(static_cast<std::int64_t>(s * kSampleRate)));
  };
  EXPECT_NEAR(db(1.0), 0, 0.01);
  EXPECT_NEAR(db(2.0), -12, 0.9);
  EXPECT_NEAR(db(2.5), -12, 0.01);
  EXPECT_NEAR(db(3.2), -12, 0.01);
  EXPECT_NEAR(db(4.5), 0, 0.01);
  for (double s = 0; s < 5.9; s += 0.001) EXPECT_LT(std::abs(db(s + 0.001) - db(s)), 0.2) << s;
}

}  // namespace
}  // namespace studio
