// The mix of rendered timelines: fades at cuts, J and L cuts, crossfades, gains, ducking, loudness.
#include <cmath>

#include "media/audio_reader.h"
#include "render/loudness.h"
#include "render/render_fixture.h"

namespace studio {
namespace {

using namespace generated;

class Mix : public RenderFixture {
 protected:
  // Mono samples of a rendered file at 48 kHz.
  std::vector<float> sound_of(const std::string& name = "out.mp4") {
    std::vector<float> samples;
    auto reader = AudioReader::open(file(name), {.sample_rate = 48000, .channels = 1});
    EXPECT_TRUE(reader.has_value()) << (reader ? "" : reader.error().message);
    if (!reader) return samples;
    for (auto block = reader->next(); block && *block; block = reader->next())
      samples.insert(samples.end(), (*block)->samples.begin(), (*block)->samples.end());
    return samples;
  }
  static double rms(const std::vector<float>& samples, double from_s, double to_s) {
    double sum = 0;
    std::size_t count = 0;
    for (auto i = static_cast<std::size_t>(from_s * 48000);
         i < static_cast<std::size_t>(to_s * 48000) && i < samples.size(); ++i, ++count)
      sum += samples[i] * samples[i];
    return count > 0 ? std::sqrt(sum / static_cast<double>(count)) : 0;
  }
  Path sounding(const std::string& name, double hz, double amplitude = 0.3, int count = 200,
                int rate = 48000) {
    ClipSpec spec{.frames = count};
    spec.sample_rate = rate;
    EXPECT_TRUE(write_clip(file(name), spec, numbered(), tone(hz, amplitude)).has_value());
    return file(name);
  }
  // Dominant frequency of a stretch, by counting zero crossings.
  static double hertz(const std::vector<float>& samples, double from_s, double to_s) {
    int crossings = 0;
    const auto first = static_cast<std::size_t>(from_s * 48000),
               last = static_cast<std::size_t>(to_s * 48000);
    for (std::size_t i = first + 1; i < last && i < samples.size(); ++i)
      if ((samples[i - 1] < 0) != (samples[i] < 0)) ++crossings;
    return crossings / 2.0 / (to_s - from_s);
  }
};

TEST_F(Mix, EveryCutIsFadedButRunningSoundIsNot) {
  const Path a = sounding("a.mp4", 440);
  ASSERT_OK(rendered(timeline_of({clip_of(a, 0, 25), clip_of(a, 60, 25)}), "out.mov"));
  const auto cut = sound_of("out.mov");
  EXPECT_LT(rms(cut, 0.9985, 1.0015), 0.4 * rms(cut, 0.5, 0.9));
  EXPECT_GT(rms(cut, 0.990, 0.994), 0.8 * rms(cut, 0.5, 0.9));
  ASSERT_OK(rendered(timeline_of({clip_of(a, 0, 25), clip_of(a, 25, 25)}), "out2.mov"));
  const auto through = sound_of("out2.mov");
  EXPECT_GT(rms(through, 0.998, 1.002), 0.8 * rms(through, 0.5, 0.9));
}

TEST_F(Mix, SpeedKeepsPitchUnlessAsked) {
  const Path a = sounding("a.mp4", 440);
  for (const Rational speed : {Rational{2, 1}, Rational{1, 2}, Rational{5, 4}}) {
    Clip clip = clip_of(a, 0, 100);
    clip.retime.speed = speed;
    ASSERT_OK(rendered(timeline_of({clip})));
    auto samples = sound_of();
    EXPECT_NEAR(hertz(samples, 0.3, 1.3), 440, 6) << speed.to_string();
    EXPECT_NEAR(rms(samples, 0.3, 1.3), 0.3 / std::sqrt(2.0), 0.02);
    clip.retime.keep_pitch = false;
    ASSERT_OK(rendered(timeline_of({clip})));
    samples = sound_of();
    EXPECT_NEAR(hertz(samples, 0.3, 1.3), 440 * speed.to_double(), 6) << speed.to_string();
    EXPECT_NEAR(rms(samples, 0.3, 1.3), 0.3 / std::sqrt(2.0), 0.02);
  }
}

TEST_F(Mix, JAndLCutsMoveTheSoundOnly) {
  const Path a = sounding("a.mp4", 300);
  const Path b = sounding("b.mp4", 1200);
  Clip first = clip_of(a, 0, 50), second = clip_of(b, 50, 50);
  second.audio_lead = -frames(10);  // J: b is heard before it is seen
  first.audio_tail = -frames(10);
  ASSERT_OK(rendered(timeline_of({first, second})));
  const auto j = sound_of();
  EXPECT_NEAR(hertz(j, 1.0, 1.55), 300, 10);
  EXPECT_NEAR(hertz(j, 1.65, 2.4), 1200, 20);
  second.audio_lead = frames(10);  // L: a is heard after it was seen
  first.audio_tail = frames(10);
  ASSERT_OK(rendered(timeline_of({first, second})));
  const auto l = sound_of();
  EXPECT_NEAR(hertz(l, 1.7, 2.35), 300, 10);
  EXPECT_NEAR(hertz(l, 2.45, 3.2), 1200, 20);
  EXPECT_EQ(read_numbers(file("out.mp4")), row(0, 50) + row(50, 50));
}

TEST_F(Mix, CrossfadeKeepsThePower) {
  const Path a = sounding("a.mp4", 300);
  const Path b = sounding("b.mp4", 1700);
  Transition cross;
  cross.in = cross.out = frames(10);
  ASSERT_OK(rendered(timeline_of({clip_of(a, 20, 50), cross, clip_of(b, 20, 50)})));
  const auto samples = sound_of();
  const double level = rms(samples, 0.5, 1.4);
  EXPECT_NEAR(rms(samples, 1.95, 2.05), level, 0.1 * level);
  EXPECT_NEAR(hertz(samples, 1.0, 1.55), 300, 10);
  EXPECT_NEAR(hertz(samples, 2.45, 3.0), 1700, 20);
}

TEST_F(Mix, SilentClipsAreSilenceBesideOthers) {
  const Path a = sounding("a.mp4", 440);
  const Path mute = numbered_clip("m.mp4");
  Clip off = clip_of(a, 0, 25);
  off.sound = false;
  ASSERT_OK(rendered(timeline_of({clip_of(a, 0, 25), clip_of(mute, 0, 25), off, clip_of(a, 50, 25)})));
  const auto samples = sound_of();
  EXPECT_NEAR(static_cast<double>(samples.size()), 4 * 48000, 1100);
  EXPECT_GT(rms(samples, 0.2, 0.8), 0.15);
  EXPECT_LT(rms(samples, 1.1, 2.9), 0.001);
  EXPECT_GT(rms(samples, 3.2, 3.8), 0.15);
}

TEST_F(Mix, MixedSampleRatesAndGain) {
  const Path a = sounding("a.mp4", 440, 0.3, 60, 44100);
  const Path b = sounding("b.mp4", 440, 0.3, 60, 22050);
  Clip quiet = clip_of(b, 0, 25);
  quiet.gain_db = -12;
  ASSERT_OK(rendered(timeline_of({clip_of(a, 0, 25), quiet})));
  const auto samples = sound_of();
  EXPECT_NEAR(hertz(samples, 0.1, 0.9), 440, 5);
  EXPECT_NEAR(hertz(samples, 1.1, 1.9), 440, 5);
  EXPECT_NEAR(rms(samples, 1.2, 1.8) / rms(samples, 0.2, 0.8), 0.25, 0.02);
}

TEST_F(Mix, MusicStepsBackUnderSpeech) {
  ASSERT_OK(write_sound(file("music.wav"), 6, tone(200, 0.3)));
  // Bursts of noise-like speech in the middle two seconds.
  ASSERT_OK(write_sound(file("voice.wav"), 6, [](double t, int) {
    return t >= 2 && t < 4 ? static_cast<float>(0.3 * std::sin(2 * 3.14159 * 900 * t)) : 0.0F;
  }));
  const Path a = numbered_clip("a.mp4", 150);
  Timeline timeline = timeline_of({clip_of(a, 0, 150)});
  Track music{"music", TrackKind::audio, {clip_of(file("music.wav"), 0, 150)}, {}};
  music.effects.push_back({"duck", {}, std::nullopt});
  timeline.tracks.push_back({"voice", TrackKind::audio, {clip_of(file("voice.wav"), 0, 150)}, {}});
  timeline.tracks.push_back(music);
  ASSERT_OK(rendered(timeline));
  const auto samples = sound_of();
  const double before = rms(samples, 0.5, 1.5), after = rms(samples, 5.2, 5.8);
  EXPECT_NEAR(before, 0.3 / std::sqrt(2.0), 0.02);
  EXPECT_NEAR(after, before, 0.02);
  // The voice alone is 0.212; with music at full height the sum would be 0.3.
  EXPECT_NEAR(rms(samples, 2.8, 3.8), 0.22, 0.02);
}

TEST_F(Mix, LoudnessIsBroughtToTheTarget) {
  const Path a = sounding("a.mp4", 997, 0.05);
  RenderSettings settings;
  settings.smart_cut = false;
  settings.loudness_lufs = -16;
  const auto made = render(timeline_of({clip_of(a, 0, 150)}), file("out.mp4"), settings);
  ASSERT_OK(made);
  LoudnessMeter meter(48000, 1);
  // The meter counts a mono channel once, the file has the sound on both.
  meter.add(sound_of());
  EXPECT_NEAR(meter.result().integrated_lufs + 3.01, -16, 0.3);
}

TEST_F(Mix, GeneratedSoundsSitWhereTheyAreAsked) {
  const Path a = numbered_clip("a.mp4");
  Timeline timeline = timeline_of({clip_of(a, 0, 75)});
  Clip hit;
  hit.id = "hit";
  hit.source = Generator{"impact", {}};
  hit.source_range = {Time{}, frames(25)};
  timeline.tracks.push_back({"fx", TrackKind::audio, {Gap{frames(25)}, hit}, {}});
  ASSERT_OK(rendered(timeline));
  const auto samples = sound_of();
  EXPECT_LT(rms(samples, 0, 0.98), 0.001);
  EXPECT_GT(rms(samples, 1.0, 1.3), 0.02);
}

TEST_F(Mix, ClippingIsTold) {
  const Path a = sounding("a.mp4", 440, 0.9);
  Clip loud = clip_of(a, 0, 25);
  loud.gain_db = 12;
  const auto made = rendered(timeline_of({loud}));
  ASSERT_OK(made);
  ASSERT_FALSE(made->warnings.empty());
  EXPECT_NE(made->warnings[0].find("clips"), std::string::npos);
}

TEST_F(Mix, ReversedSoundIsTheMirror) {
  // A chirp that rises falls when played backwards.
  ClipSpec spec{.frames = 100};
  ASSERT_OK(write_clip(file("c.mp4"), spec, numbered(), [](double t, int) {
    return static_cast<float>(0.4 * std::sin(2 * 3.14159265 * (300 * t + 100 * t * t)));
  }));
  Clip back = clip_of(file("c.mp4"), 0, 100);
  back.retime.reverse = true;
  ASSERT_OK(rendered(timeline_of({back})));
  const auto samples = sound_of();
  EXPECT_NEAR(hertz(samples, 0.4, 0.6), 300 + 200 * 3.5, 15);
  EXPECT_NEAR(hertz(samples, 3.4, 3.6), 300 + 200 * 0.5, 15);
}

}  // namespace
}  // namespace studio
