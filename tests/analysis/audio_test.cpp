// Sound against tones, clicks, noise and speech whose truth is known.
#include "analysis/audio.h"

#include <cmath>
#include <numbers>
#include <random>

#include <gtest/gtest.h>

#include "base/process.h"
#include "support/generated.h"

namespace studio {
namespace {

class Sound : public testing::Test {
 protected:
  AudioJudgement judge(double seconds, const generated::Sounder& sounder, int rate = 48000) {
    const Path path = folder_.path() / "sound.wav";
    const auto written = generated::write_sound(path, seconds, sounder, rate);
    EXPECT_TRUE(written) << written.error().message;
    return judge(path);
  }
  AudioJudgement judge(const Path& path) {
    auto found = measure_audio(path);
    EXPECT_TRUE(found) << found.error().message;
    EXPECT_TRUE(*found);
    return **found;
  }
  ScratchFolder folder_ = ScratchFolder::create("sound").value();
};

float click(double since) {
  if (since < 0 || since > 0.03) return 0;
  return static_cast<float>(0.8 * std::exp(-since * 150) * std::sin(2 * std::numbers::pi * 1800 * since));
}

TEST_F(Sound, ClicksGiveTheirTempoOnsetsAndBeats) {
  for (const double bpm : {90.0, 120.0, 150.0}) {
    const double period = 60 / bpm;
    const auto sound =
        judge(16, [&](double t, int) { return click(std::fmod(t + 10 * period - 0.25, period)); });
    EXPECT_NEAR(sound.tempo_bpm, bpm, bpm * 0.02);
    ASSERT_GT(sound.beats_s.size(), 16 / period - 4);
    for (const double beat : sound.beats_s) {
      const double off = std::remainder(beat - 0.25, period);
      EXPECT_LT(std::abs(off), 0.03) << beat;
    }
    EXPECT_NEAR(static_cast<double>(sound.onsets_s.size()), 16 / period, 2);
  }
}

TEST_F(Sound, ATonesHasNoBeat) {
  const auto sound = judge(8, generated::tone(440));
  EXPECT_EQ(sound.tempo_bpm, 0);
  EXPECT_LE(sound.onsets_s.size(), 2u);
  EXPECT_LT(sound.speech, 0.2);
  EXPECT_GT(sound.music, 0.5);
}

TEST_F(Sound, SilencesAreFoundWithTheirEnds) {
  const auto sound = judge(6, [](double t, int) {
    const bool quiet = (t >= 1.5 && t < 2.7) || t >= 5;
    return quiet ? 0.0f : static_cast<float>(0.3 * std::sin(2 * std::numbers::pi * 500 * t));
  });
  ASSERT_EQ(sound.silences.size(), 2u);
  EXPECT_NEAR(sound.silences[0].start_s, 1.5, 0.04);
  EXPECT_NEAR(sound.silences[0].end_s, 2.7, 0.04);
  EXPECT_NEAR(sound.silences[1].start_s, 5, 0.04);
  EXPECT_NEAR(sound.silences[1].end_s, 6, 0.04);
}

TEST_F(Sound, NoiseIsNeitherSpeechNorMusic) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 0.1f);
  const auto sound = judge(6, [&](double, int) { return normal(random); });
  EXPECT_LT(sound.speech, 0.2);
  EXPECT_LT(sound.music, 0.3);
}

TEST_F(Sound, ChordsAreMusic) {
  const auto sound = judge(10, [](double t, int) {
    static constexpr double kRoots[] = {220, 174.6, 261.6, 196};
    const double root = kRoots[static_cast<int>(t) % 4], in = std::fmod(t, 0.5);
    double sum = 0;
    for (const double ratio : {1.0, 1.25, 1.5, 2.0}) sum += std::sin(2 * std::numbers::pi * root * ratio * t);
    return static_cast<float>(0.1 * sum * (0.4 + 0.6 * std::exp(-in * 4)));
  });
  EXPECT_GT(sound.music, 0.5);
  EXPECT_LT(sound.speech, 0.4);
  EXPECT_NEAR(sound.tempo_bpm, 120, 3);
}

TEST_F(Sound, SpeechIsSpeech) {
  const Path path = folder_.path() / "speech.wav";
  const auto spoken =
      run_process({"espeak-ng", "-w", path.string(),
                   "The quick brown fox jumps over the lazy dog. Then it sat down, looked at the "
                   "river, and wondered what to do with the rest of the afternoon."});
  if (!spoken || spoken->exit_code != 0) GTEST_SKIP() << "espeak-ng is not installed";
  const auto sound = judge(path);
  EXPECT_GT(sound.speech, 0.55);
  EXPECT_GT(sound.speech, sound.music);
  ASSERT_FALSE(sound.speech_spans.empty());
  EXPECT_GT(sound.speech_spans.back().end_s, sound.duration_s * 0.7);
}

TEST_F(Sound, TimesCountFromTheFilesStart) {
  const Path path = folder_.path() / "clip.mp4";
  generated::ClipSpec spec{.frames = 75};
  ASSERT_TRUE(generated::write_clip(path, spec, generated::flashes(spec), generated::beeps()));
  const auto sound = judge(path);
  ASSERT_GE(sound.onsets_s.size(), 3u);
  EXPECT_NEAR(sound.onsets_s[0], 0.4, 0.03);
  EXPECT_NEAR(sound.onsets_s.back() - sound.onsets_s.front(),
              std::round(sound.onsets_s.back() - sound.onsets_s.front()), 0.15);
}

TEST_F(Sound, StopsWhenAsked) {
  const Path path = folder_.path() / "long.wav";
  ASSERT_TRUE(generated::write_sound(path, 3, generated::tone(440)));
  std::stop_source stop;
  stop.request_stop();
  const auto found = measure_audio(path, {{}, stop.get_token()});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::interrupted);
}

}  // namespace
}  // namespace studio
