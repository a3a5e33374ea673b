// Short-time features of sound, one record each 10 ms: what onsets, beats and speech are judged from.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/analysis.h"

namespace studio {

inline constexpr double kSoundFrameSeconds = 0.01;

struct SoundFrame {
  float level_db = -100;     // RMS of 32 ms around it, dB of full scale
  float flux = 0;            // sum over bands of the rise in log energy since the frame before
  float zero_crossings = 0;  // share of neighbouring samples that change sign
  float flatness = 0;        // 0..1 spectral flatness over 300..5000 Hz; 1: white noise
  float pitch = 0;           // 0..1: share of the energy in the spectrum's strongest few peaks
  float bass_share = 0;      // 0..1 of the energy under 250 Hz
};

// Interleaved sound in, records out. Frame i is centred on i * 10 ms.
class SoundFrames {
 public:
  SoundFrames(int sample_rate, int channels);
  void add(std::span<const float> interleaved);
  std::vector<SoundFrame> finish();

 private:
  void decimate(float sample);
  void analyse();

  int channels_, factor_;
  double rate_;  // after decimation, 11..24 kHz
  std::vector<float> filter_, line_;
  std::size_t line_at_ = 0;
  int until_next_ = 0;
  std::vector<float> samples_;  // decimated, not yet consumed
  double position_ = 0;         // centre of the next frame, in samples_
  std::vector<float> window_, previous_bands_;
  std::vector<std::array<int, 2>> bands_;  // FFT bins, half open
  std::vector<SoundFrame> frames_;
};

struct Rhythm {
  double tempo_bpm = 0;                   // 0: no steady beat
  std::vector<double> beats_s, onsets_s;  // from the first sample
};
// Onsets by spectral flux over a moving median (Bello et al. 2005), tempo by autocorrelation under a
// prior about 120 bpm, beats by dynamic programming (Ellis 2007).
Rhythm find_rhythm(std::span<const SoundFrame> frames);

struct SpeechMusic {
  double speech = 0, music = 0;                    // likelihood over the parts that are not silent, 0..1
  std::vector<AudioJudgement::Span> speech_spans;  // from the first sample
};
// Syllables modulate speech about four times a second, with pauses and changes between voiced and
// hissing sounds (Scheirer & Slaney 1997); music holds its level and its pitches.
SpeechMusic find_speech(std::span<const SoundFrame> frames);

// Spans of at least `shortest_s` under `threshold_db` (RMS, full scale).
std::vector<AudioJudgement::Span> find_silences(std::span<const SoundFrame> frames, double threshold_db = -50,
                                                double shortest_s = 0.3);

}  // namespace studio
